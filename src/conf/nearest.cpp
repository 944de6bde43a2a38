#include "conf/nearest.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace nameplane::conf {

namespace {

// Longer words are not compared: a table of names has none, and the cost is the product of lengths.
constexpr std::size_t word_octets_max = 64;
// In so short a word two mistakes leave nothing to recognise.
constexpr std::size_t short_word_octets = 4;

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Optimal string alignment distance, three rows at a time.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const bool same = lower(a[i - 1]) == lower(b[j - 1]);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1])) {
                row[j] = std::min(row[j], before_last[j - 2] + 1);
            }
        }
        before_last.swap(last);
        last.swap(row);
    }
    return last[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
    if (word.empty() || word.size() > word_octets_max) return {};
    std::string_view best;
    std::size_t best_distance = word_octets_max;
    for (const std::string_view candidate : known) {
        if (candidate.size() > word_octets_max) continue;
        const std::size_t longer = std::max(word.size(), candidate.size());
        const std::size_t allowed =
            longer <= short_word_octets ? 1 : std::max<std::size_t>(2, longer / 3);
        const std::size_t apart = distance(word, candidate);
        if (apart > allowed || apart >= best_distance) continue;
        best = candidate;
        best_distance = apart;
    }
    return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
    const std::string_view near = nearest(word, known);
    if (near.empty()) return {};
    return ", did you mean '" + std::string{near} + "'?";
}

}  // namespace nameplane::conf
