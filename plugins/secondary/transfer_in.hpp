#pragma once
// TransferIn: the messages of an AXFR answer (RFC 5936 2.2), checked one by one, to a Zone. Knows
// no socket. The octets are foreign: whatever is wrong ends the transfer, and what is too much,
// too.

#include "zone/zone.hpp"
#include <nameplane/base/arena.hpp>
#include <nameplane/base/result.hpp>
#include <nameplane/dns/name.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace nameplane::plugins::secondary {

/// What one zone may have.
struct Bounds {
    std::size_t octets = 512 << 20;  ///< of all messages
    std::size_t records = 10'000'000;
};

/// The question of a transfer or (SOA) of a check, behind its two octets of length.
std::vector<std::uint8_t> question_octets(dns::NameView origin, dns::Type type, std::uint16_t id);

/// The serial in an answer to the SOA question `id`; an error says why there is none.
Result<std::uint32_t> read_serial(std::span<const std::uint8_t> message, dns::NameView origin,
                                  std::uint16_t id, Arena& arena);

class TransferIn {
public:
    TransferIn(dns::NameView origin, std::uint16_t id, Bounds bounds);

    enum class Went : std::uint8_t { more, done };
    /// Takes the next message; after `done` zone() has it all. Errors are final.
    Result<Went> take(std::span<const std::uint8_t> message, Arena& arena);
    const zone::ZonePtr& zone() const noexcept { return zone_; }
    std::size_t records() const noexcept { return records_; }
    /// Records that were no part of the zone and were left out.
    std::size_t outside() const noexcept { return builder_.outside() + other_soas_; }

private:
    Status take_record(const dns::Record& record);

    dns::Name origin_;
    std::uint16_t id_;
    Bounds bounds_;
    zone::Zone::Builder builder_;
    std::size_t octets_ = 0;
    std::size_t records_ = 0;
    std::size_t other_soas_ = 0;           ///< of other names than the zone's
    std::optional<std::uint32_t> serial_;  ///< of the first SOA
    bool ended_ = false;                   ///< the second one has come
    zone::ZonePtr zone_;
};

}  // namespace nameplane::plugins::secondary
