// hot path
#pragma once
// pack: a reply's records as octets, and back. TTLs are not among them: an answer has one for all.

#include <nameplane/base/arena.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/reply.hpp>

#include <cstdint>
#include <optional>
#include <span>

namespace nameplane::plugins::caching {

/// The records of `reply`, in `arena`; those owned by `name` say so in a single octet. Nothing when
/// there are too many or the arena is full.
std::optional<std::span<const std::uint8_t>> pack(const Reply& reply, dns::NameView name,
                                                  Arena& arena) noexcept;
/// Adds what pack() wrote to `reply`; records refer to `packed`.
void unpack(std::span<const std::uint8_t> packed, dns::NameView name, dns::Ttl ttl, Arena& arena,
            Reply& reply) noexcept;

}  // namespace nameplane::plugins::caching
