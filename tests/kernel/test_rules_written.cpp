// What the writer puts into a real kernel, read back by the legacy tools and as octets.

#include "kernel/rules_case.hpp"
#include "rules/iptables/apply_pass.hpp"
#include "rules/iptables/render.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::test;
using rules::iptables::TableName;

namespace {}  // namespace

TEST_CASE("the legacy tools show the same after our commit and after restoring our render") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const rules::Plan plan = plan_of_everything(family);
        const Netns ours = Netns::make("ours");
        const Netns theirs = Netns::make("theirs");
        NetnsWriter writer{ours, family};
        must(writer.apply(plan));
        restore(theirs, family, rules::iptables::to_restore_text(plan));
        for (const char* table : {"filter", "nat", "mangle"}) {
            CHECK(saved(ours, family, table) == saved(theirs, family, table));
        }
        CHECK(saved(ours, family, "nat").find("-A KUBE-SEP-") != std::string::npos);
    }
}

TEST_CASE("rules that the legacy tools wrote are taken over without a write") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const rules::Plan plan = plan_of_everything(family);
        const Netns netns = Netns::make("takeover");
        restore(netns, family, rules::iptables::to_restore_text(plan));
        NetnsWriter writer{netns, family};
        const auto applied = writer.apply(plan);
        must(applied);
        CHECK_FALSE(applied->wrote);
        CHECK(applied->rules_written == 0);
        CHECK(applied->chains_written == 0);
        CHECK(applied->version == plan.version);
    }
}
