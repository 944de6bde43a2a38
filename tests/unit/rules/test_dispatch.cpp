#include "rules/iptables/dispatch.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <span>

using namespace nameplane;
using namespace nameplane::rules::iptables;

namespace {

IpAddress v4(std::uint32_t number) {
    return IpAddress::v4(static_cast<std::uint8_t>(number >> 24),
                         static_cast<std::uint8_t>(number >> 16),
                         static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number));
}

constexpr std::uint32_t service_network = 10U << 24 | 96U << 16;

/// `count` different addresses of 10.96.0.0/12.
std::vector<IpAddress> addresses(std::size_t count) {
    std::minstd_rand random{1};
    std::set<std::uint32_t> numbers;
    while (numbers.size() < count) numbers.insert(service_network + random() % (1U << 20));
    std::vector<IpAddress> all;
    for (const std::uint32_t number : numbers) all.push_back(v4(number));
    std::ranges::shuffle(all, random);
    return all;
}

/// Walks as a packet does: the rules it is compared with, and those of its own address in order.
struct Walk {
    std::size_t compared = 0;
    std::vector<std::size_t> rules;
};

void walk(const std::map<std::string, const TreeChain*>& chains, const TreeChain& chain,
          std::span<const IpAddress> destinations, const IpAddress& address, Walk& done) {
    for (const TreeEntry& entry : chain.entries) {
        ++done.compared;
        if (!entry.network) {
            if (destinations[entry.rule] == address) done.rules.push_back(entry.rule);
        } else if (entry.network->contains(address)) {
            walk(chains, *chains.at(tree_chain_name(nat_services_root, *entry.network)),
                 destinations, address, done);
        }
    }
}

struct Walker {
    explicit Walker(std::vector<IpAddress> all)
        : destinations{std::move(all)}, tree{dispatch_tree(destinations)} {
        for (const TreeChain& chain : tree) {
            if (chain.network)
                CHECK(chains.emplace(tree_chain_name(nat_services_root, *chain.network), &chain)
                          .second);
        }
    }
    Walk operator()(const IpAddress& address) const {
        Walk done;
        walk(chains, tree.front(), destinations, address, done);
        return done;
    }
    std::vector<IpAddress> destinations;
    std::vector<TreeChain> tree;
    std::map<std::string, const TreeChain*> chains;
};

}  // namespace

TEST_CASE("few rules are not divided") {
    CHECK(dispatch_tree(std::span<const IpAddress>{}).size() == 1);
    const auto few = addresses(undivided_rules_max);
    const auto tree = dispatch_tree(few);
    REQUIRE(tree.size() == 1);
    CHECK_FALSE(tree[0].network);
    CHECK(tree[0].entries.size() == few.size());
    CHECK(dispatch_tree(addresses(undivided_rules_max + 1)).size() > 1);
}

TEST_CASE("every rule is met by its packets, in order, and by nobody else's") {
    std::vector<IpAddress> all = addresses(1'000);
    // Several ports of one address, and two Services that claim one.
    for (int i = 0; i < 30; ++i) all.push_back(all[7]);
    all.push_back(all[9]);
    const Walker walker{all};
    for (std::size_t rule = 0; rule < all.size(); ++rule) {
        const std::vector<std::size_t> met = walker(all[rule]).rules;
        std::vector<std::size_t> expected;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (all[i] == all[rule]) expected.push_back(i);
        }
        CHECK(met == expected);
    }
    CHECK(walker(*IpAddress::parse("192.0.2.1")).rules.empty());
    CHECK(walker(v4(service_network - 1)).rules.empty());
}

TEST_CASE("what a packet is compared with hardly grows with the number of Services") {
    std::vector<std::size_t> most;
    for (const std::size_t count : {100U, 1'000U, 10'000U}) {
        const Walker walker{addresses(count)};
        std::size_t compared = 0;
        for (const IpAddress& address : walker.destinations)
            compared = std::max(compared, walker(address).compared);
        most.push_back(compared);
    }
    CAPTURE(most);
    CHECK(most[0] <= 40);
    CHECK(most[1] <= 56);
    CHECK(most[2] <= 72);
}

TEST_CASE("an IPv6 network is divided where its addresses differ") {
    std::vector<IpAddress> all;
    for (int i = 0; i < 300; ++i) {
        all.push_back(*IpAddress::parse("fd00:10:96::" + std::to_string(i)));
    }
    const Walker walker{all};
    for (std::size_t rule = 0; rule < all.size(); ++rule) {
        const Walk done = walker(all[rule]);
        CHECK(done.rules == std::vector{rule});
        CHECK(done.compared <= 48);
    }
}

TEST_CASE("chains of a tree are named and led to by their network") {
    const Cidr network = *Cidr::parse("10.96.16.0/20");
    const std::string name = tree_chain_name(nat_services_root, network);
    CHECK(name.starts_with("KUBE-TREE-"));
    CHECK(name.size() == 26);
    const Rule jump = tree_jump(nat_services_root, network);
    CHECK(jump.destination == network);
    CHECK(std::get<Jump>(jump.target).chain == name);
    CHECK(tree_chain_name(nat_services_root, *Cidr::parse("10.96.16.0/24")) != name);
}

TEST_CASE("one Service more leaves most chains as they were") {
    std::vector<IpAddress> all = addresses(2'000);
    const auto chains_of = [](const std::vector<IpAddress>& destinations) {
        std::set<std::pair<std::string, std::vector<IpAddress>>> chains;
        for (const TreeChain& chain : dispatch_tree(destinations)) {
            std::vector<IpAddress> inside;
            for (const TreeEntry& entry : chain.entries) {
                inside.push_back(entry.network ? entry.network->address()
                                               : destinations[entry.rule]);
            }
            chains.emplace(chain.network ? tree_chain_name(nat_services_root, *chain.network) : "",
                           inside);
        }
        return chains;
    };
    const auto before = chains_of(all);
    all.push_back(v4(service_network + 77'777));
    const auto after = chains_of(all);
    std::size_t same = 0;
    for (const auto& chain : before) same += after.count(chain);
    CHECK(before.size() - same <= 4);
}

namespace {

/// What packets meet in the chains of a tree, walked as the kernel does.
struct Meeting {
    std::size_t compared = 0;
    std::vector<std::uint16_t> met;  ///< ordinals, in order
};

/// A rule for a port at `address` (nothing: any), told from others by the mark that it sets.
Rule port_rule(const std::optional<IpAddress>& address, services::Protocol protocol,
               std::uint16_t port, std::uint16_t ordinal) {
    Rule rule;
    if (address) rule.destination = *Cidr::make(*address, 32);
    rule.protocol = protocol;
    rule.matches = {DportMatch{port}};
    rule.target = SetMark{.value = ordinal};
    return rule;
}

void meet(const std::map<std::string, Chain>& chains, const std::string& chain,
          const IpAddress& address, services::Protocol protocol, std::uint16_t port,
          Meeting& done) {
    for (const Rule& rule : chains.at(chain)) {
        ++done.compared;
        if (rule.destination && !rule.destination->contains(address)) continue;
        if (const auto* jump = std::get_if<Jump>(&rule.target)) {
            meet(chains, jump->chain, address, protocol, port, done);
        } else if (rule.protocol == protocol &&
                   std::get<DportMatch>(rule.matches[0]).port == port) {
            done.met.push_back(static_cast<std::uint16_t>(std::get<SetMark>(rule.target).value));
        }
    }
}

std::map<std::string, Chain> by_name(std::vector<NamedChain> all) {
    std::map<std::string, Chain> chains;
    for (NamedChain& chain : all) CHECK(chains.emplace(chain.name, std::move(chain.rules)).second);
    return chains;
}

}  // namespace

TEST_CASE("rules for any address and those of addresses are met as in the list") {
    using services::Protocol;
    std::minstd_rand random{3};
    const std::vector<IpAddress> all = addresses(200);
    Chain rules;
    for (std::uint16_t i = 0; i < 1'000; ++i) {
        const bool anywhere = random() % 8 == 0;
        rules.push_back(port_rule(anywhere ? std::nullopt : std::optional{all[random() % 200]},
                                  random() % 2 == 0 ? Protocol::tcp : Protocol::udp,
                                  static_cast<std::uint16_t>(1 + random() % 40), i));
    }
    const std::string root{external_services_root.chain};
    const auto chains = by_name(divided(external_services_root, rules));
    CHECK(chains.size() > 10);
    const std::map<std::string, Chain> list{{root, rules}};
    for (const IpAddress& address : all) {
        for (std::uint16_t port = 1; port <= 40; ++port) {
            for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
                Meeting expected;
                meet(list, root, address, protocol, port, expected);
                Meeting done;
                meet(chains, root, address, protocol, port, done);
                REQUIRE(done.met == expected.met);
            }
        }
    }
}

TEST_CASE("a Service's address behind another's node port stays divided") {
    const auto all = addresses(2'000);
    Chain rules;
    for (std::uint16_t i = 0; i < 2'000; ++i) {
        rules.push_back(port_rule(all[i], services::Protocol::tcp, 443, i));
        if (i % 200 == 0)
            rules.push_back(port_rule(std::nullopt, services::Protocol::tcp, 30'000, i));
    }
    const auto chains = by_name(divided(external_services_root, rules));
    Meeting done;
    meet(chains, "KUBE-EXTERNAL-SERVICES", all[1'999], services::Protocol::tcp, 443, done);
    CHECK(done.met == std::vector<std::uint16_t>{1'999});
    CHECK(done.compared <= 80);
}

TEST_CASE("chains of different trees have different names") {
    const Cidr network = *Cidr::parse("10.96.16.0/20");
    std::set<std::string> names;
    for (const TreeRoot& root :
         {nat_services_root, filter_services_root, external_services_root, proxy_firewall_root}) {
        const std::string name = tree_chain_name(root, network);
        CHECK(name.starts_with(tree_prefix));
        CHECK(names.insert(name).second);
    }
}
