// What every writer must do alike, whichever it is: the same rows for nftables, for iptables
// through libiptc, and for iptables through iptables-nft-restore.

#include "kernel/rules_case.hpp"
#include "rules/iptables/nft_apply.hpp"
#include "rules/nftables/apply.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <iterator>
#include <sstream>

using namespace nameplane;
using namespace nameplane::test;

namespace {

std::unique_ptr<rules::RuleWriter> by_libiptc(Family family) {
    auto made = rules::iptables::make_iptables_writer(family, {.lock_path = own_lock_path()});
    if (!made) FAIL(made.error().text);
    return std::move(*made);
}

std::string by_nft_save(const Netns& netns, Family family) {
    const std::string program = family == Family::ipv4 ? "iptables-nft-save" : "ip6tables-nft-save";
    return sorted_lines(netns.sh(program + " | sed -e '/^#/d' -e 's/ \\[[0-9]*:[0-9]*\\]$//'"));
}

struct Writer {
    const char* name;
    std::function<std::unique_ptr<rules::RuleWriter>(Family)> make;
    /// What the kernel holds, as text.
    std::function<std::string(const Netns&, Family)> show;
};

std::vector<Writer> writers() {
    return {
        {"nftables", [](Family family) { return rules::nftables::make_nftables_writer(family); },
         listed},
        {"iptables", by_libiptc,
         [](const Netns& netns, Family family) { return saved(netns, family); }},
        {"iptables-nft",
         [](Family family) { return rules::iptables::make_nft_iptables_writer(family); },
         by_nft_save},
    };
}

void for_each_writer(const std::function<void(const Writer&, Family)>& check) {
    for (const Writer& writer : writers()) {
        for (const Family family : families) {
            CAPTURE(writer.name, to_string(family));
            check(writer, family);
        }
    }
}

/// From a plan of everything by and by to others and back.
std::vector<rules::Plan> steps_of(const rules::Plan& plan, bool v4) {
    std::vector<rules::Plan> steps;
    steps.push_back(
        with_service(plan, 1, port_plan("ns/ten:http", v4 ? "10.96.0.2" : "fd00:96::2", {})));
    steps.push_back(plan);
    // One loses its endpoints while another gains some.
    steps.push_back(with_service(steps[0], 2,
                                 port_plan("ns/empty:http", v4 ? "10.96.0.3" : "fd00:96::3",
                                           {v4 ? "10.244.0.3" : "fd00:244::3"})));
    steps.push_back(plan);
    for (std::size_t i = 0; i < plan.services.size(); i += 2) {
        steps.push_back(plan);
        steps.back().services.erase(steps.back().services.begin() + static_cast<std::ptrdiff_t>(i));
        finish(steps.back());
        steps.push_back(plan);
    }
    rules::Plan nothing = plan;
    nothing.services.clear();
    finish(nothing);
    steps.push_back(nothing);
    steps.push_back(plan);
    return steps;
}

}  // namespace

TEST_CASE("a second apply writes nothing, and a restart changes nothing") {
    for_each_writer([](const Writer& kind, Family family) {
        const rules::Plan plan = plan_of_everything(family);
        const Netns netns = Netns::make("again");
        NetnsWriter first{netns, kind.make(family)};
        const auto written = must(first.apply(plan));
        CHECK(written.wrote);
        CHECK(written.version == plan.version);
        const std::string before = kind.show(netns, family);
        CHECK(before.find("ns/plain") != std::string::npos);
        const auto again = must(first.apply(plan));
        CHECK_FALSE(again.wrote);
        CHECK(again.rules_written == 0);
        CHECK(again.nat_rules == written.nat_rules);
        CHECK_FALSE(must(first.apply(plan, true)).wrote);
        NetnsWriter restarted{netns, kind.make(family)};
        const auto after = must(restarted.apply(plan));
        CHECK_FALSE(after.wrote);
        CHECK(after.nat_rules == written.nat_rules);
        CHECK(kind.show(netns, family) == before);
    });
}

TEST_CASE("endpoints to none and back, a Service gone and back: as if written from nothing") {
    for_each_writer([](const Writer& kind, Family family) {
        const rules::Plan plan = plan_of_everything(family);
        const Netns netns = Netns::make("steps");
        NetnsWriter writer{netns, kind.make(family)};
        must(writer.apply(plan));
        for (const rules::Plan& step : steps_of(plan, family == Family::ipv4)) {
            CHECK(must(writer.apply(step)).wrote);
            CHECK_FALSE(writer.disturbed());
            // Chains of nftables that are not needed any more go when everything is compared.
            const auto compared = must(writer.apply(step, true));
            CHECK(compared.rules_written == 0);
            const Netns fresh = Netns::make("fresh");
            NetnsWriter other{fresh, kind.make(family)};
            must(other.apply(step));
            CHECK(kind.show(netns, family) == kind.show(fresh, family));
        }
    });
}

TEST_CASE("taken away, nothing is left, and once more is no error") {
    for_each_writer([](const Writer& kind, Family family) {
        const Netns netns = Netns::make("clean");
        NetnsWriter writer{netns, kind.make(family)};
        must(writer.apply(plan_of_everything(family)));
        REQUIRE(writer.clean());
        const std::string left = kind.show(netns, family);
        CHECK(left.find("ns/") == std::string::npos);
        CHECK(left.find("KUBE-SERVICES") == std::string::npos);
        CHECK(writer.clean());
        CHECK(must(writer.apply(plan_of_everything(family))).wrote);
    });
}
