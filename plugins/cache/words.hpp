// hot path
#pragma once
// Words of memory that one thread writes while others read: each access is atomic, and ordered so
// that a version read before and after tells whether what was read in between belongs together.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace nameplane::plugins::caching {

/// What is read later is not older.
template <class T> T read_word(const T& word) noexcept {
    return std::atomic_ref<T>{const_cast<T&>(word)}.load(std::memory_order_acquire);
}
/// What was written earlier is seen with it.
template <class T> void write_word(T& word, T value) noexcept {
    std::atomic_ref<T>{word}.store(value, std::memory_order_release);
}

inline constexpr std::size_t word_octets = sizeof(std::uint64_t);

constexpr std::size_t words_for(std::size_t octets) noexcept {
    return (octets + word_octets - 1) / word_octets;
}

/// Word `i` of `octets`; zeros stand behind their end.
inline std::uint64_t word_of(std::span<const std::uint8_t> octets, std::size_t i) noexcept {
    const std::span<const std::uint8_t> rest = octets.subspan(i * word_octets);
    std::uint64_t word = 0;
    if (rest.size() >= word_octets) {
        std::memcpy(&word, rest.data(), word_octets);
    } else {
        std::memcpy(&word, rest.data(), rest.size());
    }
    return word;
}

}  // namespace nameplane::plugins::caching
