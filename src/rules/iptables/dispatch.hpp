#pragma once
// dispatch: chains that a new connection walks as trees. With dispatch = "tree" the rules of those
// chains to which all Services add are divided by bit_tree: KUBE-SERVICES (nat and filter),
// KUBE-EXTERNAL-SERVICES and KUBE-PROXY-FIREWALL by the destination address, with a jump for each
// network; KUBE-NODEPORTS (nat and filter) by protocol and destination port, with a jump for each
// range of ports. Pure.
//
// A packet meets what it would meet in one long chain, in the same order: rules of one address or
// port stand in one chain as they stood before, networks and ranges of one chain do not overlap,
// and a chain that leads nowhere returns to the one before it. Rules of refused node ports are for
// a port at any address of the node: they stand behind the networks of KUBE-EXTERNAL-SERVICES, and
// where they are many, in a tree of ports of their own, which only packets to an address of the
// node walk. A rule with an address that stood behind one of these with its protocol and port
// stands behind them still, in a second tree of addresses; any other pair of the two has no packet
// in common, so that their order does not matter. (Of rules in that chain a packet meets one at
// most: each ends its way.)

#include "rules/iptables/bit_tree.hpp"
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

/// What of a rule decides where it stands in a tree.
struct TreeKey {
    std::optional<IpAddress> destination;  ///< nothing for a rule for any address of the node
    services::Protocol protocol = services::Protocol::tcp;
    std::uint16_t port = 0;
};
/// Of a Service's rule in a chain that is divided, which names protocol and port.
TreeKey tree_key(const Rule& rule);

BitKey bits_of(const IpAddress& address);
/// The protocol comes before the port, so that ranges of ports are of one protocol.
BitKey bits_of(services::Protocol protocol, std::uint16_t port);

enum class TreeBy : std::uint8_t { address, port };

/// Which chain is divided: its name, by what, and what tells names of its parts from those of
/// others.
struct TreeRoot {
    std::string_view chain;
    TreeBy by = TreeBy::address;
    std::string_view seed;   ///< of names that are made from networks
    std::string_view ports;  ///< stands in names that are made from ports; empty where none are
    friend bool operator==(const TreeRoot&, const TreeRoot&) = default;
};
inline constexpr TreeRoot nat_services_root{"KUBE-SERVICES", TreeBy::address, "", ""};
inline constexpr TreeRoot nat_nodeports_root{"KUBE-NODEPORTS", TreeBy::port, "", "N"};
inline constexpr TreeRoot filter_services_root{"KUBE-SERVICES", TreeBy::address, "refused ", ""};
inline constexpr TreeRoot external_services_root{"KUBE-EXTERNAL-SERVICES", TreeBy::address,
                                                 "external ", "R"};
inline constexpr TreeRoot health_checks_root{"KUBE-NODEPORTS", TreeBy::port, "", "H"};
inline constexpr TreeRoot proxy_firewall_root{"KUBE-PROXY-FIREWALL", TreeBy::address, "firewall ",
                                              ""};

/// The chains that hold rules with these keys, the root first: items are numbers of rules.
std::vector<BitList> dispatch_tree(const TreeRoot& root, std::span<const TreeKey> rules);

/// Of a network "KUBE-TREE-XPGD46QRK7WJZT7O"; of ports "KUBE-TREE-N-TCP-30720-30975", which has no
/// more than the 28 characters that a chain's name may have.
std::string tree_chain_name(const TreeRoot& root, const BitRange& range);
/// The jump there.
Rule tree_jump(const TreeRoot& root, const BitRange& range);

/// `rules` of the root as the chains of a tree: the root first.
std::vector<NamedChain> divided(const TreeRoot& root, Chain rules);

}  // namespace nameplane::rules::iptables
