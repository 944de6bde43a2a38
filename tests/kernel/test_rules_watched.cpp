// Who used the xtables lock may have changed a table without changing its size: noticed however
// large the table is.

#include "kernel/rules_case.hpp"
#include "rules/iptables/lock.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

using namespace nameplane;
using namespace nameplane::test;
using namespace std::chrono_literals;
using rules::iptables::XtablesLock;
using rules::iptables::XtablesLockFile;

namespace {

/// Every table counts as too large to be looked at without a reason.
NetnsWriter writer_of_large_tables(const Netns& netns, Family family) {
    return {netns, family, {.lock_path = own_lock_path(), .routine_octets_max = 0}};
}

/// What somebody does with `program` under the lock at `lock`.
void by_others(const Netns& netns, const std::string& lock, const std::string& script) {
    netns.sh("export XTABLES_LOCKFILE=" + lock + "; " + script);
}

/// Leads one Service's packets elsewhere; entries and octets stay as many.
std::string redirect(Family family) {
    const std::string one = family == Family::ipv4 ? "10.244.0.11:8080" : "\\[fd00:244::b\\]:8080";
    const std::string other = family == Family::ipv4 ? "10.244.0.99:8080" : "[fd00:244::99]:8080";
    return tool(family, "-save") + " -t nat | sed 's/" + one + "/" + other + "/' | " +
           tool(family, "-restore");
}

rules::Plan small_plan(Family family) {
    const bool v4 = family == Family::ipv4;
    return plan_of({port_plan("ns/web:http", v4 ? "10.96.0.1" : "fd00:96::1",
                              {v4 ? "10.244.0.11" : "fd00:244::b"})},
                   settings_of(family));
}

/// Looks as often as the rule thread would, until the pause after the last look is over.
bool becomes_disturbed(NetnsWriter& writer) {
    for (const auto begun = std::chrono::steady_clock::now();
         std::chrono::steady_clock::now() - begun < 30s;) {
        if (writer.disturbed()) return true;
        std::this_thread::sleep_for(5ms);
    }
    return false;
}

}  // namespace

TEST_CASE("a change under the lock that keeps a large table's size is noticed and put right") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const Netns netns = Netns::make("watched");
        NetnsWriter writer = writer_of_large_tables(netns, family);
        const rules::Plan plan = small_plan(family);
        must(writer.apply(plan));
        const std::string before = saved(netns, family);
        // Who only lists uses the lock, too. The first one is answered by comparing everything,
        // which leaves something behind that answers for the next.
        by_others(netns, own_lock_path(), tool(family) + " -t nat -L >/dev/null");
        REQUIRE(becomes_disturbed(writer));
        CHECK_FALSE(must(writer.apply(plan, true)).wrote);
        by_others(netns, own_lock_path(), tool(family) + " -t nat -L >/dev/null");
        CHECK_FALSE(writer.disturbed());
        for (int round = 0; round < 3; ++round) {
            by_others(netns, own_lock_path(), redirect(family));
            REQUIRE(saved(netns, family) != before);
            REQUIRE(becomes_disturbed(writer));
            must(writer.apply(plan, true));
            CHECK(saved(netns, family) == before);
            CHECK_FALSE(writer.disturbed());
        }
    }
}

TEST_CASE("a change under the lock just before a commit of ours is not taken for ours") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const Netns netns = Netns::make("before");
        NetnsWriter writer = writer_of_large_tables(netns, family);
        const rules::Plan plan = small_plan(family);
        must(writer.apply(plan));
        const std::string before = saved(netns, family);
        for (int round = 0; round < 3; ++round) {
            by_others(netns, own_lock_path(), redirect(family));
            must(writer.apply(plan));
            // At once where there is something to compare with, else by the next look.
            if (saved(netns, family) != before) {
                REQUIRE(becomes_disturbed(writer));
                must(writer.apply(plan, true));
            }
            CHECK(saved(netns, family) == before);
        }
    }
}

TEST_CASE("who uses the lock all day makes us compare a tenth of the time at most") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const Netns netns = Netns::make("pauses");
        constexpr auto took = 50ms;
        std::chrono::steady_clock::time_point replaced;
        NetnsWriter writer{netns,
                           family,
                           {.lock_path = own_lock_path(),
                            .routine_octets_max = 0,
                            .before_commit = [&](rules::iptables::TableName) {
                                std::this_thread::sleep_for(took);
                                replaced = std::chrono::steady_clock::now();
                            }}};
        const rules::Plan plan = small_plan(family);
        must(writer.apply(plan));
        const std::string before = saved(netns, family);
        for (int round = 0; round < 2; ++round) {
            by_others(netns, own_lock_path(), redirect(family));
            const auto compared = replaced;
            REQUIRE(becomes_disturbed(writer));
            // The first commit was no answer to the lock.
            if (round != 0) CHECK(std::chrono::steady_clock::now() - compared >= 10 * took);
            must(writer.apply(plan, true));
            CHECK(saved(netns, family) == before);
        }
    }
}

TEST_CASE("a change of a large table without the lock waits for the full comparison") {
    const Family family = Family::ipv4;
    const Netns netns = Netns::make("unlocked");
    NetnsWriter writer = writer_of_large_tables(netns, family);
    const rules::Plan plan = small_plan(family);
    must(writer.apply(plan));
    const std::string before = saved(netns, family);
    if (writer.disturbed()) must(writer.apply(plan, true));
    CHECK_FALSE(writer.disturbed());
    const std::string other_lock = own_lock_path() + ".other";
    by_others(netns, other_lock, redirect(family));
    CHECK_FALSE(writer.disturbed());
    must(writer.apply(plan, true));
    CHECK(saved(netns, family) == before);
    ::unlink(other_lock.c_str());
}

TEST_CASE("the lock tells what others do with it, not what we do") {
    const std::string path = own_lock_path() + ".events";
    XtablesLockFile one{path};
    XtablesLockFile two{path};
    REQUIRE(one.take(0ms));
    REQUIRE(two.take(0ms));
    CHECK(one.used_by_others());  // nothing is known of before
    CHECK_FALSE(one.used_by_others());
    {
        const auto held = two.take(0ms);
        REQUIRE(held);
        CHECK_FALSE(one.take(0ms));
    }
    REQUIRE(one.take(0ms));
    CHECK_FALSE(one.used_by_others());
    { REQUIRE(XtablesLock::take(path, 0ms)); }
    CHECK(one.used_by_others());
    CHECK_FALSE(one.used_by_others());
    // Somebody makes the file anew: that is the one to lock and to look at.
    ::unlink(path.c_str());
    std::ofstream{path};
    CHECK(one.used_by_others());
    {
        const auto held = one.take(0ms);
        REQUIRE(held);
        CHECK_FALSE(XtablesLock::take(path, 0ms));
    }
    (void)one.used_by_others();
    { REQUIRE(XtablesLock::take(path, 0ms)); }
    CHECK(one.used_by_others());
    ::unlink(path.c_str());
}
