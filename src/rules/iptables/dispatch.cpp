#include "rules/iptables/dispatch.hpp"

#include "rules/iptables/render_names.hpp"
#include <nameplane/base/check.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <utility>
#include <variant>

namespace nameplane::rules::iptables {
namespace {

using services::Protocol;

/// Bits of a key made from a port: those of the protocol, then the port's.
constexpr unsigned protocol_bits = 8;
constexpr unsigned port_key_bits = protocol_bits + 16;
/// BitRange::tree of addresses whose rules stand behind those of ports.
constexpr std::uint8_t tree_behind = 1;
/// What a refused node port's key is in.
constexpr BitRange every_port{{.octets = {}, .size = port_key_bits}, 0};

struct ProtocolRow {
    Protocol protocol;
    std::string_view name;
};
/// A protocol's number in a key is its place here.
constexpr std::array protocols{ProtocolRow{Protocol::tcp, "TCP"}, ProtocolRow{Protocol::udp, "UDP"},
                               ProtocolRow{Protocol::sctp, "SCTP"}};

bool is_of_ports(const BitRange& range) {
    return range.first.size == port_key_bits;
}

/// Ports of one protocol.
struct Ports {
    const ProtocolRow* protocol;
    std::uint16_t first = 0;
    std::uint16_t last = 0xffff;
    bool all() const { return first == 0 && last == 0xffff; }
};

Ports ports_of(const BitRange& range) {
    const auto& octets = range.first.octets;
    const unsigned first = octets[1] * 256U + octets[2];
    const unsigned others = 0xffffU >> (range.length - protocol_bits);
    return {.protocol = &protocols[octets[0]],
            .first = static_cast<std::uint16_t>(first),
            .last = static_cast<std::uint16_t>(first + others)};
}

Cidr network_of(const BitRange& range) {
    const auto octets = std::span{range.first.octets}.first(range.first.size / 8U);
    return *Cidr::make(*IpAddress::from_bytes(octets), range.length);
}

/// Rules by how they are divided, each by its number.
struct Parts {
    std::vector<std::size_t> addresses;
    std::vector<std::size_t> ports;
    /// Those with an address that must stand behind `ports`.
    std::vector<std::size_t> behind;
};

Parts parts_of(const TreeRoot& root, std::span<const TreeKey> rules) {
    Parts parts;
    std::set<std::pair<Protocol, std::uint16_t>> anywhere;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const TreeKey& rule = rules[i];
        if (root.by == TreeBy::port || !rule.destination) {
            anywhere.emplace(rule.protocol, rule.port);
            parts.ports.push_back(i);
        } else if (anywhere.contains({rule.protocol, rule.port})) {
            parts.behind.push_back(i);
        } else {
            parts.addresses.push_back(i);
        }
    }
    return parts;
}

/// The tree of `some` of the rules.
template <class KeyOf>
std::vector<BitList> tree_of(const std::vector<std::size_t>& some, const KeyOf& key_of) {
    std::vector<BitKey> keys;
    keys.reserve(some.size());
    std::ranges::transform(some, std::back_inserter(keys), key_of);
    std::vector<BitList> lists = divide_by_bits(keys);
    for (BitList& list : lists) {
        for (BitEntry& entry : list.entries) {
            if (!entry.range) entry.item = some[entry.item];
        }
    }
    return lists;
}

/// Makes the chains of a tree others than those of one with the same networks.
void set_tree(std::vector<BitList>& lists, std::uint8_t tree) {
    for (BitList& list : lists) {
        if (list.range) list.range->tree = tree;
        for (BitEntry& entry : list.entries) {
            if (entry.range) entry.range->tree = tree;
        }
    }
}

/// Moves the chains of `lists` behind `all`; what stood in their root stands in that of `all` then.
void hang(std::vector<BitList> lists, std::vector<BitList>& all) {
    std::ranges::copy(lists.front().entries, std::back_inserter(all.front().entries));
    std::ranges::move(lists.begin() + 1, lists.end(), std::back_inserter(all));
}

}  // namespace

BitKey bits_of(const IpAddress& address) {
    BitKey key{.octets = {}, .size = static_cast<std::uint8_t>(address.bytes().size() * 8)};
    std::ranges::copy(address.bytes(), key.octets.begin());
    return key;
}

BitKey bits_of(Protocol protocol, std::uint16_t port) {
    const auto row = std::ranges::find(protocols, protocol, &ProtocolRow::protocol);
    BitKey key{.octets = {}, .size = port_key_bits};
    key.octets[0] = static_cast<std::uint8_t>(row - protocols.begin());
    key.octets[1] = static_cast<std::uint8_t>(port >> 8);
    key.octets[2] = static_cast<std::uint8_t>(port & 0xff);
    return key;
}

std::vector<BitList> dispatch_tree(const TreeRoot& root, std::span<const TreeKey> rules) {
    const Parts parts = parts_of(root, rules);
    std::vector<BitList> ports = tree_of(parts.ports, [&](std::size_t rule) {
        return bits_of(rules[rule].protocol, rules[rule].port);
    });
    if (root.by == TreeBy::port) return ports;
    const auto address_of = [&](std::size_t rule) { return bits_of(*rules[rule].destination); };
    std::vector<BitList> lists = tree_of(parts.addresses, address_of);
    if (parts.ports.size() > undivided_rules_max) {
        ports.front().range = every_port;
        lists.front().entries.push_back({0, every_port});
        std::ranges::move(ports, std::back_inserter(lists));
    } else {
        hang(std::move(ports), lists);
    }
    std::vector<BitList> behind = tree_of(parts.behind, address_of);
    set_tree(behind, tree_behind);
    hang(std::move(behind), lists);
    return lists;
}

TreeKey tree_key(const Rule& rule) {
    TreeKey key;
    if (rule.destination) key.destination = rule.destination->address();
    const auto port = std::ranges::find_if(
        rule.matches, [](const Match& match) { return std::holds_alternative<DportMatch>(match); });
    NP_CHECK(rule.protocol && port != rule.matches.end(), "a Service is asked for by its port");
    key.protocol = *rule.protocol;
    key.port = std::get<DportMatch>(*port).port;
    return key;
}

std::string tree_chain_name(const TreeRoot& root, const BitRange& range) {
    if (!is_of_ports(range)) {
        const std::string seed =
            std::string{root.seed} + (range.tree == tree_behind ? "behind " : "");
        return chain_name(tree_prefix, hash_of(seed + network_of(range).to_string()));
    }
    std::string name = chain_name(tree_prefix, root.ports);
    if (range == every_port) return name;
    const Ports ports = ports_of(range);
    name += '-';
    name += ports.protocol->name;
    if (ports.all()) return name;
    name += '-' + std::to_string(ports.first);
    if (ports.last != ports.first) name += '-' + std::to_string(ports.last);
    return name;
}

Rule tree_jump(const TreeRoot& root, const BitRange& range) {
    Rule rule;
    rule.target = Jump{tree_chain_name(root, range)};
    if (!is_of_ports(range)) {
        rule.destination = network_of(range);
        return rule;
    }
    if (range == every_port) {
        rule.matches.emplace_back(LocalAddressMatch{.source = false});
        return rule;
    }
    const Ports ports = ports_of(range);
    rule.protocol = ports.protocol->protocol;
    if (ports.first == ports.last) {
        rule.matches.emplace_back(DportMatch{ports.first});
    } else if (!ports.all()) {
        rule.matches.emplace_back(DportRangeMatch{ports.first, ports.last});
    }
    return rule;
}

std::vector<NamedChain> divided(const TreeRoot& root, Chain rules) {
    std::vector<TreeKey> keys;
    keys.reserve(rules.size());
    std::ranges::transform(rules, std::back_inserter(keys), tree_key);
    std::vector<NamedChain> chains;
    for (const BitList& list : dispatch_tree(root, keys)) {
        NamedChain& made = chains.emplace_back();
        made.name = list.range ? tree_chain_name(root, *list.range) : std::string{root.chain};
        for (const BitEntry& entry : list.entries) {
            made.rules.push_back(entry.range ? tree_jump(root, *entry.range)
                                             : std::move(rules[entry.item]));
        }
    }
    return chains;
}

}  // namespace nameplane::rules::iptables
