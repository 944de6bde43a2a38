// hot path
#pragma once
// The slots of UdpSocket: every buffer, address and header that a batch can need. Internal to
// src/net.

#include "net/udp.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace nameplane::net {

struct UdpSocket::Slots {
    explicit Slots(std::size_t answer_octets_max, bool with_control);

    // Neighbouring messages lie an odd number of cache lines apart: a stride of a power of two
    // would put the beginnings of all 64 of them into the same few cache sets.
    static constexpr std::size_t line = 64;
    static constexpr std::size_t message_stride = message_octets_max + line;
    static constexpr std::size_t control_octets = CMSG_SPACE(sizeof(in6_pktinfo));

    struct alignas(cmsghdr) Control {
        std::array<std::uint8_t, control_octets> octets;
    };

    std::size_t answer_octets;
    std::size_t answer_stride;
    bool with_control;
    std::unique_ptr<std::uint8_t[]> messages;
    std::unique_ptr<std::uint8_t[]> answers;
    std::array<sockaddr_in6, batch_max> peers{};  // has room for a sockaddr_in
    std::array<Control, batch_max> controls{};
    std::array<iovec, batch_max> in_vectors{};
    std::array<iovec, batch_max> out_vectors{};
    std::array<mmsghdr, batch_max> in{};
    std::array<mmsghdr, batch_max> out{};  // those that are answered, one behind the other
};

/// Answers that came late, to be sent together.
struct UdpSocket::Late {
    explicit Late(std::size_t answer_stride);

    std::size_t stride;
    std::size_t count = 0;
    std::unique_ptr<std::uint8_t[]> answers;
    std::array<WayBack, batch_max> ways{};
    std::array<iovec, batch_max> vectors{};
    std::array<mmsghdr, batch_max> out{};
};

}  // namespace nameplane::net
