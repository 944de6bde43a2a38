#include "rules/nftables/xtables_rules.hpp"

#include <catch2/catch.hpp>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using namespace nameplane;
using namespace nameplane::rules::nftables;

namespace {

using Octets = std::vector<std::uint8_t>;

Octets joined(const std::vector<Octets>& parts) {
    Octets all;
    for (const Octets& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
}

Octets attribute(std::uint16_t type, const Octets& data) {
    const std::size_t size = 4 + data.size();
    Octets all{static_cast<std::uint8_t>(size), static_cast<std::uint8_t>(size >> 8U),
               static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(type >> 8U)};
    all.insert(all.end(), data.begin(), data.end());
    while (all.size() % 4 != 0) all.push_back(0);
    return all;
}

Octets text(std::uint16_t type, std::string_view value) {
    Octets data{value.begin(), value.end()};
    data.push_back(0);
    return attribute(type, data);
}

Octets number(std::uint16_t type, std::uint32_t value) {
    return attribute(
        type, {static_cast<std::uint8_t>(value >> 24U), static_cast<std::uint8_t>(value >> 16U),
               static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value)});
}

Octets value(std::uint16_t type, const Octets& octets) {
    return attribute(type, attribute(NFTA_DATA_VALUE, octets));
}

Octets expression(std::string_view name, const std::vector<Octets>& data) {
    return attribute(NFTA_LIST_ELEM,
                     joined({text(NFTA_EXPR_NAME, name), attribute(NFTA_EXPR_DATA, joined(data))}));
}

Octets port(unsigned value) {
    return {static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value)};
}

Octets compare(std::uint32_t operation, const Octets& with) {
    return expression("cmp", {number(NFTA_CMP_OP, operation), value(NFTA_CMP_DATA, with)});
}

Octets range(std::uint32_t operation, unsigned from, unsigned to) {
    return expression("range",
                      {number(NFTA_RANGE_OP, operation), value(NFTA_RANGE_FROM_DATA, port(from)),
                       value(NFTA_RANGE_TO_DATA, port(to))});
}

/// The line of a rule that looks at TCP's destination port in this way, and accepts.
std::string line_of(const Octets& looks) {
    const Octets expressions = joined(
        {expression("meta", {number(NFTA_META_KEY, NFT_META_L4PROTO)}), compare(NFT_CMP_EQ, {6}),
         expression("payload", {number(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER),
                                number(NFTA_PAYLOAD_OFFSET, 2), number(NFTA_PAYLOAD_LEN, 2)}),
         looks,
         expression("immediate", {attribute(NFTA_IMMEDIATE_DATA,
                                            attribute(NFTA_DATA_VERDICT,
                                                      number(NFTA_VERDICT_CODE, NF_ACCEPT)))})});
    std::string line;
    append_xtables_rule(joined({text(NFTA_RULE_TABLE, "filter"), text(NFTA_RULE_CHAIN, "KUBE-X"),
                                attribute(NFTA_RULE_EXPRESSIONS, expressions)}),
                        Family::ipv4, line);
    return line;
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
