#include "net/tcp.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace nameplane::net {

namespace {

constexpr int connections_waiting_max = 512;

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
    if (::listen(fd->get(), connections_waiting_max) != 0) {
        return errno_error(errno, "listen " + local.to_string());
    }
    return TcpListener{std::move(*fd)};
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
        case EAGAIN: return {AcceptStatus::none, std::nullopt};
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM: return {AcceptStatus::starved, std::nullopt};
        case EBADF:
        case EINVAL:
        case ENOTSOCK:
        case EOPNOTSUPP:
        case EFAULT: return {AcceptStatus::none, std::nullopt};
        default: break;  // accept(2): errors of the connection itself; the next may do
        }
    }
}

}  // namespace nameplane::net
