#include "rules/iptables/encode.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstring>
#include <source_location>

using namespace nameplane;
using namespace nameplane::rules::iptables;
using services::Protocol;

namespace {

// Octets were taken from a kernel that iptables-legacy 1.8.9 had written to.
struct Row {
    const char* what;
    Rule rule;
    Family family;
    std::size_t at;  ///< where `octets` stand
    std::vector<int> octets;
    std::size_t size;
    Features features{};
    std::source_location where = std::source_location::current();
};

std::vector<int> octets_of(const EncodedRule& rule, std::size_t at, std::size_t count) {
    std::vector<unsigned char> all(rule.size());
    std::memcpy(all.data(), rule.data(), rule.size());
    REQUIRE(at + count <= all.size());
    return {all.begin() + static_cast<std::ptrdiff_t>(at),
            all.begin() + static_cast<std::ptrdiff_t>(at + count)};
}

Rule with(Match match, Target target = NoTarget{}) {
    Rule rule;
    rule.matches = {std::move(match)};
    rule.target = std::move(target);
    return rule;
}

Rule on(Protocol protocol, Match match) {
    Rule rule = with(std::move(match));
    rule.protocol = protocol;
    return rule;
}

Rule to(Target target) {
    Rule rule;
    rule.target = std::move(target);
    return rule;
}

Rule from(const char* source, bool negated) {
    Rule rule;
    rule.source = Cidr::parse(source);
    rule.source_negated = negated;
    return rule;
}

Rule through(const char* interface) {
    Rule rule;
    rule.in_interface = interface;
    return rule;
}

}  // namespace

TEST_CASE("rules are laid out as the legacy tools lay them out") {
    constexpr std::size_t v4 = 112;
    constexpr std::size_t v6 = 168;
    const Dnat dnat4{*IpAddress::parse("10.1.1.1"), 80};
    const Dnat dnat6{*IpAddress::parse("fd00::2"), 80};
    const Features old4{.dnat_revision = 0};
    const Features old6{.dnat_revision = 1};
    const Row rows[] = {
        {"no target", {}, Family::ipv4, v4, {40, 0, 0}, 152},
        {"no target", {}, Family::ipv6, v6, {40, 0, 0}, 208},
        {"tcp port",
         on(Protocol::tcp, DportMatch{80}),
         Family::ipv4,
         v4 + 32,
         {0, 0, 255, 255, 80, 0, 80, 0},
         200},
        {"tcp alone",
         on(Protocol::tcp, ProtocolMatch{}),
         Family::ipv6,
         v6 + 32,
         {0, 0, 255, 255, 0, 0, 255, 255},
         256},
        {"udp port",
         on(Protocol::udp, DportMatch{53}),
         Family::ipv4,
         v4 + 32,
         {0, 0, 255, 255, 53, 0, 53, 0},
         200},
        {"tcp ports",
         on(Protocol::tcp, DportRangeMatch{256, 511}),
         Family::ipv4,
         v4 + 32,
         {0, 0, 255, 255, 0, 1, 255, 1},
         200},
        {"protocol flag of IPv6",
         on(Protocol::udp, DportMatch{53}),
         Family::ipv6,
         128,
         {17, 0, 0, 1, 0},
         256},
        {"1/3", with(RandomMatch{3}), Family::ipv4, v4 + 36, {0xab, 0xaa, 0xaa, 0x2a}, 208},
        {"1/2", with(RandomMatch{2}), Family::ipv4, v4 + 36, {0, 0, 0, 0x40}, 208},
        {"state",
         with(StateMatch{StateMatch::fresh}),
         Family::ipv4,
         v4 + 2,
         {'c', 'o', 'n', 'n', 't', 'r', 'a', 'c', 'k'},
         352},
        {"mark",
         with(MarkMatch{0x4000, 0x4000, true}),
         Family::ipv4,
         v4 + 32,
         {0, 0x40, 0, 0, 0, 0x40, 0, 0, 1},
         200},
        {"local destination",
         with(LocalAddressMatch{false}),
         Family::ipv4,
         v4 + 32,
         {0, 0, 4, 0},
         192},
        {"local source", with(LocalAddressMatch{true}), Family::ipv4, v4 + 32, {4, 0, 0, 0}, 192},
        {"recent",
         with(RecentMatch{"S", 10}),
         Family::ipv4,
         v4 + 32,
         {10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0, 'S', 0, 'F', 'A', 'U', 'L', 'T', 0},
         416},
        {"recent --set",
         with(RecentMatch{"S", 0}),
         Family::ipv6,
         v6 + 40,
         {2, 0, 'S', 0, 'F'},
         472},
        {"counter",
         with(CounterMatch{"seen"}),
         Family::ipv4,
         v4 + 31,
         {1, 's', 'e', 'e', 'n', 0},
         224},
        {"REJECT", to(Reject{}), Family::ipv4, v4 + 32, {3, 0, 0, 0}, 152},
        {"REJECT", to(Reject{}), Family::ipv6, v6 + 32, {4, 0, 0, 0}, 208},
        {"DNAT", to(dnat4), Family::ipv4, v4 + 31, {2, 3, 0, 0, 0, 10, 1, 1, 1}, 192},
        {"DNAT port", to(dnat4), Family::ipv4, v4 + 32 + 36, {0, 80, 0, 80, 0, 0}, 192},
        {"DNAT", to(dnat6), Family::ipv6, v6 + 31, {2, 3, 0, 0, 0, 0xfd, 0}, 248},
        {"DNAT, older kernel",
         to(dnat4),
         Family::ipv4,
         v4 + 31,
         {0, 1, 0, 0, 0, 3, 0, 0, 0, 10, 1, 1, 1, 10, 1, 1, 1, 0, 80, 0, 80},
         168,
         old4},
        {"DNAT, older kernel",
         to(dnat6),
         Family::ipv6,
         v6 + 31,
         {1, 3, 0, 0, 0, 0xfd, 0},
         240,
         old6},
        {"MASQUERADE", to(Masquerade{true}), Family::ipv4, v4 + 32, {1, 0, 0, 0, 16, 0, 0, 0}, 168},
        {"MASQUERADE", to(Masquerade{true}), Family::ipv6, v6 + 32, {16, 0, 0, 0}, 240},
        {"or-mark",
         to(SetMark{0x4000}),
         Family::ipv4,
         v4 + 31,
         {2, 0, 0x40, 0, 0, 0, 0x40, 0, 0},
         152},
        {"xor-mark",
         to(SetMark{0x4000, true}),
         Family::ipv4,
         v4 + 32,
         {0, 0x40, 0, 0, 0, 0, 0, 0},
         152},
        {"not from",
         from("10.0.0.0/8", true),
         Family::ipv4,
         0,
         {10, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0},
         152},
        {"negation bit", from("10.0.0.0/8", true), Family::ipv4, 83, {8}, 152},
        {"interface", through("br0"), Family::ipv4, 16, {'b', 'r', '0', 0}, 152},
        {"its mask", through("br0"), Family::ipv4, 48, {255, 255, 255, 255, 0}, 152},
        {"mask of a prefix", through("br+"), Family::ipv4, 48, {255, 255, 0, 0}, 152},
    };
    for (const Row& row : rows) {
        INFO(row.where.file_name() << ":" << row.where.line() << " " << row.what);
        const auto encoded = encode(row.rule, row.family, row.features);
        REQUIRE(encoded);
        CHECK(encoded->size() == row.size);
        CHECK(octets_of(*encoded, row.at, row.octets.size()) == row.octets);
        const RuleView view = view_of(*encoded, row.family);
        CHECK(same_rule(view, view, row.family));
    }
}

TEST_CASE("what the kernel could not hold is refused") {
    const Rule rules[] = {
        with(CommentMatch{std::string(256, 'c')}),
        to(Jump{std::string(29, 'J')}),
        through("an-interface-name"),
        from("fd00::/8", false),
        with(DportMatch{80}),
        with(RecentMatch{"", 1}),
        with(RecentMatch{std::string(200, 'r'), 1}),
        to(Dnat{*IpAddress::parse("fd00::1"), 1}),
    };
    for (const Rule& rule : rules) {
        const auto encoded = encode(rule, Family::ipv4, {});
        REQUIRE_FALSE(encoded);
        CHECK(encoded.error().code == Errc::invalid);
    }
    CHECK(encode(with(CommentMatch{std::string(255, 'c')}), Family::ipv4, {}));
    CHECK(encode(to(Jump{std::string(28, 'J')}), Family::ipv4, {}));
    CHECK(encode(through("fifteen-letters"), Family::ipv4, {}));
}

TEST_CASE("counters do not count in a comparison, anything else does") {
    Rule rule = on(Protocol::tcp, DportMatch{80});
    rule.target = Jump{"KUBE-A"};
    const auto one = encode(rule, Family::ipv4, {});
    auto other = encode(rule, Family::ipv4, {});
    set_counters(*other, Family::ipv4, {.packets = 3, .octets = 99});
    CHECK(counters_of(other->data(), Family::ipv4).octets == 99);
    const RuleView view = view_of(*one, Family::ipv4);
    CHECK(same_rule(view, view_of(*other, Family::ipv4), Family::ipv4));
    CHECK(hash_rule(view, Family::ipv4) == hash_rule(view_of(*other, Family::ipv4), Family::ipv4));
    Rule port = rule;
    port.matches = {DportMatch{81}};
    Rule chain = rule;
    chain.target = Jump{"KUBE-B"};
    Rule source = rule;
    source.source = Cidr::parse("10.0.0.0/8");
    Rule more = rule;
    more.matches.emplace_back(CommentMatch{"c"});
    for (const Rule& changed : {port, chain, source, more}) {
        const auto encoded = encode(changed, Family::ipv4, {});
        CHECK_FALSE(same_rule(view, view_of(*encoded, Family::ipv4), Family::ipv4));
        CHECK(hash_rule(view, Family::ipv4) !=
              hash_rule(view_of(*encoded, Family::ipv4), Family::ipv4));
    }
}

TEST_CASE("rules that this kernel cannot hold are left out") {
    Rule affinity = with(RecentMatch{"KUBE-SEP-A", 10}, Jump{"KUBE-SEP-A"});
    Rule set = on(Protocol::tcp, ProtocolMatch{});
    set.matches.insert(set.matches.begin(), RecentMatch{"KUBE-SEP-A", 0});
    const Rule sctp = on(Protocol::sctp, DportMatch{1});
    const Chain chain{affinity, set, sctp};
    CHECK(encode_chain(chain, Family::ipv4, {})->size() == 3);
    CHECK(encode_chain(chain, Family::ipv4, {.sctp = false})->size() == 2);
    const auto without = encode_chain(chain, Family::ipv4, {.recent = false});
    REQUIRE(without->size() == 2);
    const auto plain = encode(on(Protocol::tcp, ProtocolMatch{}), Family::ipv4, {});
    CHECK(same_rule(view_of((*without)[0], Family::ipv4), view_of(*plain, Family::ipv4),
                    Family::ipv4));
}

TEST_CASE("what a rule of others claims inside of its own length ends there") {
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const auto good = encode(with(CommentMatch{"a"}), family, {});
        REQUIRE(good);
        const std::size_t match_at = family == Family::ipv4 ? 112 : 168;
        // A match without a size; one that would end behind the entry ends with it.
        for (const std::uint16_t claimed : std::array<std::uint16_t, 3>{0, 31, 0xffff}) {
            CAPTURE(to_string(family), claimed);
            EncodedRule odd = *good;
            std::memcpy(odd.at(match_at), &claimed, sizeof claimed);
            const RuleView view = view_of(odd, family);
            CHECK(same_rule(view, view, family));
            CHECK(same_rule(view, view_of(*good, family), family) == (claimed == 0xffff));
            CHECK((hash_rule(view, family) == hash_rule(view_of(*good, family), family)) ==
                  (claimed == 0xffff));
        }
        // A target that begins behind it.
        EncodedRule odd = *good;
        const std::uint16_t behind = 0xfff0;
        std::memcpy(odd.at(family == Family::ipv4 ? 88 : 140), &behind, sizeof behind);
        CHECK(hash_rule(view_of(odd, family), family) != hash_rule(view_of(*good, family), family));
    }
}
