#include "dns/encode.hpp"
#include "dns_exchange.hpp"
#include <nameplane/dns/rdata.hpp>

#include <catch2/catch.hpp>

#include <array>

using namespace nameplane;
using namespace nameplane::dns;
using namespace nameplane::test;

namespace {

constexpr const char* web = "web.default.svc.cluster.local";

}  // namespace

TEST_CASE("an address of the question's name takes 16 octets and keeps the case", "[encode]") {
    Exchange exchange{plain_query("WeB.default.SVC.cluster.local")};
    exchange.reply.authoritative = true;
    exchange.reply.answer(exchange.question.name, 5, IpAddress::v4(10, 96, 0, 7));
    const Octets expected = WireMaker{}
                                .header(0x1234, 0x8500, 1, 1)
                                .question("WeB.default.SVC.cluster.local", 1)
                                .u16(0xc00c)
                                .u16(1)
                                .u16(1)
                                .u32(5)
                                .u16(4)
                                .u8(10)
                                .u8(96)
                                .u8(0)
                                .u8(7);
    CHECK(exchange.encoded() == expected);
    CHECK(exchange.message().answers == Lines{"WeB.default.SVC.cluster.local. 5 IN A 10.96.0.7"});
}

TEST_CASE("every kind of rdata is read back by ldns", "[encode]") {
    Exchange exchange{plain_query(web, 255)};
    const NameView owner = exchange.question.name;
    const NameView other = exchange.name("Other.example.org");
    const NameView zone = exchange.name("cluster.local");
    const std::array<std::string_view, 2> texts{"1.1.0", "a \"b\""};
    const std::array<std::uint8_t, 3> unknown{1, 2, 255};
    exchange.reply.answer(owner, 5, IpAddress::v4(10, 96, 0, 7));
    exchange.reply.answer(owner, 5, *IpAddress::parse("fd00::96:7"));
    exchange.reply.answer(cname_record(owner, 0x7fffffff, other));
    exchange.reply.answer(ns_record(zone, 0, exchange.name("ns.dns.cluster.local")));
    exchange.reply.answer(ptr_record(other, 5, owner));
    exchange.reply.answer(
        srv_record(owner, 5, {.priority = 1, .weight = 65535, .port = 8080, .target = other}));
    exchange.reply.answer(srv_record(owner, 5, {.target = NameView{}}));
    exchange.reply.answer(mx_record(owner, 5, {.preference = 258, .exchange = other}));
    exchange.reply.answer(txt_record(owner, 28800, *txt_data(exchange.arena, texts)));
    exchange.reply.answer(Record{.owner = owner,
                                 .type = static_cast<Type>(65280),
                                 .klass = Class::ch,
                                 .ttl = 1,
                                 .data = RawData{unknown}});
    exchange.reply.answer(
        Record{.owner = NameView{}, .type = static_cast<Type>(65281), .data = RawData{}});
    exchange.reply.authority(soa_record(zone, 5,
                                        {.mname = exchange.name("ns.dns.cluster.local"),
                                         .rname = exchange.name("hostmaster.cluster.local"),
                                         .serial = 0xfedcba98,
                                         .refresh = 7200,
                                         .retry = 1800,
                                         .expire = 86400,
                                         .minimum = 5}));
    exchange.reply.additional(address_record(other, 5, IpAddress::v4(192, 0, 2, 1)));

    const LdnsMessage message = exchange.message(over_tcp);
    CHECK(message.questions == Lines{"web.default.svc.cluster.local. IN ANY"});
    CHECK(message.answers ==
          Lines{"web.default.svc.cluster.local. 5 IN A 10.96.0.7",
                "web.default.svc.cluster.local. 5 IN AAAA fd00::96:7",
                "web.default.svc.cluster.local. 2147483647 IN CNAME Other.example.org.",
                "cluster.local. 0 IN NS ns.dns.cluster.local.",
                "Other.example.org. 5 IN PTR web.default.svc.cluster.local.",
                "web.default.svc.cluster.local. 5 IN SRV 1 65535 8080 Other.example.org.",
                "web.default.svc.cluster.local. 5 IN SRV 0 0 0 .",
                "web.default.svc.cluster.local. 5 IN MX 258 Other.example.org.",
                "web.default.svc.cluster.local. 28800 IN TXT \"1.1.0\" \"a \\\"b\\\"\"",
                "web.default.svc.cluster.local. 1 CH TYPE65280 \\# 3 0102ff",
                ". 0 IN TYPE65281 \\# 0"});
    CHECK(message.authorities ==
          Lines{"cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. "
                "4275878552 7200 1800 86400 5"});
    CHECK(message.additionals == Lines{"Other.example.org. 5 IN A 192.0.2.1"});
}

TEST_CASE("the header says what the question and the reply say", "[encode]") {
    const unsigned asked_flags = GENERATE(0x0000U, 0x0100U, 0x0010U, 0x0110U, 0x06e0U);
    const unsigned bits = GENERATE(range(0U, 8U));
    const Rcode rcode = GENERATE(Rcode::no_error, Rcode::nx_domain, Rcode::refused);
    CAPTURE(asked_flags, bits);
    Exchange exchange{WireMaker{}.header(0xabcd, asked_flags, 1).question(web, 28, 3)};
    exchange.reply.authoritative = (bits & 1) != 0;
    exchange.reply.truncated = (bits & 2) != 0;
    exchange.reply.recursion_available = (bits & 4) != 0;
    exchange.reply.rcode = rcode;
    const LdnsMessage message = exchange.message();
    CHECK(message.id == 0xabcd);
    CHECK(message.response);
    CHECK(message.opcode == 0);
    CHECK(message.authoritative == exchange.reply.authoritative);
    CHECK(message.truncated == exchange.reply.truncated);
    CHECK(message.recursion_available == exchange.reply.recursion_available);
    CHECK(message.recursion_desired == ((asked_flags & 0x0100) != 0));
    CHECK(message.checking_disabled == ((asked_flags & 0x0010) != 0));
    CHECK_FALSE(message.authentic_data);
    CHECK(message.rcode == static_cast<unsigned>(rcode));
    CHECK(message.questions == Lines{"web.default.svc.cluster.local. CH AAAA"});
    CHECK((exchange.encoded()[3] & 0x40) == 0);  // Z
}

TEST_CASE("an OPT comes back only if one was sent", "[encode]") {
    Exchange without{plain_query(web)};
    CHECK_FALSE(without.message().edns.has_value());

    const bool dnssec_ok = GENERATE(false, true);
    Exchange with{WireMaker{}
                      .header(1, 0, 1, 0, 0, 1)
                      .question(web, 1)
                      .opt(4096, dnssec_ok ? 0x8000 : 0, {0, 10, 0, 2, 1, 2})};
    with.reply.additional(address_record(with.question.name, 5, IpAddress::v4(10, 0, 0, 1)));
    const LdnsMessage message = with.message({.udp_size_advertised = 1400});
    CHECK(message.edns ==
          LdnsMessage::Edns{.udp_size = 1400, .version = 0, .dnssec_ok = dnssec_ok});
    CHECK(message.additionals.size() == 1);
    // The OPT is the last record; the client's options are not sent back.
    const Octets& wire = with.encoded({.udp_size_advertised = 1400});
    CHECK(
        Octets(wire.end() - 11, wire.end()) ==
        Octets{0, 0, 41, 5, 120, 0, 0, dnssec_ok ? std::uint8_t{0x80} : std::uint8_t{0}, 0, 0, 0});
}

TEST_CASE("response codes above 15 need the OPT", "[encode]") {
    Exchange version{WireMaker{}.header(1, 0, 1, 0, 0, 1).question(web, 1).opt(1232, 0x10000),
                     ParseError::edns_version};
    version.reply.rcode = Rcode::bad_vers;
    const LdnsMessage message = version.message();
    CHECK(message.rcode == 16);
    CHECK(message.edns->version == 0);
    CHECK(message.questions.size() == 1);

    Exchange highest{edns_query(web, 1232)};
    highest.reply.rcode = static_cast<Rcode>(0xfff);
    CHECK(highest.message().rcode == 0xfff);

    Exchange without{plain_query(web)};
    without.reply.rcode = Rcode::bad_vers;
    CHECK(without.message().rcode == 2);
}

TEST_CASE("a header alone answers what could not be parsed", "[encode]") {
    Question question;
    const Octets update = WireMaker{}.header(0x4321, 0x2910, 1).question(web, 6);
    REQUIRE(parse_query(update, question) == ParseError::opcode);
    Octets out(12);
    REQUIRE(encode_header_only(question, Rcode::not_imp, out) == 12);
    CHECK(out == Octets(WireMaker{}.header(0x4321, 0xa914, 0)));
    CHECK(encode_header_only(question, Rcode::not_imp, std::span{out}.first(11)) == 0);
}

TEST_CASE("without room for the question nothing is written", "[encode]") {
    const bool edns = GENERATE(false, true);
    Exchange exchange{edns ? edns_query(web, 1232) : plain_query(web)};
    const std::size_t needed = exchange.encoded().size();
    for (std::size_t size = 0; size <= needed; ++size) {
        Octets out(size + 16, 0xee);
        const std::size_t written =
            encode(exchange.question, exchange.reply, {}, std::span{out}.first(size));
        CHECK(written == (size == needed ? needed : 0));
        CHECK(Octets(out.end() - 16, out.end()) == Octets(16, 0xee));
    }
}

TEST_CASE("a failed reply is an empty SERVFAIL", "[encode]") {
    Exchange exchange{edns_query(web, 1232)};
    exchange.reply.answer(exchange.question.name, 5, IpAddress::v4(10, 96, 0, 7));
    exchange.reply.fail();
    exchange.reply.answer(exchange.question.name, 5, IpAddress::v4(10, 96, 0, 7));
    const LdnsMessage message = exchange.message();
    CHECK(message.rcode == 2);
    CHECK(message.answers.empty());
    CHECK(message.edns.has_value());
}

TEST_CASE("EDNS options of the reply go into the OPT, and only there", "[encode]") {
    const std::array<std::uint8_t, 3> first{'a', 'b', 'c'};
    Exchange exchange{edns_query(web, 1232)};
    exchange.reply.edns_option(3, first);
    exchange.reply.edns_option(0xffee, {});
    const Octets& wire = exchange.encoded();
    const Octets tail{0, 11, 0, 3, 0, 3, 'a', 'b', 'c', 0xff, 0xee, 0, 0};
    REQUIRE(wire.size() > tail.size());
    CHECK(Octets(wire.end() - static_cast<std::ptrdiff_t>(tail.size()), wire.end()) == tail);
    CHECK(exchange.message().edns.has_value());

    Exchange plain{plain_query(web)};
    plain.reply.edns_option(3, first);
    CHECK_FALSE(plain.message().edns.has_value());
}

TEST_CASE("a reply may ask for smaller datagrams, not for larger ones, nor below 512", "[encode]") {
    const auto octets = [](std::uint16_t size_max, bool tcp) {
        Exchange exchange{edns_query(web, 4096)};
        for (int i = 0; i < 200; ++i) {
            exchange.reply.answer(exchange.question.name, 5, IpAddress::v4(10, 0, 0, 1));
        }
        exchange.reply.udp_size_max = size_max;
        return exchange.encoded({.tcp = tcp, .udp_size_max = 1232}).size();
    };
    CHECK(octets(0, false) > 1200);
    CHECK(octets(4096, false) == octets(0, false));
    CHECK(octets(700, false) <= 700);
    CHECK(octets(700, false) > 650);
    CHECK(octets(100, false) == octets(512, false));
    CHECK(octets(700, true) > 3000);
}

TEST_CASE("a reply may show another RD than the client sent", "[encode]") {
    Exchange exchange{plain_query(web)};
    CHECK(exchange.message().recursion_desired == exchange.question.recursion_desired);
    exchange.reply.recursion_desired = !exchange.question.recursion_desired;
    CHECK(exchange.message().recursion_desired == !exchange.question.recursion_desired);
}

TEST_CASE("EDNS options that leave no room for the question are left out", "[encode]") {
    const Octets much(600, 'x');
    Exchange exchange{edns_query(web, 512)};
    exchange.reply.edns_option(3, much);
    CHECK(exchange.encoded().size() < 100);
    CHECK(exchange.message().edns.has_value());
    CHECK(exchange.encoded(over_tcp).size() > 600);
}
