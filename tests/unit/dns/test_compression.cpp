#include "dns/name_table.hpp"
#include "dns_exchange.hpp"
#include <nameplane/dns/rdata.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <random>
#include <string>

using namespace nameplane;
using namespace nameplane::dns;
using namespace nameplane::test;

namespace {

/// The octets behind the question.
Octets records_of(const Octets& wire, const Question& question) {
    return {wire.begin() + static_cast<std::ptrdiff_t>(12 + question.asked.size() + 4), wire.end()};
}

/// Whether our own parser, which takes pointers backwards only, walks the answer to its end.
bool walks(Octets wire) {
    Question question;
    wire[2] &= 0x7f;
    return parse_query(wire, question) == ParseError::none;
}

WireMaker fixed(WireMaker wire, unsigned type, unsigned octets) {
    return wire.u16(type).u16(1).u32(5).u16(octets);
}

}  // namespace

TEST_CASE("suffixes of the question are pointers into it", "[compression]") {
    // "web" at 12, "svc" at 16, "cluster" at 20, "local" at 28.
    Exchange exchange{plain_query("WEB.svc.CLUSTER.local")};
    const NameView name = exchange.question.name;
    exchange.reply.answer(address_record(name.parent(), 5, IpAddress::v4(1, 2, 3, 4)));
    exchange.reply.answer(address_record(exchange.question.asked, 5, IpAddress::v4(1, 2, 3, 4)));
    exchange.reply.answer(
        address_record(exchange.question.asked.parent().parent(), 5, IpAddress::v4(1, 2, 3, 4)));
    exchange.reply.answer(
        address_record(exchange.name("Web.Svc.Cluster.Local"), 5, IpAddress::v4(1, 2, 3, 4)));
    exchange.reply.answer(
        address_record(exchange.name("cluster.local"), 5, IpAddress::v4(1, 2, 3, 4)));
    exchange.reply.answer(address_record(exchange.name("x.local"), 5, IpAddress::v4(1, 2, 3, 4)));
    WireMaker expected;
    for (const unsigned place : {0xc010U, 0xc00cU, 0xc014U, 0xc00cU, 0xc014U}) {
        expected = fixed(expected.u16(place), 1, 4).u32(0x01020304);
    }
    expected = fixed(expected.u8(1).text("x").u16(0xc01c), 1, 4).u32(0x01020304);
    CHECK(records_of(exchange.encoded(), exchange.question) == expected.octets());
    CHECK(exchange.message().answers[4] == "CLUSTER.local. 5 IN A 1.2.3.4");
}

TEST_CASE("names in rdata of RFC 1035's types are compressed", "[compression]") {
    const Type type = GENERATE(Type::cname, Type::ns, Type::ptr);
    Exchange exchange{plain_query("a.b")};
    exchange.reply.answer(Record{
        .owner = exchange.question.name, .type = type, .ttl = 5, .data = exchange.name("x.B")});
    exchange.reply.answer(address_record(exchange.name("x.b"), 5, IpAddress::v4(1, 2, 3, 4)));
    // The question takes 12 to 20, the rdata starts at 33.
    WireMaker expected =
        fixed(WireMaker{}.u16(0xc00c), static_cast<unsigned>(type), 4).u8(1).text("x").u16(0xc00e);
    expected = fixed(expected.u16(0xc021), 1, 4).u32(0x01020304);
    CHECK(records_of(exchange.encoded(), exchange.question) == expected.octets());
}

TEST_CASE("SOA and MX compress each of their names", "[compression]") {
    Exchange exchange{plain_query("a.b")};
    exchange.reply.answer(mx_record(exchange.question.name, 5,
                                    {.preference = 9, .exchange = exchange.question.name}));
    exchange.reply.authority(soa_record(exchange.name("b"), 5,
                                        {.mname = exchange.name("n.b"),
                                         .rname = exchange.name("h.n.b"),
                                         .serial = 1,
                                         .refresh = 2,
                                         .retry = 3,
                                         .expire = 4,
                                         .minimum = 5}));
    WireMaker expected = fixed(WireMaker{}.u16(0xc00c), 15, 4).u16(9).u16(0xc00c);
    // mname stands at 21 + 16 + 12 = 49.
    expected =
        fixed(expected.u16(0xc00e), 6, 28).u8(1).text("n").u16(0xc00e).u8(1).text("h").u16(0xc031);
    for (const unsigned number : {1U, 2U, 3U, 4U, 5U}) expected.u32(number);
    CHECK(records_of(exchange.encoded(), exchange.question) == expected.octets());
}

TEST_CASE("an SRV target is written in full, later names may refer to it", "[compression]") {
    Exchange exchange{plain_query("_x.b")};
    const NameView target = exchange.name("t.b");
    exchange.reply.answer(srv_record(exchange.question.name, 5, {.port = 80, .target = target}));
    exchange.reply.answer(srv_record(exchange.question.name, 5, {.port = 81, .target = target}));
    exchange.reply.answer(
        srv_record(exchange.question.name, 5, {.port = 82, .target = exchange.question.name}));
    exchange.reply.additional(address_record(target, 5, IpAddress::v4(1, 2, 3, 4)));
    exchange.reply.additional(address_record(exchange.name("T.b"), 5, IpAddress::v4(1, 2, 3, 4)));
    WireMaker expected;
    for (const unsigned port : {80U, 81U}) {
        expected = fixed(expected.u16(0xc00c), 33, 11).u16(0).u16(0).u16(port).name("t.b");
    }
    expected = fixed(expected.u16(0xc00c), 33, 12).u16(0).u16(0).u16(82).name("_x.b");
    // The first target stands at 12 + 10 + 12 + 6 = 40.
    for (int i = 0; i < 2; ++i) expected = fixed(expected.u16(0xc028), 1, 4).u32(0x01020304);
    CHECK(records_of(exchange.encoded(), exchange.question) == expected.octets());
}

TEST_CASE("names in rdata of later types are never compressed", "[compression]") {
    const auto type = static_cast<Type>(GENERATE(39U /* DNAME */, 36U /* KX */, 65280U));
    Exchange exchange{plain_query("a.b")};
    exchange.reply.answer(Record{
        .owner = exchange.question.name, .type = type, .ttl = 5, .data = exchange.question.name});
    exchange.reply.answer(Record{.owner = exchange.question.name,
                                 .type = type,
                                 .ttl = 5,
                                 .data = MxData{.preference = 7, .exchange = exchange.name("b")}});
    WireMaker expected = fixed(WireMaker{}.u16(0xc00c), static_cast<unsigned>(type), 5).name("a.b");
    expected = fixed(expected.u16(0xc00c), static_cast<unsigned>(type), 5).u16(7).name("b");
    CHECK(records_of(exchange.encoded(), exchange.question) == expected.octets());
}

TEST_CASE("labels are compared, not octets", "[compression]") {
    // "\4x\1b" followed by "c" holds the octets of "b.c", but not its labels.
    Exchange exchange{plain_query("q")};
    exchange.reply.answer(
        address_record(exchange.name("x\\001b\\001c"), 5, IpAddress::v4(1, 2, 3, 4)));
    exchange.reply.answer(address_record(exchange.name("b.c"), 5, IpAddress::v4(1, 2, 3, 4)));
    exchange.reply.answer(address_record(exchange.name("b\\.c"), 5, IpAddress::v4(1, 2, 3, 4)));
    CHECK(exchange.message().answers ==
          Lines{"x\\001b\\001c. 5 IN A 1.2.3.4", "b.c. 5 IN A 1.2.3.4", "b\\.c. 5 IN A 1.2.3.4"});
}

TEST_CASE("random records come back as they were", "[compression]") {
    std::minstd_rand random{7};
    const std::array<std::string, 6> labels{"a", "B", "b", "cluster", "a-longer-label-of-a-pod-1",
                                            "x"};
    const auto random_name = [&] {
        std::string text;
        for (std::size_t i = 0; i < 1 + random() % 6; ++i)
            text += labels[random() % labels.size()] + ".";
        return text;
    };
    const auto lower = [](std::string text) {
        std::ranges::transform(text, text.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        });
        return text;
    };
    for (int round = 0; round < 200; ++round) {
        Exchange exchange{plain_query(random_name())};
        Lines expected;
        for (int i = 0; i < 60; ++i) {
            const std::string owner = random_name();
            const std::string target = random_name();
            const NameView at = exchange.name(owner);
            const NameView to = exchange.name(target);
            if (random() % 2 == 0) {
                exchange.reply.answer(cname_record(at, 1, to));
                expected.push_back(lower(owner + " 1 in cname " + target));
            } else {
                exchange.reply.answer(
                    srv_record(at, 1, {.priority = 2, .weight = 3, .port = 4, .target = to}));
                expected.push_back(lower(owner + " 1 in srv 2 3 4 " + target));
            }
        }
        Lines read = exchange.message(over_tcp).answers;
        for (std::string& line : read) line = lower(line);
        REQUIRE(read == expected);
        REQUIRE(walks(exchange.encoded(over_tcp)));
    }
}

TEST_CASE("pointers reach no further than 0x3fff", "[compression]") {
    Exchange exchange{edns_query("_http._tcp.web.default.svc.cluster.local", 1232, 33)};
    const NameView service = exchange.question.name.parent().parent();
    Lines answers;
    Lines additionals;
    for (unsigned i = 0; i < 1000; ++i) {
        const std::string host = "web-" + std::to_string(i);
        const IpAddress ip = IpAddress::v4(10, 0, static_cast<std::uint8_t>(i >> 8),
                                           static_cast<std::uint8_t>(i & 255));
        const NameView target = *NameBuilder{exchange.arena}.label(host).finish(service);
        exchange.reply.answer(
            srv_record(exchange.question.name, 5, {.weight = 1, .port = 80, .target = target}));
        exchange.reply.additional(address_record(target, 5, ip));
        answers.push_back("_http._tcp.web.default.svc.cluster.local. 5 IN SRV 0 1 80 " + host +
                          ".web.default.svc.cluster.local.");
        additionals.push_back(host + ".web.default.svc.cluster.local. 5 IN A " + ip.to_string());
    }
    const LdnsMessage message = exchange.message(over_tcp);
    CHECK_FALSE(message.truncated);
    CHECK(message.answers == answers);
    // Additional records are left out from the end on.
    REQUIRE(message.additionals.size() > 400);
    additionals.resize(message.additionals.size());
    CHECK(message.additionals == additionals);
    CHECK(walks(exchange.encoded(over_tcp)));
    CHECK(exchange.encoded(over_tcp).size() > 60'000);
}

TEST_CASE("a full table finds less and nothing wrong", "[compression]") {
    // Names of one label each, at 12, 15, 18 ...: more than the table holds.
    Octets message(12);
    std::vector<std::uint16_t> places;
    for (unsigned i = 0; i < 2000; ++i) {
        places.push_back(static_cast<std::uint16_t>(message.size()));
        message.push_back(2);
        message.push_back(static_cast<std::uint8_t>(i & 0x1f));
        message.push_back(static_cast<std::uint8_t>(0x80 + (i >> 5)));
    }
    NameTable table{message.data()};
    std::size_t added = 0;
    for (const std::uint16_t place : places) added += table.add(place, 0) ? 1 : 0;
    CHECK(added >= 500);
    CHECK(added <= 768);
    std::size_t found = 0;
    for (const std::uint16_t place : places) {
        const std::uint16_t at = table.find(message.data() + place, 0);
        CHECK((at == place || at == 0));
        found += at != 0 ? 1 : 0;
        CHECK(table.find(message.data() + place, 12) == 0);
    }
    CHECK(found == added);
}

TEST_CASE("the table knows names by all their labels, in any case", "[compression]") {
    const Octets message = WireMaker{}.header(0, 0, 0).name("Www.a").name("www.b");
    // "Www" at 12, "a" at 16; "www" at 19, "b" at 23.
    NameTable table{message.data()};
    const Octets www = WireMaker{}.u8(3).text("wWW");
    CHECK(table.find(www.data(), 16) == 0);
    REQUIRE(table.add(16, 0));
    REQUIRE(table.add(12, 16));
    REQUIRE(table.add(23, 0));
    CHECK(table.find(www.data(), 16) == 12);
    CHECK(table.find(www.data(), 23) == 0);
    REQUIRE(table.add(19, 23));
    CHECK(table.find(www.data(), 23) == 19);
    CHECK(table.find(www.data(), 0) == 0);
    CHECK_FALSE(table.add(0x4000, 0));
}
