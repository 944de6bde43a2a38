#include "rules/iptables/bit_tree.hpp"
#include "rules/iptables/dispatch.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <span>

using namespace nameplane;
using namespace nameplane::rules::iptables;
using services::Protocol;

namespace {

IpAddress v4(std::uint32_t number) {
    return IpAddress::v4(static_cast<std::uint8_t>(number >> 24),
                         static_cast<std::uint8_t>(number >> 16),
                         static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number));
}

constexpr std::uint32_t service_network = 10U << 24 | 96U << 16;

/// `count` different addresses of 10.96.0.0/12.
std::vector<BitKey> addresses(std::size_t count) {
    std::minstd_rand random{1};
    std::set<std::uint32_t> numbers;
    while (numbers.size() < count) numbers.insert(service_network + random() % (1U << 20));
    std::vector<BitKey> all;
    for (const std::uint32_t number : numbers) all.push_back(bits_of(v4(number)));
    std::ranges::shuffle(all, random);
    return all;
}

/// `count` different node ports, one in four of UDP.
std::vector<BitKey> node_ports(std::size_t count) {
    std::minstd_rand random{2};
    std::set<BitKey> keys;
    while (keys.size() < count) {
        const Protocol protocol = random() % 4 == 0 ? Protocol::udp : Protocol::tcp;
        keys.insert(bits_of(protocol, static_cast<std::uint16_t>(30'000 + random() % 20'000)));
    }
    std::vector<BitKey> all{keys.begin(), keys.end()};
    std::ranges::shuffle(all, random);
    return all;
}

/// What who looks for a number is compared with, and things of that number in order.
struct Walk {
    std::size_t compared = 0;
    std::vector<std::size_t> items;
};

class Walker {
public:
    explicit Walker(std::vector<BitKey> all) : keys{std::move(all)}, tree{divide_by_bits(keys)} {}
    Walk operator()(const BitKey& key) const {
        Walk done;
        walk(tree.front(), key, done);
        return done;
    }

    const std::vector<BitKey> keys;
    const std::vector<BitList> tree;

private:
    void walk(const BitList& list, const BitKey& key, Walk& done) const {
        for (const BitEntry& entry : list.entries) {
            ++done.compared;
            if (!entry.range) {
                if (keys[entry.item] == key) done.items.push_back(entry.item);
            } else if (entry.range->contains(key)) {
                const auto next = std::ranges::find(tree, entry.range, &BitList::range);
                REQUIRE(next != tree.end());
                walk(*next, key, done);
            }
        }
    }
};

std::vector<std::size_t> places_of(const BitKey& key, const std::vector<BitKey>& all) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i] == key) places.push_back(i);
    }
    return places;
}

}  // namespace

TEST_CASE("few things are not divided") {
    CHECK(divide_by_bits({}).size() == 1);
    for (const auto& keys_of : {addresses, node_ports}) {
        const auto few = keys_of(undivided_rules_max);
        const auto tree = divide_by_bits(few);
        REQUIRE(tree.size() == 1);
        CHECK_FALSE(tree[0].range);
        CHECK(tree[0].entries.size() == few.size());
    }
    CHECK(divide_by_bits(addresses(undivided_rules_max + 1)).size() > 1);
}

TEST_CASE("many things of one number stay in one list") {
    const std::vector<BitKey> all(30, bits_of(Protocol::tcp, 30'080));
    const auto tree = divide_by_bits(all);
    REQUIRE(tree.size() == 1);
    CHECK(tree[0].entries.size() == 30);
}

TEST_CASE("everything is met by who looks for it, in order, and by nobody else") {
    for (std::vector<BitKey> all : {addresses(1'000), node_ports(1'000)}) {
        // Several with one number, beside each other and not.
        for (int i = 0; i < 30; ++i) all.push_back(all[7]);
        all.push_back(all[9]);
        const Walker walker{all};
        for (const BitKey& key : all) CHECK(walker(key).items == places_of(key, all));
    }
    const Walker by_address{addresses(1'000)};
    CHECK(by_address(bits_of(v4(service_network - 1))).items.empty());
    CHECK(by_address(bits_of(*IpAddress::parse("192.0.2.1"))).items.empty());
    const Walker by_port{node_ports(1'000)};
    CHECK(by_port(bits_of(Protocol::tcp, 29'999)).items.empty());
    CHECK(by_port(bits_of(Protocol::sctp, 30'001)).items.empty());
}

TEST_CASE("what one is compared with hardly grows with the number of things") {
    for (const auto& keys_of : {addresses, node_ports}) {
        std::vector<std::size_t> most;
        for (const std::size_t count : {100U, 1'000U, 10'000U}) {
            const Walker walker{keys_of(count)};
            std::size_t compared = 0;
            for (const BitKey& key : walker.keys)
                compared = std::max(compared, walker(key).compared);
            most.push_back(compared);
        }
        CAPTURE(most);
        CHECK(most[0] <= 40);
        CHECK(most[1] <= 56);
        CHECK(most[2] <= 72);
    }
}

TEST_CASE("an IPv6 network is divided where its addresses differ") {
    std::vector<BitKey> all;
    for (int i = 0; i < 300; ++i)
        all.push_back(bits_of(*IpAddress::parse("fd00:10:96::" + std::to_string(i))));
    const Walker walker{all};
    for (std::size_t item = 0; item < all.size(); ++item) {
        const Walk done = walker(all[item]);
        CHECK(done.items == std::vector{item});
        CHECK(done.compared <= 48);
    }
}

TEST_CASE("one thing more leaves most lists as they were") {
    const auto lists_of = [](const std::vector<BitKey>& keys) {
        std::set<std::pair<BitKey, std::vector<BitKey>>> lists;
        for (const BitList& list : divide_by_bits(keys)) {
            std::vector<BitKey> inside;
            for (const BitEntry& entry : list.entries)
                inside.push_back(entry.range ? entry.range->first : keys[entry.item]);
            lists.emplace(list.range.value_or(BitRange{}).first, inside);
        }
        return lists;
    };
    struct Row {
        std::vector<BitKey> keys;
        BitKey more;
    };
    for (Row& row : std::vector<Row>{{addresses(2'000), bits_of(v4(service_network + 77'777))},
                                     {node_ports(2'000), bits_of(Protocol::tcp, 29'999)},
                                     {node_ports(2'000), bits_of(Protocol::sctp, 31'000)}}) {
        const auto before = lists_of(row.keys);
        row.keys.push_back(row.more);
        const auto after = lists_of(row.keys);
        std::size_t same = 0;
        for (const auto& list : before) same += after.count(list);
        CHECK(before.size() - same <= 4);
    }
}
