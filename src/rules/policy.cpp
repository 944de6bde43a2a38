#include "rules/policy.hpp"

#include <nameplane/services/entry.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

namespace nameplane::rules {

using services::EndpointEntry;
using services::EndpointHints;
using services::Service;
using services::ServiceEntry;
using services::ServicePort;
using services::TrafficPolicy;

namespace {

constexpr std::string_view zone_label = "topology.kubernetes.io/zone";

/// One endpoint of a port as policy sees it; `text` is what it is sorted by.
struct Candidate {
    PlanEndpoint endpoint;
    const EndpointEntry* entry = nullptr;
    std::array<char, PlanEndpoint::text_max> buffer;
    std::uint8_t text_length = 0;

    std::string_view text() const noexcept { return {buffer.data(), text_length}; }
    bool ready() const noexcept { return entry->ready != 0; }
    bool serving_terminating() const noexcept {
        return entry->serving != 0 && entry->terminating != 0;
    }
};
using Candidates = std::vector<Candidate>;

/// Which endpoints topology hints leave over for policy Cluster.
enum class Topology : std::uint8_t { all, same_node, same_zone };

struct NodeView {
    std::string_view name;
    std::string_view zone;
    std::optional<IpAddress> address;  ///< the node's own in this family
};

bool is_node_address(const IpAddress& address, Family family) {
    return address.family() == family && !address.is_loopback() && !address.is_link_local();
}

NodeView view_of(const NodeFacts& node, Family family) {
    NodeView view{.name = node.name};
    if (const auto zone = node.labels.find(zone_label); zone != node.labels.end()) {
        view.zone = zone->second;
    }
    view.address = node_address(node, family);
    return view;
}

/// Whether `a` is kept when both stand for the same address and port: slices overlap while the
/// controller moves an endpoint from one to another.
bool preferred(const EndpointEntry& a, const EndpointEntry& b) {
    if (a.terminating != b.terminating) return a.terminating == 0;
    if (a.ready != b.ready) return a.ready != 0;
    return a.serving > b.serving;
}

/// Sorts by text, as kube-proxy does, and leaves one of each address and port.
void sort_and_deduplicate(Candidates& candidates) {
    std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
        const int order = a.text().compare(b.text());
        return order != 0 ? order < 0 : preferred(*a.entry, *b.entry);
    });
    const auto rest = std::ranges::unique(candidates, {}, &Candidate::text);
    candidates.erase(rest.begin(), rest.end());
}

/// Every endpoint of `port` in `family`, usable or not. Slice ports belong to a Service port by
/// name and protocol; the target port of the Service is not read.
Candidates candidates_of(const ServiceEntry& entry, const ServicePort& port, const NodeView& node,
                         Family family) {
    Candidates candidates;
    candidates.reserve(entry.endpoints.size());
    for (const EndpointEntry& endpoint : entry.endpoints) {
        if (endpoint.address.family() != family || endpoint.names_only != 0) continue;
        for (const services::EndpointPort& slice_port : entry.port_sets[endpoint.port_set]) {
            if (slice_port.port == 0 || slice_port.protocol != port.protocol ||
                slice_port.name != port.name) {
                continue;
            }
            Candidate& candidate = candidates.emplace_back();
            candidate.endpoint = {.address = endpoint.address,
                                  .port = slice_port.port,
                                  .local = !node.name.empty() && *endpoint.node == node.name};
            candidate.entry = &endpoint;
            candidate.text_length =
                static_cast<std::uint8_t>(candidate.endpoint.write_text(candidate.buffer));
        }
    }
    sort_and_deduplicate(candidates);
    return candidates;
}

bool names(const std::vector<std::string>& hints, std::string_view word) {
    return std::ranges::find(hints, word) != hints.end();
}

/// Hints count only when every ready endpoint has them and at least one names this node (or zone):
/// otherwise some Service would lose endpoints while the controller is still writing hints.
Topology topology_of(const ServiceEntry& entry, const Candidates& candidates,
                     const NodeView& node) {
    bool all_have_nodes = true;
    bool all_have_zones = true;
    bool node_named = false;
    bool zone_named = false;
    for (const Candidate& candidate : candidates) {
        if (!candidate.ready()) continue;
        const EndpointHints& hints = entry.hints[candidate.entry->hints];
        all_have_nodes = all_have_nodes && !hints.nodes.empty();
        all_have_zones = all_have_zones && !hints.zones.empty();
        node_named = node_named || names(hints.nodes, node.name);
        zone_named = zone_named || names(hints.zones, node.zone);
    }
    if (all_have_nodes && node_named) return Topology::same_node;
    if (all_have_zones && zone_named) return Topology::same_zone;
    return Topology::all;
}

bool passes(Topology topology, const EndpointHints& hints, const NodeView& node) {
    switch (topology) {
    case Topology::all: return true;
    case Topology::same_node: return names(hints.nodes, node.name);
    case Topology::same_zone: return names(hints.zones, node.zone);
    }
    return true;
}

template <class Predicate>
std::vector<PlanEndpoint> pick(const Candidates& candidates, Predicate&& wanted) {
    std::vector<PlanEndpoint> picked;
    for (const Candidate& candidate : candidates) {
        if (std::invoke(wanted, candidate)) picked.push_back(candidate.endpoint);
    }
    return picked;
}

/// Ready endpoints that topology allows; when none is ready, those that still serve while they
/// terminate.
std::vector<PlanEndpoint> cluster_endpoints(const ServiceEntry& entry, const Candidates& candidates,
                                            const NodeView& node) {
    const Topology topology = topology_of(entry, candidates, node);
    std::vector<PlanEndpoint> picked = pick(candidates, [&](const Candidate& candidate) {
        return candidate.ready() && passes(topology, entry.hints[candidate.entry->hints], node);
    });
    if (picked.empty()) picked = pick(candidates, &Candidate::serving_terminating);
    return picked;
}

/// Likewise on this node; topology never takes a local endpoint away.
std::vector<PlanEndpoint> local_endpoints(const Candidates& candidates) {
    std::vector<PlanEndpoint> picked = pick(candidates, [](const Candidate& candidate) {
        return candidate.endpoint.local && candidate.ready();
    });
    if (picked.empty()) {
        picked = pick(candidates, [](const Candidate& candidate) {
            return candidate.endpoint.local && candidate.serving_terminating();
        });
    }
    return picked;
}

/// What keeps its flows although policy, topology, its state or its end keep new ones away from it.
std::vector<PlanEndpoint> kept_otherwise(const PortPlan& plan, const Candidates& candidates) {
    const bool while_it_exists = plan.protocol == services::Protocol::sctp;
    std::vector<PlanEndpoint> picked = pick(candidates, [&](const Candidate& candidate) {
        return while_it_exists || candidate.entry->serving != 0;
    });
    const auto by_place = [](const PlanEndpoint& a, const PlanEndpoint& b) {
        return a.address != b.address ? a.address < b.address : a.port < b.port;
    };
    for (const auto* list : {&plan.cluster_endpoints, &plan.local_endpoints}) {
        std::vector<PlanEndpoint> used = *list;
        std::ranges::sort(used, by_place);
        std::erase_if(picked, [&](const PlanEndpoint& endpoint) {
            return std::ranges::binary_search(used, endpoint, by_place);
        });
    }
    return picked;
}

/// Fills in which endpoints serve which traffic, and what happens to traffic without any.
void categorize(PortPlan& plan, const ServiceEntry& entry, const Candidates& candidates,
                const NodeView& node) {
    const bool reachable = plan.externally_reachable();
    if (!plan.internal_local || reachable) {
        plan.cluster_endpoints = cluster_endpoints(entry, candidates, node);
    }
    if (plan.internal_local || (plan.external_local && reachable)) {
        plan.local_endpoints = local_endpoints(candidates);
    }
    plan.has_endpoints = std::ranges::any_of(candidates, [](const Candidate& candidate) {
        return candidate.ready() || candidate.serving_terminating();
    });
    const auto unserved = [&](bool local_only) {
        if (!plan.has_endpoints) return Unserved::reject;
        return local_only && plan.local_endpoints.empty() ? Unserved::drop : Unserved::none;
    };
    plan.internal = unserved(plan.internal_local);
    plan.external = reachable ? unserved(plan.external_local) : Unserved::none;
}

/// The clusterIP of `family`; nothing if the Service takes no part in it.
std::optional<IpAddress> cluster_ip_of(const Service& service, Family family) {
    if (service.headless || service.type == services::ServiceType::external_name) {
        return std::nullopt;
    }
    const auto found = std::ranges::find(service.cluster_ips, family, &IpAddress::family);
    if (found == service.cluster_ips.end()) return std::nullopt;
    return *found;
}

/// What all ports of the Service have in common.
PortPlan common_of(const Service& service, const IpAddress& cluster_ip, const NodeView& node) {
    const Family family = cluster_ip.family();
    PortPlan plan;
    plan.cluster_ip = cluster_ip;
    for (const IpAddress& address : service.external_ips) {
        if (address.family() == family) plan.external_ips.push_back(address);
    }
    for (const services::LoadBalancerIngress& ingress : service.ingress) {
        if (ingress.address.family() == family && ingress.mode == services::IpMode::vip) {
            plan.load_balancer_ips.push_back(ingress.address);
        }
    }
    for (const Cidr& range : service.source_ranges) {
        if (range.family() != family) continue;
        plan.source_ranges.push_back(range);
        if (node.address && range.contains(*node.address)) plan.node_in_source_ranges = true;
    }
    // One that holds everybody makes the others pointless.
    if (std::ranges::any_of(plan.source_ranges,
                            [](const Cidr& range) { return range.prefix() == 0; })) {
        plan.source_ranges.clear();
        plan.node_in_source_ranges = false;
    }
    plan.internal_local = service.internal_policy == TrafficPolicy::local;
    plan.external_local = service.external_policy == TrafficPolicy::local;
    if (service.client_ip_affinity) {
        plan.affinity_timeout_s = std::max(service.affinity_timeout_s, 1U);
    }
    if (service.type == services::ServiceType::load_balancer && plan.external_local) {
        plan.health_check_node_port = service.health_check_node_port;
    }
    return plan;
}

std::string port_name(const services::ObjectKey& key, const ServicePort& port) {
    std::string name = key.ns + "/" + key.name;
    if (!port.name.empty()) name += ":" + port.name;
    return name;
}

}  // namespace

std::optional<IpAddress> node_address(const NodeFacts& node, Family family) {
    if (!node.node_ips.empty()) {
        const auto found = std::ranges::find(node.node_ips, family, &IpAddress::family);
        if (found == node.node_ips.end()) return std::nullopt;
        return *found;
    }
    for (const NodeFacts::Interface& interface : node.addresses) {
        if (is_node_address(interface.address, family)) return interface.address;
    }
    return std::nullopt;
}

std::shared_ptr<const ServicePlan> plan_service(const ServiceEntry& entry, const NodeFacts& node,
                                                const PlanSettings& settings) {
    if (entry.service == nullptr || entry.service->foreign_proxy) return nullptr;
    const Service& service = *entry.service;
    const std::optional<IpAddress> cluster_ip = cluster_ip_of(service, settings.family);
    if (!cluster_ip || service.ports.empty()) return nullptr;

    const NodeView view = view_of(node, settings.family);
    const PortPlan common = common_of(service, *cluster_ip, view);
    auto plan = std::make_shared<ServicePlan>();
    plan->ports.reserve(service.ports.size());
    for (const ServicePort& port : service.ports) {
        PortPlan& port_plan = plan->ports.emplace_back(common);
        port_plan.name = port_name(service.key, port);
        port_plan.protocol = port.protocol;
        port_plan.port = port.port;
        port_plan.node_port = port.node_port;
        const Candidates candidates = candidates_of(entry, port, view, settings.family);
        plan->endpoint_count += candidates.size();
        categorize(port_plan, entry, candidates, view);
        if (outlives_endpoint(port.protocol))
            port_plan.kept_endpoints = kept_otherwise(port_plan, candidates);
    }
    return plan;
}

}  // namespace nameplane::rules
