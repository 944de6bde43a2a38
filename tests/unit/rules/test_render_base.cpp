#include "rule_lines.hpp"

#include <catch2/catch.hpp>

namespace nameplane::rules::iptables {
namespace {

using tests::add_lines;
using tests::Lines;

Lines chain_lines(const std::vector<NamedChain>& chains) {
    Lines lines;
    for (const NamedChain& chain : chains) {
        lines.push_back(":" + chain.name);
        add_lines(lines, chain.name, chain.rules);
    }
    return lines;
}

Lines jump_lines(const BaseRules& base, TableName table) {
    Lines lines;
    for (const BaseJump& jump : base.jumps) {
        if (jump.table == table) lines.push_back(jump.built_in + ": " + to_text(jump.rule));
    }
    return lines;
}

Lines tail_lines(const PlanSettings& settings) {
    Lines lines;
    add_lines(lines, "KUBE-SERVICES", render_base(settings).nat_services_tail);
    return lines;
}

TEST_CASE("jumps from built-in chains stand in kube-proxy's order", "[rules][base]") {
    const BaseRules base = render_base({});
    CHECK(jump_lines(base, TableName::filter) ==
          Lines{
              "INPUT: -j KUBE-FIREWALL",
              "INPUT: -m conntrack --ctstate NEW -m comment --comment \"kubernetes load balancer "
              "firewall\" -j KUBE-PROXY-FIREWALL",
              "INPUT: -m comment --comment \"kubernetes health check service ports\" -j "
              "KUBE-NODEPORTS",
              "INPUT: -m conntrack --ctstate NEW -m comment --comment \"kubernetes "
              "externally-visible service portals\" -j KUBE-EXTERNAL-SERVICES",
              "FORWARD: -m conntrack --ctstate NEW -m comment --comment \"kubernetes load balancer "
              "firewall\" -j KUBE-PROXY-FIREWALL",
              "FORWARD: -m comment --comment \"kubernetes forwarding rules\" -j KUBE-FORWARD",
              "FORWARD: -m conntrack --ctstate NEW -m comment --comment \"kubernetes service "
              "portals\" -j KUBE-SERVICES",
              "FORWARD: -m conntrack --ctstate NEW -m comment --comment \"kubernetes "
              "externally-visible service portals\" -j KUBE-EXTERNAL-SERVICES",
              "OUTPUT: -j KUBE-FIREWALL",
              "OUTPUT: -m conntrack --ctstate NEW -m comment --comment \"kubernetes load balancer "
              "firewall\" -j KUBE-PROXY-FIREWALL",
              "OUTPUT: -m conntrack --ctstate NEW -m comment --comment \"kubernetes service "
              "portals\" -j KUBE-SERVICES",
          });
    CHECK(jump_lines(base, TableName::nat) ==
          Lines{
              "PREROUTING: -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES",
              "OUTPUT: -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES",
              "POSTROUTING: -m comment --comment \"kubernetes postrouting rules\" -j "
              "KUBE-POSTROUTING",
          });
    CHECK(jump_lines(base, TableName::mangle).empty());
}

TEST_CASE("KUBE-FIREWALL is always there, with a rule for IPv4 with localhost node ports only",
          "[rules][base]") {
    const auto firewall_rules = [](const PlanSettings& settings) {
        const BaseRules base = render_base(settings);
        CHECK(std::ranges::count_if(base.jumps, [](const auto& jump) {
                  return to_text(jump.rule) == "-j KUBE-FIREWALL";
              }) == 2);
        const auto chain =
            std::ranges::find(base.filter_chains, "KUBE-FIREWALL", &NamedChain::name);
        REQUIRE(chain != base.filter_chains.end());
        return chain->rules.size();
    };
    CHECK(firewall_rules({}) == 1);
    CHECK(firewall_rules({.localhost_node_ports = false}) == 0);
    CHECK(firewall_rules({.family = Family::ipv6, .localhost_node_ports = true}) == 0);
}

TEST_CASE("what KUBE-FORWARD drops is counted where the kernel has the counter", "[rules][base]") {
    const auto first_rule = [](const PlanSettings& settings) {
        const BaseRules base = render_base(settings);
        const auto chain = std::ranges::find(base.filter_chains, "KUBE-FORWARD", &NamedChain::name);
        REQUIRE(chain != base.filter_chains.end());
        return to_text(chain->rules.at(0));
    };
    CHECK(first_rule({}) == "-m conntrack --ctstate INVALID -j DROP");
    CHECK(first_rule({.packet_counters = true}) ==
          "-m conntrack --ctstate INVALID -m nfacct --nfacct-name ct_state_invalid_dropped_pkts -j "
          "DROP");
}

TEST_CASE("fixed chains of filter, nat and mangle", "[rules][base]") {
    const BaseRules base = render_base({});
    CHECK(chain_lines(base.filter_chains) ==
          Lines{
              ":KUBE-SERVICES",
              ":KUBE-EXTERNAL-SERVICES",
              ":KUBE-FORWARD",
              "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP",
              "-A KUBE-FORWARD -m comment --comment \"kubernetes forwarding rules\" -m mark --mark "
              "0x00004000/0x00004000 -j ACCEPT",
              "-A KUBE-FORWARD -m comment --comment \"kubernetes forwarding conntrack rule\" -m "
              "conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
              ":KUBE-NODEPORTS",
              ":KUBE-PROXY-FIREWALL",
              ":KUBE-FIREWALL",
              "-A KUBE-FIREWALL -m comment --comment \"block incoming localnet connections\" -d "
              "127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j "
              "DROP",
              ":KUBE-PROXY-CANARY",
          });
    CHECK(chain_lines(base.nat_chains) ==
          Lines{
              ":KUBE-SERVICES",
              ":KUBE-NODEPORTS",
              ":KUBE-POSTROUTING",
              "-A KUBE-POSTROUTING -m mark ! --mark 0x00004000/0x00004000 -j RETURN",
              "-A KUBE-POSTROUTING -j MARK --xor-mark 0x00004000",
              "-A KUBE-POSTROUTING -m comment --comment \"kubernetes service traffic requiring "
              "SNAT\" -j MASQUERADE --random-fully",
              ":KUBE-MARK-MASQ",
              "-A KUBE-MARK-MASQ -j MARK --or-mark 0x00004000",
              ":KUBE-PROXY-CANARY",
          });
    CHECK(chain_lines(base.mangle_chains) == Lines{":KUBE-PROXY-CANARY"});
}

TEST_CASE("settings change the fixed chains", "[rules][base]") {
    const Lines forward = chain_lines(render_base({.drop_invalid = false}).filter_chains);
    CHECK(std::ranges::count(forward, "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP") ==
          0);
    const Lines nat =
        chain_lines(render_base({.masquerade_mark = 0x80000000, .random_fully = false}).nat_chains);
    CHECK(std::ranges::count(nat, "-A KUBE-MARK-MASQ -j MARK --or-mark 0x80000000") == 1);
    CHECK(std::ranges::count(nat, "-A KUBE-POSTROUTING -m comment --comment \"kubernetes service "
                                  "traffic requiring SNAT\" -j MASQUERADE") == 1);
}

const std::string node_ports = "-A KUBE-SERVICES -m comment --comment \"kubernetes service "
                               "nodeports; NOTE: this must be the last rule in this chain\" ";

TEST_CASE("node ports answer on every local address, or on those named", "[rules][base]") {
    const IpAddress v4 = IpAddress::v4(192, 168, 0, 2);
    const IpAddress loopback = IpAddress::v4(127, 0, 0, 1);
    const IpAddress v6 = *IpAddress::parse("2001:db8::1:1");
    const IpAddress loopback6 = *IpAddress::parse("::1");
    using enum Family;

    CHECK(tail_lines({}) == Lines{node_ports + "-m addrtype --dst-type LOCAL -j KUBE-NODEPORTS"});
    CHECK(tail_lines({.localhost_node_ports = false}) ==
          Lines{node_ports + "-m addrtype --dst-type LOCAL ! -d 127.0.0.0/8 -j KUBE-NODEPORTS"});
    CHECK(tail_lines({.family = ipv6}) ==
          Lines{node_ports + "-m addrtype --dst-type LOCAL ! -d ::1/128 -j KUBE-NODEPORTS"});
    CHECK(tail_lines({.node_port_addresses = {v4, loopback, v6}}) ==
          Lines{node_ports + "-d 192.168.0.2 -j KUBE-NODEPORTS",
                node_ports + "-d 127.0.0.1 -j KUBE-NODEPORTS"});
    CHECK(tail_lines({.localhost_node_ports = false, .node_port_addresses = {v4, loopback}}) ==
          Lines{node_ports + "-d 192.168.0.2 -j KUBE-NODEPORTS"});
    CHECK(tail_lines({.node_ports_restricted = true}).empty());
    CHECK(tail_lines({.family = ipv6, .node_port_addresses = {v4, v6, loopback6}}) ==
          Lines{node_ports + "-d 2001:db8::1:1 -j KUBE-NODEPORTS"});
}

}  // namespace
}  // namespace nameplane::rules::iptables
