#pragma once
// node_local_rules: the rules of a node's own DNS cache, as node-cache of Kubernetes writes them,
// with its comments: packets between a client and the cache are not tracked (and hence not
// translated, so that the cluster DNS address leads to the cache), and pass the filter. Pure.

#include "rules/iptables/rule.hpp"
#include <nameplane/base/ip.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace nameplane::rules::iptables {

/// What leads to the cache.
struct NodeLocalTraffic {
    std::vector<IpAddress> addresses;  ///< of one family or both
    std::uint16_t dns_port = 53;
    std::uint16_t health_port = 8080;
    /// Packets to an address are left alone only while it is an address of this machine
    /// (`-m addrtype --dst-type LOCAL`). When the address goes, the rules have no effect any more,
    /// and what it stood for (the cluster DNS) is reached again without anybody removing them.
    bool only_while_local = false;
};

/// A rule and its place, in the order in which they are put at the head of their chains.
struct PlacedRule {
    TableName table = TableName::raw;
    std::string chain;
    Rule rule;
    friend bool operator==(const PlacedRule&, const PlacedRule&) = default;
};
/// Twelve an address of `family`.
std::vector<PlacedRule> node_local_rules(const NodeLocalTraffic& traffic, Family family);
/// These with and without `only_while_local`: all that an earlier agent may have left.
std::vector<PlacedRule> node_local_rules_of_any(const NodeLocalTraffic& traffic, Family family);

}  // namespace nameplane::rules::iptables
