#pragma once
// text: small questions about words of a configuration.

#include <cstddef>
#include <string>
#include <string_view>

namespace nameplane {

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Whether `word` is `lower_case`, ASCII case ignored.
constexpr bool same_word(std::string_view word, std::string_view lower_case) noexcept {
    if (word.size() != lower_case.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
        if (lower(word[i]) != lower_case[i]) return false;
    }
    return true;
}

inline std::string lower(std::string_view text) {
    std::string out{text};
    for (char& c : out) c = lower(c);
    return out;
}

}  // namespace nameplane
