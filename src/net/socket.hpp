#pragma once
// socket: what UDP and TCP sockets of ours have in common.

#include "base/fd.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

namespace nameplane::net {

/// Whether others of this program share the port. Whoever comes first takes the port for itself,
/// so that a foreign owner is an error (or, for port 0, is not given the port of somebody else's
/// group), and opens it for those that follow.
enum class Share : unsigned char { first, also };

/// A non-blocking socket of `type` (SOCK_DGRAM, SOCK_STREAM) bound to `local`; an IPv6 socket takes
/// no IPv4. Errors say "bind 0.0.0.0:53: ...".
Result<UniqueFd> bound_socket(int type, const SocketAddress& local, Share share);

/// Whether the kernel has IPv6 at all.
bool has_ipv6() noexcept;

/// The address `fd` is bound to.
SocketAddress local_address(int fd) noexcept;

/// Sets an int option; false with errno if the kernel refuses.
bool set_option(int fd, int level, int name, int value) noexcept;

}  // namespace nameplane::net
