#pragma once
// packet_counters: the kernel's named counters (nfacct) that kube-proxy's rules count in. They are
// of a network namespace, stay when we end, and cannot be removed while a rule refers to them.

#include <nameplane/base/result.hpp>

#include <cstdint>
#include <string_view>

namespace nameplane::rules::iptables {

/// Packets in state INVALID that KUBE-FORWARD dropped.
inline constexpr std::string_view invalid_counter = "ct_state_invalid_dropped_pkts";
/// Connections to a node port by a loopback address.
inline constexpr std::string_view localhost_counter = "localhost_nps_accepted_pkts";

/// Makes the counters above where they are missing. False where there can be none: the kernel lacks
/// nfacct or its match, or we lack CAP_NET_ADMIN.
bool make_packet_counters();

/// What the counter stands at; any thread. Errc::not_found where it is missing.
Result<std::uint64_t> counted_packets(std::string_view counter);

}  // namespace nameplane::rules::iptables
