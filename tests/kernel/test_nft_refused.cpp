// The kernel, somebody else or a permission says no to the nftables writer; it is killed; it takes
// over from others.

#include "kernel/rules_case.hpp"
#include "rules/backend.hpp"
#include "rules/iptables/apply.hpp"
#include "rules/iptables/render.hpp"
#include "rules/nftables/apply.hpp"

#include <catch2/catch.hpp>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nameplane;
using namespace nameplane::test;
using rules::Backend;
using rules::nftables::make_nftables_writer;

namespace {

std::string tables(const Netns& netns) {
    return netns.sh("nft list tables 2>&1 | grep -v '^#' || true");
}

rules::BackendOptions own_lock() {
    return {.xtables_lock_path = own_lock_path()};
}

}  // namespace

TEST_CASE("somebody changes our table between our read and our write") {
    const Netns netns = Netns::make("nftbetween");
    int times = 0;
    NetnsWriter writer{netns,
                       make_nftables_writer(Family::ipv4, {.before_commit = [&] {
                                                if (times-- > 0)
                                                    std::system("nft delete table ip nameplane");
                                            }})};
    must(writer.apply(small_plan({"10.244.0.1"})));
    times = 1;
    must(writer.apply(small_plan({"10.244.0.2"})));
    CHECK(listed(netns, Family::ipv4).find("10.244.0.2 . 8080") != std::string::npos);
    CHECK_FALSE(must(writer.apply(small_plan({"10.244.0.2"}), true)).wrote);
}

TEST_CASE("a refused transaction leaves the old rules whole and names what was refused") {
    const Netns netns = Netns::make("nftrefused");
    bool spoil = false;
    // An element of theirs comes where one of ours must go, and goes when we would remove it.
    NetnsWriter writer{
        netns, make_nftables_writer(
                   Family::ipv4, {.before_commit = [&] {
                       if (!spoil) return;
                       std::system(
                           "nft 'delete element ip nameplane service-ips { 10.96.0.2 . tcp . 81 }' "
                           "2>/dev/null || nft 'add element ip nameplane service-ips "
                           "{ 10.96.0.2 . tcp . 81 : drop }'");
                   }})};
    const auto before = small_plan({"10.244.0.1"});
    must(writer.apply(before));
    auto port = port_plan("ns/two:http", "10.96.0.2", {"10.244.0.9"});
    port.port = 81;
    const auto after = with_service(before, 1, port);
    spoil = true;
    const auto refused = writer.apply(after);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::conflict);
    CHECK(refused.error().text.find("service-ips") != std::string::npos);
    spoil = false;
    const std::string old = listed(netns, Family::ipv4);
    CHECK(old.find("10.96.0.1 . tcp . 80 . 0") != std::string::npos);
    CHECK(old.find("10.244.0.9") == std::string::npos);
    must(writer.apply(after, true));
    CHECK(listed(netns, Family::ipv4).find("10.244.0.9 . 8080") != std::string::npos);
    CHECK_FALSE(must(writer.apply(after, true)).wrote);
}

TEST_CASE("without permission, or with a name that no interface has, nothing is written") {
    const Netns netns = Netns::make("nftdenied");
    NetnsWriter allowed{netns, make_nftables_writer(Family::ipv4)};
    must(allowed.apply(small_plan({"10.244.0.1"})));
    const std::string before = listed(netns, Family::ipv4);
    auto writer = make_nftables_writer(Family::ipv4);
    Result<rules::Applied> refused = Error{};
    Status cleaned;
    Status probed;
    netns.run([&] {
        drop_network_rights();  // of this thread, which ends here
        refused = writer->apply(small_plan({"10.244.0.2"}), false);
        cleaned = writer->clean();
        probed = rules::nftables::probe_nftables(Family::ipv4);
    });
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::permission);
    CHECK(cleaned.error().code == Errc::permission);
    CHECK(probed.error().code == Errc::permission);
    auto plan = small_plan({"10.244.0.2"});
    plan.settings.detector = rules::LocalDetector::bridge;
    plan.settings.detector_name = "a-name-longer-than-any-interface";
    CHECK(allowed.apply(plan).error().code == Errc::invalid);
    CHECK(listed(netns, Family::ipv4) == before);
}

TEST_CASE("killed at any moment, 200 times, the old or the new rules are whole") {
    const Netns netns = Netns::make("nftkilled");
    const auto one = plan_of_everything(Family::ipv4);
    // The same numbers of endpoints: chains stay as they are.
    std::vector<std::string> ten;
    for (int i = 1; i <= 10; ++i) ten.push_back("10.244.9." + std::to_string(i));
    auto two = with_service(one, 1, port_plan("ns/ten:http", "10.96.0.2", ten));
    two = with_service(two, 5, port_plan("ns/lb:http", "10.96.0.6", {"10.244.9.8", "10.244.9.7"}));
    NetnsWriter writer{netns, make_nftables_writer(Family::ipv4)};
    must(writer.apply(two));
    const std::string second = listed(netns, Family::ipv4);
    const auto began = std::chrono::steady_clock::now();
    must(writer.apply(one, true));
    const auto took =
        std::chrono::ceil<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
    const std::string first = listed(netns, Family::ipv4);
    REQUIRE(first != second);
    // A child begins with such a commit; it shall live for several, on a slow machine, too.
    const long life_us_max = std::max(9'000L, 8 * static_cast<long>(took.count()));
    int seen_second = 0;
    for (int round = 0; round < 200; ++round) {
        const pid_t child = ::fork();
        if (child == 0) {
            netns.enter();
            auto own = make_nftables_writer(Family::ipv4);
            for (int i = 0;; ++i) (void)own->apply(i % 2 == 0 ? two : one, i % 3 == 0);
        }
        // Not an event to wait for: the moment shall be any.
        ::usleep(static_cast<useconds_t>(500 + round % 25 * life_us_max / 25));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        const std::string now = listed(netns, Family::ipv4);
        if (now != first && now != second) FAIL("round " << round << "\n" << now);
        seen_second += now == second ? 1 : 0;
    }
    CHECK(seen_second > 0);
    CHECK(seen_second < 200);
    must(writer.apply(one, true));
    CHECK(listed(netns, Family::ipv4) == first);
}

TEST_CASE("the probe leaves nothing behind, and auto takes nftables here") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const Netns netns = Netns::make("nftprobe");
        Status probed;
        netns.run([&] { probed = rules::nftables::probe_nftables(family); });
        if (!probed) FAIL(probed.error().text);
        CHECK(tables(netns).empty());
        NetnsWriter writer{netns, rules::make_backend(family, Backend::automatic, own_lock())};
        must(writer.apply(plan_of_everything(family)));
        CHECK(tables(netns).find(" nameplane") != std::string::npos);
        // Nobody asked for iptables: it is not made by looking for it.
        const std::string names = family == Family::ipv4 ? "ip_tables_names" : "ip6_tables_names";
        CHECK(netns.sh("cat /proc/net/" + names + " 2>/dev/null || true").empty());
    }
}

TEST_CASE("from one writer to the other, and from kube-proxy, with one apply each") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const std::string ip_word = family == Family::ipv4 ? "ip" : "ip6";
        const rules::Plan plan = plan_of_everything(family);
        const Netns netns = Netns::make("nftswitch");
        restore(netns, family, rules::iptables::to_restore_text(plan));
        netns.sh("nft 'add table " + ip_word + " kube-proxy; add table " + ip_word + " theirs'");
        NetnsWriter nft{netns, rules::make_backend(family, Backend::nftables, own_lock())};
        must(nft.apply(plan));
        CHECK(saved(netns, family).find("KUBE-S") == std::string::npos);
        CHECK(tables(netns).find("kube-proxy") == std::string::npos);
        CHECK(tables(netns).find("theirs") != std::string::npos);
        // A kube-proxy that goes on for a while beside us: what it wrote again goes with a full
        // one.
        netns.sh("nft 'add table " + ip_word + " kube-proxy'");
        must(nft.apply(plan, true));
        CHECK(tables(netns).find("kube-proxy") == std::string::npos);
        NetnsWriter iptables{netns, rules::make_backend(family, Backend::iptables, own_lock())};
        must(iptables.apply(plan));
        CHECK(saved(netns, family).find("KUBE-SVC-") != std::string::npos);
        CHECK(tables(netns).find("nameplane") == std::string::npos);
        NetnsWriter again{netns, rules::make_backend(family, Backend::nftables, own_lock())};
        must(again.apply(plan));
        CHECK(saved(netns, family).find("KUBE-S") == std::string::npos);
        netns.sh("nft 'add table " + ip_word + " kube-proxy'");
        Status cleaned;
        netns.run([&] { cleaned = rules::clean_everything(family, own_lock()); });
        CHECK(cleaned);
        CHECK(tables(netns) == "table " + ip_word + " theirs\n");
    }
}

TEST_CASE("iptables: what somebody else did is noticed and put right") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const rules::Plan plan = plan_of_everything(family);
        const Netns netns = Netns::make("iptrepair");
        NetnsWriter writer{netns, family};
        must(writer.apply(plan));
        CHECK_FALSE(writer.disturbed());
        const std::string wanted = saved(netns, family);
        const std::string iptables = "XTABLES_LOCKFILE=" + own_lock_path() + " " + tool(family);
        for (const std::string& theirs : {
                 std::string{" -t nat -F"},
                 std::string{" -t nat -F KUBE-SERVICES"},
                 std::string{" -t filter -F KUBE-FORWARD"},
                 std::string{" -t nat -D POSTROUTING 1"},
             }) {
            CAPTURE(theirs);
            netns.sh(iptables + theirs);
            CHECK(writer.disturbed());
            CHECK(must(writer.apply(plan)).wrote);
            CHECK(saved(netns, family) == wanted);
            CHECK_FALSE(writer.disturbed());
        }
        // As many entries as before, of the same size: only the digest tells.
        netns.sh(iptables + " -t nat -R KUBE-MARK-MASQ 1 -j MARK --set-xmark 0x8000/0x8000");
        bool noticed = false;
        for (int i = 0; i < 6'000 && !noticed; ++i) {
            noticed = writer.disturbed();
            if (!noticed) ::usleep(10'000);
        }
        CHECK(noticed);
        CHECK(must(writer.apply(plan)).wrote);
        CHECK(saved(netns, family) == wanted);
    }
}
