// hot path
#pragma once
// canonical: the order of names in a zone (RFC 4034 6.1), for names in lower case.

#include "zone/suffixes.hpp"

#include <algorithm>
#include <compare>
#include <cstring>

namespace nameplane::zone {

/// By labels from the right, each by its octets; a name before those below it.
inline std::strong_ordering canonical_order(const Suffixes& a, const Suffixes& b) noexcept {
    const std::size_t shared = std::min(a.count(), b.count());
    for (std::size_t i = 2; i <= shared; ++i) {
        const std::uint8_t* const left = a.name(a.count() - i).data();
        const std::uint8_t* const right = b.name(b.count() - i).data();
        const int order = std::memcmp(left + 1, right + 1, std::min(left[0], right[0]));
        if (order != 0) return order <=> 0;
        if (left[0] != right[0]) return left[0] <=> right[0];
    }
    return a.count() <=> b.count();
}

}  // namespace nameplane::zone
