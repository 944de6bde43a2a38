// What the nftables writer puts into a real kernel: read back by nft, changed, compared, repaired.

#include "kernel/rules_case.hpp"
#include "rules/nftables/apply.hpp"
#include "rules/nftables/render.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::test;
using rules::nftables::make_nftables_writer;
using rules::nftables::to_nft_text;

namespace {

/// Without Services with affinity for IPv6: of those, nft up to 1.0.6 can be told in another way
/// only.
rules::Plan readable_plan(Family family) {
    rules::Plan plan = plan_of_everything(family);
    if (family == Family::ipv4) return plan;
    rules::Plan some{.settings = plan.settings, .service_ranges = plan.service_ranges};
    for (const auto& service : plan.services) {
        if (service->ports[0].affinity_timeout_s == 0) some.services.push_back(service);
    }
    finish(some);
    return some;
}

}  // namespace

TEST_CASE("nft shows the same after our commit and after loading our text") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const rules::Plan plan = readable_plan(family);
        const Netns ours = Netns::make("nftours");
        const Netns theirs = Netns::make("nfttheirs");
        NetnsWriter writer{ours, make_nftables_writer(family)};
        CHECK(must(writer.apply(plan)).wrote);
        load_nft(theirs, to_nft_text(plan));
        CHECK(listed(ours, family) == listed(theirs, family));
    }
}

TEST_CASE("nft reads our text whole, lists it, and reads that again") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const Netns netns = Netns::make("nftreads");
        const Netns again = Netns::make("nftagain");
        load_nft(netns, to_nft_text(plan_of_everything(family)));
        const std::string has = listed(netns, family);
        CHECK(has.find("update @affinity { ") != std::string::npos);
        CHECK(has.find("map @affinity") != std::string::npos);
        load_nft(again, netns.sh("nft list ruleset"));
        CHECK(listed(again, family) == has);
    }
}

TEST_CASE("a table that nft loaded from our text keeps its maps and their elements") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const rules::Plan plan = readable_plan(family);
        const Netns netns = Netns::make("nftloaded");
        load_nft(netns, to_nft_text(plan));
        NetnsWriter writer{netns, make_nftables_writer(family)};
        // It has other words for some rules; elements are what there are many of.
        const auto applied = must(writer.apply(plan));
        CHECK(applied.rules_written == 0);
        CHECK(applied.chains_written == 0);
    }
}

TEST_CASE("an endpoint of a Service with affinity goes as one of any other") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const bool v4 = family == Family::ipv4;
        const std::string pods = v4 ? "10.244.9." : "fd00:244::9:";
        auto port = port_plan("ns/kept", v4 ? "10.96.0.1" : "fd00:96::1", {pods + "1", pods + "2"});
        port.affinity_timeout_s = 60;
        port.external_local = true;
        port.local_endpoints = {port.cluster_endpoints[0]};
        const rules::Plan plan = plan_of({port}, settings_of(family));
        const Netns netns = Netns::make("nftkept");
        NetnsWriter writer{netns, make_nftables_writer(family)};
        must(writer.apply(plan));
        auto other = port;
        other.cluster_endpoints[1].address = ip(pods + "3");
        // Out and in at its place, and who may meet itself; no number and no time changes.
        CHECK(must(writer.apply(with_service(plan, 0, other))).rules_written == 4);
        // One of this node: in the list of local ones and that of the Service, too.
        other.local_endpoints.push_back(other.cluster_endpoints[1]);
        const auto local = must(writer.apply(with_service(plan, 0, other)));
        CHECK(local.rules_written == 1);
        CHECK(local.chains_written == 0);
        NetnsWriter again{netns, make_nftables_writer(family)};
        CHECK_FALSE(must(again.apply(with_service(plan, 0, other))).wrote);
    }
}

TEST_CASE("a table of the layout before is replaced whole") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const rules::Plan plan = plan_of_everything(family);
        const Netns netns = Netns::make("nftbefore");
        NetnsWriter writer{netns, make_nftables_writer(family)};
        must(writer.apply(plan));
        const std::string wanted = listed(netns, family);
        const std::string table = family == Family::ipv4 ? "ip nameplane" : "ip6 nameplane";
        const std::string address = family == Family::ipv4 ? "ipv4_addr" : "ipv6_addr";
        load_nft(netns, "delete table " + table + "\ntable " + table +
                            " {\n map affinity {\n type " + address + " . " + address +
                            " . inet_proto . inet_service : " + address +
                            " . inet_service\n size 131072\n flags dynamic,timeout\n }\n chain " +
                            "remember-600 {\n }\n}\n");
        NetnsWriter later{netns, make_nftables_writer(family)};
        CHECK(must(later.apply(plan)).wrote);
        CHECK(listed(netns, family) == wanted);
    }
}

TEST_CASE("a change writes its elements and nothing else") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const bool v4 = family == Family::ipv4;
        const rules::Plan plan = plan_of_everything(family);
        const Netns netns = Netns::make("nftchange");
        NetnsWriter writer{netns, make_nftables_writer(family)};
        must(writer.apply(plan));
        const std::string before = listed(netns, family);
        const auto changed = with_service(plan, 0,
                                          port_plan("ns/plain", v4 ? "10.96.0.1" : "fd00:96::1",
                                                    {v4 ? "10.244.0.77" : "fd00:244::77"}));
        const auto applied = must(writer.apply(changed));
        // The endpoint goes and comes; it may meet itself, the old one still does elsewhere.
        CHECK(applied.rules_written == 3);
        CHECK(applied.chains_written == 0);
        CHECK(listed(netns, family) != before);
        CHECK(must(writer.apply(with_service(changed, 0, plan.services[0]->ports[0]))).wrote);
        CHECK(listed(netns, family) == before);
    }
}

namespace {

/// 100 Services of 510 endpoints each: more than anybody lists.
rules::Plan large_plan() {
    std::vector<std::string> endpoints;
    for (int i = 0; i < 510; ++i) {
        endpoints.push_back("10.244." + std::to_string(i / 250) + "." +
                            std::to_string(i % 250 + 1));
    }
    std::vector<rules::PortPlan> ports;
    for (int i = 0; i < 100; ++i) {
        ports.push_back(
            port_plan("ns/s" + std::to_string(i), "10.96.1." + std::to_string(i), endpoints));
    }
    return plan_of(ports, settings_of(Family::ipv4));
}

/// What two listings in a row agree on: while the kernel gives a large set another size, which it
/// does in its own time after a change, a listing has elements twice or not at all.
std::string listed_whole(const Netns& netns, Family family) {
    std::string last = listed(netns, family);
    for (int tries = 0; tries < 20; ++tries) {
        std::string next = listed(netns, family);
        if (next == last) break;
        last = std::move(next);
    }
    return last;
}

}  // namespace

TEST_CASE("what somebody did to a few elements of a large table is found, whichever it is") {
    const rules::Plan plan = large_plan();
    const Netns netns = Netns::make("nftasked");
    NetnsWriter writer{netns, make_nftables_writer(Family::ipv4)};
    must(writer.apply(plan));
    const std::string wanted = listed_whole(netns, Family::ipv4);
    const std::string map = "element ip nameplane service-endpoints { 10.96.1.7 . tcp . 80 . ";
    constexpr std::size_t anew = ~std::size_t{0};
    struct Case {
        std::string theirs;
        std::size_t written;
    };
    for (const auto& [theirs, written] : {
             Case{"", 0},
             Case{"delete " + map + "0 }", 1},
             Case{"delete " + map + "509 }; delete " + map + "508 }", 2},
             // Another endpoint, and another comment.
             Case{"delete " + map + "9 }; add " + map + "9 comment \"ns/s7\" : 10.9.9.9 . 8080 }",
                  2},
             Case{"delete " + map + "9 }; add " + map + "9 comment \"mine\" : 10.244.0.10 . 8080 }",
                  2},
             // One too many is seen by the count; nobody asks for it, so all are written.
             Case{"add " + map + "600 : 10.9.9.9 . 8080 }", anew},
             Case{"delete " + map + "1 }; add " + map + "600 : 10.9.9.9 . 8080 }", anew},
             // Nor is this one counted.
             Case{"add element ip nameplane service-endpoints { * : 10.9.9.9 . 8080 }", anew},
         }) {
        CAPTURE(theirs);
        if (!theirs.empty()) netns.sh("nft '" + theirs + "'");
        const auto applied = must(writer.apply(plan, true));
        if (written == anew) {
            CHECK(applied.rules_written > plan.endpoint_count);
        } else {
            CHECK(applied.rules_written == written);
        }
        CHECK((listed_whole(netns, Family::ipv4) == wanted));  // too long to be shown
        NetnsWriter restarted{netns, make_nftables_writer(Family::ipv4)};
        CHECK_FALSE(must(restarted.apply(plan)).wrote);
    }
}

TEST_CASE("a large table of which much is gone is written anew, whole") {
    const Family family = Family::ipv4;
    const rules::Plan plan = large_plan();
    REQUIRE(plan.endpoint_count > 50'000);
    const Netns netns = Netns::make("nftlarge");
    NetnsWriter writer{netns, make_nftables_writer(family)};
    must(writer.apply(plan));
    CHECK_FALSE(writer.disturbed());
    netns.sh("nft 'flush map ip nameplane service-endpoints; add element ip nameplane cluster-ips "
             "{ 203.0.113.1 }; flush chain ip nameplane services'");
    CHECK(writer.disturbed());
    CHECK(must(writer.apply(plan)).rules_written > 50'000);
    CHECK_FALSE(must(writer.apply(plan, true)).wrote);
    CHECK_FALSE(writer.disturbed());
}

TEST_CASE("settings that change, change their chains") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const rules::Plan plan = plan_of_everything(family);
        std::vector<rules::PlanSettings> all(6, plan.settings);
        all[0].masquerade_all = true;
        all[1].detector = rules::LocalDetector::interface_prefix;
        all[1].detector_name = "veth";
        all[2].detector = rules::LocalDetector::bridge;
        all[2].detector_name = "cbr0";
        all[2].masquerade_mark = 0x8;
        all[3].node_port_addresses = {ip(family == Family::ipv4 ? "192.168.0.2" : "2001:db8::2")};
        all[3].localhost_node_ports = false;
        all[4].random_fully = all[4].drop_invalid = false;
        all[4].node_ports_restricted = true;
        all[5].detector = rules::LocalDetector::none;
        const Netns netns = Netns::make("nftsettings");
        NetnsWriter writer{netns, make_nftables_writer(family)};
        must(writer.apply(plan));
        for (const rules::PlanSettings& settings : all) {
            auto changed = plan;
            changed.settings = settings;
            CHECK(must(writer.apply(changed)).wrote);
            const Netns fresh = Netns::make("nftfresh");
            NetnsWriter other{fresh, make_nftables_writer(family)};
            must(other.apply(changed));
            CHECK(listed(netns, family) == listed(fresh, family));
            CHECK_FALSE(must(writer.apply(changed, true)).wrote);
        }
    }
}

TEST_CASE("networks of Services that change, change their chain and nothing else") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const bool v4 = family == Family::ipv4;
        const rules::Plan plan = plan_of_everything(family);
        const Netns netns = Netns::make("nftranges");
        NetnsWriter writer{netns, make_nftables_writer(family)};
        must(writer.apply(plan));
        const std::string before = listed(netns, family);
        for (const std::vector<std::string>& ranges :
             {std::vector<std::string>{v4 ? "10.96.0.0/12" : "fd00::/16"}, {}}) {
            rules::Plan changed = plan;
            changed.service_ranges.clear();
            for (const std::string& range : ranges)
                changed.service_ranges.push_back(*Cidr::parse(range));
            const auto applied = must(writer.apply(changed));
            CHECK(applied.wrote);
            CHECK(applied.rules_written == 0);
            CHECK(applied.chains_written == 0);
            const Netns fresh = Netns::make("nftfresh");
            NetnsWriter other{fresh, make_nftables_writer(family)};
            must(other.apply(changed));
            CHECK(listed(netns, family) == listed(fresh, family));
            CHECK(listed(netns, family) != before);
            CHECK_FALSE(must(writer.apply(changed, true)).wrote);
        }
        must(writer.apply(plan));
        CHECK(listed(netns, family) == before);
    }
}

TEST_CASE("two Services that claim the same address: the first one has it, then the other") {
    const Family family = Family::ipv4;
    auto one = port_plan("ns/a:http", "10.96.0.1", {"10.244.0.1"});
    auto other = port_plan("ns/b:http", "10.96.0.2", {"10.244.0.2", "10.244.0.3"});
    one.external_ips = other.external_ips = {ip("192.0.2.1")};
    const rules::Plan both = plan_of({one, other}, settings_of(family));
    const Netns netns = Netns::make("nftclaims");
    NetnsWriter writer{netns, make_nftables_writer(family)};
    must(writer.apply(both));
    const auto has = [&](const std::string& text) {
        return listed(netns, family).find(text) != std::string::npos;
    };
    CHECK(has("192.0.2.1 . tcp . 80 . 0 comment \"ns/a:http\" : 10.244.0.1 . 8080"));
    CHECK_FALSE(has("192.0.2.1 . tcp . 80 . 0 comment \"ns/b:http\""));
    auto only = both;
    only.services.erase(only.services.begin());
    finish(only);
    must(writer.apply(only));
    CHECK(has("192.0.2.1 . tcp . 80 . 1 comment \"ns/b:http\" : 10.244.0.3 . 8080"));
    must(writer.apply(both));
    CHECK(has("192.0.2.1 . tcp . 80 . 0 comment \"ns/a:http\" : 10.244.0.1 . 8080"));
    CHECK_FALSE(must(writer.apply(both, true)).wrote);
}

TEST_CASE("what somebody else did to our table is noticed and put right, theirs is left alone") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const std::string ip_word = family == Family::ipv4 ? "ip" : "ip6";
        const rules::Plan plan = plan_of_everything(family);
        const Netns netns = Netns::make("nftrepair");
        NetnsWriter writer{netns, make_nftables_writer(family)};
        must(writer.apply(plan));
        CHECK_FALSE(writer.disturbed());
        const std::string wanted = listed(netns, family);
        const std::string address = family == Family::ipv4 ? "203.0.113.1" : "2001:db8:1::1";
        for (const std::string& theirs : {
                 "delete table " + ip_word + " nameplane",
                 "flush table " + ip_word + " nameplane",
                 "flush chain " + ip_word + " nameplane services",
                 "flush map " + ip_word + " nameplane service-endpoints",
                 "add rule " + ip_word + " nameplane services counter",
                 "insert rule " + ip_word + " nameplane pick-2 drop",
                 "add element " + ip_word + " nameplane cluster-ips { " + address + " }",
                 "add element " + ip_word + " nameplane service-ips { " + address +
                     " . tcp . 80 : drop }",
                 "add element " + ip_word + " nameplane service-ips { * : drop }",
                 "add element " + ip_word + " nameplane cluster-ips { * }",
                 "add table " + ip_word + " nameplane { flags dormant; }",
                 "delete table " + ip_word + " nameplane; add table " + ip_word +
                     " nameplane; add set " + ip_word + " nameplane cluster-ips { type " +
                     (family == Family::ipv4 ? "ipv4_addr" : "ipv6_addr") + "; size 1; }",
                 "add chain " + ip_word + " nameplane theirs",
                 // An element that leads to a chain, both theirs.
                 "add chain " + ip_word + " nameplane theirs; add map " + ip_word +
                     " nameplane ways { type inet_service : verdict; }; add element " + ip_word +
                     " nameplane ways { 80 : jump theirs }; add rule " + ip_word +
                     " nameplane services tcp dport vmap @ways",
                 // A hook of ours at another place.
                 "flush chain " + ip_word + " nameplane nat-prerouting; delete chain " + ip_word +
                     " nameplane nat-prerouting; add chain " + ip_word +
                     " nameplane nat-prerouting { type nat hook prerouting priority 5; }; add "
                     "rule " +
                     ip_word + " nameplane nat-prerouting jump services",
                 "add set " + ip_word + " nameplane theirs { type inet_service; }",
                 "add chain " + ip_word +
                     " nameplane filter-input { type filter hook input priority 0; policy drop; }",
             }) {
            CAPTURE(theirs);
            netns.sh("nft '" + theirs + "'");
            CHECK(writer.disturbed());
            CHECK(must(writer.apply(plan)).wrote);
            CHECK(listed(netns, family) == wanted);
            CHECK_FALSE(writer.disturbed());
        }
        // Not ours: no reason to look.
        netns.sh("nft 'add table " + ip_word + " theirs; add chain " + ip_word +
                 " theirs c; add rule " + ip_word + " theirs c drop; add table inet nameplane'");
        const std::string others = netns.sh("nft list table " + ip_word + " theirs");
        CHECK_FALSE(writer.disturbed());
        netns.sh("nft 'flush table " + ip_word + " nameplane'");
        CHECK(writer.disturbed());
        must(writer.apply(plan));
        CHECK(netns.sh("nft list table " + ip_word + " theirs") == others);
        REQUIRE(writer.clean());
        CHECK(netns.sh("nft list tables") ==
              "table " + ip_word + " theirs\ntable inet nameplane\n");
        CHECK(writer.clean());
    }
}
