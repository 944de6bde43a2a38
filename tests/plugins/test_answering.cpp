// any, chaos, local: plugins that answer by themselves.

#include "stage.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <array>
#include <set>
#include <source_location>

using namespace nameplane;
using namespace nameplane::test;

TEST_CASE("any answers ANY with one short record") {
    Stage stage{"any"};
    const StageAnswer answer = stage.ask("Www.Example.org.", "ANY");
    CHECK(answer.answers() == "Www.Example.org. 8482 IN HINFO \"ANY obsoleted\" \"See RFC 8482\"");
    CHECK(answer.rcode == "NOERROR");
    CHECK_FALSE(stage.heard());
    stage.ask("www.example.org.", "A");
    CHECK(stage.heard());
    CHECK(mistakes_in("any thing") != "");
}

TEST_CASE("chaos says who we are") {
    std::array<char, 256> host{};
    REQUIRE(::gethostname(host.data(), host.size() - 1) == 0);
    const std::string ours = "\"" + std::string{host.data()} + "\"";
    struct Case {
        const char* name;
        std::string text;
    };
    const Case cases[] = {{"version.bind.", "\"np 1\""},
                          {"VERSION.server.", "\"np 1\""},
                          {"hostname.bind.", ours},
                          {"id.server.", ours}};
    Stage stage{"chaos \"np 1\" Ada Bob Ada"};
    for (const Case& row : cases) {
        INFO(row.name);
        CHECK(stage.ask(row.name, "TXT", {.klass = "CH"}).answers() ==
              row.name + std::string{" 0 CH TXT "} + row.text);
    }
    const auto authors = stage.ask("authors.bind.", "TXT", {.klass = "CH"}).message.answers;
    CHECK(
        std::set<std::string>{authors.begin(), authors.end()} ==
        std::set<std::string>{"authors.bind. 0 CH TXT \"Ada\"", "authors.bind. 0 CH TXT \"Bob\""});
    CHECK(authors.size() == 2);
    CHECK_FALSE(stage.heard());
}

TEST_CASE("chaos leaves all else to the next, and takes queries of all classes in") {
    Stage stage{"chaos"};
    for (const StageAsk& how : {StageAsk{.klass = "IN"}, StageAsk{.klass = "HS"}}) {
        stage.ask("version.bind.", "TXT", how);
        CHECK(stage.heard());
    }
    stage.ask("version.bind.", "A", {.klass = "CH"});
    CHECK(stage.heard());
    stage.ask("other.bind.", "TXT", {.klass = "CH"});
    REQUIRE(stage.heard());
    CHECK(stage.heard()->klass == "CH");
    CHECK(stage.ask("version.bind.", "TXT", {.klass = "CH"}).answers().find("Nameplane-") !=
          std::string::npos);
    CHECK(mistakes_in("chaos v2 {\n unknown\n}") != "");
}

namespace {

struct LocalCase {
    std::string name;
    std::string type;
    std::string rcode;
    std::string answers;
    std::string authority = {};
    std::source_location at = std::source_location::current();
};

std::string soa(const std::string& owner) {
    return owner + " 604800 IN SOA localhost. root.localhost. 1 0 0 0 604800";
}

}  // namespace

TEST_CASE("local answers for this host") {
    const LocalCase cases[] = {
        {"localhost.", "A", "NOERROR", "localhost. 604800 IN A 127.0.0.1"},
        {"LocalHost.", "AAAA", "NOERROR", "LocalHost. 604800 IN AAAA ::1"},
        {"localhost.", "SOA", "NOERROR", soa("localhost.")},
        {"localhost.", "NS", "NOERROR", "localhost. 604800 IN NS localhost."},
        {"localhost.", "MX", "NOERROR", "", soa("localhost.")},
        {"a.localhost.", "A", "NOERROR", "a.localhost. 604800 IN A 127.0.0.1"},
        {"b.a.localhost.", "AAAA", "NOERROR", "b.a.localhost. 604800 IN AAAA ::1"},
        {"a.localhost.", "SOA", "NOERROR", "", soa("a.localhost.")},
        {"localhost.example.org.", "A", "NOERROR", "localhost.example.org. 604800 IN A 127.0.0.1"},
        {"localhost.example.org.", "TXT", "NOERROR", "", soa("localhost.example.org.")},
        {"0.in-addr.arpa.", "A", "NOERROR", "", soa("0.in-addr.arpa.")},
        {"255.in-addr.arpa.", "SOA", "NOERROR", soa("255.in-addr.arpa.")},
        {"127.in-addr.arpa.", "NS", "NOERROR", "127.in-addr.arpa. 604800 IN NS localhost."},
        {"1.0.0.127.in-addr.arpa.", "PTR", "NOERROR",
         "1.0.0.127.in-addr.arpa. 604800 IN PTR localhost."},
        {"1.0.0.127.in-addr.arpa.", "A", "NOERROR", "", soa("127.in-addr.arpa.")},
        {"2.0.0.127.in-addr.arpa.", "PTR", "NXDOMAIN", "", soa("127.in-addr.arpa.")},
        {"1.0.0.0.in-addr.arpa.", "PTR", "NXDOMAIN", "", soa("0.in-addr.arpa.")},
    };
    Stage stage{"local"};
    for (const LocalCase& row : cases) {
        INFO("row at line " << row.at.line());
        const StageAnswer answer = stage.ask(row.name, row.type);
        CHECK(answer.rcode == row.rcode);
        CHECK(answer.answers() == row.answers);
        CHECK(answer.message.authorities.size() == (row.authority.empty() ? 0 : 1));
        if (!row.authority.empty()) CHECK(answer.message.authorities[0] == row.authority);
        CHECK_FALSE(stage.heard());
    }
    CHECK(stage.count("coredns_local_localhost_requests_total") == 5);
}

TEST_CASE("local: what is not this host goes on, and the prefix can be switched off") {
    Stage stage{"local"};
    for (const char* const name :
         {"example.org.", "mylocalhost.", "xlocalhost.org.", "128.in-addr.arpa.", "."}) {
        stage.ask(name, "A");
        CHECK(stage.heard());
    }
    stage.ask("localhost.", "A", {.klass = "CH"});
    CHECK(stage.heard());
    Stage strict{"local {\n localhost_prefix off\n}"};
    strict.ask("localhost.example.org.", "A");
    CHECK(strict.heard());
    strict.ask("a.localhost.", "A");
    CHECK_FALSE(strict.heard());
    for (const char* const lines : {"local host", "local {\n localhost_prefix\n}",
                                    "local {\n localhost_prefix maybe\n}", "local {\n other\n}"}) {
        INFO(lines);
        CHECK(mistakes_in(lines) != "");
    }
}
