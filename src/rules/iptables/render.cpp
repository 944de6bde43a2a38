#include "rules/iptables/render.hpp"

#include "rules/iptables/packet_counters.hpp"
#include "rules/iptables/render_names.hpp"

#include <algorithm>
#include <utility>

namespace nameplane::rules::iptables {
namespace {

Cidr host(const IpAddress& address) {
    return *Cidr::make(address, static_cast<unsigned>(address.bytes().size() * 8));
}

Jump jump(std::string_view chain) {
    return {std::string{chain}};
}

/// What a destination without endpoints meets: the comment says why, the target what.
struct Refusal {
    std::string comment;
    Target target;
};

Refusal refusal_of(const PortPlan& port, Unserved unserved) {
    if (unserved == Unserved::reject) return {port.name + " has no endpoints", Reject{}};
    return {port.name + " has no local endpoints", Verdict::drop};
}

/// Makes the rules of one Service port.
class PortRenderer {
public:
    PortRenderer(const PortPlan& port, const PlanSettings& settings, bool large, ServiceRules& out)
        : port_{port}, settings_{settings}, large_{large}, out_{out}, hash_{service_hash(port)},
          cluster_chain_{chain_name(cluster_prefix, hash_)}, local_chain_{chain_name(local_prefix,
                                                                                     hash_)},
          external_chain_{chain_name(external_prefix, hash_)}, load_balancer_chain_{chain_name(
                                                                   load_balancer_prefix, hash_)} {}

    void dispatch() {
        dispatch_cluster_ip();
        dispatch_external_ips();
        dispatch_load_balancer_ips();
        dispatch_node_port();
        dispatch_health_check();
    }
    void chains() {
        if (uses_external_chain()) external_chain();
        if (uses_load_balancer_chain()) load_balancer_chain();
        endpoint_chains();
    }

private:
    bool uses_external_chain() const { return port_.has_endpoints && port_.externally_reachable(); }
    bool uses_load_balancer_chain() const {
        return port_.has_endpoints && !port_.load_balancer_ips.empty() &&
               !port_.source_ranges.empty();
    }
    const std::string& internal_policy_chain() const {
        return port_.internal_local ? local_chain_ : cluster_chain_;
    }
    const std::string& external_policy_chain() const {
        return port_.external_local ? local_chain_ : cluster_chain_;
    }

    /// A rule with nothing but a comment ("" for none) and a target.
    static Rule rule(std::string comment, Target target) {
        Rule rule;
        if (!comment.empty()) rule.matches.emplace_back(CommentMatch{std::move(comment)});
        rule.target = std::move(target);
        return rule;
    }
    /// A rule for packets to `number` at any address.
    Rule to_port(std::string comment, std::uint16_t number, Target target) const {
        Rule made = rule(std::move(comment), std::move(target));
        made.protocol = port_.protocol;
        made.matches.emplace_back(DportMatch{number});
        return made;
    }
    /// A rule for packets to the Service's port at `address`.
    Rule to_address(std::string comment, const IpAddress& address, Target target) const {
        Rule made = to_port(std::move(comment), port_.port, std::move(target));
        made.destination = host(address);
        return made;
    }

    void dispatch_cluster_ip() {
        if (port_.internal == Unserved::none) {
            out_.nat_services.push_back(to_address(port_.name + " cluster IP", port_.cluster_ip,
                                                   jump(internal_policy_chain())));
            return;
        }
        Refusal refusal = refusal_of(port_, port_.internal);
        out_.filter_services.push_back(
            to_address(std::move(refusal.comment), port_.cluster_ip, std::move(refusal.target)));
    }

    /// The filter's answer to external traffic for `address` that finds no endpoint.
    void refuse_external(const IpAddress& address) {
        if (port_.external == Unserved::none) return;
        Refusal refusal = refusal_of(port_, port_.external);
        out_.filter_external_services.push_back(
            to_address(std::move(refusal.comment), address, std::move(refusal.target)));
    }

    void dispatch_external_ips() {
        for (const IpAddress& address : port_.external_ips) {
            if (port_.has_endpoints) {
                out_.nat_services.push_back(
                    to_address(port_.name + " external IP", address, jump(external_chain_)));
            }
            refuse_external(address);
        }
    }

    void dispatch_load_balancer_ips() {
        const bool guarded = uses_load_balancer_chain();
        for (const IpAddress& address : port_.load_balancer_ips) {
            if (port_.has_endpoints) {
                out_.nat_services.push_back(
                    to_address(port_.name + " loadbalancer IP", address,
                               jump(guarded ? load_balancer_chain_ : external_chain_)));
            }
            if (guarded) {
                out_.filter_proxy_firewall.push_back(
                    to_address(port_.name + " traffic not accepted by " + load_balancer_chain_,
                               address, Verdict::drop));
            }
        }
        for (const IpAddress& address : port_.load_balancer_ips) refuse_external(address);
    }

    void dispatch_node_port() {
        if (port_.node_port == 0) return;
        if (port_.has_endpoints) {
            if (settings_.packet_counters && settings_.localhost_node_ports &&
                settings_.family == Family::ipv4) {
                count_localhost_node_port();
            }
            out_.nat_nodeports.push_back(
                to_port(port_.name, port_.node_port, jump(external_chain_)));
        }
        if (port_.external == Unserved::none) return;
        Refusal refusal = refusal_of(port_, port_.external);
        Rule made = rule(std::move(refusal.comment), std::move(refusal.target));
        made.protocol = port_.protocol;
        made.matches.emplace_back(LocalAddressMatch{.source = false});
        made.matches.emplace_back(DportMatch{port_.node_port});
        out_.filter_external_services.push_back(std::move(made));
    }

    /// Goes where all traffic for the node port goes, and shows whether anybody relies on it.
    void count_localhost_node_port() {
        Rule made = to_port(port_.name, port_.node_port, jump(external_chain_));
        made.destination = *Cidr::parse("127.0.0.0/8");
        made.matches.emplace_back(CounterMatch{std::string{localhost_counter}});
        out_.nat_nodeports.push_back(std::move(made));
    }

    void dispatch_health_check() {
        if (port_.health_check_node_port == 0) return;
        Rule made = to_port(port_.name + " health check node port", port_.health_check_node_port,
                            Verdict::accept);
        made.protocol = services::Protocol::tcp;
        out_.filter_nodeports.push_back(std::move(made));
    }

    /// Narrows `made` to what comes from pods (or, `negated`, from elsewhere).
    void from_pods(Rule& made, bool negated) const {
        switch (settings_.detector) {
        case LocalDetector::none: return;
        case LocalDetector::source_cidr:
            made.source = settings_.detector_cidr;
            made.source_negated = negated;
            made.source_is_range = true;
            return;
        case LocalDetector::bridge: made.in_interface = settings_.detector_name; break;
        case LocalDetector::interface_prefix:
            made.in_interface = settings_.detector_name + "+";
            break;
        }
        made.in_interface_negated = negated;
    }

    /// Traffic to external addresses, after any source ranges.
    void external_chain() {
        Chain chain;
        const std::string destinations = " " + port_.name + " external destinations";
        if (!port_.external_local) {
            chain.push_back(rule("masquerade traffic for" + destinations, jump(mark_masq_chain)));
        } else {
            local_policy_exceptions(chain, destinations);
        }
        if (port_.external == Unserved::none) {
            chain.push_back(rule("", jump(external_policy_chain())));
        }
        out_.nat_chains.push_back({external_chain_, std::move(chain)});
    }

    /// With policy Local, pods and the node itself may still use all endpoints: no load balancer
    /// stands in between that would have chosen the right node.
    void local_policy_exceptions(Chain& chain, const std::string& destinations) const {
        if (settings_.detector != LocalDetector::none) {
            Rule pods = rule("pod traffic for" + destinations, jump(cluster_chain_));
            from_pods(pods, false);
            chain.push_back(std::move(pods));
        }
        Rule masquerade =
            rule("masquerade LOCAL traffic for" + destinations, jump(mark_masq_chain));
        masquerade.matches.emplace_back(LocalAddressMatch{.source = true});
        chain.push_back(std::move(masquerade));
        Rule route = rule("route LOCAL traffic for" + destinations, jump(cluster_chain_));
        route.matches.emplace_back(LocalAddressMatch{.source = true});
        chain.push_back(std::move(route));
    }

    /// Lets the source ranges of a load balancer through.
    void load_balancer_chain() {
        Chain chain;
        const std::string comment = port_.name + " loadbalancer IP";
        for (const Cidr& range : port_.source_ranges) {
            Rule made = rule(comment, jump(external_chain_));
            made.source = range;
            made.source_is_range = true;
            chain.push_back(std::move(made));
        }
        // The load balancer's IP is often an address of the node itself; traffic of the node to
        // it then has that as its source.
        if (port_.node_in_source_ranges) {
            for (const IpAddress& address : port_.load_balancer_ips) {
                Rule made = rule(comment, jump(external_chain_));
                made.source = host(address);
                chain.push_back(std::move(made));
            }
        }
        chain.push_back(
            rule("other traffic to " + port_.name + " will be dropped by KUBE-PROXY-FIREWALL",
                 NoTarget{}));
        out_.nat_chains.push_back({load_balancer_chain_, std::move(chain)});
    }

    /// Masquerading of cluster IP traffic from outside the pods, first in the internal chain.
    void masquerade_cluster_ip(Chain& chain) const {
        if (port_.internal != Unserved::none) return;
        if (!settings_.masquerade_all && settings_.detector == LocalDetector::none) return;
        Rule made = to_address(port_.name + " cluster IP", port_.cluster_ip, jump(mark_masq_chain));
        if (!settings_.masquerade_all) from_pods(made, true);
        chain.push_back(std::move(made));
    }

    /// Names of the endpoints' chains, in their order: each is hashed once.
    std::vector<std::string> chains_of(const std::vector<PlanEndpoint>& endpoints) const {
        std::vector<std::string> names;
        names.reserve(endpoints.size());
        for (const PlanEndpoint& endpoint : endpoints) {
            names.push_back(endpoint_chain_name(port_, endpoint));
        }
        return names;
    }

    /// KUBE-SVC, KUBE-SVL, and one KUBE-SEP for each endpoint that either leads to.
    void endpoint_chains() {
        const auto& cluster = port_.cluster_endpoints;
        const auto& local = port_.local_endpoints;
        std::vector<std::string> cluster_names = chains_of(cluster);
        std::vector<std::string> local_names = chains_of(local);
        choose_among(cluster, cluster_names, cluster_chain_);
        choose_among(local, local_names, local_chain_);
        for (std::size_t i = 0; i < cluster.size(); ++i) {
            endpoint_chain(cluster[i], std::move(cluster_names[i]));
        }
        for (std::size_t i = 0; i < local.size(); ++i) {
            if (std::ranges::find(cluster, local[i]) != cluster.end()) continue;
            endpoint_chain(local[i], std::move(local_names[i]));
        }
    }

    std::string endpoint_comment(const PlanEndpoint& endpoint) const {
        return large_ ? std::string{} : port_.name + " -> " + endpoint.to_string();
    }

    /// KUBE-SVC or KUBE-SVL: leads to one of `endpoints`, evenly, but by affinity first.
    void choose_among(const std::vector<PlanEndpoint>& endpoints,
                      const std::vector<std::string>& names, const std::string& chain_name) {
        if (endpoints.empty()) return;
        Chain chain;
        chain.reserve(endpoints.size() * (port_.affinity_timeout_s != 0 ? 2 : 1) + 1);
        if (chain_name == internal_policy_chain()) masquerade_cluster_ip(chain);
        if (port_.affinity_timeout_s != 0) {
            for (std::size_t i = 0; i < endpoints.size(); ++i) {
                Rule& made =
                    chain.emplace_back(rule(endpoint_comment(endpoints[i]), jump(names[i])));
                made.matches.emplace_back(RecentMatch{names[i], port_.affinity_timeout_s});
            }
        }
        for (std::size_t i = 0; i < endpoints.size(); ++i) {
            Rule& made = chain.emplace_back(rule(endpoint_comment(endpoints[i]), jump(names[i])));
            const auto left = static_cast<std::uint32_t>(endpoints.size() - i);
            if (left > 1) made.matches.emplace_back(RandomMatch{left});
        }
        out_.nat_chains.push_back({chain_name, std::move(chain)});
    }

    /// KUBE-SEP: hairpin traffic is masqueraded, everything goes to the endpoint.
    void endpoint_chain(const PlanEndpoint& endpoint, std::string name) {
        const std::string comment = large_ ? std::string{} : port_.name;
        Chain chain;
        chain.reserve(2);
        Rule& hairpin = chain.emplace_back(rule(comment, jump(mark_masq_chain)));
        hairpin.source = host(endpoint.address);
        Rule& dnat = chain.emplace_back(rule(comment, Dnat{endpoint.address, endpoint.port}));
        if (port_.affinity_timeout_s != 0) dnat.matches.emplace_back(RecentMatch{name, 0});
        dnat.protocol = port_.protocol;
        dnat.matches.emplace_back(ProtocolMatch{});
        out_.nat_chains.push_back({std::move(name), std::move(chain)});
    }

    const PortPlan& port_;
    const PlanSettings& settings_;
    bool large_;
    ServiceRules& out_;
    std::string hash_;
    std::string cluster_chain_;
    std::string local_chain_;
    std::string external_chain_;
    std::string load_balancer_chain_;
};

}  // namespace

ServiceRules render_service(const ServicePlan& service, const PlanSettings& settings, bool large) {
    ServiceRules rules;
    for (const PortPlan& port : service.ports) {
        PortRenderer renderer{port, settings, large, rules};
        renderer.dispatch();
        renderer.chains();
    }
    return rules;
}

ServiceRules render_shared(const ServicePlan& service, const PlanSettings& settings) {
    ServiceRules rules;
    for (const PortPlan& port : service.ports) PortRenderer{port, settings, true, rules}.dispatch();
    return rules;
}

}  // namespace nameplane::rules::iptables
