// The rules of a node's own DNS cache in a real kernel, beside what iptables writes itself.

#include "rules/iptables/lock.hpp"
#include "rules/iptables/node_local.hpp"
#include "support/netns.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

using namespace nameplane;
using namespace nameplane::rules::iptables;

namespace {

struct Place {
    test::Netns node = test::Netns::make("nlrules");
    std::string lock = (std::filesystem::temp_directory_path() /
                        ("nameplane-nlrules-" + std::to_string(::getpid())))
                           .string();
    NodeLocalOptions options;

    explicit Place(std::vector<std::string> addresses = {"169.254.20.10", "10.96.0.10"}) {
        for (const std::string& text : addresses)
            options.addresses.push_back(*IpAddress::parse(text));
        options.lock_path = lock;
    }
    ~Place() { std::filesystem::remove(lock); }

    Result<std::size_t> ensure() const {
        Result<std::size_t> done = Error{Errc::internal, "not run"};
        node.run([&] { done = ensure_node_local_rules(options); });
        return done;
    }
    Status remove() const {
        Status done;
        node.run([&] { done = remove_node_local_rules(options); });
        return done;
    }
    /// The rules of both tables in order, without counters.
    std::string rules(const std::string& command = "iptables-legacy") const {
        return node.sh(command + " -t raw -S; " + command + " -t filter -S");
    }
};

std::size_t count(const std::string& text, std::string_view word) {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = text.find(word, at)) != text.npos; ++at) ++found;
    return found;
}

// What node-cache runs: iptables -I CHAIN ... for each rule in turn.
std::string node_cache_script(const std::string& command, const std::vector<std::string>& ips) {
    std::ostringstream script;
    const auto add = [&](const char* table, const char* chain, const std::string& match,
                         const char* target, const char* comment) {
        script << command << " -t " << table << " -I " << chain << " " << match << " -j " << target
               << " -m comment --comment 'NodeLocal DNS Cache: " << comment << "'\n";
    };
    for (const std::string& ip : ips) {
        for (const char* p : {"tcp", "udp"})
            add("raw", "PREROUTING", std::string{"-p "} + p + " -d " + ip + " --dport 53",
                "NOTRACK", "skip conntrack");
        for (const char* p : {"tcp", "udp"})
            add("filter", "INPUT", std::string{"-p "} + p + " -d " + ip + " --dport 53", "ACCEPT",
                "allow DNS traffic");
        for (const char* p : {"tcp", "udp"})
            add("raw", "OUTPUT", std::string{"-p "} + p + " -s " + ip + " --sport 53", "NOTRACK",
                "skip conntrack");
        for (const char* p : {"tcp", "udp"})
            add("filter", "OUTPUT", std::string{"-p "} + p + " -s " + ip + " --sport 53", "ACCEPT",
                "allow DNS traffic");
        for (const char* p : {"tcp", "udp"})
            add("raw", "OUTPUT", std::string{"-p "} + p + " -d " + ip + " --dport 53", "NOTRACK",
                "skip conntrack");
        add("raw", "OUTPUT", "-p tcp -d " + ip + " --dport 8080", "NOTRACK", "skip conntrack");
        add("raw", "OUTPUT", "-p tcp -s " + ip + " --sport 8080", "NOTRACK", "skip conntrack");
    }
    return script.str();
}

}  // namespace

TEST_CASE("node_local rules: they are what node-cache writes, and are found where it wrote them") {
    const bool v6 = GENERATE(false, true);
    const std::string command = v6 ? "ip6tables-legacy" : "iptables-legacy";
    const std::vector<std::string> ips =
        v6 ? std::vector<std::string>{"fd00::10"}
           : std::vector<std::string>{"169.254.20.10", "10.96.0.10"};
    const Place ours{ips};
    const Place theirs{ips};
    theirs.node.sh(node_cache_script(command, ips));
    const auto added = ours.ensure();
    REQUIRE(added);
    CHECK(*added == 12 * ips.size());
    CHECK(ours.rules(command) == theirs.rules(command));
    CHECK(theirs.ensure().value_or(99) == 0);
    REQUIRE(theirs.remove());
    CHECK(count(theirs.rules(command), "-A ") == 0);
}

TEST_CASE("node_local rules: what is missing is put back, and nothing else is touched") {
    const Place place;
    place.node.sh("iptables-legacy -A INPUT -s 192.0.2.1 -j DROP; "
                  "iptables-legacy -t raw -A OUTPUT -d 192.0.2.1 -j ACCEPT");
    REQUIRE(place.ensure().value_or(0) == 24);
    const std::string whole = place.rules();
    CHECK(place.ensure().value_or(99) == 0);
    place.node.sh("iptables-legacy -t raw -D PREROUTING 2; iptables-legacy -D INPUT 1");
    CHECK(place.ensure().value_or(99) == 2);
    place.node.sh("iptables-legacy -t raw -F");
    CHECK(place.ensure().value_or(99) == 16);
    CHECK(count(place.rules(), "-A ") == 25);
    CHECK(count(whole, "-A ") == 26);
    CHECK(count(place.rules(), "192.0.2.1") == 1);
}

TEST_CASE("node_local rules: removal takes all copies and both kinds, and only those") {
    Place place;
    place.node.sh("iptables-legacy -A INPUT -s 192.0.2.1 -j DROP");
    place.node.sh(node_cache_script("iptables-legacy", {"10.96.0.10"}));
    place.node.sh(node_cache_script("iptables-legacy", {"10.96.0.10"}));
    place.options.only_while_local = true;
    REQUIRE(place.ensure());
    CHECK(count(place.rules(), "--dst-type LOCAL") == 10);
    REQUIRE(place.remove());
    CHECK(count(place.rules(), "-A ") == 1);
    REQUIRE(place.remove());
}

TEST_CASE("node_local rules: while somebody holds the lock nothing is written") {
    Place place;
    place.options.lock_wait = std::chrono::milliseconds{10};
    auto held = XtablesLock::take(place.lock, std::chrono::milliseconds{1'000});
    REQUIRE(held);
    const auto refused = place.ensure();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::again);
    const Status stays = place.remove();
    REQUIRE_FALSE(stays);
    CHECK(stays.error().code == Errc::again);
    CHECK(count(place.rules(), "-A ") == 0);
    held = Error{Errc::internal, "given back"};
    CHECK(place.ensure().value_or(0) == 24);
}
