#include "net/connect.hpp"

#include "net/socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace nameplane::net {

namespace {

// An answer of 4096 octets and then some, for each of a few hundred queries.
constexpr int receive_buffer_octets = 1 << 20;

Result<UniqueFd> begin(int type, const SocketAddress& peer,
                       const std::optional<IpAddress>& source) {
    const auto failed = [&peer] { return errno_error(errno, "connect " + peer.to_string()); };
    UniqueFd fd{::socket(peer.address.is_v6() ? AF_INET6 : AF_INET,
                         type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd) return failed();
    sockaddr_storage storage;
    if (source) {
        const unsigned size = SocketAddress{*source, 0}.to_sockaddr(storage);
        if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0) {
            return errno_error(errno, "bind " + source->to_string());
        }
    }
    if (type == SOCK_DGRAM) {
        set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, receive_buffer_octets);
    }
    const unsigned size = peer.to_sockaddr(storage);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0 &&
        errno != EINPROGRESS) {
        return failed();
    }
    return fd;
}

}  // namespace

Result<UniqueFd> connected_udp(const SocketAddress& peer, const std::optional<IpAddress>& source) {
    return begin(SOCK_DGRAM, peer, source);
}

Result<UniqueFd> begin_tcp(const SocketAddress& peer, const std::optional<IpAddress>& source) {
    return begin(SOCK_STREAM, peer, source);
}

bool is_connected(int fd) noexcept {
    return connect_error(fd) == 0;
}

int connect_error(int fd) noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace nameplane::net
