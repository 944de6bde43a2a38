#pragma once
// node: what this machine is, for names and rules: its own interfaces, and what the Node object of
// its name adds. Pure functions but for local_node_name() and conntrack_is_liberal().

#include "conf/config.hpp"
#include "rules/plan.hpp"
#include <nameplane/base/result.hpp>

#include <optional>
#include <string>
#include <vector>

namespace nameplane::agent {

/// The configured name, else this machine's host name; lower case, as Node names are.
std::string local_node_name(const conf::NodeConfig& node);

/// `machine` with labels and pod networks of `object`, which may be nullptr. A machine without
/// addresses takes those of the object.
rules::NodeFacts merged_facts(rules::NodeFacts machine, const services::Node* object);

/// What an NS record of ours may name: the machine's addresses and those we are bound to, without
/// loopback, link-local and unspecified ones; each once.
std::vector<IpAddress> own_addresses(const rules::NodeFacts& machine,
                                     const std::vector<IpAddress>& listen);

/// What of the kernel decides about rules.
struct KernelFacts {
    bool liberal_conntrack = false;  ///< see conntrack_is_liberal()
    bool packet_counters = false;    ///< see rules::iptables::make_packet_counters()
};

/// With `own` in the place of what the Node says of these families.
rules::NodeFacts with_addresses(rules::NodeFacts facts, const std::vector<IpAddress>& own);

/// The settings of one family's plan.
rules::PlanSettings plan_settings(const conf::RulesConfig& config, const rules::NodeFacts& node,
                                  Family family, const KernelFacts& kernel);

/// Whether the kernel keeps packets that look invalid to it (nf_conntrack_tcp_be_liberal).
bool conntrack_is_liberal();

/// Lets the kernel route 127.0.0.0/8 (route_localnet), without which node ports do not answer
/// there. KUBE-FIREWALL, which keeps other hosts out of it, must be in the kernel before.
Status open_localhost();

}  // namespace nameplane::agent
