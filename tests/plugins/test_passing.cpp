// bufsize, header, minimal, nsid: plugins that look at queries and answers as they pass.

#include "stage.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <array>

using namespace nameplane;
using namespace nameplane::test;

namespace {

std::vector<std::string> many_addresses(const std::string& owner, int count) {
    std::vector<std::string> lines;
    for (int i = 0; i < count; ++i) lines.push_back(owner + " 5 IN A 10.0.0." + std::to_string(i));
    return lines;
}

std::vector<std::uint8_t> octets(std::string_view text) {
    return {text.begin(), text.end()};
}

}  // namespace

TEST_CASE("bufsize lowers what the client takes, for those behind and in the answer") {
    Stage stage{"bufsize 700"};
    stage.behind("big.example.", "A", {.answers = many_addresses("big.example.", 100)});
    const StageAnswer answer = stage.ask("big.example.", "A", {.edns_size = 4096});
    CHECK(stage.heard()->udp_size == 700);
    CHECK(answer.message.truncated);
    CHECK(answer.wire.size() <= 700);
    CHECK(answer.wire.size() > 650);

    stage.ask("big.example.", "A", {.edns_size = 600});
    CHECK(stage.heard()->udp_size == 600);
    CHECK_FALSE(stage.ask("big.example.", "A", {.tcp = true}).message.truncated);
    CHECK_FALSE(stage.ask("big.example.", "A").message.edns.has_value());

    Stage usual{"bufsize"};
    usual.ask("a.example.", "A", {.edns_size = 4096});
    CHECK(usual.heard()->udp_size == 1232);
}

TEST_CASE("header changes flags of queries and answers") {
    Stage stage{"header {\n query clear rd\n response set ra AA\n response clear aa\n}"};
    stage.behind("a.example.", "A",
                 {.answers = {"a.example. 5 IN A 10.0.0.1"}, .authoritative = true});
    const LdnsMessage message = stage.ask("a.example.", "A").message;
    CHECK_FALSE(stage.heard()->recursion_desired);
    CHECK(message.recursion_available);
    CHECK_FALSE(message.authoritative);
    CHECK_FALSE(message.recursion_desired);

    Stage set{"header {\n Response Set aa ra\n response clear rd\n}"};
    const LdnsMessage other = set.ask("a.example.", "A").message;
    CHECK(set.heard()->recursion_desired);
    CHECK(other.authoritative);
    CHECK(other.recursion_available);
    CHECK_FALSE(other.recursion_desired);
}

TEST_CASE("header leaves failures that no plugin answers with as they are") {
    const auto flags = [](const std::string& behind, const char* name, const char* type) {
        Stage stage{"header {\n query clear rd\n response set ra aa\n}\n" + behind};
        stage.behind("bad.example.", "A", {.error = "timeout"});
        const LdnsMessage message = stage.ask(name, type).message;
        return std::string{message.authoritative ? "aa" : ""} +
               (message.recursion_available ? "ra" : "") + (message.recursion_desired ? "rd" : "");
    };
    CHECK(flags("", "bad.example.", "A") == "rd");
    CHECK(flags("", "none.example.", "A") == "aara");
    CHECK(flags("hosts {\n 10.0.0.1 a.example\n}", "b.example.", "A") == "rd");
    CHECK(flags("hosts {\n 10.0.0.1 a.example\n}", "a.example.", "A") == "aara");
    CHECK(flags("template IN A {\n match ^a\n answer \"a. 5 IN A 10.0.0.1\"\n}", "b.", "A") ==
          "rd");
    CHECK(flags("template IN A {\n answer \"{{ .Nothing }}\"\n}", "b.", "A") == "rd");
    CHECK(flags("template IN A {\n rcode SERVFAIL\n}", "b.", "A") == "rd");
}

TEST_CASE("header: what is wrong is said") {
    CHECK(mistakes_in("header {\n foo\n response set\n query foo rd\n response set aa xx\n}") ==
          "Corefile:2: header: 'foo', expected 'query' or 'response'\n"
          "Corefile:3: header: 'set', expected 'set' or 'clear', and flags behind it\n"
          "Corefile:4: header: 'foo', expected 'set' or 'clear'\n"
          "Corefile:5: header: 'xx', expected 'aa', 'ra' or 'rd'");
    CHECK(mistakes_in("header") != "");
    CHECK(mistakes_in("header {\n}") != "");
}

TEST_CASE("minimal leaves out what nobody asked for, and only that") {
    struct Case {
        Said said;
        std::size_t authorities;
        std::size_t additionals;
    };
    const std::vector<std::string> a{"a.example. 5 IN A 10.0.0.1"};
    const std::vector<std::string> ns{"example. 5 IN NS ns.example."};
    const std::vector<std::string> glue{"ns.example. 5 IN A 10.0.0.2"};
    const std::vector<std::string> soa{"example. 5 IN SOA ns.example. h.example. 1 2 3 4 5"};
    const Case cases[] = {
        {{.answers = a, .authorities = ns, .additionals = glue}, 0, 0},
        {{.authorities = ns, .additionals = glue}, 1, 1},  // a delegation
        {{.authorities = soa}, 1, 0},
        {{.rcode = dns::Rcode::nx_domain, .authorities = soa}, 1, 0},
        {{.rcode = dns::Rcode::serv_fail, .authorities = ns}, 1, 0},
        {{.additionals = glue}, 0, 0},
    };
    for (const Case& row : cases) {
        Stage stage{"minimal"};
        stage.behind("a.example.", "A", row.said);
        const StageAnswer answer = stage.ask("a.example.", "A");
        CHECK(answer.message.answers.size() == row.said.answers.size());
        CHECK(answer.message.authorities.size() == row.authorities);
        CHECK(answer.message.additionals.size() == row.additionals);
    }
}

TEST_CASE("nsid answers those who ask") {
    const std::vector<std::uint8_t> asking{0, 3, 0, 0};
    std::vector<std::uint8_t> answer{0, 3, 0, 4};
    for (const std::uint8_t octet : octets("tf 2")) answer.push_back(octet);
    Stage stage{"nsid tf 2"};
    CHECK(stage.ask("a.example.", "A", {.edns_options = asking}).edns_options == answer);
    CHECK(
        stage.ask("a.example.", "A", {.edns_options = {0, 8, 0, 1, 7, 0, 3, 0, 0}}).edns_options ==
        answer);
    CHECK(stage.ask("a.example.", "A", {.edns_size = 1232}).edns_options.empty());
    CHECK(stage.ask("a.example.", "A", {.edns_options = {0, 8, 0, 1, 7}}).edns_options.empty());
    CHECK_FALSE(stage.ask("a.example.", "A").message.edns.has_value());

    std::array<char, 256> host{};
    REQUIRE(::gethostname(host.data(), host.size() - 1) == 0);
    Stage usual{"nsid"};
    const auto own = usual.ask("a.example.", "A", {.edns_options = asking}).edns_options;
    CHECK(std::string(own.begin() + 4, own.end()) == host.data());
    CHECK(mistakes_in("nsid " + std::string(4092, 'x')).empty());
    CHECK(mistakes_in("nsid " + std::string(4093, 'x')) ==
          "Corefile:1: data: 4093 characters, expected at most 4092");
}
