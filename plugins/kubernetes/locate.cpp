// hot path
#include "plugins/kubernetes/locate.hpp"

#include "dns/reverse.hpp"
#include "plugins/kubernetes/endpoints.hpp"
#include "services/model.hpp"

#include <algorithm>

namespace nameplane::plugins::kubernetes {

namespace {

using services::ServiceEntry;
using services::ServiceHead;
using services::ServiceView;

bool has_ready_endpoint(const Settings& settings, const ServiceEntry& entry) noexcept {
    return std::ranges::any_of(entry.endpoints, [&](const auto& endpoint) {
        return endpoint.ready && settings.selects(endpoint.selected);
    });
}

/// Which endpoints a request means. A zonal name of a headless Service exists with or without them;
/// `request` is made to mean all where it prefers a zone that has none.
Kind kind_of_endpoints(const Settings& settings, const Zone& zone, Request& request,
                       const ServiceEntry& entry) noexcept {
    const auto any = [&] {
        const EndpointFilter filter{settings, zone, request};
        return std::ranges::any_of(
            entry.endpoints, [&](const auto& endpoint) { return filter.matches(entry, endpoint); });
    };
    if (any()) return Kind::endpoints;
    if (request.shape != Shape::zonal) return Kind::name_error;
    if (request.prefer) request.topology = {};
    return request.prefer && any() ? Kind::endpoints : Kind::nothing;
}

/// What a Service of that name is, given what stands in front of its name.
Kind kind_of_service(const Settings& settings, const Zone& zone, Request& request,
                     const ServiceHead& head) noexcept {
    const ServiceEntry& entry = *head.entry();
    // A clusterIP is in no zone.
    if (request.shape == Shape::zonal && !head.headless()) return Kind::name_error;
    if (head.type() == services::ServiceType::external_name) {
        // An address is no name that a CNAME could have.
        const auto& text = entry.service->external_name;
        const bool name = !text.empty() && !IpAddress::parse(text);
        // It has neither endpoints nor ports; "_._" asks for none.
        const bool whole = request.endpoint.empty() && PortFilter{request}.all();
        return whole && name ? Kind::external_name : Kind::name_error;
    }
    if (head.headless() && settings.headless_elsewhere) return Kind::elsewhere;
    if (settings.ignore_empty_service && !head.headless() && !has_ready_endpoint(settings, entry)) {
        return Kind::name_error;
    }
    if (!head.headless() && request.shape != Shape::endpoint) {
        // A ServiceImport without ports has no name in CoreDNS; a Service without has.
        const bool none = zone.multicluster && head.port_count() == 0;
        return !none && PortFilter{request}.any(head) ? Kind::cluster_ip : Kind::name_error;
    }
    // The option is about the endpoints of this cluster.
    if (settings.noendpoints && !zone.multicluster) return Kind::name_error;
    return kind_of_endpoints(settings, zone, request, entry);
}

void locate_service(const Settings& settings, const Zone& zone, const ServiceView& services,
                    Found& found) noexcept {
    const Request& request = found.request;
    if (zone.multicluster) {
        // Its namespace need not exist in this cluster, and then it has no names.
        if (!settings.exposes(request.ns, services)) return;
        found.head = services.find_import(request.ns, request.service);
    } else {
        // A Service that is there proves its namespace.
        if (!settings.shows(request.ns, services)) return;
        found.head = services.find_head(request.ns, request.service);
        if (found.head != nullptr && !settings.selects(found.head->selected())) return;
    }
    if (found.head == nullptr) return;
    found.entry = found.head->entry().get();
    found.kind = kind_of_service(settings, zone, found.request, *found.head);
}

void locate_pod(const Settings& settings, const ServiceView& services, Found& found) noexcept {
    const Request& request = found.request;
    if (settings.pods == PodMode::disabled || !settings.exposes(request.ns, services)) return;
    const std::optional<IpAddress> address = parse_pod_label(request.service);
    if (!address) return;
    const bool verified = settings.pods == PodMode::verified;
    if (verified && !services.has_pod(request.ns, *address, settings.selected)) return;
    found.kind = Kind::pod;
    found.address = *address;
}

void locate_reverse(const Settings& settings, const ServiceView& services, Found& found) noexcept {
    found.entry = services.by_cluster_ip(found.address);
    const bool selected = found.entry != nullptr &&
                          settings.selects(found.entry->service->selected) &&
                          settings.shows(found.entry->service->key.ns, services);
    if (selected) {
        found.kind = Kind::reverse_service;
        return;
    }
    found.entry = nullptr;
    if (settings.noendpoints) return;
    for (const services::EndpointOf& place : services.by_endpoint(found.address)) {
        const services::EndpointEntry& endpoint = place.service->endpoints[place.endpoint];
        const bool named = endpoint.ready && settings.selects(endpoint.selected) &&
                           settings.shows(place.service->service->key.ns, services);
        if (!named) continue;
        found.kind = Kind::reverse_endpoints;
        return;
    }
    if (settings.headless_elsewhere) found.kind = Kind::elsewhere;
}

}  // namespace

Found locate(const Settings& settings, const Zone& zone, dns::NameView name,
             const ServiceView& services) noexcept {
    Found found;
    const bool reverse = zone.holds_reverse && dns::is_reverse(name);
    if (reverse) {
        if (const auto address = dns::address_of_reverse(name)) {
            found.address = *address;
            locate_reverse(settings, services, found);
            return found;
        }
    }
    found.request = parse_request(name, zone.name,
                                  {.multicluster = zone.multicluster, .zonal = settings.zonal});
    // A reverse zone has its fixed names, but no Services and pods.
    if (reverse && !found.request.ns.empty()) return found;
    switch (found.request.shape) {
    case Shape::invalid: break;
    case Shape::apex: found.kind = Kind::apex; break;
    case Shape::fixed: found.kind = Kind::nothing; break;
    case Shape::name_server: found.kind = Kind::name_server; break;
    case Shape::version: found.kind = Kind::version; break;
    case Shape::name_space: {
        const bool hidden = found.request.below_pod && settings.pods == PodMode::disabled;
        if (!hidden && settings.exposes(found.request.ns, services)) found.kind = Kind::nothing;
        break;
    }
    case Shape::service:
    case Shape::endpoint:
    case Shape::zonal:
    case Shape::port: locate_service(settings, zone, services, found); break;
    case Shape::pod: locate_pod(settings, services, found); break;
    }
    return found;
}

}  // namespace nameplane::plugins::kubernetes
