#include "rules/iptables/dispatch.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>
#include <variant>

using namespace nameplane;
using namespace nameplane::rules::iptables;
using services::Protocol;

namespace {

constexpr std::array protocols{Protocol::tcp, Protocol::udp, Protocol::sctp};
constexpr std::array roots{nat_services_root,      nat_nodeports_root, filter_services_root,
                           external_services_root, health_checks_root, proxy_firewall_root};

/// Of 10.96.0.0/16; even ones are addresses of the node.
IpAddress service_address(std::uint16_t number) {
    return IpAddress::v4(10, 96, static_cast<std::uint8_t>(number >> 8),
                         static_cast<std::uint8_t>(number & 0xff));
}
bool is_local(const IpAddress& address) {
    return address.is_loopback() || address.bytes()[3] % 2 == 0;
}

std::vector<IpAddress> addresses(std::uint16_t count) {
    std::vector<IpAddress> all;
    for (std::uint16_t i = 0; i < count; ++i)
        all.push_back(service_address(static_cast<std::uint16_t>(i * 31)));
    return all;
}

struct Packet {
    IpAddress address;
    Protocol protocol = Protocol::tcp;
    std::uint16_t port = 0;
};

/// What packets meet in the chains of a tree, walked as the kernel does.
struct Meeting {
    std::size_t compared = 0;
    std::vector<std::uint32_t> met;  ///< ordinals, in order
    /// Where each rule ends a packet's way.
    std::uint32_t first() const { return met.empty() ? 0 : met.front(); }
};

/// A rule for a port at `address` (nothing: any), told from others by the mark that it sets.
Rule port_rule(const std::optional<IpAddress>& address, Protocol protocol, std::uint16_t port,
               std::uint32_t ordinal) {
    Rule rule;
    if (address) rule.destination = *Cidr::make(*address, 32);
    rule.protocol = protocol;
    rule.matches = {DportMatch{port}};
    rule.target = SetMark{.value = ordinal};
    return rule;
}

/// The rule of a refused node port.
Rule refused_rule(Protocol protocol, std::uint16_t port, std::uint32_t ordinal) {
    Rule rule = port_rule(std::nullopt, protocol, port, ordinal);
    rule.matches.insert(rule.matches.begin(), LocalAddressMatch{.source = false});
    return rule;
}

bool holds(const Match& match, const Packet& packet) {
    if (const auto* port = std::get_if<DportMatch>(&match)) return port->port == packet.port;
    if (const auto* ports = std::get_if<DportRangeMatch>(&match))
        return ports->first <= packet.port && packet.port <= ports->last;
    if (std::holds_alternative<LocalAddressMatch>(match)) return is_local(packet.address);
    FAIL("a match that stands in no tree");
    return false;
}

bool holds(const Rule& rule, const Packet& packet) {
    if (rule.destination && !rule.destination->contains(packet.address)) return false;
    if (rule.protocol && rule.protocol != packet.protocol) return false;
    return std::ranges::all_of(rule.matches,
                               [&](const Match& match) { return holds(match, packet); });
}

using Chains = std::map<std::string, Chain>;

void meet(const Chains& chains, const std::string& chain, const Packet& packet, Meeting& done) {
    for (const Rule& rule : chains.at(chain)) {
        ++done.compared;
        if (!holds(rule, packet)) continue;
        if (const auto* jump = std::get_if<Jump>(&rule.target)) {
            meet(chains, jump->chain, packet, done);
        } else {
            done.met.push_back(std::get<SetMark>(rule.target).value);
        }
    }
}

Meeting meet(const Chains& chains, const TreeRoot& root, const Packet& packet) {
    Meeting done;
    meet(chains, std::string{root.chain}, packet, done);
    return done;
}

Chains tree_of(const TreeRoot& root, const Chain& rules) {
    Chains chains;
    for (NamedChain& chain : divided(root, rules)) {
        CHECK(chain.name.size() <= 28);
        CHECK(chains.emplace(chain.name, std::move(chain.rules)).second);
    }
    return chains;
}

Chains list_of(const TreeRoot& root, const Chain& rules) {
    return {{std::string{root.chain}, rules}};
}

const Jump& jump_of(const Rule& rule) {
    return std::get<Jump>(rule.target);
}

BitRange around(Protocol protocol, std::uint16_t port, unsigned length) {
    return BitRange::around(bits_of(protocol, port), length);
}

}  // namespace

TEST_CASE("a network's chain is named and led to by it") {
    const Cidr network = *Cidr::parse("10.96.16.0/20");
    const BitRange range = BitRange::around(bits_of(network.address()), network.prefix());
    const std::string name = tree_chain_name(nat_services_root, range);
    CHECK(name.starts_with(tree_prefix));
    CHECK(name.size() == 26);
    const Rule jump = tree_jump(nat_services_root, range);
    CHECK(jump == Rule{.destination = network, .target = Jump{name}});
    const BitRange smaller = BitRange::around(bits_of(network.address()), 24);
    CHECK(tree_chain_name(nat_services_root, smaller) != name);
}

TEST_CASE("a chain of ports is named and led to by them") {
    struct Row {
        BitRange range;
        const char* name;
        Protocol protocol;
        std::vector<Match> matches;
    };
    for (const Row& row : std::vector<Row>{
             {around(Protocol::tcp, 30'800, 16),
              "KUBE-TREE-N-TCP-30720-30975",
              Protocol::tcp,
              {DportRangeMatch{30'720, 30'975}}},
             {around(Protocol::sctp, 65'535, 12),
              "KUBE-TREE-N-SCTP-61440-65535",
              Protocol::sctp,
              {DportRangeMatch{61'440, 65'535}}},
             {around(Protocol::udp, 30'080, 24),
              "KUBE-TREE-N-UDP-30080",
              Protocol::udp,
              {DportMatch{30'080}}},
             {around(Protocol::udp, 9, 12),
              "KUBE-TREE-N-UDP-0-4095",
              Protocol::udp,
              {DportRangeMatch{0, 4'095}}},
             {around(Protocol::tcp, 30'080, 8), "KUBE-TREE-N-TCP", Protocol::tcp, {}},
         }) {
        CHECK(tree_chain_name(nat_nodeports_root, row.range) == row.name);
        const Rule jump = tree_jump(nat_nodeports_root, row.range);
        CHECK(jump == Rule{.protocol = row.protocol,
                           .matches = row.matches,
                           .target = Jump{std::string{row.name}}});
    }
    CHECK(tree_chain_name(external_services_root, around(Protocol::tcp, 30'080, 16)) ==
          "KUBE-TREE-R-TCP-29952-30207");
    CHECK(tree_chain_name(health_checks_root, around(Protocol::tcp, 30'080, 16)) ==
          "KUBE-TREE-H-TCP-29952-30207");
}

TEST_CASE("chains of different trees have different names") {
    const std::array ranges{
        BitRange::around(bits_of(*IpAddress::parse("10.96.16.0")), 20),
        BitRange::around(bits_of(*IpAddress::parse("fd00::10:96:0:0")), 108),
        around(Protocol::tcp, 30'080, 16),
    };
    std::set<std::string> names;
    std::size_t made = 0;
    for (const TreeRoot& root : roots) {
        for (const BitRange& range : ranges) {
            const bool of_ports = range.first.size == 24;
            if (of_ports ? root.ports.empty() : root.by != TreeBy::address) continue;
            names.insert(tree_chain_name(root, range));
            ++made;
        }
    }
    CHECK(made == 11);
    CHECK(names.size() == made);
}

TEST_CASE("rules of refused node ports and those of addresses: a packet's first is the list's") {
    std::minstd_rand random{3};
    const std::vector<IpAddress> all = addresses(200);
    Chain rules;
    for (std::uint32_t i = 1; i <= 1'000; ++i) {
        const auto port = static_cast<std::uint16_t>(1 + random() % 40);
        const Protocol protocol = protocols[random() % 3];
        rules.push_back(random() % 8 == 0
                            ? refused_rule(protocol, port, i)
                            : port_rule(all[random() % all.size()], protocol, port, i));
    }
    const Chains tree = tree_of(external_services_root, rules);
    CHECK(tree.contains("KUBE-TREE-R"));
    CHECK(tree.contains("KUBE-TREE-R-TCP"));
    const Chains list = list_of(external_services_root, rules);
    for (const IpAddress& address : all) {
        for (std::uint16_t port = 1; port <= 41; ++port) {
            for (const Protocol protocol : protocols) {
                const Packet packet{address, protocol, port};
                REQUIRE(meet(tree, external_services_root, packet).first() ==
                        meet(list, external_services_root, packet).first());
            }
        }
    }
}

TEST_CASE("addresses behind a refused node port of their port are divided, too") {
    const std::vector<IpAddress> all = addresses(2'000);
    Chain rules;
    std::uint32_t number = 0;
    // Some before it, which stand in networks that those behind it stand in, too.
    for (std::size_t i = 0; i < all.size(); i += 2)
        rules.push_back(port_rule(all[i], Protocol::tcp, 30'000, ++number));
    rules.push_back(refused_rule(Protocol::tcp, 30'000, ++number));
    for (const IpAddress& address : all)
        rules.push_back(port_rule(address, Protocol::tcp, 30'000, ++number));
    const Chains tree = tree_of(external_services_root, rules);
    const Chains list = list_of(external_services_root, rules);
    std::size_t most = 0;
    for (const IpAddress& address : all) {
        for (std::uint16_t port = 30'000; port <= 30'001; ++port) {
            const Packet packet{address, Protocol::tcp, port};
            const Meeting met = meet(tree, external_services_root, packet);
            REQUIRE(met.met == meet(list, external_services_root, packet).met);
            most = std::max(most, met.compared);
        }
    }
    CHECK(most <= 120);
    // Few stand in the root as they are.
    rules.resize(1'000 + 1 + undivided_rules_max);
    const Chain root = tree_of(external_services_root, rules).at("KUBE-EXTERNAL-SERVICES");
    REQUIRE(root.size() > undivided_rules_max);
    CHECK(root[root.size() - undivided_rules_max] == rules[1'001]);
}

TEST_CASE("node ports are met as in the list, in order") {
    std::minstd_rand random{4};
    for (const TreeRoot& root : {nat_nodeports_root, health_checks_root}) {
        Chain rules;
        for (std::uint32_t i = 1; i <= 2'000; ++i) {
            const auto port = static_cast<std::uint16_t>(30'000 + random() % 2'768);
            Rule rule = port_rule(std::nullopt, protocols[random() % 3], port, i);
            // As those that count node ports at loopback addresses.
            if (random() % 4 == 0) rule.destination = *Cidr::parse("127.0.0.0/8");
            rules.push_back(std::move(rule));
        }
        const Chains tree = tree_of(root, rules);
        const Chains list = list_of(root, rules);
        CHECK(tree.size() > 100);
        std::size_t most = 0;
        for (std::uint16_t port = 29'990; port < 32'780; ++port) {
            for (const Protocol protocol : protocols) {
                for (const char* address : {"10.96.0.2", "127.0.0.1"}) {
                    const Packet packet{*IpAddress::parse(address), protocol, port};
                    const Meeting met = meet(tree, root, packet);
                    REQUIRE(met.met == meet(list, root, packet).met);
                    most = std::max(most, met.compared);
                }
            }
        }
        CHECK(most <= 60);
    }
}

TEST_CASE("many refused node ports cost a packet to elsewhere one rule") {
    Chain rules;
    for (std::uint16_t i = 0; i < 5'000; ++i)
        rules.push_back(
            refused_rule(Protocol::tcp, static_cast<std::uint16_t>(30'000 + i), i + 1U));
    const Chains tree = tree_of(external_services_root, rules);
    const Packet elsewhere{service_address(1), Protocol::tcp, 30'100};
    CHECK(meet(tree, external_services_root, elsewhere).compared == 1);
    const Packet here{service_address(2), Protocol::tcp, 30'100};
    const Meeting met = meet(tree, external_services_root, here);
    CHECK(met.met == std::vector<std::uint32_t>{101});
    CHECK(met.compared <= 60);
    const Rule& way = tree.at("KUBE-EXTERNAL-SERVICES").at(0);
    CHECK(way.matches == std::vector<Match>{LocalAddressMatch{.source = false}});
    CHECK(jump_of(way).chain == "KUBE-TREE-R");
    // Few need no chain of their own.
    rules.resize(undivided_rules_max);
    CHECK(tree_of(external_services_root, rules).size() == 1);
}

TEST_CASE("a Service's address behind another's node port stays divided") {
    const auto all = addresses(2'000);
    Chain rules;
    for (std::uint32_t i = 0; i < 2'000; ++i) {
        rules.push_back(port_rule(all[i], Protocol::tcp, 443, i));
        if (i % 200 == 0) rules.push_back(refused_rule(Protocol::tcp, 30'000, i));
    }
    const Chains tree = tree_of(external_services_root, rules);
    const Meeting met = meet(tree, external_services_root, {all[1'999], Protocol::tcp, 443});
    CHECK(met.met == std::vector<std::uint32_t>{1'999});
    CHECK(met.compared <= 80);
}
