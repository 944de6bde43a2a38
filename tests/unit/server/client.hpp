#pragma once
// Clients for the server's tests: plain blocking sockets, each wait bounded.

#include "base/fd.hpp"
#include "message.hpp"
#include <nameplane/base/ip.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

namespace nameplane::test {

/// What a busy machine may need for anything.
inline constexpr std::chrono::milliseconds wait_max = std::chrono::minutes{1};

/// Returns when the peer's kernel has all that was sent over this TCP socket.
void await_delivery(int fd);

/// A connected UDP socket: it hears only from the address and port that it asks.
class UdpClient {
public:
    explicit UdpClient(const SocketAddress& server);

    void send(const Octets& message) const;
    /// The next message; nothing if none comes within `wait`.
    std::optional<Octets> receive(std::chrono::milliseconds wait = wait_max) const;
    /// send() and receive(); fails the test when nothing comes.
    Octets ask(const Octets& message) const;

private:
    UniqueFd fd_;
};

class TcpClient {
public:
    struct Options {
        int receive_buffer = 0;  ///< 0: the kernel's choice
        std::optional<IpAddress> source = {};
    };
    explicit TcpClient(const SocketAddress& server) : TcpClient{server, Options{}} {}
    TcpClient(const SocketAddress& server, Options options);

    /// Sends all of it; false if the peer is gone.
    bool send(const Octets& octets) const;
    /// Sends `frame` again and again until the kernel takes no more even after the server has come
    /// round, which `come_round` awaits; returns the octets that went.
    std::size_t send_until_stuck(const Octets& frame,
                                 const std::function<void()>& come_round) const;
    /// The next framed message, or nothing at the end of the stream.
    std::optional<Octets> receive() const;
    Octets ask(const Octets& message) const;
    /// Whether the peer closes (or resets) within `wait`; what it sends first is thrown away.
    bool is_closed_within(std::chrono::milliseconds wait) const;
    bool is_closed() const { return is_closed_within(wait_max); }
    /// Whether the peer resets; reads nothing.
    bool is_reset() const;
    void finish_sending() const;
    void await_delivery() const { test::await_delivery(fd_.get()); }

private:
    std::optional<Octets> read_exactly(std::size_t octets) const;

    UniqueFd fd_;
};

}  // namespace nameplane::test
