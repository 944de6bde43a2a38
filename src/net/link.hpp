#pragma once
// link: an interface of our own that does nothing but hold addresses, so that they belong to this
// machine. By netlink. Any thread.

#include "base/fd.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace nameplane::net {

/// How long such an interface lives.
enum class LinkLife : std::uint8_t {
    descriptor,  ///< as long as its descriptor is open anywhere: the kernel takes it away
    permanent,   ///< until somebody removes it
};

struct Link {
    LinkLife life = LinkLife::permanent;
    UniqueFd held;  ///< LinkLife::descriptor: what it lives by
};

/// Whether there is an interface of that name.
bool has_link(const std::string& name) noexcept;

/// Makes an interface without addresses. For LinkLife::descriptor it is a tun device, which
/// /dev/net/tun makes; else a dummy, or a bridge without ports where the kernel has no dummies.
/// Errors: conflict (there is one of that name), not_found (no /dev/net/tun), permission,
/// unsupported, io.
Result<Link> make_link(const std::string& name, LinkLife life);

/// Gives it those of `addresses` that it does not have, each as a network of one. Not_found when
/// there is no such interface.
Status add_addresses(const std::string& name, std::span<const IpAddress> addresses);

/// Removes an interface that was made so; nothing happens if there is none. Conflict when it is
/// another kind of interface.
Status remove_link(const std::string& name);

/// "dummy", "bridge", "tun": the kind that the kernel's answer about one interface says it is of;
/// empty for real ones, and when the answer is cut.
std::string link_kind(std::span<const std::byte> answer);

}  // namespace nameplane::net
