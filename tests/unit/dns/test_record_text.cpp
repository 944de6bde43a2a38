#include "dns/encode.hpp"
#include "dns/record_text.hpp"
#include "dns_exchange.hpp"
#include "support/ldns_message.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace nameplane;
using namespace nameplane::dns;
using namespace nameplane::test;

TEST_CASE("records of all kinds are read as ldns reads them, and written as it writes them",
          "[record_text]") {
    for (const char* const line : {
             "a.example. 60 IN A 192.0.2.1",
             "a.example. 60 IN AAAA 2001:db8::1",
             "A.Other. 60 IN CNAME b.example.",
             "a.example. 60 CH TXT \"one two\" \"three\"",
             "a.example. 60 IN MX 10 mx.example.",
             "_http._tcp.example. 60 IN SRV 1 2 80 web.example.",
             "example. 60 IN SOA ns.example. host.example. 1 2 3 4 5",
             "example. 60 IN NS ns.example.",
             "1.2.0.192.in-addr.arpa. 60 IN PTR a.example.",
             "a.example. 60 IN CAA 0 issue \"ca.example\"",
             "a.example. 60 IN DS 1 8 2 "
             "0000000000000000000000000000000000000000000000000000000000000000",
             "a.example. 60 IN TYPE65280 \\# 3 010203",
             "a.example. 60 IN NAPTR 1 2 \"S\" \"SIP+D2U\" \"\" _sip._udp.example.",
             "a.example. 60 IN DNAME b.example.",
             "a.example. 60 IN SVCB 1 b.example. alpn=\"h2,h3\" port=\"53\"",
             "\\000\\.odd.example. 2147483647 IN A 192.0.2.1",
         }) {
        INFO(line);
        Exchange exchange{plain_query("a.example", 255)};
        const Result<Record> record = read_record(line, exchange.arena);
        REQUIRE(record);
        exchange.reply.answer(*record);
        CHECK(exchange.message(over_tcp).answers == Lines{*normalized_record(line)});
    }
}

TEST_CASE("what is left out of a record comes from the options", "[record_text]") {
    Arena arena{4096};
    const Name origin = *Name::parse("example.org.");
    const Result<Record> record =
        read_record("www A 192.0.2.1", arena, {.ttl = 7, .origin = origin});
    REQUIRE(record);
    CHECK(record->owner.to_string() == "www.example.org.");
    CHECK(record->ttl == 7);
    CHECK(record->klass == Class::in);
    CHECK(read_record("a. 5 IN SOA b. c. ( 1 2 3 4 5 )", arena, {})->type == Type::soa);
    CHECK(std::get<RawData>(read_record("a. 5 IN TXT \"(x)\\\"(\"", arena)->data).size() == 6);
    CHECK(read_record("www A 192.0.2.1", arena)->owner.to_string() == "www.");
}

TEST_CASE("strings of a text are cut at 255 octets, and a quote begins or ends one",
          "[record_text]") {
    const auto lengths = [](const std::string& strings) {
        Arena arena{1 << 16};
        const Result<Record> record = read_record("a. 5 IN TXT " + strings, arena);
        std::string all;
        if (!record) return all;
        std::span<const std::uint8_t> left = std::get<RawData>(record->data);
        for (; !left.empty(); left = left.subspan(1U + left[0])) {
            all += std::to_string(left[0]) + ' ';
        }
        return all;
    };
    const std::string most(255, 'x');
    std::string escaped;
    for (int i = 0; i < 300; ++i) escaped += i % 2 == 0 ? "\\\"" : "\\120";
    CHECK(lengths('"' + most + '"') == "255 ");
    CHECK(lengths('"' + most + "x\" \"y\"") == "255 1 1 ");
    CHECK(lengths('"' + most + most + "xx\"") == "255 255 2 ");
    CHECK(lengths('"' + escaped + '"') == "255 45 ");
    CHECK(lengths("\"a\"bc\"def\"") == "1 2 3 ");
    CHECK(lengths("\"\" ab") == "0 2 ");
    CHECK(lengths("( a(b)c \"(\" )") == "3 1 ");
    CHECK(lengths("\"open").empty());
}

TEST_CASE("text that is no record is refused with what was expected", "[record_text]") {
    Arena arena{4096};
    for (const char* const line :
         {"", "a.example.", "a.example. A", "a.example. A 300.1.1.1", "a..example. A 1.1.1.1",
          "a.example. IN CNAME", "a.example. nonsense", "a. 5 IN NONSENSE x",
          "a.example. IN MX mx.example.", "a. IN TYPE65280 \\# 3 0102"}) {
        INFO(line);
        const Result<Record> record = read_record(line, arena);
        REQUIRE_FALSE(record);
        CHECK(record.error().text.find("expected a record") != std::string::npos);
    }
    Arena small{8};
    CHECK(read_record("a.example. A 192.0.2.1", small).error().code == Errc::exhausted);
}
