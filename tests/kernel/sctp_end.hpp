#pragma once
// SctpEnd: one end of SCTP associations, made of raw packets, since few kernels have SCTP sockets.
// Nothing is sent but what the test says: no answers, no heartbeats, no retries.

#include "base/fd.hpp"
#include "support/netns.hpp"
#include <nameplane/base/ip.hpp>

#include <cstdint>
#include <optional>

namespace nameplane::test {

/// Chunks that begin an association (RFC 9260 3.3), in their order.
enum class SctpChunk : std::uint8_t { init = 1, init_ack = 2, cookie_echo = 10, cookie_ack = 11 };

struct SctpPacket {
    SocketAddress peer;  ///< who it goes to, or came from
    std::uint16_t own_port = 0;
    SctpChunk chunk = SctpChunk::init;
    std::uint32_t tag = 0;      ///< that the receiver chose; 0 in an INIT
    std::uint32_t own_tag = 0;  ///< that the sender chose; in INIT and INIT ACK only
};

class SctpEnd {
public:
    /// Everything of SCTP that arrives at the host.
    SctpEnd(const Netns& netns, Family family);

    void send(const SctpPacket& packet) const;
    /// The next one that arrived; waits `wait_ms` at most.
    std::optional<SctpPacket> receive(int wait_ms = 60'000) const;

private:
    Family family_;
    UniqueFd fd_;
};

}  // namespace nameplane::test
