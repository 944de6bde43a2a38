#include "rules/conntrack.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <unordered_set>

namespace nameplane::rules {
namespace {

using Endpoints = std::vector<SocketAddress>;
using Frontends = std::map<FlowTarget, Endpoints>;

Endpoints endpoints_of(const PortPlan& port) {
    Endpoints all;
    for (const auto* list :
         {&port.cluster_endpoints, &port.local_endpoints, &port.kept_endpoints}) {
        for (const PlanEndpoint& endpoint : *list) all.push_back({endpoint.address, endpoint.port});
    }
    std::ranges::sort(all);
    const auto repeated = std::ranges::unique(all);
    all.erase(repeated.begin(), repeated.end());
    return all;
}

/// Adds every address at which `port` is reached. Two ports at one address (one Service changed,
/// the other took over the address) share their endpoints: nothing alive is ever forgotten.
void add_frontends(const PortPlan& port, Family family, std::span<const IpAddress> node_addresses,
                   Frontends& frontends) {
    if (!outlives_endpoint(port.protocol)) return;
    const Endpoints endpoints = endpoints_of(port);
    const auto add = [&](const IpAddress& address, std::uint16_t number) {
        if (address.family() != family) return;
        Endpoints& known = frontends[{port.protocol, {address, number}}];
        Endpoints both;
        std::ranges::set_union(known, endpoints, std::back_inserter(both));
        known = std::move(both);
    };
    add(port.cluster_ip, port.port);
    for (const IpAddress& address : port.external_ips) add(address, port.port);
    for (const IpAddress& address : port.load_balancer_ips) add(address, port.port);
    if (port.node_port == 0) return;
    for (const IpAddress& address : node_addresses) add(address, port.node_port);
}

/// The frontends of those Services of `plan` that are not the same object in `other`.
Frontends differing_frontends(const Plan& plan, const Plan* other,
                              std::span<const IpAddress> node_addresses) {
    std::unordered_set<const ServicePlan*> same;
    if (other != nullptr) {
        for (const auto& service : other->services) same.insert(service.get());
    }
    Frontends frontends;
    for (const auto& service : plan.services) {
        if (same.contains(service.get())) continue;
        for (const PortPlan& port : service->ports) {
            add_frontends(port, plan.settings.family, node_addresses, frontends);
        }
    }
    return frontends;
}

/// Whether flows can have been made that `now` does not stand for.
bool may_be_stale(const Endpoints* before, const Endpoints& now) {
    if (before == nullptr || before->empty()) return true;
    return !std::ranges::includes(now, *before);
}

}  // namespace

std::vector<FlowFrontend> stale_candidates(const Plan* before, const Plan& after,
                                           std::span<const IpAddress> node_addresses) {
    const Frontends now = differing_frontends(after, before, node_addresses);
    Frontends then;
    if (before != nullptr) then = differing_frontends(*before, &after, node_addresses);
    std::vector<FlowFrontend> candidates;
    for (const auto& [target, endpoints] : now) {
        const auto old = then.find(target);
        if (may_be_stale(old == then.end() ? nullptr : &old->second, endpoints)) {
            candidates.push_back({target, endpoints});
        }
    }
    return candidates;
}

bool is_stale(std::span<const FlowFrontend> candidates, const FlowTarget& target,
              const SocketAddress& reply_source) noexcept {
    const auto found = std::ranges::lower_bound(candidates, target, {}, &FlowFrontend::target);
    if (found == candidates.end() || found->target != target) return false;
    return !std::ranges::binary_search(found->endpoints, reply_source);
}

FlowFilter common_filter(std::span<const FlowFrontend> candidates) {
    if (candidates.empty()) return {};
    const FlowTarget& first = candidates[0].target;
    FlowFilter filter{
        .protocol = first.protocol, .address = first.address.address, .port = first.address.port};
    for (const auto& [target, endpoints] : candidates.subspan(1)) {
        if (filter.protocol != target.protocol) filter.protocol.reset();
        if (filter.address != target.address.address) filter.address.reset();
        if (filter.port != target.address.port) filter.port.reset();
    }
    return filter;
}

}  // namespace nameplane::rules
