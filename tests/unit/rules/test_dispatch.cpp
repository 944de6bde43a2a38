#include "rules/iptables/dispatch.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>

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
            walk(chains, *chains.at(tree_chain_name(*entry.network)), destinations, address, done);
        }
    }
}

struct Walker {
    explicit Walker(std::vector<IpAddress> all)
        : destinations{std::move(all)}, tree{dispatch_tree(destinations)} {
        for (const TreeChain& chain : tree) {
            if (chain.network)
                CHECK(chains.emplace(tree_chain_name(*chain.network), &chain).second);
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
    CHECK(dispatch_tree({}).size() == 1);
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
    const std::string name = tree_chain_name(network);
    CHECK(name.starts_with("KUBE-TREE-"));
    CHECK(name.size() == 26);
    const Rule jump = tree_jump(network);
    CHECK(jump.destination == network);
    CHECK(std::get<Jump>(jump.target).chain == name);
    CHECK(tree_chain_name(*Cidr::parse("10.96.16.0/24")) != name);
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
            chains.emplace(chain.network ? tree_chain_name(*chain.network) : "", inside);
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
