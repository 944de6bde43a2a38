#pragma once
// bit_tree: lists of things that are looked for by a number (an address, a port), divided into a
// tree: a list with many of them leads to others instead, one for each range of numbers. Four bits
// are decided at a time, and bits that all have in common not at all. So whoever looks for a number
// is compared with some ten things for each time that there are sixteen times as many. Pure.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace nameplane::rules::iptables {

/// A list with at most so many things is not divided.
inline constexpr std::size_t undivided_rules_max = 8;

/// A number of `size` bits, the first bit of octets[0] first; bits behind these are 0.
struct BitKey {
    std::array<std::uint8_t, 16> octets{};
    std::uint8_t size = 0;
    friend auto operator<=>(const BitKey&, const BitKey&) = default;
};

/// All numbers of its size that begin with the first `length` bits of `first`.
struct BitRange {
    BitKey first;
    std::uint8_t length = 0;
    std::uint8_t tree = 0;  ///< tells ranges of several trees apart that hang on one root
    /// Of those that begin as `key` does; `length` is at most the key's size.
    static BitRange around(const BitKey& key, unsigned length) noexcept;
    bool contains(const BitKey& key) const noexcept;
    friend bool operator==(const BitRange&, const BitRange&) = default;
};

/// What stands in a list: a thing, by its number among all, or the way to the list of a range.
struct BitEntry {
    std::size_t item = 0;
    std::optional<BitRange> range;
    friend bool operator==(const BitEntry&, const BitEntry&) = default;
};

struct BitList {
    std::optional<BitRange> range;  ///< nothing for the root
    std::vector<BitEntry> entries;
};

/// The root, then the others, each before those that it leads to. `keys`: of each thing, in their
/// order, all of one size. Things with one key stay in one list in their order, and ranges of one
/// list do not overlap. The same keys make the same lists.
std::vector<BitList> divide_by_bits(std::span<const BitKey> keys);

}  // namespace nameplane::rules::iptables
