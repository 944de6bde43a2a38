// What the writer for iptables-nft puts into a real kernel: compared with the legacy writer's,
// changed, repaired, refused, taken away.

#include "kernel/rules_case.hpp"
#include "rules/backend.hpp"
#include "rules/iptables/nft_apply.hpp"
#include "rules/iptables/nft_tables.hpp"
#include "rules/iptables/render.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <random>
#include <sstream>

using namespace nameplane;
using namespace nameplane::test;
using rules::Backend;
using rules::IptablesKind;
using rules::iptables::Kind;
using rules::iptables::make_nft_iptables_writer;

namespace {

std::string nft_tool(Family family, const std::string& suffix = "") {
    return (family == Family::ipv4 ? "iptables-nft" : "ip6tables-nft") + suffix;
}

/// Without dates and counters; tables apart from ours left out.
std::string nft_saved(const Netns& netns, Family family) {
    std::string all;
    for (const std::string table : {"filter", "nat", "mangle"}) {
        all += netns.sh(nft_tool(family, "-save") + " -t " + table +
                        " | sed -e '/^#/d' -e 's/ \\[[0-9]*:[0-9]*\\]$//'");
    }
    return all;
}

rules::BackendOptions options(IptablesKind kind) {
    return {.iptables = kind, .xtables_lock_path = own_lock_path()};
}

/// The numbers that nf_tables gave the rules of filter and nat, table by table: a rule that is
/// written again gets another.
std::vector<std::string> handles_of(const Netns& netns, Family family) {
    std::vector<std::string> handles;
    const std::string name = family == Family::ipv4 ? "ip" : "ip6";
    for (const std::string table : {"filter", "nat"}) {
        std::istringstream in{
            netns.sh("nft -a list table " + name + " " + table +
                     " | grep -v '^.*chain\\|^table' | grep -o 'handle [0-9]*$'")};
        for (std::string line; std::getline(in, line);) handles.push_back(table + " " + line);
    }
    std::ranges::sort(handles);
    return handles;
}

/// Those of `from` that `to` does not have.
std::vector<std::string> lost(const std::vector<std::string>& from,
                              const std::vector<std::string>& to) {
    std::vector<std::string> gone;
    std::ranges::set_difference(from, to, std::back_inserter(gone));
    return gone;
}

/// So many Services of one endpoint, with node ports.
rules::Plan long_plan(Family family, std::size_t services) {
    const bool v4 = family == Family::ipv4;
    std::vector<rules::PortPlan> ports;
    for (std::size_t i = 0; i < services; ++i) {
        const std::string number = std::to_string(i + 1);
        rules::PortPlan port =
            port_plan("ns/long-" + number, (v4 ? "10.96.1." : "fd00:96::") + number,
                      {(v4 ? "10.244.1." : "fd00:244::") + number});
        ports.push_back(std::move(port));
    }
    return plan_of(std::move(ports), settings_of(family));
}

/// So many Services with a node port, one in three of which has no endpoint: of each protocol and
/// from the first to the last port.
rules::Plan plan_of_ports(Family family, std::size_t services) {
    constexpr std::array protocols{services::Protocol::tcp, services::Protocol::udp,
                                   services::Protocol::sctp};
    const bool v4 = family == Family::ipv4;
    std::vector<rules::PortPlan> ports;
    for (std::size_t i = 0; i < services; ++i) {
        std::vector<std::string> endpoints;
        if (i % 3 != 0) endpoints.emplace_back(v4 ? "10.244.1.1" : "fd00:244::1");
        rules::PortPlan& port = ports.emplace_back(
            port_plan("ns/port-" + std::to_string(i),
                      (v4 ? "10.96.1." : "fd00:96::") + std::to_string(i + 1), endpoints));
        port.protocol = protocols[i / 3 % protocols.size()];
        const std::size_t far = i % 9 == 1 ? 0 : i % 9 == 5 ? 65'400 : 30'000;
        port.node_port = static_cast<std::uint16_t>(far + i + 1);
    }
    rules::PlanSettings settings = settings_of(family);
    settings.dispatch = rules::Dispatch::tree;
    return plan_of(std::move(ports), std::move(settings));
}

/// The same Service without endpoints.
std::shared_ptr<const rules::ServicePlan> unserved(const rules::ServicePlan& service) {
    rules::ServicePlan without = service;
    for (rules::PortPlan& port : without.ports) set_endpoints(port, {});
    return std::make_shared<const rules::ServicePlan>(std::move(without));
}

/// Everything, under each setting that makes other rules.
std::vector<rules::Plan> plans_of_all_settings(Family family) {
    const bool v4 = family == Family::ipv4;
    std::vector<rules::Plan> plans(7, plan_of_everything(family));
    plans[1].settings.masquerade_all = true;
    plans[1].settings.random_fully = false;
    plans[2].settings.detector = rules::LocalDetector::bridge;
    plans[2].settings.detector_name = "cni0";
    plans[3].settings.detector = rules::LocalDetector::interface_prefix;
    plans[3].settings.detector_name = "cali";
    plans[3].settings.masquerade_mark = 0x80;
    plans[4].settings.detector = rules::LocalDetector::source_cidr;
    plans[4].settings.detector_cidr = *Cidr::parse(v4 ? "10.244.0.0/14" : "fd00:244::/61");
    plans[4].settings.drop_invalid = false;
    plans[5].settings.dispatch = rules::Dispatch::tree;
    plans[5].settings.localhost_node_ports = false;
    plans[6].settings.node_port_addresses = {ip(v4 ? "192.0.2.1" : "2001:db8::1")};
    plans[6].endpoint_count = rules::large_cluster_endpoints + 1;
    return plans;
}

}  // namespace

TEST_CASE("iptables-nft-save shows what iptables-legacy-save shows of the legacy writer") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        rules::Plan plan = plan_of_everything(family);
        for (const auto dispatch : {rules::Dispatch::linear, rules::Dispatch::tree}) {
            plan.settings.dispatch = dispatch;
            const Netns nft = Netns::make("viarestore");
            const Netns legacy = Netns::make("vialibiptc");
            NetnsWriter writer{nft, make_nft_iptables_writer(family)};
            const auto applied = must(writer.apply(plan));
            CHECK(applied.wrote);
            NetnsWriter other{legacy, family};
            const auto by_libiptc = must(other.apply(plan));
            // nft knows which built-in chains nobody uses, and does not make them.
            const auto rules_only = [](const std::string& text) {
                std::string lines;
                std::istringstream in{sorted_lines(text)};
                for (std::string line; std::getline(in, line);) {
                    if (line.starts_with("-A") || line.starts_with(":KUBE")) lines += line + "\n";
                }
                return lines;
            };
            CHECK(rules_only(nft_saved(nft, family)) == rules_only(saved(legacy, family)));
            CHECK(applied.nat_rules == by_libiptc.nat_rules);
            CHECK(applied.filter_rules == by_libiptc.filter_rules);
            CHECK_FALSE(writer.disturbed());
            CHECK_FALSE(must(writer.apply(plan)).wrote);
        }
    }
}

TEST_CASE("changes of iptables-nft bring chains that differ, and end as if written from nothing") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const bool v4 = family == Family::ipv4;
        const rules::Plan plan = plan_of_everything(family);
        const Netns netns = Netns::make("restoresteps");
        NetnsWriter writer{netns, make_nft_iptables_writer(family)};
        must(writer.apply(plan));
        const auto other = with_service(plan, 0,
                                        port_plan("ns/plain", v4 ? "10.96.0.1" : "fd00:96::1",
                                                  {v4 ? "10.244.0.77" : "fd00:244::77"}));
        const auto small = must(writer.apply(other));
        // KUBE-SVC, and one KUBE-SEP for another.
        CHECK(small.chains_written == 3);
        CHECK_FALSE(writer.disturbed());
        std::vector<rules::Plan> steps{plan, plan};
        steps.back().settings.masquerade_all = true;
        auto tree = plan;
        tree.settings.dispatch = rules::Dispatch::tree;
        steps.push_back(tree);
        tree.services.erase(tree.services.begin() + 3);
        finish(tree);
        steps.push_back(tree);
        // Filter's chains are divided, change together with nat's, and go.
        auto refused = tree;
        for (int i = 0; i < 60; ++i) {
            auto port = port_plan("ns/r" + std::to_string(i),
                                  (v4 ? "10.97.0." : "fd00:97::") + std::to_string(i + 1), {});
            port.external_ips = {port.cluster_ip};
            port.node_port = static_cast<std::uint16_t>(30'100 + i);
            port.internal = port.external = rules::Unserved::reject;
            refused.services.push_back(std::make_shared<const rules::ServicePlan>(
                rules::ServicePlan{.ports = {std::move(port)}, .endpoint_count = 0}));
        }
        finish(refused);
        steps.push_back(refused);
        refused.services.resize(refused.services.size() - 57);
        refused.services.erase(refused.services.begin());
        finish(refused);
        steps.push_back(refused);
        steps.push_back(plan);
        for (const rules::Plan& step : steps) {
            const auto applied = must(writer.apply(step));
            CHECK(applied.wrote);
            CHECK_FALSE(writer.disturbed());
            const Netns fresh = Netns::make("restorefresh");
            NetnsWriter whole{fresh, make_nft_iptables_writer(family)};
            const auto expected = must(whole.apply(step));
            CHECK(sorted_lines(nft_saved(netns, family)) == sorted_lines(nft_saved(fresh, family)));
            CHECK(applied.nat_rules == expected.nat_rules);
            CHECK(applied.filter_rules == expected.filter_rules);
        }
    }
}

TEST_CASE("iptables-nft: chains of ports are read back as written, mended and taken away") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const rules::Plan plan = plan_of_ports(family, 90);
        const Netns netns = Netns::make("restoreports");
        NetnsWriter writer{netns, make_nft_iptables_writer(family)};
        must(writer.apply(plan));
        const std::string wanted = sorted_lines(nft_saved(netns, family));
        for (const char* jump : {
                 "-A KUBE-NODEPORTS -p tcp -j KUBE-TREE-N-TCP\n",
                 "-A KUBE-TREE-N-TCP -p tcp -m tcp --dport 0:4095 -j KUBE-TREE-N-TCP-0-4095\n",
                 "-A KUBE-TREE-N-UDP -p udp -m udp --dport 61440:65535 -j "
                 "KUBE-TREE-N-UDP-61440-65535\n",
                 "-A KUBE-EXTERNAL-SERVICES -m addrtype --dst-type LOCAL -j KUBE-TREE-R\n",
                 "-A KUBE-TREE-R -p sctp -j KUBE-TREE-R-SCTP\n",
                 "-A KUBE-TREE-R-SCTP -p sctp -m sctp --dport 30016:30031 -j "
                 "KUBE-TREE-R-SCTP-30016-30031\n",
             }) {
            CAPTURE(jump);
            CHECK(wanted.find(jump) != std::string::npos);
        }
        const Netns other = Netns::make("libiptcports");
        NetnsWriter legacy{other, family};
        must(legacy.apply(plan));
        for (const char* table : {"nat", "filter"}) {
            std::istringstream in{saved(other, family, table)};
            for (std::string line; std::getline(in, line);) {
                CAPTURE(line);
                if (line.starts_with("-A")) CHECK(wanted.find(line + "\n") != std::string::npos);
            }
        }
        CHECK_FALSE(must(writer.apply(plan, true)).wrote);
        NetnsWriter restarted{netns, make_nft_iptables_writer(family)};
        CHECK_FALSE(must(restarted.apply(plan)).wrote);
        CHECK_FALSE(writer.disturbed());
        netns.sh(nft_tool(family) + " -t nat -I KUBE-TREE-N-TCP -j RETURN");
        CHECK(writer.disturbed());
        CHECK(must(writer.apply(plan)).wrote);
        CHECK(sorted_lines(nft_saved(netns, family)) == wanted);
        // One less, and one more.
        rules::Plan less = plan;
        less.services.erase(less.services.begin() + 40);
        finish(less);
        CHECK(must(writer.apply(less)).chains_written <= 8);
        CHECK_FALSE(must(writer.apply(less, true)).wrote);
        must(writer.apply(plan));
        CHECK(sorted_lines(nft_saved(netns, family)) == wanted);
        REQUIRE(writer.clean());
        CHECK(nft_saved(netns, family).find("KUBE-TREE") == std::string::npos);
    }
}

TEST_CASE("iptables-nft: what somebody did is noticed and put right, theirs is left alone") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const rules::Plan plan = plan_of_everything(family);
        const Netns netns = Netns::make("restorerepair");
        const std::string iptables = nft_tool(family);
        netns.sh(iptables + " -N THEIRS; " + iptables + " -A THEIRS -j ACCEPT; " + iptables +
                 " -A INPUT -j THEIRS; " + iptables + " -t nat -A OUTPUT -p udp -j RETURN");
        NetnsWriter writer{netns, make_nft_iptables_writer(family)};
        must(writer.apply(plan));
        CHECK_FALSE(writer.disturbed());
        const std::string wanted = sorted_lines(nft_saved(netns, family));
        CHECK(wanted.find("-A INPUT -j THEIRS") != std::string::npos);
        for (const std::string& theirs : {
                 std::string{" -t nat -F KUBE-SERVICES"},
                 std::string{" -t filter -F KUBE-FORWARD"},
                 std::string{" -t nat -D POSTROUTING 1"},
                 std::string{" -t nat -R KUBE-MARK-MASQ 1 -j MARK --set-xmark 0x8000/0x8000"},
                 std::string{" -t nat -I KUBE-SERVICES -j RETURN"},
             }) {
            CAPTURE(theirs);
            netns.sh(iptables + theirs);
            CHECK(writer.disturbed());
            CHECK(must(writer.apply(plan)).wrote);
            CHECK(sorted_lines(nft_saved(netns, family)) == wanted);
            CHECK_FALSE(writer.disturbed());
        }
        // Not ours: no reason to write.
        netns.sh(iptables + " -A THEIRS -j DROP; " + iptables +
                 " -t mangle -N KUBE-KUBELET-CANARY; " + iptables + " -D THEIRS 2; " + iptables +
                 " -t mangle -X KUBE-KUBELET-CANARY");
        CHECK_FALSE(writer.disturbed());
        // A restart takes over what is there.
        NetnsWriter restarted{netns, make_nft_iptables_writer(family)};
        must(restarted.apply(plan));
        CHECK(sorted_lines(nft_saved(netns, family)) == wanted);
        // A chain to which others jump stays, empty.
        netns.sh(iptables + " -t nat -N THEIRS; " + iptables +
                 " -t nat -A THEIRS -j KUBE-MARK-MASQ");
        REQUIRE(writer.clean());
        const std::string left = nft_saved(netns, family);
        CHECK(left.find("-A THEIRS -j ACCEPT") != std::string::npos);
        CHECK(left.find("-A THEIRS -j KUBE-MARK-MASQ") != std::string::npos);
        CHECK(left.find("KUBE-SVC") == std::string::npos);
        CHECK(left.find("-j KUBE-SERVICES") == std::string::npos);
        CHECK(left.find(":KUBE-FIREWALL") != std::string::npos);
        netns.sh(iptables + " -t nat -F THEIRS");
        REQUIRE(writer.clean());
        CHECK(nft_saved(netns, family).find(":KUBE-MARK-MASQ") == std::string::npos);
        CHECK(writer.clean());
    }
}

TEST_CASE("iptables-nft: what only nf_tables can say keeps no repair away") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const rules::Plan plan = plan_of_everything(family);
        const Netns netns = Netns::make("restoreodd");
        NetnsWriter writer{netns, make_nft_iptables_writer(family)};
        must(writer.apply(plan));
        const std::string nat = family == Family::ipv4 ? "ip nat " : "ip6 nat ";
        const std::string chain = "KUBE-SVC-LONGER-THAN-IPTABLES-TAKES-A-NAME";
        const std::string spoken = " -t nat -A INPUT -m comment --comment 'see -j KUBE-SVC-A'";
        netns.sh(nft_tool(family) + spoken);
        netns.sh("nft add chain " + nat + chain + "; nft insert rule " + nat +
                 "KUBE-SERVICES counter jump " + chain + "; nft add rule " + nat + "OUTPUT jump " +
                 chain);
        CHECK(writer.disturbed());
        CHECK(must(writer.apply(plan)).wrote);
        CHECK(netns.sh("nft list chain " + nat + "KUBE-SERVICES").find(chain) == std::string::npos);
        CHECK(netns.sh("nft list chain " + nat + "OUTPUT").find(chain) != std::string::npos);
        netns.sh("nft flush chain " + nat + chain);
        CHECK_FALSE(must(NetnsWriter{netns, make_nft_iptables_writer(family)}.apply(plan)).wrote);
        REQUIRE(writer.clean());
        const std::string left = nft_saved(netns, family);
        CHECK(left.find(":" + chain) != std::string::npos);
        CHECK(left.find("see -j KUBE-SVC-A") != std::string::npos);
        CHECK(left.find("-j KUBE-SERVICES") == std::string::npos);
    }
}

TEST_CASE("iptables-nft that refuses, hangs or is not there keeps the old rules") {
    const Family family = Family::ipv4;
    const rules::Plan plan = plan_of_everything(family);
    const Netns netns = Netns::make("restorerefused");
    NetnsWriter good{netns, make_nft_iptables_writer(family)};
    must(good.apply(plan));
    const std::string before = nft_saved(netns, family);
    auto other = plan;
    other.settings.masquerade_all = true;
    const auto refused_by = [&](const std::string& script,
                                std::chrono::milliseconds time_max = std::chrono::minutes{2}) {
        const FakePrograms fake{script};
        NetnsWriter writer{netns, make_nft_iptables_writer(
                                      family, {.program = fake.path(), .time_max = time_max})};
        const auto applied = writer.apply(other);
        REQUIRE_FALSE(applied);
        CHECK(nft_saved(netns, family) == before);
        return applied.error();
    };
    CHECK(refused_by("echo 'line 7 failed: Permission denied' >&2; exit 4").code ==
          Errc::permission);
    CHECK(refused_by("exit 1").code == Errc::io);
    CHECK(
        refused_by("sleep 600 & sleep 600", std::chrono::milliseconds{300}).text.find("too long") !=
        std::string::npos);
    CHECK(refused_by("kill -SEGV $$").text.find("signal") != std::string::npos);
    NetnsWriter none{netns, make_nft_iptables_writer(family, {.program = "/nonexistent/iptables"})};
    CHECK(none.apply(other).error().code == Errc::unsupported);
    // A name that does not fit is refused by the real one; the tables stay whole.
    auto broken = plan;
    broken.settings.detector = rules::LocalDetector::interface_prefix;
    broken.settings.detector_name = "much-too-long-for-an-interface";
    CHECK_FALSE(good.apply(broken));
    CHECK(nft_saved(netns, family) == before);
    // Nothing happened to the tables, so nothing is written; then what is missing.
    CHECK_FALSE(must(good.apply(plan)).wrote);
    netns.sh("iptables-nft -t nat -F KUBE-MARK-MASQ");
    CHECK(must(good.apply(plan)).chains_written == 1);
    CHECK(sorted_lines(nft_saved(netns, family)) == sorted_lines(before));
}

TEST_CASE("iptables-nft: what is there already is not written again, whatever the settings") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        for (const rules::Plan& plan : plans_of_all_settings(family)) {
            const Netns netns = Netns::make("restoresame");
            NetnsWriter writer{netns, make_nft_iptables_writer(family)};
            const auto first = must(writer.apply(plan));
            const auto again = must(writer.apply(plan, true));
            CHECK_FALSE(again.wrote);
            CHECK(again.nat_rules == first.nat_rules);
            CHECK(again.filter_rules == first.filter_rules);
            const auto handles = handles_of(netns, family);
            NetnsWriter restarted{netns, make_nft_iptables_writer(family)};
            CHECK_FALSE(must(restarted.apply(plan)).wrote);
            CHECK(handles_of(netns, family) == handles);
            CHECK_FALSE(writer.disturbed());
        }
    }
}

TEST_CASE("iptables-nft: of a long chain only the rules that differ are touched") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const rules::Plan plan = long_plan(family, 80);
        const Netns netns = Netns::make("restorelong");
        NetnsWriter writer{netns, make_nft_iptables_writer(family)};
        must(writer.apply(plan));
        auto before = handles_of(netns, family);
        // Another Service in the middle: its rule in KUBE-SERVICES, its own two chains.
        auto more = plan;
        more.services.insert(more.services.begin() + 40, long_plan(family, 81).services.back());
        finish(more);
        CHECK(must(writer.apply(more)).wrote);
        auto after = handles_of(netns, family);
        CHECK(lost(before, after).empty());
        CHECK(lost(after, before).size() == 4);
        // It goes again.
        CHECK(must(writer.apply(plan)).wrote);
        CHECK(handles_of(netns, family) == before);
        // Somebody took one rule away and put one there: only these are mended.
        const std::string iptables = nft_tool(family) + " -t nat ";
        netns.sh(iptables + "-D KUBE-SERVICES 7; " + iptables + "-I KUBE-SERVICES 30 -j RETURN");
        const auto mended = must(writer.apply(plan));
        CHECK(mended.chains_written == 1);
        CHECK(mended.rules_written == 2);
        after = handles_of(netns, family);
        CHECK(lost(before, after).size() == 1);
        CHECK(lost(after, before).size() == 1);
    }
}

TEST_CASE("iptables-nft: many changes of long chains leave what writing from nothing would") {
    const Family family = Family::ipv4;
    const Netns netns = Netns::make("restoremany");
    NetnsWriter writer{netns, make_nft_iptables_writer(family)};
    std::minstd_rand random{7};
    rules::Plan plan = long_plan(family, 120);
    const rules::Plan all = plan;
    for (int step = 0; step < 12; ++step) {
        plan.services.clear();
        for (std::size_t i = 0; i < all.services.size(); ++i) {
            // Some go, some have no endpoints: refused in filter.
            const auto fate = random() % 40;
            if (fate == 0) continue;
            plan.services.push_back(fate > 30 && step % 3 != 0 ? unserved(*all.services[i])
                                                               : all.services[i]);
        }
        finish(plan);
        must(writer.apply(plan));
        const Netns fresh = Netns::make("restoremanyfresh");
        NetnsWriter whole{fresh, make_nft_iptables_writer(family)};
        must(whole.apply(plan));
        CHECK(nft_saved(netns, family) == nft_saved(fresh, family));
    }
}

TEST_CASE("from one form of iptables to the other with one apply each, and away") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const rules::Plan plan = plan_of_everything(family);
        const Netns netns = Netns::make("restoreswitch");
        const auto has = [&](const std::string& text) {
            return text.find("KUBE-SVC-") != std::string::npos;
        };
        NetnsWriter legacy{
            netns, rules::make_backend(family, Backend::iptables, options(IptablesKind::legacy))};
        must(legacy.apply(plan));
        CHECK(has(saved(netns, family)));
        NetnsWriter nft{netns,
                        rules::make_backend(family, Backend::iptables, options(IptablesKind::nft))};
        must(nft.apply(plan));
        CHECK(has(nft_saved(netns, family)));
        CHECK_FALSE(has(saved(netns, family)));
        NetnsWriter nftables{netns, rules::make_backend(family, Backend::nftables,
                                                        options(IptablesKind::automatic))};
        must(nftables.apply(plan));
        CHECK_FALSE(has(nft_saved(netns, family)));
        must(nft.apply(plan, true));
        NetnsWriter back{
            netns, rules::make_backend(family, Backend::iptables, options(IptablesKind::legacy))};
        must(back.apply(plan));
        CHECK(has(saved(netns, family)));
        CHECK_FALSE(has(nft_saved(netns, family)));
        must(nft.apply(plan, true));
        Status cleaned;
        netns.run(
            [&] { cleaned = rules::clean_everything(family, options(IptablesKind::automatic)); });
        CHECK(cleaned);
        CHECK_FALSE(has(saved(netns, family)));
        CHECK_FALSE(has(nft_saved(netns, family)));
    }
}

TEST_CASE("which iptables a host uses is seen by the kubelet's mark, then by the rules") {
    CHECK(rules::iptables::kind_by({}, {}) == Kind::legacy);
    CHECK(rules::iptables::kind_by({false, 3}, {false, 4}) == Kind::nft);
    CHECK(rules::iptables::kind_by({false, 4}, {false, 4}) == Kind::legacy);
    CHECK(rules::iptables::kind_by({true, 3}, {false, 400}) == Kind::legacy);
    CHECK(rules::iptables::kind_by({true, 300}, {true, 4}) == Kind::nft);
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const Netns netns = Netns::make("whichiptables");
        const auto kind = [&] {
            return netns.in([] { return rules::iptables::kind_in_use().kind; });
        };
        CHECK(kind() == Kind::legacy);
        CHECK(netns
                  .sh("cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2>/dev/null "
                      "|| true")
                  .empty());
        netns.sh(nft_tool(family) + " -A INPUT -j ACCEPT");
        CHECK(kind() == Kind::nft);
        const std::string legacy = "XTABLES_LOCKFILE=" + own_lock_path() + " " + tool(family);
        netns.sh(legacy + " -A INPUT -j ACCEPT; " + legacy + " -A INPUT -j ACCEPT");
        CHECK(kind() == Kind::legacy);
        netns.sh(nft_tool(family) + " -t mangle -N KUBE-KUBELET-CANARY");
        CHECK(kind() == Kind::nft);
    }
}
