#pragma once
// connect: sockets towards others. Non-blocking; each has a random port, the kernel's choice.

#include "base/fd.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <optional>

namespace nameplane::net {

/// A UDP socket that hears only from `peer`, and of ICMP errors about it.
Result<UniqueFd> connected_udp(const SocketAddress& peer, const std::optional<IpAddress>& source);
/// A TCP connection that has been begun: writable when it is there, see is_connected().
Result<UniqueFd> begin_tcp(const SocketAddress& peer, const std::optional<IpAddress>& source);
/// Whether a connection that was begun and became writable is there.
bool is_connected(int fd) noexcept;
/// The error (errno) for which it is not; 0: it is.
int connect_error(int fd) noexcept;

}  // namespace nameplane::net
