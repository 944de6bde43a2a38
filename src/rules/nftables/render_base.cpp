#include "rules/nftables/render.hpp"
#include "rules/nftables/render_names.hpp"

#include <array>
#include <utility>

namespace nameplane::rules::nftables {
namespace {

constexpr std::int32_t before_dnat = -110;
constexpr std::int32_t dnat = -100;
constexpr std::int32_t after_dnat = -90;
constexpr std::int32_t filter = 0;
constexpr std::int32_t snat = 100;

/// A rule of `statements` in their order.
template <class... Statements> Rule rule(Statements... statements) {
    Rule made;
    (made.statements.emplace_back(std::move(statements)), ...);
    return made;
}

Rule with_comment(Rule rule, std::string_view comment) {
    rule.comment = comment;
    return rule;
}

/// Settings as they count for the family: only IPv4 can serve node ports on the loopback address.
bool localhost_node_ports(const PlanSettings& settings) {
    return settings.localhost_node_ports && settings.family == Family::ipv4;
}

Cidr loopback(Family family) {
    return family == Family::ipv4 ? *Cidr::parse("127.0.0.0/8") : *Cidr::parse("::1/128");
}

StateMatch fresh() {
    return {StateMatch::fresh};
}

Verdict leave() {
    return {Verdict::Kind::return_, {}};
}

/// What narrows a rule to traffic from pods (or, `negated`, from elsewhere).
Statement from_pods(const PlanSettings& settings, bool negated) {
    if (settings.detector == LocalDetector::source_cidr) {
        return AddressMatch{.source = true, .range = settings.detector_cidr, .negated = negated};
    }
    return InterfaceMatch{.name = settings.detector_name,
                          .prefix = settings.detector == LocalDetector::interface_prefix,
                          .negated = negated};
}

Chain firewall() {
    constexpr Key with_source{
        {Field::destination, Field::protocol, Field::port, Field::source}, 4, 0};
    return {std::string{chain::firewall},
            {},
            {rule(InSet{service_key, MapId::firewall_ips},
                  InSet{with_source, MapId::firewall_allowed, true}, drop())}};
}

Chain all_endpoints() {
    return {std::string{chain::all_endpoints},
            {},
            {rule(VerdictMap{service_key, MapId::service_picks}),
             rule(VerdictMap{node_port_key, MapId::node_port_picks})}};
}

Chain external(const PlanSettings& settings) {
    return {std::string{chain::external},
            {},
            {rule(SetMark{.mark = settings.masquerade_mark}), rule(go_to(chain::all_endpoints))}};
}

/// With policy Local, pods and the node itself may still use all endpoints: no load balancer
/// stands in between that would have chosen the right node.
Chain external_local(const PlanSettings& settings) {
    Chain made{std::string{chain::external_local}, {}, {}};
    if (settings.detector != LocalDetector::none) {
        Rule pods;
        pods.statements.push_back(from_pods(settings, false));
        pods.statements.emplace_back(go_to(chain::all_endpoints));
        made.rules.push_back(with_comment(std::move(pods), "short-circuit pod traffic"));
    }
    made.rules.push_back(
        with_comment(rule(LocalMatch{.source = true}, SetMark{.mark = settings.masquerade_mark},
                          go_to(chain::all_endpoints)),
                     "masquerade and short-circuit local traffic"));
    made.rules.push_back(rule(VerdictMap{service_key, MapId::service_local_picks}));
    made.rules.push_back(rule(VerdictMap{node_port_key, MapId::node_port_local_picks}));
    return made;
}

/// Narrows a rule for node ports to the addresses on which they answer.
void on_node_port_addresses(Rule& rule, const PlanSettings& settings, bool is_local) {
    if (!settings.node_port_addresses.empty() || settings.node_ports_restricted) {
        rule.statements.emplace_back(
            InSet{{{Field::destination}, 1, 0}, MapId::node_port_ips, false});
        return;
    }
    if (!is_local) rule.statements.emplace_back(LocalMatch{.source = false});
    if (!localhost_node_ports(settings)) {
        rule.statements.emplace_back(
            AddressMatch{.source = false, .range = loopback(settings.family), .negated = true});
    }
}

Chain services(const PlanSettings& settings) {
    Chain made{std::string{chain::services}, {}, {}};
    if (settings.masquerade_all || settings.detector != LocalDetector::none) {
        Rule masquerade = rule(InSet{{{Field::destination}, 1, 0}, MapId::cluster_ips, false});
        if (!settings.masquerade_all) masquerade.statements.push_back(from_pods(settings, true));
        masquerade.statements.emplace_back(SetMark{.mark = settings.masquerade_mark});
        made.rules.push_back(with_comment(
            std::move(masquerade), settings.masquerade_all
                                       ? "masquerade all cluster IP traffic"
                                       : "masquerade cluster IP traffic from outside of pods"));
    }
    made.rules.push_back(rule(VerdictMap{service_key, MapId::service_ips}));
    Rule node_ports;
    on_node_port_addresses(node_ports, settings, false);
    node_ports.statements.emplace_back(VerdictMap{node_port_key, MapId::node_ports});
    made.rules.push_back(std::move(node_ports));
    return made;
}

/// Keeps other hosts from the node's loopback services, which route_localnet opens.
Chain loopback_check(const PlanSettings& settings) {
    const Cidr range = loopback(settings.family);
    return {std::string{chain::loopback},
            {},
            {rule(AddressMatch{.source = false, .range = range, .negated = true}, leave()),
             rule(AddressMatch{.source = true, .range = range}, leave()),
             rule(StateMatch{StateMatch::established | StateMatch::related}, leave()),
             rule(TranslatedMatch{}, leave()),
             with_comment(rule(drop()), "block incoming localnet connections")}};
}

Chain node_port_endpoints_check(const PlanSettings& settings) {
    Rule made;
    on_node_port_addresses(made, settings, true);
    made.statements.emplace_back(VerdictMap{node_port_key, MapId::no_endpoint_node_ports});
    return {std::string{chain::node_port_endpoints_check}, {}, {std::move(made)}};
}

/// Notes who got which endpoint, once DNAT has happened; what was known before only lives longer.
Chain remember_for(std::uint32_t timeout_s) {
    constexpr Key local{{Field::affinity, Field::destination, Field::port}, 3, 0};
    return {remember_chain_name(timeout_s),
            {},
            {rule(Remember{MapId::affinity, timeout_s}),
             rule(InSet{local, MapId::affinity_local_endpoints, false},
                  Remember{MapId::affinity_local, timeout_s}),
             rule(Unidentify{})}};
}

/// What is still for an address of Services after DNAT: the address of a Service that does not have
/// this port, or one that no Service has.
Chain cluster_ips_check(const std::vector<Cidr>& service_ranges) {
    Chain made{std::string{chain::cluster_ips_check},
               {},
               {with_comment(
                   rule(InSet{{{Field::destination}, 1, 0}, MapId::cluster_ips, false}, Reject{}),
                   "reject traffic to undefined ports of cluster IPs")}};
    for (const Cidr& range : service_ranges) {
        made.rules.push_back(
            with_comment(rule(AddressMatch{.source = false, .range = range}, drop()),
                         "drop traffic to service addresses that no Service has"));
    }
    return made;
}

Chain base(std::string_view name, Base where, std::vector<Rule> rules) {
    return {std::string{name}, where, std::move(rules)};
}

Rule fresh_jump(std::string_view to) {
    return rule(fresh(), jump_to(to));
}

void add_filters(std::vector<Chain>& chains, const PlanSettings& settings) {
    Chain input = base("filter-input", {false, Hook::input, filter}, {});
    Chain forward = base("filter-forward", {false, Hook::forward, filter}, {});
    Chain output = base("filter-output", {false, Hook::output, filter}, {});
    if (localhost_node_ports(settings)) {
        input.rules.push_back(rule(jump_to(chain::loopback)));
        output.rules.push_back(rule(jump_to(chain::loopback)));
    }
    if (settings.drop_invalid) {
        forward.rules.push_back(rule(StateMatch{StateMatch::invalid}, drop()));
    }
    input.rules.push_back(fresh_jump(chain::node_port_endpoints_check));
    for (Chain* each : {&input, &forward, &output}) {
        each->rules.push_back(fresh_jump(chain::service_endpoints_check));
    }
    for (Chain* each : {&forward, &output}) {
        each->rules.push_back(fresh_jump(chain::cluster_ips_check));
    }
    chains.push_back(std::move(input));
    chains.push_back(std::move(forward));
    chains.push_back(std::move(output));
}

Chain postrouting(const PlanSettings& settings) {
    const Masquerade masquerade{settings.random_fully};
    const std::uint32_t mark = settings.masquerade_mark;
    constexpr Key pair{{Field::source, Field::destination}, 2, 0};
    return base("nat-postrouting", {true, Hook::postrouting, snat},
                {// Unmarked, so that a packet that comes through here again is not masqueraded
                 // again.
                 rule(MarkMatch{mark}, SetMark{.mark = mark, .toggle = true}, masquerade),
                 rule(TranslatedMatch{}, InSet{pair, MapId::hairpin_connections}, masquerade)});
}

}  // namespace

std::vector<Chain> render_base(const Plan& plan, const Timeouts& timeouts) {
    const PlanSettings& settings = plan.settings;
    std::vector<Chain> chains;
    chains.push_back({std::string{chain::refuse}, {}, {rule(Reject{})}});
    chains.push_back(firewall());
    chains.push_back(all_endpoints());
    chains.push_back(external(settings));
    chains.push_back(external_local(settings));
    chains.push_back(services(settings));
    if (localhost_node_ports(settings)) chains.push_back(loopback_check(settings));
    chains.push_back({std::string{chain::service_endpoints_check},
                      {},
                      {rule(VerdictMap{service_key, MapId::no_endpoint_services})}});
    chains.push_back(node_port_endpoints_check(settings));
    chains.push_back(cluster_ips_check(plan.service_ranges));
    for (const std::uint32_t timeout : timeouts) chains.push_back(remember_for(timeout));
    chains.push_back(base("filter-prerouting", {false, Hook::prerouting, before_dnat},
                          {fresh_jump(chain::firewall)}));
    chains.push_back(base("filter-output-pre-dnat", {false, Hook::output, before_dnat},
                          {fresh_jump(chain::firewall)}));
    chains.push_back(
        base("nat-prerouting", {true, Hook::prerouting, dnat}, {rule(jump_to(chain::services))}));
    chains.push_back(
        base("nat-output", {true, Hook::output, dnat}, {rule(jump_to(chain::services))}));
    if (!timeouts.empty()) {
        const auto noting = [] {
            return std::vector<Rule>{
                rule(fresh(), TranslatedMatch{},
                     VerdictMap{{{Field::affinity}, 1, 0}, MapId::affinity_timeouts})};
        };
        chains.push_back(
            base("remember-prerouting", {false, Hook::prerouting, after_dnat}, noting()));
        chains.push_back(base("remember-output", {false, Hook::output, after_dnat}, noting()));
    }
    add_filters(chains, settings);
    chains.push_back(postrouting(settings));
    return chains;
}

Chain render_pick(const Pick& pick) {
    Chain made{chain_name(pick), {}, {}};
    if (pick.sticky) {
        // As everywhere, an address goes before a node port: what is found last stays.
        made.rules.push_back(rule(Identify{node_port_key, MapId::affinity_node_ports}));
        made.rules.push_back(rule(Identify{service_key, MapId::affinity_services}));
        made.rules.push_back(
            rule(DnatMap{client_key, pick.local ? MapId::affinity_local : MapId::affinity}));
        made.rules.push_back(
            rule(go_to(chain_name({.sticky = false, .local = pick.local, .slots = pick.slots}))));
        return made;
    }
    made.rules.push_back(
        rule(DnatMap{service_slot_key(pick.slots),
                     pick.local ? MapId::service_local_endpoints : MapId::service_endpoints}));
    made.rules.push_back(
        rule(DnatMap{node_port_slot_key(pick.slots),
                     pick.local ? MapId::node_port_local_endpoints : MapId::node_port_endpoints}));
    return made;
}

}  // namespace nameplane::rules::nftables
