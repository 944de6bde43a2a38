#include "message.hpp"
#include "server/doh.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace nameplane;
using namespace nameplane::server;
using namespace nameplane::test;

namespace {

std::string base64url(const Octets& octets) {
    constexpr std::string_view letters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string text;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const std::uint8_t octet : octets) {
        bits = bits << 8 | octet;
        for (count += 8; count >= 6; count -= 6) text += letters[bits >> (count - 6) & 63];
    }
    if (count > 0) text += letters[bits << (6 - count) & 63];
    return text;
}

struct Read {
    unsigned status;
    Octets message;
};

Read read(std::string_view method, std::string_view target, const Octets& body = {}) {
    std::vector<std::uint8_t> room;
    const DohQuery query =
        read_doh({.stream = 1, .method = method, .target = target, .body = body}, room);
    return {query.status, {query.message.begin(), query.message.end()}};
}

/// A record of `type` with two octets of rdata, at the name of the question.
Octets record(std::uint8_t type, std::uint32_t ttl) {
    return {0xc0,
            12,
            0,
            type,
            0,
            1,
            static_cast<std::uint8_t>(ttl >> 24),
            static_cast<std::uint8_t>(ttl >> 16),
            static_cast<std::uint8_t>(ttl >> 8),
            static_cast<std::uint8_t>(ttl),
            0,
            2,
            7,
            7};
}

struct Sections {
    std::vector<Octets> answer;
    std::vector<Octets> authority;
    std::vector<Octets> additional;
    std::uint8_t rcode = 0;
};

std::uint32_t max_age(const Sections& sections) {
    Octets answer = query("www.test");
    answer[2] |= 0x80;
    answer[3] = static_cast<std::uint8_t>((answer[3] & 0xf0) | sections.rcode);
    std::size_t at = 7;
    for (const auto* const section :
         {&sections.answer, &sections.authority, &sections.additional}) {
        answer[at] = static_cast<std::uint8_t>(section->size());
        at += 2;
        for (const Octets& each : *section) answer.insert(answer.end(), each.begin(), each.end());
    }
    const net::HttpResponse response = doh_response(answer);
    CHECK(response.status == 200);
    CHECK(response.content_type == "application/dns-message");
    REQUIRE(response.max_age_s);
    return *response.max_age_s;
}

constexpr std::uint8_t a = 1;
constexpr std::uint8_t ns = 2;
constexpr std::uint8_t soa = 6;
constexpr std::uint8_t opt = 41;

}  // namespace

TEST_CASE("a query comes by GET or POST, whatever its length") {
    for (const char* const name : {"a", "ab", "abc", "www.test"}) {
        const Octets message = query(name);
        CHECK(read("POST", "/dns-query", message).message == message);
        const Read got = read("GET", "/dns-query?x=y&dns=" + base64url(message) + "&z");
        CHECK(got.status == 200);
        CHECK(got.message == message);
    }
}

TEST_CASE("what is no query over HTTP gets the status that CoreDNS gives") {
    const Octets message = query("www.test");
    const std::string get = "/dns-query?dns=" + base64url(message);
    Octets answer = message;
    answer[2] |= 0x80;
    for (const auto& [method, target, body, status] :
         std::vector<std::tuple<std::string, std::string, Octets, unsigned>>{
             {"GET", get, {}, 200},
             {"POST", "/dns-query?whatever", message, 200},
             {"GET", "/", {}, 404},
             {"GET", "/dns-query/?dns=AAAA", {}, 404},
             {"POST", "/dns", message, 404},
             {"GET", "/dns-query", {}, 400},
             {"GET", "/dns-query?", {}, 400},
             {"GET", "/dns-query?dns", {}, 400},
             {"GET", "/dns-query?dns=", {}, 400},
             {"GET", get + "=", {}, 400},
             {"GET", get + "&dns=" + base64url(message), {}, 400},
             {"GET", "/dns-query?dns=AAAAA", {}, 400},
             {"GET", "/dns-query?dns=A+/A", {}, 400},
             {"HEAD", get, {}, 400},
             {"PUT", "/dns-query", message, 400},
             {"POST", "/dns-query", Octets(11, 0), 400},
             {"POST", "/dns-query", {}, 400},
             {"POST", "/dns-query", answer, 400}}) {
        INFO(method << ' ' << target);
        CHECK(read(method, target, body).status == status);
    }
}

TEST_CASE("an answer is kept for the least of its TTLs") {
    CHECK(max_age({.answer = {record(a, 30), record(a, 20)}}) == 20);
    CHECK(max_age({.answer = {record(a, 30)}, .authority = {record(ns, 10)}}) == 10);
    CHECK(max_age({.answer = {record(a, 30)}, .additional = {record(a, 9), record(opt, 0)}}) == 9);
    CHECK(max_age({.answer = {record(a, 86400)}}) == 3600);
    CHECK(max_age({.answer = {record(a, 0)}}) == 0);
}

TEST_CASE("a denial is kept as long as its SOA; what is neither, five seconds") {
    CHECK(max_age({.authority = {record(soa, 60)}}) == 60);
    CHECK(max_age({.authority = {record(soa, 60)}, .rcode = 3}) == 60);
    CHECK(max_age({.rcode = 3}) == 5);
    CHECK(max_age({.answer = {record(a, 60)}, .rcode = 3}) == 5);
    CHECK(max_age({.authority = {record(ns, 60)}}) == 5);
    CHECK(max_age({.additional = {record(opt, 60)}}) == 5);
    CHECK(max_age({.additional = {record(a, 60)}}) == 60);
    CHECK(max_age({.authority = {record(ns, 60), record(soa, 50)}}) == 50);
    CHECK(max_age({.answer = {record(a, 60)}, .rcode = 2}) == 5);
    CHECK(max_age({}) == 5);
}

TEST_CASE("a header alone says that the message was no query") {
    CHECK(doh_response(Octets(12, 0)).status == 400);
    CHECK(doh_refusal(500).body.size() == std::string{"No response\n"}.size());
}
