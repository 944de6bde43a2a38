#pragma once
// dispatch: KUBE-SERVICES as a tree. With dispatch = "tree" the rules of that chain are divided by
// the destination address: a chain with many of them holds jumps instead, one for each network, to
// chains with what lies in it. Four bits of the address are decided at a time, and bits that all
// have in common not at all. So a packet is compared with some ten rules for each time that the
// number of Services grows sixteenfold. Pure.
//
// It meets what it would meet in one long chain, in the same order: rules of one address stand in
// one chain as they stood before, networks of one chain do not overlap, and a chain that leads
// nowhere returns to the one before it.

#include "rules/iptables/rule.hpp"
#include <nameplane/base/ip.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::rules::iptables {

inline constexpr std::string_view tree_prefix = "KUBE-TREE-";
/// A chain with at most so many rules is not divided.
inline constexpr std::size_t undivided_rules_max = 8;

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

/// "KUBE-TREE-XPGD46QRK7WJZT7O".
std::string tree_chain_name(const Cidr& network);
/// The jump there.
Rule tree_jump(const Cidr& network);

/// `rules` of KUBE-SERVICES, all with a destination, as the chains of a tree: the root first.
std::vector<NamedChain> divided(Chain rules);

}  // namespace nameplane::rules::iptables
