#pragma once
// dispatch: chains that a new connection walks as trees. With dispatch = "tree" the rules of
// KUBE-SERVICES (nat and filter), KUBE-EXTERNAL-SERVICES and KUBE-PROXY-FIREWALL are divided by the
// destination address: a chain with many of them holds jumps instead, one for each network, to
// chains with what lies in it. Four bits of the address are decided at a time, and bits that all
// have in common not at all. So a packet is compared with some ten rules for each time that the
// number of Services grows sixteenfold. Pure.
//
// It meets what it would meet in one long chain, in the same order: rules of one address stand in
// one chain as they stood before, networks of one chain do not overlap, and a chain that leads
// nowhere returns to the one before it. Rules for a port at any address (refused node ports) stay
// at the end of the root in their order. A rule with an address that stood behind one of these with
// its protocol and port stays there as well; any other pair of the two has no packet in common, so
// that their order does not matter.

#include "rules/iptables/rule.hpp"
#include <nameplane/base/ip.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::rules::iptables {

inline constexpr std::string_view tree_prefix = "KUBE-TREE-";
/// A chain with at most so many rules is not divided.
inline constexpr std::size_t undivided_rules_max = 8;

/// What of a rule decides where it stands in a tree.
struct TreeKey {
    std::optional<IpAddress> destination;  ///< nothing for a rule for any address
    services::Protocol protocol = services::Protocol::tcp;
    std::uint16_t port = 0;
};
/// Of a Service's rule in a chain that is divided, which names protocol and port.
TreeKey tree_key(const Rule& rule);

/// What stands in a chain: a Service's rule, by its number, or a jump to what is in a network.
struct TreeEntry {
    std::size_t rule = 0;
    std::optional<Cidr> network;
    friend bool operator==(const TreeEntry&, const TreeEntry&) = default;
};

struct TreeChain {
    std::optional<Cidr> network;  ///< nothing for the root
    std::vector<TreeEntry> entries;
};

/// The root, then the others, each before those that it leads to. `destinations`: of each rule, in
/// their order, all of one family. The same rules make the same chains.
std::vector<TreeChain> dispatch_tree(std::span<const IpAddress> destinations);
/// The same for rules of which some are for any address.
std::vector<TreeChain> dispatch_tree(std::span<const TreeKey> rules);

/// Which chain is divided: its name, and what tells names of its parts from those of others.
struct TreeRoot {
    std::string_view chain;
    std::string_view seed;
    friend bool operator==(const TreeRoot&, const TreeRoot&) = default;
};
inline constexpr TreeRoot nat_services_root{"KUBE-SERVICES", ""};
inline constexpr TreeRoot filter_services_root{"KUBE-SERVICES", "refused "};
inline constexpr TreeRoot external_services_root{"KUBE-EXTERNAL-SERVICES", "external "};
inline constexpr TreeRoot proxy_firewall_root{"KUBE-PROXY-FIREWALL", "firewall "};

/// "KUBE-TREE-XPGD46QRK7WJZT7O".
std::string tree_chain_name(const TreeRoot& root, const Cidr& network);
/// The jump there.
Rule tree_jump(const TreeRoot& root, const Cidr& network);

/// `rules` of the root as the chains of a tree: the root first.
std::vector<NamedChain> divided(const TreeRoot& root, Chain rules);

}  // namespace nameplane::rules::iptables
