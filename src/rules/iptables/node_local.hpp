#pragma once
// node_local: the rules of a node's own DNS cache, as node-cache of Kubernetes writes them, with
// its comments: packets between a client and the cache are not tracked (and hence not translated,
// so that the cluster DNS address leads to the cache), and pass the filter.
//
// Any one thread at a time; may wait for the xtables lock.

#include "rules/iptables/rule.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace nameplane::rules::iptables {

struct NodeLocalOptions {
    std::vector<IpAddress> addresses;  ///< of one family or both
    std::uint16_t dns_port = 53;
    std::uint16_t health_port = 8080;
    /// Packets to an address are left alone only while it is an address of this machine
    /// (`-m addrtype --dst-type LOCAL`). When the address goes, the rules have no effect any more,
    /// and what it stood for (the cluster DNS) is reached again without anybody removing them.
    bool only_while_local = false;
    std::string lock_path = "/run/xtables.lock";
    std::chrono::milliseconds lock_wait{5'000};
};

/// A rule and its place, in the order in which they are put at the head of their chains.
struct PlacedRule {
    TableName table = TableName::raw;
    std::string chain;
    Rule rule;
    friend bool operator==(const PlacedRule&, const PlacedRule&) = default;
};
/// Twelve an address of `family`.
std::vector<PlacedRule> node_local_rules(const NodeLocalOptions& options, Family family);

/// Adds those that are missing, once each, and gives back how many those were. Errc::again:
/// somebody held the lock all the time. The tables are replaced one by one, each whole.
Result<std::size_t> ensure_node_local_rules(const NodeLocalOptions& options);

/// Removes them however often they are there, with and without `only_while_local`. Tries both
/// tables and both families whatever fails; the error is the first.
Status remove_node_local_rules(const NodeLocalOptions& options);

}  // namespace nameplane::rules::iptables
