// The rules of a node's own DNS cache in a real kernel, beside what iptables writes itself.

#include "kernel/rules_case.hpp"
#include "rules/iptables/lock.hpp"
#include "rules/iptables/nft_tables.hpp"
#include "rules/iptables/node_local.hpp"
#include "support/netns.hpp"

#include <catch2/catch.hpp>
#include <linux/filter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <sstream>
#include <stdexcept>

using namespace nameplane;
using namespace nameplane::rules::iptables;

namespace {

std::string tool(Kind kind, Family family = Family::ipv4) {
    return std::string{family == Family::ipv4 ? "iptables" : "ip6tables"} +
           (kind == Kind::nft ? "-nft" : "-legacy");
}

struct Place {
    test::Netns node = test::Netns::make("nlrules");
    std::string lock = (std::filesystem::temp_directory_path() /
                        ("nameplane-nlrules-" + std::to_string(::getpid())))
                           .string();
    NodeLocalOptions options;

    explicit Place(Kind kind,
                   const std::vector<std::string>& addresses = {"169.254.20.10", "10.96.0.10"}) {
        options.kind = kind;
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
    std::string rules(Family family = Family::ipv4) const {
        const std::string command = tool(options.kind, family);
        return node.sh(command + " -t raw -S; " + command + " -t filter -S");
    }
    /// Runs lines in which IPT stands for the tool of this kind.
    void sh(const std::string& script) const {
        node.sh("IPT=" + tool(options.kind) + "\n" + script);
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

/// From here on the kernel says to this thread what one without ip_tables would say.
void without_ip_tables() {
    // if (call is getsockopt && option is IPT_SO_GET_REVISION_MATCH) errno = ENOPROTOOPT
    std::array code{
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 0, 3),
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPT_SO_GET_REVISION_MATCH, 0, 1),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOPROTOOPT),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog program{.len = code.size(), .filter = code.data()};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        throw std::runtime_error{"seccomp"};
}

}  // namespace

TEST_CASE("node_local rules: they are what node-cache writes, and are found where it wrote them") {
    const Kind kind = GENERATE(Kind::legacy, Kind::nft);
    const bool v6 = GENERATE(false, true);
    const Family family = v6 ? Family::ipv6 : Family::ipv4;
    const std::vector<std::string> ips =
        v6 ? std::vector<std::string>{"fd00::10"}
           : std::vector<std::string>{"169.254.20.10", "10.96.0.10"};
    CAPTURE(tool(kind, family));
    const Place ours{kind, ips};
    const Place theirs{kind, ips};
    theirs.node.sh(node_cache_script(tool(kind, family), ips));
    const auto added = ours.ensure();
    INFO((added ? "" : added.error().text));
    REQUIRE(added);
    CHECK(*added == 12 * ips.size());
    CHECK(ours.rules(family) == theirs.rules(family));
    CHECK(ours.ensure().value_or(99) == 0);
    CHECK(theirs.ensure().value_or(99) == 0);
    REQUIRE(theirs.remove());
    CHECK(count(theirs.rules(family), "-A ") == 0);
}

TEST_CASE("node_local rules: of two families each gets its own") {
    const Kind kind = GENERATE(Kind::legacy, Kind::nft);
    CAPTURE(tool(kind));
    const Place place{kind, {"169.254.20.10", "fd00:20::10", "10.96.0.10"}};
    CHECK(place.ensure().value_or(0) == 36);
    CHECK(count(place.rules(Family::ipv4), "-A ") == 24);
    CHECK(count(place.rules(Family::ipv6), "fd00:20::10/128") == 12);
    place.node.sh(tool(kind, Family::ipv6) + " -t filter -F");
    CHECK(place.ensure().value_or(99) == 4);
    REQUIRE(place.remove());
    CHECK(count(place.rules(Family::ipv4) + place.rules(Family::ipv6), "-A ") == 0);
}

TEST_CASE("node_local rules: what is missing is put back, and nothing else is touched") {
    const Kind kind = GENERATE(Kind::legacy, Kind::nft);
    CAPTURE(tool(kind));
    const Place place{kind};
    place.sh("$IPT -A INPUT -s 192.0.2.1 -j DROP; $IPT -t raw -A OUTPUT -d 192.0.2.1 -j ACCEPT");
    REQUIRE(place.ensure().value_or(0) == 24);
    const std::string whole = place.rules();
    CHECK(place.ensure().value_or(99) == 0);
    place.sh("$IPT -t raw -D PREROUTING 2; $IPT -D INPUT 1");
    CHECK(place.ensure().value_or(99) == 2);
    place.sh("$IPT -t raw -F");
    CHECK(place.ensure().value_or(99) == 16);
    CHECK(count(place.rules(), "-A ") == 25);
    CHECK(count(whole, "-A ") == 26);
    CHECK(count(place.rules(), "192.0.2.1") == 1);
}

TEST_CASE("node_local rules: removal takes all copies of both variants, and only those") {
    const Kind kind = GENERATE(Kind::legacy, Kind::nft);
    CAPTURE(tool(kind));
    Place place{kind};
    place.sh("$IPT -A INPUT -s 192.0.2.1 -j DROP");
    place.node.sh(node_cache_script(tool(kind), {"10.96.0.10"}));
    place.node.sh(node_cache_script(tool(kind), {"10.96.0.10"}));
    place.options.only_while_local = true;
    REQUIRE(place.ensure());
    CHECK(count(place.rules(), "--dst-type LOCAL") == 10);
    REQUIRE(place.remove());
    CHECK(count(place.rules(), "-A ") == 1);
    REQUIRE(place.remove());
}

TEST_CASE("node_local rules: removal takes them from either iptables, whichever was written") {
    const Kind kind = GENERATE(Kind::legacy, Kind::nft);
    const Kind other = kind == Kind::nft ? Kind::legacy : Kind::nft;
    CAPTURE(tool(kind));
    Place place{kind};
    REQUIRE(place.ensure());
    place.options.kind = other;
    REQUIRE(place.remove());
    place.options.kind = kind;
    CHECK(count(place.rules(), "-A ") == 0);
}

TEST_CASE("node_local rules: where there are none, looking for them makes no table") {
    const Place place{Kind::legacy};
    REQUIRE(place.remove());
    CHECK(place.node
              .sh("cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2>/dev/null; "
                  "nft list ruleset")
              .empty());
    const Place nft{Kind::nft};
    REQUIRE(nft.ensure());
    REQUIRE(nft.remove());
    CHECK(nft.node.sh("cat /proc/net/ip_tables_names 2>/dev/null || true").empty());
}

TEST_CASE("node_local rules: while somebody holds the lock nothing is written") {
    Place place{Kind::legacy};
    place.options.lock_wait = std::chrono::milliseconds{10};
    place.sh("XTABLES_LOCKFILE=" + place.lock + " $IPT -A INPUT -s 192.0.2.1 -j DROP");
    auto held = XtablesLock::take(place.lock, std::chrono::milliseconds{1'000});
    REQUIRE(held);
    const auto refused = place.ensure();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::again);
    const Status stays = place.remove();
    REQUIRE_FALSE(stays);
    CHECK(stays.error().code == Errc::again);
    CHECK(count(place.rules(), "-A ") == 1);
    held = Error{Errc::internal, "given back"};
    CHECK(place.ensure().value_or(0) == 24);
}

TEST_CASE("node_local rules: an iptables-nft that is not there is said, and none is missed") {
    Place place{Kind::nft};
    place.options.nft.program = "/nonexistent/iptables";
    const auto refused = place.ensure();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::unsupported);
    CHECK(place.remove());
}

TEST_CASE("node_local rules: a table that iptables-nft cannot read gets none") {
    Place place{Kind::nft};
    const test::FakePrograms fake{"echo \"# Table \\`raw' is incompatible, use 'nft' tool.\""};
    place.options.nft.program = fake.path();
    const auto refused = place.ensure();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::unsupported);
}

TEST_CASE("a kernel without ip_tables has the nft one in use") {
    const test::Netns node = test::Netns::make("noiptables");
    std::string why;
    Kind kind = Kind::legacy;
    node.run([&] {
        without_ip_tables();
        const Choice choice = kind_in_use();
        kind = choice.kind;
        why = choice.why;
    });
    CHECK(why == "the kernel has no ip_tables");
    CHECK(kind == Kind::nft);
}
