#pragma once
// Reverse names: addresses below in-addr.arpa (RFC 1035 3.5) and ip6.arpa (RFC 3596 2.5), and the
// zones of a network.

#include <nameplane/base/arena.hpp>
#include <nameplane/base/ip.hpp>
#include <nameplane/dns/name.hpp>

#include <optional>
#include <vector>

namespace nameplane::dns {

/// The address that `name` (case ignored) stands for: exactly four decimal octets without leading
/// zeros below in-addr.arpa, or exactly 32 hexadecimal digits below ip6.arpa. No allocation.
std::optional<IpAddress> address_of_reverse(NameView name) noexcept;
/// Whether `name` is in-addr.arpa or ip6.arpa or lies below, complete or not.
bool is_reverse(NameView name) noexcept;

/// The reverse name of `address`, in lower case.
Name reverse_name(const IpAddress& address) noexcept;
/// The same in `arena`; nothing if it is full.
std::optional<NameView> reverse_name(const IpAddress& address, Arena& arena) noexcept;

/// The zones whose names are the network's addresses and no others: a prefix that does not end at
/// an octet (IPv6: a nibble) needs several, in ascending order. 10.96.0.0/12 gives 96.10 to
/// 111.10.in-addr.arpa; at most 128 (8 for IPv6).
std::vector<Name> reverse_zones(const Cidr& network);

}  // namespace nameplane::dns
