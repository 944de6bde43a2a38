#include "plugins/hosts/table.hpp"
#include "stage.hpp"
#include "support/temporary_folder.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <filesystem>
#include <source_location>
#include <thread>

using namespace nameplane;
using namespace nameplane::test;

namespace {

/// A file of its own that goes with the object.
class TemporaryFile {
public:
    explicit TemporaryFile(std::string_view text) { write(text); }

    /// In one step, as editors do.
    void write(std::string_view text) const { folder_.replace("hosts", text); }
    std::string path() const { return folder_ / "hosts"; }

private:
    TemporaryFolder folder_;
};

constexpr std::string_view text = R"(# a comment
127.0.0.1	localhost  # and one behind
10.0.0.1 Web.Example.org web www.example.org
10.0.0.2 web.example.org
fd00::1%eth0 web.example.org
10.0.0.9 *.wild.example.org
10.0.0.8 a.wild.example.org
fd00::9 *.wild.example.org
nonsense web.example.org
10.0.0.3
10.0.0.4 bad..name ok.example.org
10.0.0.5 outside.example.net
)";

struct HostCase {
    std::string name;
    std::string type;
    std::string rcode;  ///< or "next"
    std::string answers = {};
    std::source_location at = std::source_location::current();
};

void check(Stage& stage, const HostCase& row) {
    INFO("row at line " << row.at.line() << ": " << row.name << ' ' << row.type);
    const StageAnswer answer = stage.ask(row.name, row.type);
    CHECK((stage.heard() ? "next" : answer.rcode) == row.rcode);
    CHECK(answer.answers() == row.answers);
    if (row.rcode == "NOERROR") CHECK(answer.message.authoritative);
}

}  // namespace

TEST_CASE("hosts answers from a file") {
    const TemporaryFile file{text};
    Stage stage{"hosts " + file.path() + " example.org {\n ttl 60\n}"};
    const HostCase cases[] = {
        {"web.example.org.", "A", "NOERROR",
         "web.example.org. 60 IN A 10.0.0.1; web.example.org. 60 IN A 10.0.0.2"},
        {"WEB.example.org.", "AAAA", "NOERROR", "WEB.example.org. 60 IN AAAA fd00::1"},
        {"www.example.org.", "AAAA", "NOERROR"},
        {"web.example.org.", "MX", "NOERROR"},
        {"web.example.org.", "PTR", "next"},
        {"none.example.org.", "A", "SERVFAIL"},
        {"none.example.org.", "MX", "SERVFAIL"},
        {"web.", "A", "next"},
        {"outside.example.net.", "A", "next"},
        {"ok.example.org.", "A", "NOERROR", "ok.example.org. 60 IN A 10.0.0.4"},
        {"b.wild.example.org.", "A", "NOERROR", "b.wild.example.org. 60 IN A 10.0.0.9"},
        {"a.wild.example.org.", "A", "NOERROR", "a.wild.example.org. 60 IN A 10.0.0.8"},
        {"a.wild.example.org.", "AAAA", "NOERROR", "a.wild.example.org. 60 IN AAAA fd00::9"},
        {"wild.example.org.", "A", "SERVFAIL"},
        {"c.b.wild.example.org.", "A", "SERVFAIL"},
        {"1.0.0.10.in-addr.arpa.", "PTR", "NOERROR",
         "1.0.0.10.in-addr.arpa. 60 IN PTR web.example.org.; "
         "1.0.0.10.in-addr.arpa. 60 IN PTR www.example.org."},
        {"9.0.0.10.in-addr.arpa.", "PTR", "next"},
        {"7.0.0.10.in-addr.arpa.", "PTR", "next"},
        {"1.0.0.10.in-addr.arpa.", "A", "next"},
        {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa.", "PTR",
         "NOERROR",
         "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. 60 IN PTR "
         "web.example.org."},
    };
    for (const HostCase& row : cases) check(stage, row);
    stage.ask("web.example.org.", "A", {.klass = "CH"});
    CHECK(stage.heard());
    // 8 addresses of names; 6 names of addresses, for the wild ones have none.
    CHECK(stage.count("coredns_hosts_entries", {{"hostsfile", file.path()}}) == 8 + 6);
    CHECK(stage.count("coredns_hosts_reload_timestamp_seconds") > 1e9);
}

TEST_CASE("hosts: entries in the configuration come behind those of the file") {
    const TemporaryFile file{"10.0.0.1 a.example.org\n"};
    Stage stage{"hosts " + file.path() +
                " {\n 10.0.0.2 a.example.org b.example.org\n ::5 b.example.org\n no_reverse\n"
                " fallthrough\n}"};
    check(stage, {"a.example.org.", "A", "NOERROR",
                  "a.example.org. 3600 IN A 10.0.0.1; a.example.org. 3600 IN A 10.0.0.2"});
    check(stage, {"b.example.org.", "AAAA", "NOERROR", "b.example.org. 3600 IN AAAA ::5"});
    check(stage, {"2.0.0.10.in-addr.arpa.", "PTR", "next"});
    check(stage, {"none.example.org.", "A", "next"});
    check(stage, {"b.example.org.", "TXT", "NOERROR"});
}

TEST_CASE("hosts: fallthrough for some zones, and of types that it does not have") {
    const TemporaryFile file{"10.0.0.1 a.example.org a.example.net\n"};
    Stage some{"hosts " + file.path() + " {\n fallthrough example.org\n}"};
    check(some, {"x.example.org.", "A", "next"});
    check(some, {"x.example.net.", "A", "SERVFAIL"});
    Stage types{"hosts " + file.path() +
                " {\n fallthrough_unsupported\n fallthrough example.org\n}"};
    check(types, {"a.example.org.", "HTTPS", "next"});
    check(types, {"a.example.org.", "AAAA", "NOERROR"});
    check(types, {"a.example.net.", "HTTPS", "NOERROR"});
}

TEST_CASE("hosts reads the file again when it changes, and keeps what it had while it is away") {
    TemporaryFile file{"10.0.0.1 a.example.org\n"};
    Background background;
    Stage stage{"hosts " + file.path() + " {\n reload 10ms\n}", {.background = &background}};
    const auto becomes = [&](const std::string& expected) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{1};
        while (stage.ask("a.example.org.", "A").answers() != expected) {
            if (std::chrono::steady_clock::now() > end) return false;
            std::this_thread::yield();
        }
        return true;
    };
    CHECK(becomes("a.example.org. 3600 IN A 10.0.0.1"));
    file.write("10.0.0.22 a.example.org\n");
    CHECK(becomes("a.example.org. 3600 IN A 10.0.0.22"));
    std::filesystem::remove(file.path());
    CHECK(becomes("a.example.org. 3600 IN A 10.0.0.22"));
    file.write("10.0.0.3 a.example.org\n10.0.0.4 a.example.org\n");
    CHECK(becomes("a.example.org. 3600 IN A 10.0.0.3; a.example.org. 3600 IN A 10.0.0.4"));
    CHECK(stage.count("coredns_hosts_entries") == 4);
}

TEST_CASE("hosts: what is wrong is said, and a file that is not there is no mistake") {
    CHECK(mistakes_in("hosts /nonexistent/hosts example.org") == "");
    CHECK(mistakes_in("hosts /tmp") == "");
    CHECK(mistakes_in("hosts /dev/null {\n ttl 0\n ttl x\n ttl\n reload -1s\n reload\n"
                      " fallthrough\n 10.0.0.1 a\n fallthrough_unsupported x\n}") ==
          "Corefile:2: hosts: ttl: '0', expected seconds from 1 to 65535\n"
          "Corefile:3: hosts: ttl: 'x', expected seconds from 1 to 65535\n"
          "Corefile:4: hosts: ttl: '', expected seconds from 1 to 65535\n"
          "Corefile:5: hosts: reload: expected a duration such as '5s', '0s' for never\n"
          "Corefile:6: hosts: reload: expected a duration such as '5s', '0s' for never\n"
          "Corefile:8: hosts: unknown option '10.0.0.1', expected entries before 'fallthrough' "
          "only\n"
          "Corefile:9: hosts: 'x', expected nothing behind 'fallthrough_unsupported'");
    CHECK(mistakes_in("hosts {\n fallthrough_unsupported\n}") != "");
    CHECK(mistakes_in("hosts\nhosts") != "");
}

TEST_CASE("a table of many hosts finds each of them") {
    std::string lines;
    for (int i = 0; i < 5000; ++i) {
        lines += "10." + std::to_string(i / 250) + ".0." + std::to_string(i % 250) + " h" +
                 std::to_string(i) + ".example.\n";
    }
    const std::vector<dns::Name> zones{dns::Name{}};
    const plugins::hosts::HostTable table{lines, zones, true};
    CHECK(table.size() == 10'000);
    for (int i = 0; i < 5000; ++i) {
        const dns::Name name = *dns::Name::parse("h" + std::to_string(i) + ".example.");
        const auto found = table.v4(name);
        REQUIRE(found.size() == 1);
        const auto names = table.names_of(found[0]);
        REQUIRE(names.size() == 1);
        CHECK(names[0].equals(name));
    }
    CHECK(table.v4(*dns::Name::parse("h5000.example.")).empty());
    CHECK(table.v6(*dns::Name::parse("h1.example.")).empty());
    CHECK(plugins::hosts::HostTable{}.v4(dns::Name{}).empty());
}
