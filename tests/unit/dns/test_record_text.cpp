#include "dns/encode.hpp"
#include "dns/record_text.hpp"
#include "dns_exchange.hpp"
#include "support/ldns_message.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

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

TEST_CASE("numbers, names and digits that ldns would bend are refused", "[record_text]") {
    struct Row {
        std::string data;
        std::string why;
    };
    for (const Row& row : std::vector<Row>{
             {"MX 65536 a", "'65536', expected a number from 0 to 65535"},
             {"MX -1 a", "'-1', expected a number from 0 to 65535"},
             {"SRV 1 2 70000 a", "'70000', expected a number"},
             {"CAA 256 issue \"a\"", "'256', expected a number from 0 to 255"},
             {"TLSA 256 1 1 ab", "'256', expected a number from 0 to 255"},
             {"SOA a b 4294967296 1 1 1 1", "'4294967296', expected a number"},
             {"SOA a b 1 -6 1 1 1", "'-6', expected a time such as"},
             {"SOA a b 1 1 1 1 5000000000", "'5000000000', expected a time such as"},
             {"SVCB 65536 .", "'65536', expected a number"},
             {"SVCB 1 . port=70000", "'70000', expected a number from 0 to 65535"},
             {"SVCB 1 . port=\"70000\"", "'70000', expected a number from 0 to 65535"},
             {"SVCB 1 . port", "'port', expected '=' and a value"},
             {"HTTPS 1 . port=1 port=2", "'port=2', expected each key once"},
             {"CNAME \"a\"", "'\"a\"', expected a name without quotes"},
             {"DS 1 8 2 abc", "'abc', expected two hexadecimal digits"},
             {"DS 1 8 2 ab xy", "'xy', expected hexadecimal digits"},
             {"TYPE65280 \\# 1 xx", "'xx', expected hexadecimal digits"},
             {"TYPE65280 \\# 65536 00", "'65536', expected a number"},
             {"NSEC b. A N RRSIG", "'N', expected a type"},
             {"CSYNC 1 3 A 65", "'65', expected a type"},
             {"TYPE65536 \\# 0", "'TYPE65536', expected a type up to TYPE65535"},
         }) {
        INFO(row.data);
        Arena arena{4096};
        const Result<Record> record = read_record_data(row.data, arena, {});
        REQUIRE_FALSE(record);
        CHECK(record.error().text.find(row.why) != std::string::npos);
        CHECK_FALSE(read_record("a. 5 IN " + row.data, arena));
    }
    Arena arena{4096};
    CHECK_FALSE(read_record("a. 5000000000 IN A 192.0.2.1", arena));
}

TEST_CASE("ways of writing that ldns does not know are read all the same", "[record_text]") {
    for (const auto& [data, like] : std::map<std::string, std::string>{
             {"CAA 0 issue ca.example", "CAA 0 issue \"ca.example\""},
             {"URI 1 2 http://a/?b=c", "URI 1 2 \"http://a/?b=c\""},
             {"HTTPS 1 . ohttp", "HTTPS 1 . key8"},
             {"NINFO \"a b\"", "TYPE56 \\# 4 03612062"},
             {"resinfo a b", "TYPE261 \\# 4 01610162"},
             {"AVC a", "TYPE258 \\# 2 0161"},
             {"TA 1 8 2 abcd", "TYPE32768 \\# 6 00010802abcd"},
             {"TXT " + std::string(300, 'x'),
              "TXT \"" + std::string(255, 'x') + "\" \"" + std::string(45, 'x') + "\""},
         }) {
        INFO(data);
        Arena arena{1 << 16};
        const Result<Record> record = read_record_data(data, arena, {});
        const Result<Record> wanted = read_record_data(like, arena, {});
        REQUIRE(record);
        REQUIRE(wanted);
        CHECK(record->type == wanted->type);
        CHECK(std::ranges::equal(std::get<RawData>(record->data), std::get<RawData>(wanted->data)));
    }
}
