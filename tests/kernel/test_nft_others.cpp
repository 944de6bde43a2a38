// The nftables writer on a machine where others use nf_tables, too: floods of events, large tables,
// transactions that the kernel refuses in each of their parts, rights in a user namespace only.

#include "kernel/rules_case.hpp"
#include "rules/nftables/apply.hpp"
#include "rules/nftables/encode.hpp"
#include "rules/nftables/netlink.hpp"

#include <catch2/catch.hpp>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

using namespace nameplane;
using namespace nameplane::test;
using namespace std::chrono_literals;
using rules::nftables::Batch;
using rules::nftables::make_nftables_writer;
using rules::nftables::Netlink;
using Steady = std::chrono::steady_clock;

namespace {

/// One transaction that makes 100,000 elements in a table of theirs: more events than fit into the
/// buffer of anybody who listens.
std::string flood(const std::string& set) {
    std::ostringstream text;
    text << "add table ip theirs\nadd set ip theirs " << set
         << " { type ipv4_addr; }\nadd element ip theirs " << set << " { ";
    for (int i = 0; i < 100'000; ++i) {
        text << "10." << i / 65'536 << '.' << i / 256 % 256 << '.' << i % 256 << ',';
    }
    text << " }\n";
    return text.str();
}

rules::Plan small_plan(Family family) {
    const bool v4 = family == Family::ipv4;
    return plan_of({port_plan("ns/web:http", v4 ? "10.96.0.1" : "fd00:96::1",
                              {v4 ? "10.244.0.11" : "fd00:244::b"})},
                   settings_of(family));
}

/// `services` of 100 endpoints each.
rules::Plan plan_of_many(int services) {
    std::vector<std::string> endpoints;
    for (int i = 1; i <= 100; ++i) endpoints.push_back("10.244.0." + std::to_string(i));
    std::vector<rules::PortPlan> ports;
    for (int i = 0; i < services; ++i) {
        const std::string cluster_ip =
            "10.96." + std::to_string(i / 250) + '.' + std::to_string(i % 250);
        ports.push_back(port_plan("ns/s" + std::to_string(i), cluster_ip, endpoints));
    }
    return plan_of(ports, settings_of(Family::ipv4));
}

}  // namespace

TEST_CASE("what is done to our table while events are lost is found by looking") {
    const Family family = Family::ipv4;
    const Netns netns = Netns::make("nftflood");
    const rules::Plan plan = small_plan(family);
    Steady::time_point wrote;
    constexpr auto took = 200ms;
    NetnsWriter writer{netns, make_nftables_writer(family, {.before_commit = [&] {
                                                       std::this_thread::sleep_for(took);
                                                       wrote = Steady::now();
                                                   }})};
    must(writer.apply(plan));
    const std::string wanted = listed(netns, family);
    CHECK_FALSE(writer.disturbed());
    // Theirs alone: there is nothing to put right, however often.
    load_nft(netns, flood("one"));
    CHECK(writer.disturbed());
    CHECK_FALSE(must(writer.apply(plan, true)).wrote);
    // Those of ours that comes behind is among those that are lost.
    for (const bool again : {false, true}) {
        load_nft(netns, flood(again ? "three" : "two") + "delete table ip nameplane\n");
        while (!writer.disturbed()) std::this_thread::sleep_for(10ms);
        // To look costs something: after the first time it pauses.
        if (again) CHECK(Steady::now() - wrote >= 10 * took);
        CHECK(must(writer.apply(plan, true)).wrote);
        CHECK((listed(netns, family) == wanted));
    }
    // A foreign table as large as that is not ours to look at: a change is what it always is.
    const auto changed =
        with_service(plan, 0, port_plan("ns/web:http", "10.96.0.1", {"10.244.0.12"}));
    // The endpoint goes and comes, and so does who may meet itself.
    CHECK(must(writer.apply(changed)).rules_written == 4);
    CHECK_FALSE(must(writer.apply(changed, true)).wrote);
}

TEST_CASE("of many refusals the first is told, though the kernel cannot keep them all") {
    const Netns netns = Netns::make("nftmany");
    Status done;
    netns.run([&] {
        auto netlink = Netlink::open();
        REQUIRE(netlink);
        Batch batch;
        for (int i = 0; i < 50'000; ++i) {
            rules::nftables::flush_chain(batch, Family::ipv4, "nobody-has-this");
        }
        done = netlink->commit(batch);
    });
    REQUIRE_FALSE(done);
    CHECK(done.error().code == Errc::not_found);
    CHECK(done.error().text.find("nobody-has-this") != std::string::npos);
}

TEST_CASE("in a user namespace, what is too large for one message is said, and the rest written") {
    int send_max = 0;
    std::ifstream{"/proc/sys/net/core/wmem_max"} >> send_max;
    // The kernel doubles what is asked for; an element takes more than 50 octets.
    const int too_many = 2 * send_max / (50 * 100) + 1;
    if (send_max == 0 || too_many > 3'000) {
        WARN("skipped: net.core.wmem_max is " << send_max);
        return;
    }
    const rules::Plan one = plan_of_many(1);
    const rules::Plan many = plan_of_many(too_many);
    int answer[2];
    REQUIRE(::pipe(answer) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        std::string said = "no user namespaces here";
        if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) {
            auto writer = make_nftables_writer(Family::ipv4);
            const auto small = writer->apply(one, false);
            const auto large = writer->apply(many, false);
            const auto after = writer->apply(one, false);
            said = !small   ? "small: " + small.error().text
                   : !after ? "after: " + after.error().text
                   : large  ? std::string{"large: written"}
                            : large.error().text;
        }
        (void)!::write(answer[1], said.data(), said.size());
        ::_exit(0);
    }
    ::close(answer[1]);
    std::string said(1'000, '\0');
    const ssize_t got = ::read(answer[0], said.data(), said.size());
    ::close(answer[0]);
    ::waitpid(child, nullptr, 0);
    said.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (said == "no user namespaces here") {
        WARN("skipped: " << said);
        return;
    }
    INFO(said);
    CHECK(said.find("net.core.wmem_max") != std::string::npos);
}
