// What the kernel sends about nf_tables, cut, torn and otherwise not as it should be.

#include "rules/answer.hpp"
#include "rules/nftables/encode.hpp"
#include "rules/nftables/monitor.hpp"
#include "unit/rules/attributes.hpp"

#include <catch2/catch.hpp>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <utility>

using namespace nameplane;
using namespace nameplane::rules;
using namespace nameplane::rules::nftables;
using namespace nameplane::test;

namespace {

constexpr std::uint32_t sequence = 7;

struct Head {
    std::uint16_t type = 0;
    std::uint16_t flags = 0;
    std::uint32_t sequence = ::sequence;
    std::uint32_t port = 0;
};

Bytes message(const Head& about, const Bytes& payload) {
    nlmsghdr head{};
    head.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(payload.size()));
    head.nlmsg_type = about.type;
    head.nlmsg_flags = about.flags;
    head.nlmsg_seq = about.sequence;
    head.nlmsg_pid = about.port;
    Bytes octets(NLMSG_SPACE(payload.size()));
    std::memcpy(octets.data(), &head, sizeof head);
    std::ranges::copy(payload, octets.begin() + NLMSG_HDRLEN);
    return octets;
}

/// A message about nf_tables of IPv4.
Bytes about(std::uint8_t kind, const std::vector<Bytes>& attributes, Head head = {}) {
    head.type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | kind);
    const Bytes family{AF_INET, 0, 0, 0};
    return message(head, joined({family, joined(attributes)}));
}

Bytes done(std::int32_t said, std::uint16_t flags = 0) {
    Bytes payload(sizeof said);
    std::memcpy(payload.data(), &said, sizeof said);
    return message({.type = NLMSG_DONE, .flags = flags}, payload);
}

const nlmsghdr* head_of(const Bytes& message) {
    return reinterpret_cast<const nlmsghdr*>(message.data());
}

/// How many messages an answer of these datagrams has, and how it ends.
std::pair<int, Result<bool>> taken(const std::vector<Bytes>& datagrams) {
    int messages = 0;
    Answer answer{sequence, "read"};
    Result<bool> complete = false;
    for (const Bytes& datagram : datagrams) {
        complete = answer.take(datagram, [&](const nlmsghdr*) { ++messages; });
        if (!complete || *complete) break;
    }
    return {messages, std::move(complete)};
}

Errc code_of(const std::vector<Bytes>& datagrams) {
    const auto [messages, complete] = taken(datagrams);
    REQUIRE_FALSE(complete);
    return complete.error().code;
}

const Bytes chain = about(NFT_MSG_NEWCHAIN, {text(NFTA_CHAIN_TABLE, "nameplane")});

}  // namespace

TEST_CASE("an answer ends with its last message, in whatever datagrams it comes") {
    const auto [messages, complete] = taken({joined({chain, chain}), joined({chain, done(0)})});
    CHECK(messages == 3);
    CHECK((complete && *complete));
    const auto [some, more] = taken({chain});
    CHECK(some == 1);
    CHECK((more && !*more));
}

TEST_CASE("a list that fails half-way is no list") {
    CHECK(code_of({chain, done(-ENOENT)}) == Errc::not_found);
    CHECK(code_of({chain, done(0, NLM_F_DUMP_INTR)}) == Errc::again);
    const Bytes torn = about(NFT_MSG_NEWCHAIN, {}, {.flags = NLM_F_DUMP_INTR});
    CHECK(code_of({torn, done(0)}) == Errc::again);
    Bytes half = joined({chain, chain});
    half.resize(half.size() - 4);
    CHECK(code_of({half}) == Errc::io);
    Bytes endless = chain;
    endless[3] = 0x80;  // a length of more than 2^31
    CHECK(code_of({endless}) == Errc::io);
}

TEST_CASE("what the kernel refuses is told by its errno") {
    Bytes payload(sizeof(nlmsgerr));
    const std::int32_t refused = -EPERM;
    std::memcpy(payload.data(), &refused, sizeof refused);
    CHECK(code_of({message({.type = NLMSG_ERROR}, payload)}) == Errc::permission);
    CHECK(error_number(*head_of(message({.type = NLMSG_ERROR}, {1, 2}))) == EPROTO);
    payload[3] = 0;  // an errno that is none
    CHECK(error_number(*head_of(message({.type = NLMSG_ERROR}, payload))) == EPROTO);
    CHECK_FALSE(taken({message({.type = NLMSG_ERROR}, Bytes(sizeof(nlmsgerr)))}).first);
}

TEST_CASE("answers to other questions, and messages without a head, are passed over") {
    const Bytes other = about(NFT_MSG_NEWCHAIN, {}, {.sequence = sequence + 1});
    const Bytes short_one = message({.type = NFNL_SUBSYS_NFTABLES << 8}, {AF_INET});
    const auto [messages, complete] = taken({joined({other, short_one, chain, done(0)})});
    CHECK(messages == 1);
    CHECK(complete);
}

TEST_CASE("an attribute that is not there, or cut, is none") {
    const Bytes whole = about(NFT_MSG_NEWGEN, {number(NFTA_GEN_ID, 42)});
    CHECK(attribute_number(attributes_of(*head_of(whole)), NFTA_GEN_ID) == 42);
    CHECK_FALSE(attribute_number(attributes_of(*head_of(whole)), NFTA_GEN_PROC_PID));
    const Bytes small = about(NFT_MSG_NEWGEN, {attribute(NFTA_GEN_ID, {1, 2})});
    CHECK_FALSE(attribute_number(attributes_of(*head_of(small)), NFTA_GEN_ID));
    Bytes wrong = number(NFTA_GEN_ID, 42);
    wrong[0] = 200;
    const Bytes longer = about(NFT_MSG_NEWGEN, {wrong});
    CHECK_FALSE(rules::attribute(attributes_of(*head_of(longer)), NFTA_GEN_ID));
    const Bytes open_end = about(NFT_MSG_NEWCHAIN, {attribute(NFTA_CHAIN_TABLE, {'a', 'b'})});
    CHECK(attribute_text(attributes_of(*head_of(open_end)), NFTA_CHAIN_TABLE) == "ab");
}

TEST_CASE("a rule with an expression that nobody here knows is in its chain, and not ours") {
    const Bytes unknown = attribute(
        NFTA_LIST_ELEM,
        joined({text(NFTA_EXPR_NAME, "newer-than-us"), attribute(NFTA_EXPR_DATA, number(1, 1))}));
    const KernelRule rule = read_rule(head_of(about(
        NFT_MSG_NEWRULE, {text(NFTA_RULE_TABLE, "nameplane"), text(NFTA_RULE_CHAIN, "services"),
                          attribute(NFTA_RULE_EXPRESSIONS, unknown)})));
    CHECK(rule.chain == "services");
    CHECK_FALSE(rule.fingerprint.empty());
}

TEST_CASE("numbers of another size than they have make a set or chain another one than ours") {
    const Bytes broken = attribute(NFTA_SET_FLAGS, {1});
    const Bytes of_set = about(NFT_MSG_NEWSET, {text(NFTA_SET_TABLE, "nameplane"),
                                                text(NFTA_SET_NAME, "service-ips"), broken});
    const KernelSet set = read_set(head_of(of_set));
    CHECK(set.name == "service-ips");
    CHECK(set != expected_set(info(MapId::service_ips), Family::ipv4));
    const Bytes of_chain = about(
        NFT_MSG_NEWCHAIN, {text(NFTA_CHAIN_TABLE, "nameplane"), text(NFTA_CHAIN_NAME, "services"),
                           attribute(NFTA_CHAIN_HOOK, number(NFTA_HOOK_HOOKNUM, 9)),
                           attribute(NFTA_CHAIN_POLICY, {1})});
    const KernelChain odd = read_chain(head_of(of_chain));
    CHECK(odd.table == "nameplane");
    CHECK(odd.name == "services");
    CHECK(odd.is_base);
    CHECK_FALSE(odd.accepts);
    const Bytes of_table = about(NFT_MSG_NEWTABLE, {attribute(NFTA_TABLE_FLAGS, {1, 0})});
    CHECK_FALSE(is_dormant(head_of(of_table)));
}

TEST_CASE("events: our table by others, and what is cut, are changes") {
    const auto told = [](const Bytes& datagram, Watched watched = Watched::our_table) {
        return tells_of_change(datagram, Family::ipv4, watched, 5);
    };
    const auto event = [](std::uint8_t kind, std::string_view table, std::string_view name,
                          std::uint32_t port) {
        return about(kind, {text(NFTA_CHAIN_TABLE, table), text(NFTA_CHAIN_NAME, name)},
                     {.port = port});
    };
    CHECK(told(event(NFT_MSG_DELCHAIN, "nameplane", "x", 6)));
    CHECK_FALSE(told(event(NFT_MSG_DELCHAIN, "nameplane", "x", 5)));
    CHECK_FALSE(told(event(NFT_MSG_DELCHAIN, "nameplane2", "x", 6)));
    CHECK_FALSE(told(event(NFT_MSG_NEWGEN, "nameplane", "x", 6)));
    Bytes half = joined({event(NFT_MSG_NEWCHAIN, "theirs", "x", 6), chain});
    half.resize(half.size() - 8);
    CHECK(told(half));
    CHECK(told(event(NFT_MSG_DELCHAIN, "nat", "KUBE-SERVICES", 6), Watched::kube_chains));
    CHECK_FALSE(
        told(event(NFT_MSG_NEWCHAIN, "mangle", "KUBE-KUBELET-CANARY", 6), Watched::kube_chains));
    CHECK(told(event(NFT_MSG_DELTABLE, "nat", "", 6), Watched::kube_chains));
}
