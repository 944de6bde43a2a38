#include "rules/nftables/xtables_rules.hpp"
#include "unit/rules/attributes.hpp"

#include <catch2/catch.hpp>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_conntrack.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

using namespace nameplane;
using namespace nameplane::rules::nftables;
using namespace nameplane::test;

namespace {

Bytes value(std::uint16_t type, const Bytes& octets) {
    return attribute(type, attribute(NFTA_DATA_VALUE, octets));
}

Bytes expression(std::string_view name, const std::vector<Bytes>& data) {
    return attribute(NFTA_LIST_ELEM,
                     joined({text(NFTA_EXPR_NAME, name), attribute(NFTA_EXPR_DATA, joined(data))}));
}

Bytes port(unsigned value) {
    return {static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value)};
}

Bytes compare(std::uint32_t operation, const Bytes& with) {
    return expression("cmp", {number(NFTA_CMP_OP, operation), value(NFTA_CMP_DATA, with)});
}

Bytes range(std::uint32_t operation, unsigned from, unsigned to) {
    return expression("range",
                      {number(NFTA_RANGE_OP, operation), value(NFTA_RANGE_FROM_DATA, port(from)),
                       value(NFTA_RANGE_TO_DATA, port(to))});
}

Bytes verdict(int code, std::string_view chain = {}) {
    Bytes inside = number(NFTA_VERDICT_CODE, static_cast<std::uint32_t>(code));
    if (!chain.empty()) inside = joined({inside, text(NFTA_VERDICT_CHAIN, chain)});
    return expression("immediate",
                      {attribute(NFTA_IMMEDIATE_DATA, attribute(NFTA_DATA_VERDICT, inside))});
}

std::string line_in(std::string_view chain, const std::vector<Bytes>& expressions) {
    std::string line;
    append_xtables_rule(joined({text(NFTA_RULE_TABLE, "filter"), text(NFTA_RULE_CHAIN, chain),
                                attribute(NFTA_RULE_EXPRESSIONS, joined(expressions))}),
                        Family::ipv4, line);
    return line;
}

Bytes commented(const Bytes& comment) {
    return expression("match", {text(NFTA_MATCH_NAME, "comment"), number(NFTA_MATCH_REV, 0),
                                attribute(NFTA_MATCH_INFO, comment)});
}

Bytes state_match(std::uint16_t states) {
    xt_conntrack_mtinfo3 info{};
    info.match_flags = XT_CONNTRACK_STATE;
    info.state_mask = states;
    Bytes octets(sizeof info);
    std::memcpy(octets.data(), &info, sizeof info);
    return octets;
}

Bytes octets_of(std::string_view text) {
    return {text.begin(), text.end()};
}

/// The line of a rule that looks at TCP's destination port in this way, and accepts.
std::string line_of(const Bytes& looks) {
    return line_in(
        "KUBE-X",
        {expression("meta", {number(NFTA_META_KEY, NFT_META_L4PROTO)}), compare(NFT_CMP_EQ, {6}),
         expression("payload", {number(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER),
                                number(NFTA_PAYLOAD_OFFSET, 2), number(NFTA_PAYLOAD_LEN, 2)}),
         looks, verdict(NF_ACCEPT)});
}

/// The line of a rule that looks at the source behind this mask, and accepts.
std::string line_from(const Bytes& mask, const Bytes& address) {
    return line_in("KUBE-X",
                   {expression("payload", {number(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER),
                                           number(NFTA_PAYLOAD_OFFSET, 12)}),
                    expression("bitwise", {value(NFTA_BITWISE_MASK, mask),
                                           value(NFTA_BITWISE_XOR, {0, 0, 0, 0})}),
                    compare(NFT_CMP_EQ, address), verdict(NF_ACCEPT)});
}

}  // namespace

TEST_CASE("destination ports of iptables-nft's rules, as iptables-save has them") {
    CHECK(line_of(compare(NFT_CMP_EQ, port(53))) ==
          "-A KUBE-X -p tcp -m tcp --dport 53 -j ACCEPT\n");
    CHECK(line_of(range(NFT_RANGE_EQ, 30'000, 32'767)) ==
          "-A KUBE-X -p tcp -m tcp --dport 30000:32767 -j ACCEPT\n");
    CHECK(line_of(compare(NFT_CMP_LTE, port(1023))) ==
          "-A KUBE-X -p tcp -m tcp --dport 0:1023 -j ACCEPT\n");
    CHECK(line_of(compare(NFT_CMP_GTE, port(1024))) ==
          "-A KUBE-X -p tcp -m tcp --dport 1024:65535 -j ACCEPT\n");
}

TEST_CASE("what iptables cannot say of a port makes the rule an unknown one") {
    const std::string unknown = "-A KUBE-X ? -j ACCEPT\n";
    CHECK(line_of(range(NFT_RANGE_NEQ, 1, 2)) == unknown);
    CHECK(line_of(compare(NFT_CMP_LT, port(1))) == unknown);
    CHECK(line_of(compare(NFT_CMP_GTE, {1})) == unknown);
    CHECK(line_of(compare(NFT_CMP_NEQ, port(1))) == unknown);
}

TEST_CASE("a mask is a prefix or the rule an unknown one") {
    const std::string unknown = "-A KUBE-X ? -j ACCEPT\n";
    CHECK(line_from({255, 255, 240, 0}, {10, 0, 16, 0}) == "-A KUBE-X -s 10.0.16.0/20 -j ACCEPT\n");
    CHECK(line_from({255, 0, 255, 0}, {10, 0, 0, 0}) == unknown);
    CHECK(line_from({255, 253, 0, 0}, {10, 0, 0, 0}) == unknown);
    CHECK(line_from({255, 255, 0, 0}, {10, 0}) == unknown);
}

TEST_CASE("a rule that iptables-restore cannot name is an unknown one, where others jump is kept") {
    CHECK(line_in("KUBE-X", {commented(octets_of("it's ours")), verdict(NF_DROP)}) ==
          "-A KUBE-X -m comment --comment \"it\\'s ours\" -j DROP\n");
    CHECK(line_in("KUBE-X", {commented(octets_of("two\nlines")), verdict(NF_DROP)}) ==
          "-A KUBE-X ? -j DROP\n");
    const Bytes interface = expression("meta", {number(NFTA_META_KEY, NFT_META_IIFNAME)});
    CHECK(line_in("KUBE-X", {interface, compare(NFT_CMP_EQ, octets_of("eth0")),
                             verdict(NF_DROP)}) == "-A KUBE-X -i eth0+ -j DROP\n");
    CHECK(line_in("KUBE-X", {interface, compare(NFT_CMP_EQ, octets_of("a -j B")),
                             verdict(NF_DROP)}) == "-A KUBE-X ? -j DROP\n");
    CHECK(line_in("their chain", {verdict(NFT_JUMP, "KUBE-SVC-A")}) ==
          "-A their?chain -j KUBE-SVC-A\n");
    CHECK(line_in("INPUT", {verdict(NFT_JUMP, "their\nchain")}) == "-A INPUT ? -j their?chain\n");
}

TEST_CASE("what is longer or emptier than iptables takes makes the rule an unknown one") {
    const std::string unknown = "-A KUBE-X ? -j DROP\n";
    const auto dropped = [](const Bytes& one) {
        return line_in("KUBE-X", {one, verdict(NF_DROP)});
    };
    CHECK(dropped(commented({})) == "-A KUBE-X -m comment --comment \"\" -j DROP\n");
    CHECK(dropped(commented(Bytes(255, 'a'))).starts_with("-A KUBE-X -m comment"));
    CHECK(dropped(commented(Bytes(256, 'a'))) == unknown);
    const std::string longest(28, 'A');
    CHECK(line_in("KUBE-X", {verdict(NFT_JUMP, longest)}) == "-A KUBE-X -j " + longest + "\n");
    CHECK(line_in("KUBE-X", {verdict(NFT_JUMP, longest + "A")}) ==
          "-A KUBE-X ? -j " + longest + "A\n");
    const auto through = [](std::string_view interface) {
        return line_in("KUBE-X", {expression("meta", {number(NFTA_META_KEY, NFT_META_IIFNAME)}),
                                  compare(NFT_CMP_EQ, octets_of(interface)), verdict(NF_DROP)});
    };
    using namespace std::string_view_literals;
    CHECK(through("fifteen-letters\0"sv) == "-A KUBE-X -i fifteen-letters -j DROP\n");
    CHECK(through("fourteen-lette"sv) == "-A KUBE-X -i fourteen-lette+ -j DROP\n");
    CHECK(through("fifteen-letters"sv) == unknown);
    // Neither a state nor a protocol.
    CHECK(
        dropped(expression("match", {text(NFTA_MATCH_NAME, "conntrack"), number(NFTA_MATCH_REV, 3),
                                     attribute(NFTA_MATCH_INFO, state_match(0))})) == unknown);
    CHECK(
        dropped(expression("match", {text(NFTA_MATCH_NAME, "conntrack"), number(NFTA_MATCH_REV, 3),
                                     attribute(NFTA_MATCH_INFO, state_match(1))})) ==
        "-A KUBE-X -m conntrack --ctstate INVALID -j DROP\n");
    const Bytes any_port{0, 0, 0xff, 0xff, 80, 0, 80, 0, 0, 0};
    CHECK(dropped(expression("match", {text(NFTA_MATCH_NAME, "udp"), number(NFTA_MATCH_REV, 0),
                                       attribute(NFTA_MATCH_INFO, any_port)})) == unknown);
    CHECK(line_of(range(NFT_RANGE_EQ, 2, 1)) == "-A KUBE-X ? -j ACCEPT\n");
}
