#include "rules/iptables/packet_counters.hpp"
#include "rules/iptables/render.hpp"
#include "rules/iptables/render_names.hpp"

#include <array>
#include <optional>
#include <utility>

namespace nameplane::rules::iptables {
namespace {

struct JumpRow {
    TableName table;
    std::string_view built_in;
    bool new_only;  ///< only packets that begin a connection
    std::string_view comment;
    std::string_view chain;
};

constexpr std::string_view portals = "kubernetes service portals";
constexpr std::string_view visible = "kubernetes externally-visible service portals";
constexpr std::string_view firewall = "kubernetes load balancer firewall";

// In final order within each built-in chain: kube-proxy puts each of these at the head of its
// chain, so that the last one it makes comes first.
constexpr std::array jump_rows{
    JumpRow{TableName::filter, "INPUT", false, "", firewall_chain},
    JumpRow{TableName::filter, "INPUT", true, firewall, proxy_firewall_chain},
    JumpRow{TableName::filter, "INPUT", false, "kubernetes health check service ports",
            nodeports_chain},
    JumpRow{TableName::filter, "INPUT", true, visible, external_services_chain},
    JumpRow{TableName::filter, "FORWARD", true, firewall, proxy_firewall_chain},
    JumpRow{TableName::filter, "FORWARD", false, "kubernetes forwarding rules", forward_chain},
    JumpRow{TableName::filter, "FORWARD", true, portals, services_chain},
    JumpRow{TableName::filter, "FORWARD", true, visible, external_services_chain},
    JumpRow{TableName::filter, "OUTPUT", false, "", firewall_chain},
    JumpRow{TableName::filter, "OUTPUT", true, firewall, proxy_firewall_chain},
    JumpRow{TableName::filter, "OUTPUT", true, portals, services_chain},
    JumpRow{TableName::nat, "PREROUTING", false, portals, services_chain},
    JumpRow{TableName::nat, "OUTPUT", false, portals, services_chain},
    JumpRow{TableName::nat, "POSTROUTING", false, "kubernetes postrouting rules",
            postrouting_chain},
};

/// Settings as they count for the family: only IPv4 can serve node ports on the loopback address.
bool localhost_node_ports(const PlanSettings& settings) {
    return settings.localhost_node_ports && settings.family == Family::ipv4;
}

Cidr loopback(Family family) {
    return family == Family::ipv4 ? *Cidr::parse("127.0.0.0/8") : *Cidr::parse("::1/128");
}

Rule with(Match match, Target target) {
    Rule rule;
    rule.matches.emplace_back(std::move(match));
    rule.target = std::move(target);
    return rule;
}

Rule jump_rule(const JumpRow& row) {
    Rule rule;
    if (row.new_only) rule.matches.emplace_back(StateMatch{.states = StateMatch::fresh});
    if (!row.comment.empty()) rule.matches.emplace_back(CommentMatch{std::string{row.comment}});
    rule.target = Jump{std::string{row.chain}};
    return rule;
}

std::vector<BaseJump> jumps() {
    std::vector<BaseJump> jumps;
    for (const JumpRow& row : jump_rows) {
        jumps.push_back({row.table, std::string{row.built_in}, jump_rule(row)});
    }
    return jumps;
}

Chain postrouting(const PlanSettings& settings) {
    const std::uint32_t mark = settings.masquerade_mark;
    return {
        with(MarkMatch{.value = mark, .mask = mark, .negated = true}, Verdict::return_),
        // Unmarked, so that a packet that comes through here again is not masqueraded again.
        {.target = SetMark{.value = mark, .exclusive = true}},
        with(CommentMatch{"kubernetes service traffic requiring SNAT"},
             Masquerade{.random_fully = settings.random_fully}),
    };
}

/// Keeps other hosts from the node's loopback services, which route_localnet opens. Where nothing
/// opens them, the chain is only made: the kubelet may have rules in it.
Chain firewall_rules(const PlanSettings& settings) {
    if (!localhost_node_ports(settings)) return {};
    Rule rule = with(CommentMatch{"block incoming localnet connections"}, Verdict::drop);
    rule.destination = loopback(settings.family);
    rule.source = loopback(settings.family);
    rule.source_negated = true;
    rule.source_is_range = true;
    rule.matches.emplace_back(
        StateMatch{.states = StateMatch::related | StateMatch::established | StateMatch::dnat,
                   .negated = true});
    return {std::move(rule)};
}

Chain forward(const PlanSettings& settings) {
    Chain chain;
    if (settings.drop_invalid) {
        Rule& rule =
            chain.emplace_back(with(StateMatch{.states = StateMatch::invalid}, Verdict::drop));
        if (settings.packet_counters) {
            rule.matches.emplace_back(CounterMatch{std::string{invalid_counter}});
        }
    }
    const std::uint32_t mark = settings.masquerade_mark;
    Rule marked = with(CommentMatch{"kubernetes forwarding rules"}, Verdict::accept);
    marked.matches.emplace_back(MarkMatch{.value = mark, .mask = mark});
    chain.push_back(std::move(marked));
    Rule replies = with(CommentMatch{"kubernetes forwarding conntrack rule"}, Verdict::accept);
    replies.matches.emplace_back(
        StateMatch{.states = StateMatch::related | StateMatch::established});
    chain.push_back(std::move(replies));
    return chain;
}

/// A node port jump without its destination.
Rule node_port_jump() {
    return with(CommentMatch{"kubernetes service nodeports; NOTE: this must be the last rule in "
                             "this chain"},
                Jump{std::string{nodeports_chain}});
}

Chain node_port_jumps(const PlanSettings& settings) {
    const bool localhost = localhost_node_ports(settings);
    Chain chain;
    if (settings.node_port_addresses.empty() && !settings.node_ports_restricted) {
        Rule rule = node_port_jump();
        rule.matches.emplace_back(LocalAddressMatch{.source = false});
        if (!localhost) {
            rule.destination = loopback(settings.family);
            rule.destination_negated = true;
        }
        chain.push_back(std::move(rule));
        return chain;
    }
    for (const IpAddress& address : settings.node_port_addresses) {
        if (address.family() != settings.family) continue;
        if (address.is_loopback() && !localhost) continue;
        Rule rule = node_port_jump();
        rule.destination = Cidr::make(address, address.is_v4() ? 32 : 128);
        chain.push_back(std::move(rule));
    }
    return chain;
}

NamedChain named(std::string_view name, Chain rules = {}) {
    return {std::string{name}, std::move(rules)};
}

}  // namespace

BaseRules render_base(const PlanSettings& settings) {
    BaseRules base;
    base.jumps = jumps();
    base.filter_chains = {named(services_chain),
                          named(external_services_chain),
                          named(forward_chain, forward(settings)),
                          named(nodeports_chain),
                          named(proxy_firewall_chain),
                          named(firewall_chain, firewall_rules(settings)),
                          named(canary_chain)};
    base.nat_chains = {
        named(services_chain), named(nodeports_chain),
        named(postrouting_chain, postrouting(settings)),
        named(mark_masq_chain, {Rule{.target = SetMark{.value = settings.masquerade_mark}}}),
        named(canary_chain)};
    base.mangle_chains = {named(canary_chain)};
    base.nat_services_tail = node_port_jumps(settings);
    return base;
}

}  // namespace nameplane::rules::iptables
