#include "net/tcp.hpp"

#include <nameplane/base/log.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <limits>

namespace nameplane::net {

namespace {

constexpr int connections_waiting_max = 512;
/// What the kernel keeps of what a peer has no room for. It would let it grow to megabytes, each of
/// which counts as ours.
constexpr int unsent_octets_max = 128 << 10;

/// At most so often, for all listeners: it can last, and come and go with every connection.
constexpr std::chrono::minutes starved_told_every{1};

void tell_starved(int reason) {
    using Clock = std::chrono::steady_clock;
    static std::atomic<Clock::rep> next{std::numeric_limits<Clock::rep>::min()};
    const Clock::rep now = Clock::now().time_since_epoch().count();
    Clock::rep due = next.load(std::memory_order_relaxed);
    const Clock::rep after =
        now + std::chrono::duration_cast<Clock::duration>(starved_told_every).count();
    if (now < due || !next.compare_exchange_strong(due, after, std::memory_order_relaxed)) return;
    NP_LOG_WARNING("net.starved", "error", errno_error(reason, "accept a connection"));
}

bool may_be_readable(int fd) noexcept {
    pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, 0) != 0;  // where it cannot be told, somebody may wait
}

IoResult result_of(ssize_t count) noexcept {
    if (count > 0) return {Io::some, static_cast<std::size_t>(count)};
    if (count == 0) return {Io::closed, 0};
    return {errno == EAGAIN ? Io::later : Io::failed, 0};
}

}  // namespace

TcpStream::TcpStream(UniqueFd fd, const SocketAddress& peer)
    : fd_{std::move(fd)}, peer_{peer}, local_{local_address(fd_.get())} {
    // An answer is written whole; waiting for more would only delay it.
    set_option(fd_.get(), IPPROTO_TCP, TCP_NODELAY, 1);
}

IoResult TcpStream::read(std::span<std::uint8_t> room) noexcept {
    ssize_t count = 0;
    do {
        count = ::recv(fd_.get(), room.data(), room.size(), MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    return result_of(count);
}

IoResult TcpStream::write(std::span<const std::uint8_t> octets) noexcept {
    ssize_t count = 0;
    do {
        count = ::send(fd_.get(), octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (count < 0 && errno == EINTR);
    return result_of(count);
}

TcpListener::TcpListener(UniqueFd fd) : fd_{std::move(fd)}, local_{local_address(fd_.get())} {}

Result<TcpListener> TcpListener::bind(const SocketAddress& local, Share share) {
    Result<UniqueFd> fd = bound_socket(SOCK_STREAM, local, share);
    if (!fd) return fd.error();
    return adopt(std::move(*fd));
}

Result<TcpListener> TcpListener::adopt(UniqueFd fd) {
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0 ||
        ::listen(fd.get(), connections_waiting_max) != 0) {
        return errno_error(errno, "listen " + local_address(fd.get()).to_string());
    }
    // Connections inherit it. A kernel that lacks it serves as well.
    set_option(fd.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, unsent_octets_max);
    return TcpListener{std::move(fd)};
}

Accepted TcpListener::accept() noexcept {
    for (;;) {
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        UniqueFd fd{::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &size,
                              SOCK_NONBLOCK | SOCK_CLOEXEC)};
        if (fd) {
            const auto address =
                SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr&>(peer));
            return {AcceptStatus::accepted, TcpStream{std::move(fd), address}};
        }
        switch (errno) {
        case EAGAIN:
        case EBADF:
        case EINVAL:
        case ENOTSOCK:
        case EOPNOTSUPP:
        case EFAULT: return {AcceptStatus::none, std::nullopt};
        // accept(2): of the connection itself, which is gone with it; the next one may do.
        case EINTR:
        case ECONNABORTED:
        case EPROTO:
        case ENOPROTOOPT:
        case ENETDOWN:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case ENETUNREACH: break;
        // Used up, or not allowed: the connection goes on waiting, and so it will be the next time.
        default: {
            const int reason = errno;
            // The kernel says so as well where nobody waits.
            if (!may_be_readable(fd_.get())) return {AcceptStatus::none, std::nullopt};
            tell_starved(reason);
            return {AcceptStatus::starved, std::nullopt};
        }
        }
    }
}

}  // namespace nameplane::net
