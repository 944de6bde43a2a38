// hot path
#pragma once
// hash: of a name in lower case.

#include <nameplane/dns/name.hpp>

#include <cstdint>

namespace nameplane::plugins::hosts {

inline std::size_t hash_of(dns::NameView name) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
    for (const std::uint8_t octet : name.wire()) hash = (hash ^ octet) * 0x100000001b3ULL;
    return static_cast<std::size_t>(hash ^ hash >> 32U);
}

}  // namespace nameplane::plugins::hosts
