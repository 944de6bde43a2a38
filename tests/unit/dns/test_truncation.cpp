#include "dns_exchange.hpp"
#include <nameplane/dns/rdata.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>

using namespace nameplane;
using namespace nameplane::dns;
using namespace nameplane::test;

namespace {

constexpr const char* web = "web.default.svc.cluster.local";

IpAddress pod(unsigned number) {
    return IpAddress::v4(10, 1, static_cast<std::uint8_t>(number >> 8),
                         static_cast<std::uint8_t>(number & 255));
}

void fill_answers(Exchange& exchange, unsigned count) {
    for (unsigned i = 0; i < count; ++i) exchange.reply.answer(exchange.question.name, 5, pod(i));
}

bool starts_with(const Lines& all, const Lines& part) {
    return part.size() <= all.size() && std::equal(part.begin(), part.end(), all.begin());
}

}  // namespace

TEST_CASE("how large an answer may be", "[truncation]") {
    struct Row {
        const char* note;
        unsigned client;  ///< 0: no EDNS
        EncodeLimits limits;
        std::size_t size_max;
    };
    const Row row = GENERATE(values<Row>({
        {"no EDNS", 0, {}, 512},
        {"no EDNS, whatever we could", 0, {.udp_size_max = 4096}, 512},
        {"the client's size", 800, {.udp_size_max = 1232}, 800},
        {"our size", 4096, {.udp_size_max = 1232}, 1232},
        {"less than 512 counts as 512", 100, {.udp_size_max = 1232}, 512},
        {"ours is never less than 512 either", 4096, {.udp_size_max = 100}, 512},
        {"both large", 65535, {.udp_size_max = 65535}, 65535},
        {"TCP, no EDNS", 0, {.tcp = true}, 65535},
        {"TCP does not ask for the UDP size", 512, {.tcp = true}, 65535},
    }));
    INFO(row.note);
    Exchange exchange{row.client == 0 ? plain_query(web) : edns_query(web, row.client)};
    fill_answers(exchange, 5000);
    const std::size_t size = exchange.encoded(row.limits).size();
    CHECK(size <= row.size_max);
    CHECK(size + 16 > row.size_max);
    const LdnsMessage message = exchange.message(row.limits);
    CHECK(message.truncated);
    CHECK(message.edns.has_value() == (row.client != 0));
    CHECK(message.answers.size() == (size - (12 + 31 + 4) - (row.client != 0 ? 11 : 0)) / 16);
}

TEST_CASE("at every size whole records are left and TC is true", "[truncation]") {
    const bool edns = GENERATE(false, true);
    Exchange exchange{edns ? edns_query(web, 65535) : plain_query(web)};
    fill_answers(exchange, 20);
    const NameView zone = exchange.name("cluster.local");
    const NameView server = exchange.name("ns.dns.cluster.local");
    exchange.reply.authority(ns_record(zone, 5, server));
    exchange.reply.authority(ns_record(zone, 5, exchange.name("ns2.example.org")));
    exchange.reply.additional(address_record(server, 5, pod(1)));
    exchange.reply.additional(address_record(server, 5, pod(2)));
    exchange.reply.additional(address_record(server, 5, *IpAddress::parse("fd00::1")));
    const LdnsMessage whole = exchange.message(over_tcp);
    REQUIRE_FALSE(whole.truncated);
    REQUIRE(whole.additionals.size() == 3);
    const std::size_t whole_size = exchange.encoded(over_tcp).size();

    for (std::size_t size = 60; size <= whole_size + 1; ++size) {
        CAPTURE(size);
        Octets out(size + 8, 0xee);
        const std::size_t written =
            encode(exchange.question, exchange.reply, over_tcp, std::span{out}.first(size));
        REQUIRE(written <= size);
        REQUIRE(Octets(out.end() - 8, out.end()) == Octets(8, 0xee));
        out.resize(written);
        const std::optional<LdnsMessage> message = read_with_ldns(out);
        REQUIRE(message.has_value());
        const bool complete =
            message->answers == whole.answers && message->authorities == whole.authorities;
        CHECK(message->truncated == !complete);
        CHECK(starts_with(whole.answers, message->answers));
        CHECK(starts_with(whole.authorities, message->authorities));
        if (message->answers != whole.answers) CHECK(message->authorities.empty());
        if (!complete) CHECK(message->additionals.empty());
        // Additional RRsets are whole: both A or none of them.
        CHECK(starts_with(whole.additionals, message->additionals));
        CHECK(message->additionals.size() != 1);
        CHECK(message->edns.has_value() == edns);
        CHECK((size < whole_size || *message == whole));
    }
}

TEST_CASE("UDP answers are cut at each size from 512 up", "[truncation]") {
    for (unsigned size = 512; size < 700; ++size) {
        Exchange exchange{edns_query(web, size)};
        fill_answers(exchange, 60);
        const LdnsMessage message = exchange.message();
        CAPTURE(size);
        CHECK(message.truncated);
        CHECK(message.answers.size() == (size - 47 - 11) / 16);
    }
}

TEST_CASE("a negative answer whose SOA does not fit says so", "[truncation]") {
    Exchange exchange{plain_query(web)};
    exchange.reply.rcode = Rcode::nx_domain;
    const std::string label(63, 'x');
    const std::string longest = label + "." + label + "." + label + "." + std::string(60, 'y');
    exchange.reply.authority(
        soa_record(exchange.name("local"), 5,
                   {.mname = exchange.name(longest + "1"), .rname = exchange.name(longest + "2")}));
    const LdnsMessage message = exchange.message();
    CHECK(message.truncated);
    CHECK(message.authorities.empty());
    CHECK(message.rcode == 3);
    CHECK_FALSE(exchange.message(over_tcp).truncated);
}

TEST_CASE("what lacks data already stays truncated", "[truncation]") {
    Exchange exchange{plain_query(web)};
    exchange.reply.truncated = true;
    fill_answers(exchange, 1);
    const LdnsMessage message = exchange.message();
    CHECK(message.truncated);
    CHECK(message.answers.size() == 1);
}

TEST_CASE("rdata that no message can hold is left out", "[truncation]") {
    Exchange exchange{plain_query(web)};
    const Octets large(70000, 1);
    exchange.reply.answer(
        Record{.owner = exchange.question.name, .type = Type::txt, .data = RawData{large}});
    const LdnsMessage message = exchange.message(over_tcp);
    CHECK(message.truncated);
    CHECK(message.answers.empty());
}
