// hot path
#pragma once
// How facts and keys lie in the words of a slot. Internal to Shard.

#include "plugins/cache/entry.hpp"

#include <cstdint>

namespace nameplane::plugins::caching::slot_words {

inline constexpr std::uint64_t of_key = 0xffff'ffff'ffffULL;  ///< those bits of `traits`

inline std::uint64_t key_traits(const Key& key) noexcept {
    return static_cast<std::uint64_t>(key.type) | static_cast<std::uint64_t>(key.klass) << 16 |
           static_cast<std::uint64_t>(key.name.size()) << 32 |
           static_cast<std::uint64_t>(key.dnssec_ok) << 40 |
           static_cast<std::uint64_t>(key.checking_disabled) << 41;
}

/// Rcodes have twelve bits (RFC 6891 6.1.3).
inline std::uint64_t fact_traits(const Facts& facts) noexcept {
    return static_cast<std::uint64_t>(facts.recursion_available) << 48 |
           static_cast<std::uint64_t>(facts.answers) << 49 |
           static_cast<std::uint64_t>(facts.rcode) << 52;
}

inline Facts facts_of(std::uint64_t traits, Time stored, dns::Ttl ttl) noexcept {
    return {.stored = stored,
            .ttl = ttl,
            .rcode = static_cast<dns::Rcode>(traits >> 52),
            .recursion_available = (traits >> 48 & 1) != 0,
            .answers = (traits >> 49 & 1) != 0};
}

inline std::uint64_t bucket_word(std::uint64_t hash, std::uint32_t index) noexcept {
    return (hash & ~0xffff'ffffULL) | (index + 1ULL);
}
/// Whether a word of a bucket names a slot that may have this hash; 0 does not.
inline bool may_have(std::uint64_t word, std::uint64_t hash) noexcept {
    return ((word ^ hash) >> 32) == 0 && static_cast<std::uint32_t>(word) != 0;
}
inline std::uint32_t index_in(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word) - 1;
}

}  // namespace nameplane::plugins::caching::slot_words
