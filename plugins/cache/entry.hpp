// hot path
#pragma once
// What is kept: by which question, and what beside the answer's octets.

#include <nameplane/dns/name.hpp>
#include <nameplane/dns/types.hpp>

#include <cstdint>

namespace nameplane::plugins::caching {

/// Milliseconds of the steady clock.
using Time = std::int64_t;

struct Key {
    dns::NameView name;  ///< lower case
    dns::Type type;
    dns::Class klass;
    bool dnssec_ok;
    bool checking_disabled;
    std::uint64_t hash = 0;  ///< set by hashed()
};

/// `key` with its hash, which nobody can foresee who does not know `seed`. Stores that are asked
/// with it share the seed.
Key hashed(Key key, std::uint64_t seed) noexcept;

/// What is known about an answer.
struct Facts {
    Time stored = 0;
    dns::Ttl ttl = 0;  ///< from `stored` on
    dns::Rcode rcode = dns::Rcode::no_error;
    bool recursion_available = false;
    bool answers = false;  ///< the question, and not something else

    /// What is left of its TTL; zero or less: stale for so long.
    std::int64_t ttl_left(Time now) const noexcept {
        return static_cast<std::int64_t>(ttl) - (now - stored) / 1000;
    }
};

/// An answer as it was found; others may have replaced it since.
struct Entry {
    Facts facts;
    bool failed_refresh = false;  ///< the last one
    std::uint32_t octets = 0;     ///< of the answer
    // The store's.
    std::uint32_t name_octets = 0;
    std::uint32_t shard = 0;
    std::uint32_t slot = 0;
    std::uint32_t version = 0;
    std::uint32_t chunk = 0;
};

}  // namespace nameplane::plugins::caching
