#pragma once
// TcpListener and TcpStream: non-blocking sockets to be used under Loop::watch(). What is read and
// written, and for how long, is the server's business.

#include "base/fd.hpp"
#include "net/socket.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace nameplane::net {

/// What reading or writing did.
enum class Io : std::uint8_t {
    some,    ///< at least one octet went
    later,   ///< nothing now: wait for the event
    closed,  ///< the peer has finished sending (reading only)
    failed,  ///< the connection is gone
};
struct IoResult {
    Io io = Io::failed;
    std::size_t octets = 0;  ///< of `some`
};

/// One connection. Move-only; closes it on destruction. One thread.
class TcpStream {
public:
    TcpStream(UniqueFd fd, const SocketAddress& peer);

    int fd() const noexcept { return fd_.get(); }
    const SocketAddress& peer() const noexcept { return peer_; }
    const SocketAddress& local() const noexcept { return local_; }

    /// Reads what is there, as far as it fits into `room` (not empty).
    IoResult read(std::span<std::uint8_t> room) noexcept;
    /// Writes as much of `octets` (not empty) as the kernel takes.
    IoResult write(std::span<const std::uint8_t> octets) noexcept;

private:
    UniqueFd fd_;
    SocketAddress peer_;
    SocketAddress local_;
};

enum class AcceptStatus : std::uint8_t {
    accepted,
    none,     ///< nobody is waiting
    starved,  ///< somebody waits, but descriptors or memory are used up, or we may not: to be tried
              ///< again, but not at once
};
struct Accepted {
    AcceptStatus status = AcceptStatus::none;
    std::optional<TcpStream> stream;  ///< of `accepted`
};

/// Move-only; one thread.
class TcpListener {
public:
    /// Binds and listens.
    static Result<TcpListener> bind(const SocketAddress& local, Share share);
    /// Takes over a bound socket, whether or not it listens already.
    static Result<TcpListener> adopt(UniqueFd fd);

    int fd() const noexcept { return fd_.get(); }
    const SocketAddress& local() const noexcept { return local_; }
    /// The next connection that waits. Connections that failed meanwhile are skipped. Why none can
    /// be taken is logged, but not each time.
    Accepted accept() noexcept;

private:
    explicit TcpListener(UniqueFd fd);

    UniqueFd fd_;
    SocketAddress local_;
};

}  // namespace nameplane::net
