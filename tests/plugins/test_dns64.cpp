// dns64 and metadata.

#include "captured_lines.hpp"
#include "plugins/dns64/dns64.hpp"
#include "stage.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::test;

namespace {

const StageAsk over_v6{.client = "[2001:db8::1]:4242"};

}  // namespace

TEST_CASE("an IPv4 address within a prefix, as RFC 6052 2.4 has it") {
    const IpAddress v4 = IpAddress::v4(192, 0, 2, 33);
    const auto embedded = [&](const char* prefix) {
        return plugins::embed_v4(*Cidr::parse(prefix), v4).to_string();
    };
    CHECK(embedded("2001:db8::/32") == "2001:db8:c000:221::");
    CHECK(embedded("2001:db8:100::/40") == "2001:db8:1c0:2:21::");
    CHECK(embedded("2001:db8:122::/48") == "2001:db8:122:c000:2:2100::");
    CHECK(embedded("2001:db8:122:300::/56") == "2001:db8:122:3c0:0:221::");
    CHECK(embedded("2001:db8:122:344::/64") == "2001:db8:122:344:c0:2:2100:0");
    CHECK(embedded("2001:db8:122:344::/96") == "2001:db8:122:344::c000:221");
}

TEST_CASE("dns64 makes AAAA records out of A records where there are none") {
    Stage stage{"dns64"};
    stage.behind("a.example.", "AAAA",
                 {.authorities = {"example. 70 IN SOA ns.example. h.example. 1 2 3 4 5"}});
    stage.behind(
        "a.example.", "A",
        {.answers = {"a.example. 60 IN CNAME b.example.", "b.example. 100 IN A 192.0.2.33"},
         .authorities = {"example. 5 IN NS ns.example."}});
    const StageAnswer answer = stage.ask("A.example.", "AAAA", over_v6);
    CHECK(answer.answers() ==
          "A.example. 60 IN CNAME b.example.; b.example. 70 IN AAAA 64:ff9b::c000:221");
    CHECK(answer.message.authorities == std::vector<std::string>{"example. 5 IN NS ns.example."});
    CHECK(answer.message.questions == std::vector<std::string>{"A.example. IN AAAA"});
    CHECK(stage.count("coredns_dns64_requests_translated_total", {{"server", "dns://:53"}}) == 1);
}

TEST_CASE("dns64 leaves alone what needs nothing") {
    Stage stage{"dns64 64:dead::/96"};
    stage.behind("v4.example.", "AAAA", {});
    stage.behind("v4.example.", "A", {.answers = {"v4.example. 1000 IN A 192.0.2.33"}});
    stage.behind("v6.example.", "AAAA", {.answers = {"v6.example. 5 IN AAAA 2001:db8::7"}});
    stage.behind("v6.example.", "A", {.answers = {"v6.example. 5 IN A 192.0.2.33"}});
    CHECK(stage.ask("v4.example.", "AAAA", over_v6).answers() ==
          "v4.example. 600 IN AAAA 64:dead::c000:221");
    CHECK(stage.ask("v4.example.", "AAAA").answers().empty());  // over IPv4
    CHECK(stage.ask("v4.example.", "A", over_v6).answers() == "v4.example. 1000 IN A 192.0.2.33");
    CHECK(stage.ask("v6.example.", "AAAA", over_v6).answers() ==
          "v6.example. 5 IN AAAA 2001:db8::7");
    CHECK(stage.ask("none.example.", "AAAA", over_v6).rcode == "NXDOMAIN");
    CHECK(stage.count("coredns_dns64_requests_translated_total") == 1);

    Stage all{"dns64 {\n translate_all\n allow_ipv4\n prefix 2001:db8:122::/48\n}"};
    all.behind("v6.example.", "AAAA", {.answers = {"v6.example. 5 IN AAAA 2001:db8::7"}});
    all.behind("v6.example.", "A", {.answers = {"v6.example. 5 IN A 192.0.2.33"}});
    CHECK(all.ask("v6.example.", "AAAA").answers() ==
          "v6.example. 5 IN AAAA 2001:db8:122:c000:2:2100::");
}

TEST_CASE("dns64 leaves failures alone, but for those that a plugin behind it answers with") {
    const auto answers = [](const char* lines) {
        Stage stage{lines};
        stage.behind("bad.example.", "AAAA", {.error = "timeout"});
        stage.behind("bad.example.", "A", {.answers = {"bad.example. 60 IN A 192.0.2.33"}});
        const StageAnswer answer = stage.ask("bad.example.", "AAAA", over_v6);
        return answer.rcode + " " + answer.answers();
    };
    CHECK(answers("dns64") == "SERVFAIL ");
    CHECK(answers("dns64\nrewrite continue type MX TXT") == "SERVFAIL ");
    CHECK(answers("dns64\nrewrite continue ttl regex .* 10-") ==
          "NOERROR bad.example. 60 IN AAAA 64:ff9b::c000:221");
}

TEST_CASE("dns64: what is wrong is said") {
    const std::string expected = ", expected an IPv6 network of 32 to 96 bits, a multiple of 8, "
                                 "such as '64:ff9b::/96'";
    CHECK(mistakes_in("dns64 foobar {\n prefix 64:ff9b::/52\n prefix 64:ff9b::/104\n"
                      " prefix 8.8.8.8/24\n prefix\n foobar\n translate_all x\n}\ndns64 a b") ==
          "Corefile:1: dns64: 'foobar'" + expected + "\nCorefile:2: dns64: '64:ff9b::/52'" +
              expected + "\nCorefile:3: dns64: '64:ff9b::/104'" + expected +
              "\nCorefile:4: dns64: '8.8.8.8/24'" + expected + "\nCorefile:5: dns64: ''" +
              expected +
              "\nCorefile:6: dns64: 'foobar', expected 'prefix', 'translate_all' or 'allow_ipv4'"
              "\nCorefile:7: dns64: translate_all: 'x', expected nothing behind it"
              "\nCorefile:9: dns64: 'b', expected nothing more behind it");
}

TEST_CASE("metadata lets plugins ask each other, for names in its zones") {
    CapturedLines lines;
    {
        Stage stage{"metadata a.example\nlog . \"{name} {/log/type} {/log/class} {/none/such}\"",
                    {.line_log = lines.log()}};
        stage.behind("a.example.", "A", {.answers = {"a.example. 5 IN A 10.0.0.1"}});
        stage.ask("a.example.", "A");
        stage.ask("x.a.example.", "A");
        stage.ask("b.example.", "A");
    }
    CHECK(lines.rest() == std::vector<std::string>{"[INFO] a.example. NOERROR success -",
                                                   "[INFO] x.a.example. NXDOMAIN denial -",
                                                   "[INFO] b.example. - - -"});
    CHECK(mistakes_in("metadata example.com. net.") == "");
    CHECK(mistakes_in("metadata\nmetadata") != "");
    CHECK(mistakes_in("metadata a {\n b\n}") != "");
}
