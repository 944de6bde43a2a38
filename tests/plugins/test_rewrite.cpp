#include "stage.hpp"

#include <catch2/catch.hpp>

#include <source_location>

using namespace nameplane;
using namespace nameplane::test;

namespace {

struct NameCase {
    std::string lines;
    std::string asked;
    std::string heard;
    std::source_location at = std::source_location::current();
};

std::vector<std::uint8_t> option(std::uint16_t code, std::string_view data) {
    std::vector<std::uint8_t> octets{static_cast<std::uint8_t>(code >> 8U),
                                     static_cast<std::uint8_t>(code), 0,
                                     static_cast<std::uint8_t>(data.size())};
    octets.insert(octets.end(), data.begin(), data.end());
    return octets;
}

std::vector<std::uint8_t> operator+(std::vector<std::uint8_t> a,
                                    const std::vector<std::uint8_t>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

}  // namespace

TEST_CASE("rewrite name: which query becomes which") {
    const NameCase cases[] = {
        {"rewrite name example.net example.org", "Example.NET.", "example.org."},
        {"rewrite name example.net example.org", "a.example.net.", "a.example.net."},
        {"rewrite name exact example.net. example.org.", "example.net.", "example.org."},
        {"rewrite name prefix foo bar", "foo.example.com.", "bar.example.com."},
        {"rewrite name prefix foo bar", "foox.example.com.", "foox.example.com."},
        {"rewrite name prefix foo. bar.", "coredns.foo.", "coredns.foo."},
        {"rewrite name suffix com org", "foo.example.com.", "foo.example.org."},
        {"rewrite name suffix .schmoogle.com. .google.com.", "a.schmoogle.com.", "a.google.com."},
        {"rewrite name suffix .schmoogle.com. .google.com.", "schmoogle.com.", "schmoogle.com."},
        {"rewrite name suffix .ingress.coredns.rocks nginx.coredns.rocks",
         "coredns.ingress.coredns.rocks.", "corednsnginx.coredns.rocks."},
        {"rewrite name substring service.us-west-1.example.org service.us-west-1.consul",
         "ftp.service.us-west-1.example.org.", "ftp.service.us-west-1.consul."},
        {"rewrite name substring a. b.", "a.a.xa.", "b.b.xb."},
        {R"(rewrite name regex (.*)-(us-west-1)\.example\.org {1}.service.{2}.consul)",
         "ftp-us-west-1.example.org.", "ftp.service.us-west-1.consul."},
        {R"(rewrite name regex (.*)\.example\.org {1}.{1}.x)", "a.example.org.", "a.a.x."},
        {R"(rewrite name regex (.*)\.example\.org {0}y)", "a.example.org.", "a.example.orgy."},
        {"rewrite stop {\n name regex (.*)\\.a {1}.b\n answer name (.*)\\.b {1}.a\n}", "x.a.",
         "x.b."},
        {"rewrite NAME EXACT a.example b.example", "a.example.", "b.example."},
        // The first one is the last one, unless it goes on.
        {"rewrite name a.x b.x\nrewrite name b.x c.x", "a.x.", "b.x."},
        {"rewrite continue name a.x b.x\nrewrite name b.x c.x", "a.x.", "c.x."},
        {"rewrite name z.x b.x\nrewrite name a.x c.x", "a.x.", "c.x."},
    };
    for (const NameCase& row : cases) {
        INFO("row at line " << row.at.line() << ": " << row.lines);
        Stage stage{row.lines};
        const StageAnswer answer = stage.ask(row.asked, "A");
        REQUIRE(stage.heard());
        CHECK(stage.heard()->name == row.heard);
        CHECK(answer.message.questions == std::vector<std::string>{row.asked + " IN A"});
    }
}

TEST_CASE("rewrite: a name that is none fails the query and says so") {
    for (const std::string& lines :
         {std::string{"rewrite name a.example b..example"},
          "rewrite name suffix .example ." + std::string(64, 'x') + ".example",
          std::string{R"(rewrite name regex (.*)\.example {1}.{1}.{1}.{1}.example)"}}) {
        INFO(lines);
        Stage stage{lines};
        const std::string name =
            lines.find("regex") == std::string::npos
                ? "a.example."
                : std::string(60, 'a') + "." + std::string(60, 'b') + ".example.";
        CHECK(stage.ask(name, "A").rcode == "SERVFAIL");
        CHECK_FALSE(stage.heard());
    }
}

namespace {

struct AnswerCase {
    std::string lines;
    std::string asked;
    std::string behind;  ///< the name that the plugin behind is asked
    std::vector<std::string> said;
    std::string answers;
    std::string type = "A";
    std::source_location at = std::source_location::current();
};

}  // namespace

TEST_CASE("rewrite name: what becomes of the answer") {
    const AnswerCase cases[] = {
        {"rewrite name red.example blue.example",
         "Red.example.",
         "blue.example.",
         {"blue.example. 5 IN CNAME www.blue.example.", "www.blue.example. 5 IN A 10.0.0.1"},
         "Red.example. 5 IN CNAME www.Red.example.; www.Red.example. 5 IN A 10.0.0.1"},
        {"rewrite name red.example blue.example",
         "red.example.",
         "blue.example.",
         {"xblue.example. 5 IN A 10.0.0.1"},
         "xblue.example. 5 IN A 10.0.0.1"},
        // Only exact ones go back by themselves.
        {"rewrite name suffix .red .blue",
         "a.red.",
         "a.blue.",
         {"a.blue. 5 IN A 10.0.0.1"},
         "a.blue. 5 IN A 10.0.0.1"},
        {"rewrite name suffix .red .blue answer auto",
         "A.red.",
         "a.blue.",
         {"a.blue. 5 IN CNAME b.blue.", "b.blue. 5 IN CNAME c.green.", "c.green. 5 IN A 10.0.0.1"},
         "A.red. 5 IN CNAME b.red.; b.red. 5 IN CNAME c.green.; c.green. 5 IN A 10.0.0.1"},
        {"rewrite name prefix foo bar answer auto",
         "foo.x.",
         "bar.x.",
         {"bar.x. 5 IN CNAME a.bar.x.", "a.bar.x. 5 IN A 10.0.0.1"},
         "foo.x. 5 IN CNAME a.foo.x.; a.foo.x. 5 IN A 10.0.0.1"},
        {"rewrite name substring b. c. answer auto",
         "a.b.x.",
         "a.c.x.",
         {"a.c.x. 5 IN A 10.0.0.1"},
         "a.b.x. 5 IN A 10.0.0.1"},
        {R"(rewrite stop {
             name regex (.*)-(us-west-1)\.coredns\.rocks {1}.service.{2}.consul
             answer name (.*)\.service\.(us-west-1)\.consul {1}-{2}.coredns.rocks
           })",
         "ftp-us-west-1.coredns.rocks.",
         "ftp.service.us-west-1.consul.",
         {"ftp.service.us-west-1.consul. 0 IN A 10.10.10.10",
          "ftp.service.us-west-1.consul. 0 IN A 10.20.20.20"},
         "ftp-us-west-1.coredns.rocks. 0 IN A 10.10.10.10; "
         "ftp-us-west-1.coredns.rocks. 0 IN A 10.20.20.20"},
        {R"(rewrite stop {
             name suffix .arpa .arpa
             answer auto
             answer value (.*)\.service\.consul\. {1}.coredns.rocks.
           })",
         "30.30.30.10.in-addr.arpa.",
         "30.30.30.10.in-addr.arpa.",
         {"30.30.30.10.in-addr.arpa. 60 IN PTR ftp-us-west-1.service.consul."},
         "30.30.30.10.in-addr.arpa. 60 IN PTR ftp-us-west-1.coredns.rocks.",
         "PTR"},
        {R"(rewrite name regex (.*)\.red {1}.blue answer name (.*)\.blue {1}.red value (.*)\.blue {1}.pink)",
         "a.red.",
         "a.blue.",
         {"a.blue. 5 IN MX 1 mx.blue.", "a.blue. 5 IN SRV 1 2 3 srv.blue.",
          "a.blue. 5 IN NS ns.blue.", "a.blue. 5 IN DNAME d.blue.",
          "a.blue. 5 IN NAPTR 1 2 \"S\" \"SIP+D2U\" \"\" n.blue.",
          "a.blue. 5 IN SOA m.blue. r.blue. 1 2 3 4 5", "a.blue. 5 IN TXT \"t.blue.\""},
         "a.red. 5 IN MX 1 mx.pink.; a.red. 5 IN SRV 1 2 3 srv.pink.; a.red. 5 IN NS ns.pink.; "
         "a.red. 5 IN DNAME d.pink.; a.red. 5 IN NAPTR 1 2 \"S\" \"SIP+D2U\" \"\" n.pink.; "
         "a.red. 5 IN SOA m.pink. r.blue. 1 2 3 4 5; a.red. 5 IN TXT \"t.blue.\"",
         "ANY"},
        // Two rules: the answer goes back through both, the last one first.
        {"rewrite continue name a.x b.x\nrewrite name suffix .x .y answer auto",
         "a.x.",
         "b.y.",
         {"b.y. 5 IN A 10.0.0.1"},
         "a.x. 5 IN A 10.0.0.1"},
    };
    for (const AnswerCase& row : cases) {
        INFO("row at line " << row.at.line() << ": " << row.lines);
        Stage stage{row.lines};
        stage.behind(row.behind, row.type, {.answers = row.said});
        CHECK(stage.ask(row.asked, row.type, {.tcp = true}).answers() == row.answers);
    }
}

TEST_CASE("rewrite changes authority and additional section as well") {
    Stage stage{"rewrite name red.example blue.example"};
    stage.behind("blue.example.", "MX",
                 {.authorities = {"blue.example. 5 IN NS ns.blue.example."},
                  .additionals = {"ns.blue.example. 5 IN A 10.0.0.1"}});
    const LdnsMessage message = stage.ask("red.example.", "MX").message;
    CHECK(message.authorities == std::vector<std::string>{"red.example. 5 IN NS ns.red.example."});
    CHECK(message.additionals == std::vector<std::string>{"ns.red.example. 5 IN A 10.0.0.1"});
}

TEST_CASE("rewrite type and class change the question for those behind only") {
    Stage type{"rewrite type ANY HINFO"};
    type.behind("a.example.", "HINFO", {.answers = {"a.example. 5 IN HINFO \"x\" \"y\""}});
    const StageAnswer answer = type.ask("a.example.", "ANY");
    CHECK(type.heard()->type == "HINFO");
    CHECK(answer.message.questions == std::vector<std::string>{"a.example. IN ANY"});
    CHECK(answer.answers() == "a.example. 5 IN HINFO \"x\" \"y\"");
    type.ask("a.example.", "A");
    CHECK(type.heard()->type == "A");

    Stage klass{"rewrite class CH IN"};
    klass.ask("a.example.", "A", {.klass = "CH"});
    CHECK(klass.heard()->klass == "IN");
}

TEST_CASE("rewrite ttl holds TTLs within bounds") {
    struct Case {
        std::string rule;
        std::string expected;  ///< what 10, 100 and 1000 become
    };
    const Case cases[] = {
        {"ttl a.example 15", "15 15 15"},
        {"ttl exact a.example 30-300", "30 100 300"},
        {"ttl a.example -30", "10 30 30"},
        {"ttl a.example 30-", "30 100 1000"},
        {"ttl prefix a 0", "0 0 0"},
        {"ttl suffix example 5", "5 5 5"},
        {"ttl substring exam 5", "10 100 1000"},
        {"ttl substring a.exa 5", "10 100 1000"},  // substrings end in a dot, too
        {"ttl regex .*exa.* 5", "5 5 5"},
        {"ttl b.example 5", "10 100 1000"},
    };
    for (const Case& row : cases) {
        INFO(row.rule);
        Stage stage{"rewrite " + row.rule};
        stage.behind("a.example.", "A",
                     {.answers = {"a.example. 10 IN A 10.0.0.1"},
                      .authorities = {"a.example. 100 IN NS ns.example."},
                      .additionals = {"ns.example. 1000 IN A 10.0.0.1"}});
        const LdnsMessage message = stage.ask("a.example.", "A").message;
        const auto ttl = [](const std::string& line) {
            const std::size_t at = line.find(' ') + 1;
            return line.substr(at, line.find(' ', at) - at);
        };
        CHECK(ttl(message.answers[0]) + " " + ttl(message.authorities[0]) + " " +
                  ttl(message.additionals[0]) ==
              row.expected);
    }
}

TEST_CASE("rewrite rcode changes the response code, with records or without") {
    Stage stage{"rewrite rcode regex (.*)\\.example SERVFAIL NOERROR"};
    stage.behind("a.example.", "A", {.rcode = dns::Rcode::serv_fail});
    CHECK(stage.ask("a.example.", "A").rcode == "NOERROR");
    CHECK(stage.ask("b.example.", "A").rcode == "NXDOMAIN");
    Stage numbers{"rewrite rcode a.example 3 5"};
    CHECK(numbers.ask("a.example.", "A").rcode == "REFUSED");
    CHECK(numbers.ask("b.example.", "A").rcode == "NXDOMAIN");
}

TEST_CASE("rewrite cname looks a new target up") {
    const char* const rules[] = {
        R"(rewrite cname regex (.*)\.cdn\.example\.net\. {1}.other.cdn.com.)",
        "rewrite cname suffix .cdn.example.net. .other.cdn.com.",
        "rewrite cname my-app.com.cdn.example.net my-app.com.other.cdn.com",
        "rewrite cname exact my-app.com.cdn.example.net. my-app.com.other.cdn.com.",
        "rewrite cname substring cdn.example.net other.cdn.com",
    };
    for (const char* const rule : rules) {
        INFO(rule);
        Stage stage{rule};
        stage.behind("my-app.com.", "A",
                     {.answers = {"my-app.com. 200 IN CNAME my-app.example.",
                                  "my-app.example. 200 IN CNAME my-app.com.cdn.example.net.",
                                  "my-app.com.cdn.example.net. 300 IN A 20.2.0.1"},
                      .authorities = {"com. 5 IN NS ns.com."}});
        stage.behind("my-app.com.other.cdn.com.", "A",
                     {.answers = {"my-app.com.other.cdn.com. 100 IN A 30.3.1.2"}});
        const StageAnswer answer = stage.ask("My-app.com.", "A");
        CHECK(answer.answers() == "My-app.com. 200 IN CNAME my-app.example.; "
                                  "my-app.example. 200 IN CNAME my-app.com.other.cdn.com.; "
                                  "my-app.com.other.cdn.com. 100 IN A 30.3.1.2");
        CHECK(answer.message.authorities.size() == 1);
        CHECK(answer.rcode == "NOERROR");
        CHECK(stage.ask("other.com.", "A").rcode == "NXDOMAIN");
    }
}

TEST_CASE(
    "rewrite cname: of several rules the last one counts, for the first alias that one fits") {
    Stage stage{"rewrite continue cname exact b.example. c.example.\n"
                "rewrite continue cname suffix .example. .other."};
    stage.behind(
        "a.example.", "A",
        {.answers = {"a.example. 5 IN CNAME b.example.", "b.example. 5 IN CNAME d.example."}});
    stage.behind("b.other.", "A", {.answers = {"b.other. 5 IN A 10.0.0.1"}});
    CHECK(stage.ask("a.example.", "A").answers() ==
          "a.example. 5 IN CNAME b.other.; b.other. 5 IN A 10.0.0.1");

    // A rule behind it has changed the name, as nothing it knows.
    Stage renamed{"rewrite continue cname suffix .example. .other.\n"
                  "rewrite stop name suffix .inner. .example. answer auto"};
    renamed.behind("a.example.", "A",
                   {.answers = {"a.example. 5 IN CNAME b.example.", "b.example. 5 IN A 10.0.0.2"}});
    CHECK(renamed.ask("a.inner.", "A").answers() ==
          "a.inner. 5 IN CNAME b.inner.; b.inner. 5 IN A 10.0.0.2");
}

TEST_CASE("rewrite edns0: what those behind see, and what the client") {
    struct Case {
        std::string rules;
        std::vector<std::uint8_t> asked;
        std::vector<std::uint8_t> heard;
        std::vector<std::uint8_t> answered;
        std::source_location at = std::source_location::current();
    };
    const auto abcd = option(0xffee, "abcd");
    const auto old = option(0xffee, "old");
    const auto other = option(0xff00, "other");
    const Case cases[] = {
        {"rewrite edns0 local set 0xffee 0x61626364", other, other + abcd, abcd},
        {"rewrite edns0 local set 0xffee abcd", old, abcd, abcd},
        {"rewrite edns0 local append 0xffee abcd", old, old, old},
        {"rewrite edns0 local append 0xffee abcd", other, other + abcd, abcd},
        {"rewrite edns0 local replace 0xffee abcd", old + other, abcd + other, abcd},
        {"rewrite edns0 local replace 0xffee abcd", other, other, {}},
        {"rewrite edns0 local unset 0xffee", old + other, other, {}},
        {"rewrite edns0 local set 65518 abcd revert", other, other + abcd, {}},
        {"rewrite edns0 local set 0xffee abcd revert", old, abcd, old},
        {"rewrite continue {\n edns0 local set 0xffee abcd\n}\n"
         "rewrite edns0 local replace 0xffee bcde revert",
         other, other + option(0xffee, "bcde"), abcd},
        {"rewrite edns0 local set 0xffee {qname}", other, other + option(0xffee, "a.example."),
         option(0xffee, "a.example.")},
        {"rewrite edns0 local set 0xffee {qtype}", other,
         other + option(0xffee, std::string_view{"\0\1", 2}),
         option(0xffee, std::string_view{"\0\1", 2})},
        {"rewrite edns0 local set 0xffee {client_ip}", other,
         other + option(0xffee, std::string_view{"\xc0\0\2\1", 4}),
         option(0xffee, std::string_view{"\xc0\0\2\1", 4})},
        {"rewrite edns0 local set 0xffee {client_port}", other, other + option(0xffee, "\x10\x92"),
         option(0xffee, "\x10\x92")},
        {"rewrite edns0 local set 0xffee {protocol}", other, other + option(0xffee, "udp"),
         option(0xffee, "udp")},
        {"rewrite edns0 local set 0xffee {server_ip}", other,
         other + option(0xffee, std::string_view{"\xc0\0\2\x35", 4}),
         option(0xffee, std::string_view{"\xc0\0\2\x35", 4})},
        {"rewrite edns0 local set 0xffee {server_port}", other,
         other + option(0xffee, std::string_view{"\0\x35", 2}),
         option(0xffee, std::string_view{"\0\x35", 2})},
        {"rewrite edns0 local set 0xffee {some/label}", other, other, {}},
        {"rewrite edns0 nsid set", other, other + option(3, ""), option(3, "")},
        {"rewrite edns0 nsid unset", other + option(3, ""), other, {}},
        {"rewrite edns0 subnet set 24 56",
         other,
         other + option(8, std::string_view{"\0\1\x18\0\xc0\0\2", 7}),
         {}},
        {"rewrite edns0 subnet set 20 56",
         other,
         other + option(8, std::string_view{"\0\1\x14\0\xc0\0\0", 7}),
         {}},
        {"rewrite edns0 subnet unset", other + option(8, "xxxx"), other, {}},
    };
    for (const Case& row : cases) {
        INFO("row at line " << row.at.line() << ": " << row.rules);
        Stage stage{row.rules};
        const StageAnswer answer = stage.ask("a.example.", "A", {.edns_options = row.asked});
        CHECK(stage.heard()->edns_options == row.heard);
        CHECK(answer.edns_options == row.answered);
    }
    Stage stage{"rewrite edns0 subnet set 24 57"};
    stage.ask("a.example.", "A", {.client = "[2001:db8:1:2ff::1]:5"});
    CHECK(stage.heard()->edns_options ==
          option(8, std::string_view{"\0\2\x39\0\x20\1\x0d\xb8\0\1\2\x80", 12}));
}
