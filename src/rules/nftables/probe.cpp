// probe_nftables(): asks the kernel itself, since neither its version nor its modules tell.

#include "rules/nftables/apply.hpp"
#include "rules/nftables/content.hpp"
#include "rules/nftables/elements.hpp"
#include "rules/nftables/encode.hpp"
#include "rules/nftables/netlink.hpp"

#include <utility>

namespace nameplane::rules::nftables {
namespace {

constexpr std::string_view probe_name = "nameplane-probe";

IpAddress address(Family family, const char* four, const char* six) {
    return *IpAddress::parse(family == Family::ipv4 ? four : six);
}

/// A Service that needs one of everything; documentation addresses (RFC 5737, RFC 3849).
Plan demanding_plan(Family family) {
    PortPlan port{.name = "probe/probe", .port = 80, .node_port = 30'000};
    port.cluster_ip = address(family, "192.0.2.1", "2001:db8::1");
    port.load_balancer_ips = {address(family, "192.0.2.2", "2001:db8::2")};
    port.source_ranges = {*Cidr::make(port.cluster_ip, 20)};
    port.external_local = true;
    port.affinity_timeout_s = 10'800;
    port.cluster_endpoints = {{.address = address(family, "192.0.2.3", "2001:db8::3"), .port = 80}};
    port.local_endpoints = port.cluster_endpoints;
    port.has_endpoints = true;
    PortPlan refused{.name = "probe/refused", .port = 81};
    refused.cluster_ip = port.cluster_ip;
    refused.internal = refused.external = Unserved::reject;
    Plan plan{.settings = {.family = family,
                           .detector = LocalDetector::source_cidr,
                           .detector_cidr = *Cidr::make(port.cluster_ip, 16)}};
    auto service = std::make_shared<ServicePlan>();
    service->ports = {std::move(port), std::move(refused)};
    plan.services.push_back(std::move(service));
    return plan;
}

}  // namespace

Status probe_nftables(Family family) {
    auto netlink = Netlink::open();
    if (!netlink) return std::move(netlink).error();
    const Plan plan = demanding_plan(family);
    Content content;
    for (const PortPlan& port : plan.services[0]->ports) content.add(port);
    Usage usage;
    ElementMessages elements{family, true, probe_name};
    for_each_element(plan, content, [&](const Element& element) {
        usage.count(element, 1);
        elements.put(element);
    });
    Batch batch{probe_name};
    add_table(batch, family);
    for (const MapInfo& map : all_maps()) add_map(batch, family, map);
    const std::vector<Chain> chains = chains_for(plan, usage);
    for (const Chain& chain : chains) add_chain(batch, family, chain);
    for (const Chain& chain : chains) add_rules(batch, family, chain);
    elements.move_to(batch);
    delete_table(batch, family);
    return netlink->commit(batch).within("probe nftables");
}

}  // namespace nameplane::rules::nftables
