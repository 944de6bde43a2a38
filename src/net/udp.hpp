// hot path
#pragma once
// UdpSocket: a batch of datagrams in, a batch of answers out, one system call each, over slots that
// are wired up once when the socket is made. An answer leaves from the address its query came to,
// also when the socket is bound to the wildcard address.

#include "base/fd.hpp"
#include "net/socket.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace nameplane::net {

/// How to answer a datagram when its batch is long gone. A value.
struct WayBack {
    sockaddr_in6 peer;  // has room for a sockaddr_in
    socklen_t peer_octets;
    std::uint32_t control_octets;
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(in6_pktinfo))> control;
};

/// Move-only; belongs to one thread. Not blocking: to be used under Loop::watch().
class UdpSocket {
public:
    static constexpr std::size_t batch_max = 64;
    /// Datagrams that are larger are cut off, and marked.
    static constexpr std::size_t message_octets_max = 4096;

    struct Datagram {
        std::span<const std::uint8_t> message;
        bool cut_off = false;  ///< it was larger than message_octets_max
        SocketAddress client;
        SocketAddress server;  ///< the address and port it came to
    };

    /// `answer_octets_max`: room for one answer.
    static Result<UdpSocket> bind(const SocketAddress& local, Share share,
                                  std::size_t answer_octets_max);
    /// Takes over a bound (or connected) datagram socket of any family.
    static UdpSocket adopt(UniqueFd fd, std::size_t answer_octets_max);
    UdpSocket(UdpSocket&&) noexcept;
    UdpSocket& operator=(UdpSocket&&) noexcept;
    ~UdpSocket();

    int fd() const noexcept { return fd_.get(); }
    SocketAddress local() const noexcept { return local_; }

    /// Takes up to batch_max datagrams; 0 when there are none. Forgets the batch before, which must
    /// have been sent.
    std::size_t receive() noexcept;
    /// The octets of datagram `i` of this batch.
    std::span<const std::uint8_t> message(std::size_t i) const noexcept;
    /// All of it.
    Datagram datagram(std::size_t i) const noexcept;
    /// Where the answer to datagram `i` is to be written.
    std::span<std::uint8_t> answer_room(std::size_t i) noexcept;
    /// The answer to datagram `i` has `octets` octets. Without this none is sent.
    void answer(std::size_t i, std::size_t octets) noexcept;
    /// Sends what was answered. False when the kernel takes no more now: wait until the socket is
    /// writable and call again. An answer that the kernel refuses is counted and left out.
    [[nodiscard]] bool send() noexcept;
    bool has_unsent() const noexcept { return sent_ < answers_; }

    // Answers that are not ready when the others of their batch are sent.

    /// For datagram `i` of this batch, which is not answered now.
    WayBack way_back(std::size_t i) noexcept;
    /// Puts down an answer (of at most answer_octets_max octets) that send_late() will send; when
    /// batch_max of them lie there they are sent at once.
    void answer_late(const WayBack& way, std::span<const std::uint8_t> answer);
    /// What the kernel does not take now is lost, and counted as refused.
    void send_late() noexcept;

    /// Answers that the kernel refused, and failed receptions, since the beginning.
    std::uint64_t send_errors() const noexcept { return send_errors_; }
    std::uint64_t receive_errors() const noexcept { return receive_errors_; }
    /// Datagrams that the kernel had no room for in this socket's queue, as it counts them: modulo
    /// 2^32. 0 if it does not tell.
    std::uint32_t overflowed() const noexcept;

private:
    struct Slots;
    struct Late;
    UdpSocket(UniqueFd fd, std::size_t answer_octets_max);

    UniqueFd fd_;
    SocketAddress local_;
    bool wildcard_ = false;
    std::unique_ptr<Slots> slots_;
    std::unique_ptr<Late> late_;  // made when it is first needed
    std::size_t received_ = 0;
    std::size_t answers_ = 0;
    std::size_t sent_ = 0;
    std::uint64_t send_errors_ = 0;
    std::uint64_t receive_errors_ = 0;
};

}  // namespace nameplane::net
