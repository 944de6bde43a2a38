#pragma once
// Names of chains: kube-proxy's hashes, so that what people know from iptables-save keeps its name.

#include "rules/plan.hpp"

#include <string>
#include <string_view>

namespace nameplane::rules::iptables {

// Chains that all Services share.
inline constexpr std::string_view services_chain = "KUBE-SERVICES";
inline constexpr std::string_view external_services_chain = "KUBE-EXTERNAL-SERVICES";
inline constexpr std::string_view nodeports_chain = "KUBE-NODEPORTS";
inline constexpr std::string_view postrouting_chain = "KUBE-POSTROUTING";
inline constexpr std::string_view mark_masq_chain = "KUBE-MARK-MASQ";
inline constexpr std::string_view forward_chain = "KUBE-FORWARD";
inline constexpr std::string_view proxy_firewall_chain = "KUBE-PROXY-FIREWALL";
inline constexpr std::string_view firewall_chain = "KUBE-FIREWALL";
inline constexpr std::string_view canary_chain = "KUBE-PROXY-CANARY";

// Chains of one Service port, and of one endpoint of it.
inline constexpr std::string_view cluster_prefix = "KUBE-SVC-";
inline constexpr std::string_view local_prefix = "KUBE-SVL-";
inline constexpr std::string_view external_prefix = "KUBE-EXT-";
inline constexpr std::string_view load_balancer_prefix = "KUBE-FW-";
inline constexpr std::string_view endpoint_prefix = "KUBE-SEP-";

/// The 16 characters that all chains of a Service port end in.
std::string service_hash(const PortPlan& port);
/// 16 characters that stand for a text.
std::string hash_of(std::string_view text);
std::string chain_name(std::string_view prefix, std::string_view hash);

}  // namespace nameplane::rules::iptables
