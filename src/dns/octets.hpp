// hot path
#pragma once
// Octets eight at a time: loads, ASCII case folding and comparison (RFC 4343), big-endian stores.
// A length octet of a name is below 'A', so whole names fold and compare like text.

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace nameplane::dns {

template <class Word> Word load(const std::uint8_t* from) noexcept {
    Word word;
    std::memcpy(&word, from, sizeof word);
    return word;
}

/// Upper-case ASCII letters among the eight octets become lower case.
constexpr std::uint64_t fold(std::uint64_t word) noexcept {
    constexpr std::uint64_t each = 0x0101010101010101ULL;
    const std::uint64_t low_bits = word & (each * 0x7f);
    const std::uint64_t above_z = low_bits + each * (0x7f - 'Z');
    const std::uint64_t from_a = low_bits + each * (0x80 - 'A');
    const std::uint64_t upper = (from_a ^ above_z) & ~word & (each * 0x80);
    return word | (upper >> 2);
}

/// Copies `count` octets, folded; the two places do not overlap.
inline void copy_folded(std::uint8_t* to, const std::uint8_t* from, std::size_t count) noexcept {
    const auto step = [&](std::size_t at) {
        const std::uint64_t word = fold(load<std::uint64_t>(from + at));
        std::memcpy(to + at, &word, sizeof word);
    };
    if (count >= 8) {
        for (std::size_t at = 0; at + 8 <= count; at += 8) step(at);
        step(count - 8);
        return;
    }
    std::uint64_t word = 0;
    std::memcpy(&word, from, count);
    word = fold(word);
    std::memcpy(to, &word, count);
}

/// Whether `count` octets are the same, case ignored.
inline bool equal_folded(const std::uint8_t* a, const std::uint8_t* b, std::size_t count) noexcept {
    const auto differ = [&]<class Word>(std::size_t at, Word) {
        const Word left = load<Word>(a + at);
        const Word right = load<Word>(b + at);
        return left != right && fold(left) != fold(right);
    };
    if (count >= 8) {
        for (std::size_t at = 0; at + 8 <= count; at += 8) {
            if (differ(at, std::uint64_t{})) return false;
        }
        return !differ(count - 8, std::uint64_t{});
    }
    if (count >= 4) return !differ(0, std::uint32_t{}) && !differ(count - 4, std::uint32_t{});
    if (count >= 2) return !differ(0, std::uint16_t{}) && !differ(count - 2, std::uint16_t{});
    return count == 0 || !differ(0, std::uint8_t{});
}

/// Whether two labels, each behind its length octet, are the same, case ignored.
inline bool same_label(const std::uint8_t* a, const std::uint8_t* b) noexcept {
    return a[0] == b[0] && equal_folded(a + 1, b + 1, a[0]);
}

inline void store16(std::uint8_t* to, std::uint16_t value) noexcept {
    to[0] = static_cast<std::uint8_t>(value >> 8);
    to[1] = static_cast<std::uint8_t>(value);
}

inline void store32(std::uint8_t* to, std::uint32_t value) noexcept {
    store16(to, static_cast<std::uint16_t>(value >> 16));
    store16(to + 2, static_cast<std::uint16_t>(value));
}

}  // namespace nameplane::dns
