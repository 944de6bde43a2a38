// Changes: only what differs is written, others' rules and everybody's counters stay, clean() takes
// ours alone.

#include "kernel/rules_case.hpp"
#include "rules/iptables/render.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <sstream>

using namespace nameplane;
using namespace nameplane::test;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in{text};
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

/// The lines that only one of the two has.
std::vector<std::string> difference(const std::string& one, const std::string& other) {
    auto a = lines_of(one);
    auto b = lines_of(other);
    std::ranges::sort(a);
    std::ranges::sort(b);
    std::vector<std::string> only;
    std::ranges::set_symmetric_difference(a, b, std::back_inserter(only));
    return only;
}

/// Rules of somebody else before, between and behind ours, with counters of their own.
void add_foreign(const Netns& netns, Family family) {
    const std::string address = family == Family::ipv4 ? "203.0.113.9" : "2001:db8::9";
    restore(netns, family,
            "*nat\n:MY-CHAIN - [0:0]\n:KUBE-KUBELET-CANARY - [0:0]\n"
            "[5:500] -I PREROUTING 1 -d " +
                address +
                " -j MY-CHAIN\n"
                "[7:700] -A PREROUTING -d " +
                address +
                " -p udp -j RETURN\n"
                "[9:900] -A MY-CHAIN -p tcp --dport 99 -j RETURN\nCOMMIT\n"
                "*filter\n:MY-FILTER - [0:0]\n:KUBE-FIREWALL - [0:0]\n"
                "[3:300] -I FORWARD 1 -d " +
                address +
                " -j MY-FILTER\n"
                "[4:400] -A FORWARD -s " +
                address +
                " -j DROP\n"
                "[6:600] -A KUBE-FIREWALL -m comment --comment kubelet -d " +
                address +
                " -j DROP\n"
                "COMMIT\n"
                "*mangle\n[8:800] -A FORWARD -d " +
                address + " -j ACCEPT\nCOMMIT\n");
}

std::vector<std::string> foreign_lines(const Netns& netns, Family family) {
    std::vector<std::string> foreign;
    for (const char* table : {"filter", "nat", "mangle"}) {
        for (const std::string& line : lines_of(saved(netns, family, table, true))) {
            const bool ours = line.find("kubernetes") != std::string::npos;
            if (!ours && (line.find("203.0.113.9") != std::string::npos ||
                          line.find("2001:db8::9") != std::string::npos ||
                          line.find("MY-") != std::string::npos ||
                          line.find("KUBELET") != std::string::npos))
                foreign.push_back(line);
        }
    }
    return foreign;
}

}  // namespace

TEST_CASE("one changed Service touches its chains and its dispatch rules only") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const bool v4 = family == Family::ipv4;
        const rules::Plan plan = plan_of_everything(family);
        const Netns netns = Netns::make("change");
        NetnsWriter writer{netns, family};
        must(writer.apply(plan));
        const std::string before = saved(netns, family);
        const auto changed = with_service(plan, 0,
                                          port_plan("ns/plain", v4 ? "10.96.0.1" : "fd00:96::1",
                                                    {v4 ? "10.244.0.77" : "fd00:244::77"}));
        const auto applied = must(writer.apply(changed));
        CHECK(applied.wrote);
        for (const std::string& line : difference(before, saved(netns, family))) {
            CAPTURE(line);
            CHECK((line.find("ns/plain") != std::string::npos || line.starts_with(":KUBE-SEP-")));
        }
        // Back again: the same text as before.
        must(writer.apply(with_service(changed, 0, plan.services[0]->ports[0])));
        CHECK(saved(netns, family) == before);
    }
}

TEST_CASE("endpoints to none and back, a Service gone and back: as if written from nothing") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const bool v4 = family == Family::ipv4;
        rules::Plan plan = plan_of_everything(family);
        const Netns netns = Netns::make("steps");
        NetnsWriter writer{netns, family};
        must(writer.apply(plan));
        std::vector<rules::Plan> steps;
        steps.push_back(
            with_service(plan, 1, port_plan("ns/ten:http", v4 ? "10.96.0.2" : "fd00:96::2", {})));
        steps.push_back(plan);
        // One loses its endpoints while another gains some: filter has rules to add and to remove.
        steps.push_back(with_service(steps[0], 2,
                                     port_plan("ns/empty:http", v4 ? "10.96.0.3" : "fd00:96::3",
                                               {v4 ? "10.244.0.3" : "fd00:244::3"})));
        steps.push_back(plan);
        steps.back().services.erase(steps.back().services.begin() + 5);
        finish(steps.back());
        steps.push_back(plan);
        std::reverse(plan.services.begin(), plan.services.end());
        steps.push_back(plan);
        for (const rules::Plan& step : steps) {
            const auto applied = must(writer.apply(step));
            CHECK(applied.wrote);
            const Netns fresh = Netns::make("fresh");
            restore(fresh, family, rules::iptables::to_restore_text(step));
            CHECK(saved(netns, family) == saved(fresh, family));
            CHECK_FALSE(must(writer.apply(step, true)).wrote);
        }
    }
}

namespace {

constexpr std::array protocols{services::Protocol::tcp, services::Protocol::udp,
                               services::Protocol::sctp};

/// A Service with an endpoint, a node port and a health check.
rules::PortPlan served_at(const std::string& address, const std::string& endpoint, int number) {
    auto port = port_plan("ns/z" + std::to_string(number), address, {endpoint});
    port.protocol = protocols[static_cast<std::size_t>(number) % protocols.size()];
    port.node_port = static_cast<std::uint16_t>(30'100 + number);
    port.health_check_node_port = static_cast<std::uint16_t>(32'300 + number);
    return port;
}

/// A Service without endpoints that is refused at its cluster IP and an external IP, both
/// `address`, and at a node port.
std::shared_ptr<const rules::ServicePlan> unserved_at(const std::string& address, int number) {
    auto port = port_plan("ns/r" + std::to_string(number), address, {});
    port.external_ips = {port.cluster_ip};
    port.protocol = protocols[static_cast<std::size_t>(number) % protocols.size()];
    port.node_port = static_cast<std::uint16_t>(31'100 + number);
    port.internal = port.external = rules::Unserved::reject;
    return std::make_shared<const rules::ServicePlan>(
        rules::ServicePlan{.ports = {std::move(port)}, .endpoint_count = 0});
}

}  // namespace

TEST_CASE("a tree grows, shrinks and goes: as if written from nothing") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const bool v4 = family == Family::ipv4;
        rules::Plan linear = plan_of_everything(family);
        rules::Plan tree = linear;
        tree.settings.dispatch = rules::Dispatch::tree;
        rules::Plan large = tree;
        for (int i = 0; i < 300; ++i) {
            const std::string last = std::to_string(i / 200 + 1) + (v4 ? "." : ":");
            const auto more =
                plan_of({served_at((v4 ? "10.96." : "fd00:96::") + last + std::to_string(i % 200),
                                   v4 ? "10.244.0.1" : "fd00:244::1", i)},
                        tree.settings);
            large.services.push_back(more.services[0]);
            large.services.push_back(
                unserved_at((v4 ? "10.97." : "fd00:97::") + last + std::to_string(i % 200), i));
        }
        // Addresses with the port of the first refused node port.
        for (int i = 0; i < 20; ++i) {
            auto behind = *unserved_at((v4 ? "10.98.0." : "fd00:98::") + std::to_string(i), i);
            behind.ports[0].protocol = protocols[0];
            behind.ports[0].node_port = 0;
            behind.ports[0].port = 31'100;
            large.services.push_back(std::make_shared<const rules::ServicePlan>(behind));
        }
        finish(large);
        rules::Plan less = large;
        less.services.erase(less.services.begin() + 150, less.services.begin() + 160);
        finish(less);
        const Netns netns = Netns::make("tree");
        NetnsWriter writer{netns, family};
        for (const rules::Plan* step :
             {&linear, &tree, &large, &less, &large, &linear, &large, &tree}) {
            CHECK(must(writer.apply(*step)).wrote);
            const Netns fresh = Netns::make("fresh");
            restore(fresh, family, rules::iptables::to_restore_text(*step));
            CHECK(saved(netns, family) == saved(fresh, family));
            const auto compared = must(writer.apply(*step, true));
            CHECK_FALSE(compared.wrote);
            NetnsWriter restarted{netns, family};
            const auto again = must(restarted.apply(*step));
            CHECK_FALSE(again.wrote);
            CHECK(again.nat_rules == compared.nat_rules);
        }
        must(writer.apply(large));
        const std::string nat = saved(netns, family, "nat");
        const std::string filter = saved(netns, family, "filter");
        CHECK(nat.find("-A KUBE-NODEPORTS -p tcp -j KUBE-TREE-N-TCP\n") != std::string::npos);
        CHECK(nat.find("-A KUBE-TREE-N-SCTP -p sctp -m sctp --dport 30208:30463 -j "
                       "KUBE-TREE-N-SCTP-30208-30463\n") != std::string::npos);
        for (const char* jump :
             {"-A KUBE-EXTERNAL-SERVICES -m addrtype --dst-type LOCAL -j KUBE-TREE-R\n",
              "-A KUBE-TREE-R -p udp -j KUBE-TREE-R-UDP\n",
              "-A KUBE-NODEPORTS -p tcp -m tcp --dport 32256:32511 -j "
              "KUBE-TREE-H-TCP-32256-32511\n"})
            CHECK(filter.find(jump) != std::string::npos);
        // The last rule leads to the addresses behind refused node ports.
        const std::string behind = v4 ? "-A KUBE-EXTERNAL-SERVICES -d 10.98.0.0/28 -j KUBE-TREE-"
                                      : "-A KUBE-EXTERNAL-SERVICES -d fd00:98::/124 -j KUBE-TREE-";
        CHECK(filter.find(behind) != std::string::npos);
        CHECK(filter.find("-A KUBE-EXTERNAL-SERVICES -m addrtype") < filter.find(behind));
        // A rule of somebody's in a chain of ports.
        const std::string iptables =
            "XTABLES_LOCKFILE=" + own_lock_path() + " " + tool(family) + " -t nat";
        CHECK_FALSE(writer.disturbed());
        netns.sh(iptables + " -I KUBE-TREE-N-TCP -j RETURN");
        CHECK(writer.disturbed());
        CHECK(must(writer.apply(large)).wrote);
        CHECK(saved(netns, family, "nat") == nat);
        REQUIRE(writer.clean());
        for (const char* table : {"nat", "filter"})
            CHECK(saved(netns, family, table).find(":KUBE-TREE-") == std::string::npos);
        CHECK(saved(netns, family, "nat").find("KUBE-") == std::string::npos);
    }
}

TEST_CASE("in a tree, a Service more or less touches few chains") {
    const Family family = Family::ipv4;
    std::vector<rules::PortPlan> ports;
    for (int i = 0; i < 500; ++i) {
        auto& port = ports.emplace_back(
            port_plan("ns/s" + std::to_string(1000 + i),
                      "10.96." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1),
                      {"10.244.0.1"}));
        port.node_port = static_cast<std::uint16_t>(30'000 + i);
    }
    auto settings = settings_of(family);
    settings.dispatch = rules::Dispatch::tree;
    const rules::Plan plan = plan_of(ports, settings);
    const Netns netns = Netns::make("treechange");
    NetnsWriter writer{netns, family};
    must(writer.apply(plan));
    rules::Plan less = plan;
    less.services.erase(less.services.begin() + 300);
    finish(less);
    // Its own three chains, and those that led to it by its address and by its node port.
    const auto gone = must(writer.apply(less));
    CHECK(gone.chains_written == 5);
    const auto back = must(writer.apply(plan));
    CHECK(back.chains_written <= 8);
}

TEST_CASE("rules and chains of others stay in place, with their counters") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const rules::Plan plan = plan_of_everything(family);
        const Netns netns = Netns::make("foreign");
        add_foreign(netns, family);
        const auto foreign = foreign_lines(netns, family);
        REQUIRE(foreign.size() >= 9);
        NetnsWriter writer{netns, family};
        must(writer.apply(plan));
        CHECK(foreign_lines(netns, family) == foreign);
        // Somebody else puts a rule first while we run.
        restore(netns, family, "*nat\n-I OUTPUT 1 -p udp -j MY-CHAIN\nCOMMIT\n");
        const auto more = foreign_lines(netns, family);
        auto gone = plan;
        gone.services.clear();
        finish(gone);
        must(writer.apply(gone));
        must(writer.apply(plan, true));
        CHECK(foreign_lines(netns, family) == more);
        REQUIRE(writer.clean());
        CHECK(foreign_lines(netns, family) == more);
    }
}

TEST_CASE("counters of rules of ours that stay go on") {
    const Netns netns = Netns::make("counters");
    const rules::Plan plan = plan_of_everything(Family::ipv4);
    NetnsWriter writer{netns, Family::ipv4};
    must(writer.apply(plan));
    const Netns wire = Netns::make("wire");
    connect_veth(netns, "veth0", wire, "eth0");
    netns.sh("ip addr add 10.244.0.254/16 dev veth0; ip route add default dev veth0");
    // Every packet of a new connection passes the jumps and the dispatch rules.
    netns.sh("for i in 1 2 3; do timeout 60 bash -c 'echo > /dev/udp/10.96.0.4/53' || true; done");
    const auto counted = [&] {
        std::vector<std::string> lines;
        for (const std::string& line : lines_of(saved(netns, Family::ipv4, "nat", true))) {
            if (line.find("\"ns/dns:dns cluster IP\"") != std::string::npos &&
                line.find("-A KUBE-SERVICES") != std::string::npos)
                lines.push_back(line);
        }
        return lines;
    };
    const auto before = counted();
    REQUIRE(before.size() == 1);
    REQUIRE(before[0].starts_with("[3:"));
    auto fewer = plan;
    fewer.services.erase(fewer.services.begin());
    finish(fewer);
    must(writer.apply(fewer));
    CHECK(counted() == before);
    must(writer.apply(plan, true));
    CHECK(counted() == before);
}

TEST_CASE("what an earlier run or kube-proxy left is replaced") {
    for (const Family family : families) {
        const rules::Plan plan = plan_of_everything(family);
        const Netns netns = Netns::make("stale");
        restore(netns, family,
                "*nat\n:KUBE-SERVICES - [0:0]\n:KUBE-SVC-OLDOLDOLDOLDOLDO - [0:0]\n"
                ":KUBE-SEP-OLDOLDOLDOLDOLDO - [0:0]\n:KUBE-FW-OLDOLDOLDOLDOLDO - [0:0]\n"
                "-A PREROUTING -j KUBE-SERVICES\n"
                "-A KUBE-SERVICES -p tcp -j KUBE-SVC-OLDOLDOLDOLDOLDO\n"
                "-A KUBE-SVC-OLDOLDOLDOLDOLDO -j KUBE-SEP-OLDOLDOLDOLDOLDO\nCOMMIT\n");
        NetnsWriter writer{netns, family};
        must(writer.apply(plan));
        CHECK(saved(netns, family).find("OLDOLD") == std::string::npos);
        // Left by a run that is no more: chains of Services that are gone meanwhile.
        auto fewer = plan;
        fewer.services.resize(2);
        finish(fewer);
        NetnsWriter restarted{netns, family};
        must(restarted.apply(fewer));
        const std::string after = saved(netns, family);
        CHECK(after.find("ns/dns") == std::string::npos);
        CHECK(after.find("ns/ten") != std::string::npos);
    }
}

TEST_CASE("a chain that somebody else jumps to stays, empty") {
    const Netns netns = Netns::make("jumped");
    restore(netns, Family::ipv4,
            "*nat\n:MY-CHAIN - [0:0]\n:KUBE-SVC-OLDOLDOLDOLDOLDO - [0:0]\n"
            "-A MY-CHAIN -j KUBE-SVC-OLDOLDOLDOLDOLDO\n"
            "-A KUBE-SVC-OLDOLDOLDOLDOLDO -j RETURN\nCOMMIT\n");
    NetnsWriter writer{netns, Family::ipv4};
    must(writer.apply(plan_of_everything(Family::ipv4)));
    REQUIRE(writer.clean());
    CHECK(saved(netns, Family::ipv4, "nat") ==
          "*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n"
          ":KUBE-SVC-OLDOLDOLDOLDOLDO -\n:MY-CHAIN -\n"
          "-A MY-CHAIN -j KUBE-SVC-OLDOLDOLDOLDOLDO\nCOMMIT\n");
}

TEST_CASE("a stale chain is emptied though nothing else differs and it cannot go") {
    const Netns netns = Netns::make("stuck");
    NetnsWriter writer{netns, Family::ipv4};
    const rules::Plan plan = plan_of_everything(Family::ipv4);
    must(writer.apply(plan));
    restore(netns, Family::ipv4,
            "*nat\n:MY-CHAIN - [0:0]\n:KUBE-SVC-OLDOLDOLDOLDOLDO - [0:0]\n"
            "-A MY-CHAIN -j KUBE-SVC-OLDOLDOLDOLDOLDO\n"
            "-A KUBE-SVC-OLDOLDOLDOLDOLDO -j RETURN\nCOMMIT\n");
    CHECK(must(writer.apply(plan, true)).wrote);
    const std::string after = saved(netns, Family::ipv4, "nat");
    CHECK(after.find(":KUBE-SVC-OLDOLDOLDOLDOLDO") != std::string::npos);
    CHECK(after.find("-A KUBE-SVC-OLDOLDOLDOLDOLDO") == std::string::npos);
    CHECK_FALSE(must(writer.apply(plan, true)).wrote);
}

// libiptc keeps an index of every 40th chain: many chains, so that it is built anew under way.
TEST_CASE("hundreds of chains come and go between those of others") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const std::string net = family == Family::ipv4 ? "10.244.0." : "fd00:244::";
        std::vector<rules::PortPlan> ports;
        for (int i = 1; i <= 120; ++i) {
            const std::string cluster_ip =
                (family == Family::ipv4 ? "10.96.1." : "fd00:96::1:") + std::to_string(i);
            ports.push_back(port_plan("ns/many-" + std::to_string(i) + ":http", cluster_ip,
                                      {net + std::to_string(i), net + std::to_string(i + 121)}));
        }
        const rules::Plan all = plan_of(ports, settings_of(family));
        rules::Plan some = all;
        some.services.clear();
        for (std::size_t i = 0; i < all.services.size(); ++i) {
            if (i % 3 == 0 && (i < 30 || i > 80)) some.services.push_back(all.services[i]);
        }
        finish(some);
        std::string others = "*nat\n";
        for (const char* name : {"A", "KUBE-SEP", "KUBE-SEP-", "KUBE-SVC", "KUBE-Z", "Z"})
            others += ":" + std::string{name} + "OTHERS - [0:0]\n";
        others += "COMMIT\n*filter\nCOMMIT\n*mangle\nCOMMIT\n";
        // KUBE-SEP-OTHERS counts as ours, whoever made it.
        const std::string kept = "*nat\n:AOTHERS - [0:0]\n:KUBE-SEPOTHERS - [0:0]\n"
                                 ":KUBE-SVCOTHERS - [0:0]\n:KUBE-ZOTHERS - [0:0]\n"
                                 ":ZOTHERS - [0:0]\nCOMMIT\n*filter\nCOMMIT\n*mangle\nCOMMIT\n";

        const Netns netns = Netns::make("many");
        restore(netns, family, others);
        NetnsWriter writer{netns, family};
        const rules::Plan* const wanted[] = {&some, &all, &some, &all};
        for (const rules::Plan* plan : wanted) {
            CHECK(must(writer.apply(*plan)).wrote);
            NetnsWriter restarted{netns, family};
            CHECK_FALSE(must(restarted.apply(*plan)).wrote);
            const Netns fresh = Netns::make("fresh");
            restore(fresh, family, kept);
            restore(fresh, family, rules::iptables::to_restore_text(*plan));
            CHECK(saved(netns, family, "nat") == saved(fresh, family, "nat"));
        }
        NetnsWriter restarted{netns, family};  // removes what it did not write itself
        must(restarted.apply(some));
        REQUIRE(writer.clean());
        const Netns fresh = Netns::make("fresh");
        restore(fresh, family, kept);
        CHECK(saved(netns, family, "nat") == saved(fresh, family, "nat"));
    }
}

TEST_CASE("clean() takes all of ours, twice is fine, and leaves the kubelet's chain") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const Netns netns = Netns::make("clean");
        NetnsWriter writer{netns, family};
        restore(netns, family, "*nat\nCOMMIT\n*filter\nCOMMIT\n*mangle\nCOMMIT\n");
        const std::string empty = saved(netns, family);
        REQUIRE(writer.clean());
        CHECK(saved(netns, family) == empty);
        must(writer.apply(plan_of_everything(family)));
        NetnsWriter other{netns, family};
        REQUIRE(other.clean());
        std::string left = saved(netns, family);
        // Its own chain and the two jumps; in IPv4 its rule, too.
        for (const std::string& line : difference(empty, left))
            CHECK(line.find("KUBE-FIREWALL") != std::string::npos);
        CHECK(difference(empty, left).size() == (family == Family::ipv4 ? 4 : 3));
        REQUIRE(other.clean());
        CHECK(saved(netns, family) == left);
        must(writer.apply(plan_of_everything(family)));
        CHECK(saved(netns, family).find("KUBE-SVC-") != std::string::npos);
    }
}

TEST_CASE("rules that somebody flushed come back with the next change") {
    for (const char* how : {"-F KUBE-SERVICES", "-F",
                            "-F KUBE-SERVICES; iptables-legacy -t nat -F; "
                            "iptables-legacy -t nat -X"}) {
        CAPTURE(how);
        const rules::Plan plan = plan_of_everything(Family::ipv4);
        const Netns netns = Netns::make("flushed");
        NetnsWriter writer{netns, Family::ipv4};
        must(writer.apply(plan));
        const std::string before = saved(netns, Family::ipv4);
        netns.sh("export XTABLES_LOCKFILE=" + own_lock_path() + "; iptables-legacy -t nat " + how);
        const auto next = with_service(plan, 0, plan.services[0]->ports[0]);
        // All chains emptied, but still there, is what only a full comparison sees.
        must(writer.apply(next, std::string{how} == "-F"));
        CHECK(saved(netns, Family::ipv4) == before);
    }
}
