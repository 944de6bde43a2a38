#include "net/socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace nameplane::net {

bool set_option(int fd, int level, int name, int value) noexcept {
    return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

bool has_ipv6() noexcept {
    return static_cast<bool>(UniqueFd{::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)});
}

SocketAddress local_address(int fd) noexcept {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
    return SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr&>(storage));
}

Result<UniqueFd> bound_socket(int type, const SocketAddress& local, Share share) {
    const auto failed = [&local] { return errno_error(errno, "bind " + local.to_string()); };
    const bool v6 = local.address.is_v6();
    UniqueFd fd{::socket(v6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd) return failed();
    if (v6 && !set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1)) return failed();
    // Connections of a former life in TIME_WAIT must not keep a restart from its port.
    if (type == SOCK_STREAM && !set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1)) return failed();
    if (share == Share::also && !set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1)) return failed();
    sockaddr_storage storage;
    const unsigned size = local.to_sockaddr(storage);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0) return failed();
    // Only now, see Share; the kernel forms the group when the second one binds.
    if (share == Share::first && !set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1)) {
        return failed();
    }
    return fd;
}

}  // namespace nameplane::net
