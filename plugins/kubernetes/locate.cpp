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

bool exposed(const Settings& settings, const ServiceView& services, std::string_view ns) noexcept {
    return settings.allows(ns) && services.has_namespace(ns);
}

bool has_ready_endpoint(const ServiceEntry& entry) noexcept {
    return std::ranges::any_of(entry.endpoints,
                               [](const auto& endpoint) { return endpoint.ready; });
}

/// What a Service of that name is, given what stands in front of its name.
Kind kind_of_service(const Settings& settings, const Request& request,
                     const ServiceHead& head) noexcept {
    const ServiceEntry& entry = *head.entry();
    if (head.type() == services::ServiceType::external_name) {
        // An address is no name that a CNAME could have.
        const auto& text = entry.service->external_name;
        const bool name = !text.empty() && !IpAddress::parse(text);
        // It has neither endpoints nor ports; "_._" asks for none.
        const bool whole = request.endpoint.empty() && PortFilter{request}.all();
        return whole && name ? Kind::external_name : Kind::name_error;
    }
    if (head.headless() && settings.headless_elsewhere) return Kind::elsewhere;
    if (settings.ignore_empty_service && !head.headless() && !has_ready_endpoint(entry)) {
        return Kind::name_error;
    }
    if (!head.headless() && request.shape != Shape::endpoint) {
        return PortFilter{request}.any(head) ? Kind::cluster_ip : Kind::name_error;
    }
    if (settings.noendpoints) return Kind::name_error;
    const EndpointFilter filter{settings, request};
    const bool any = std::ranges::any_of(
        entry.endpoints, [&](const auto& endpoint) { return filter.matches(entry, endpoint); });
    return any ? Kind::endpoints : Kind::name_error;
}

void locate_service(const Settings& settings, const ServiceView& services, Found& found) noexcept {
    // A Service that is there proves its namespace.
    if (!settings.allows(found.request.ns)) return;
    found.head = services.find_head(found.request.ns, found.request.service);
    if (found.head == nullptr) return;
    found.entry = found.head->entry().get();
    found.kind = kind_of_service(settings, found.request, *found.head);
}

void locate_pod(const Settings& settings, const ServiceView& services, Found& found) noexcept {
    const Request& request = found.request;
    if (settings.pods == PodMode::disabled || !exposed(settings, services, request.ns)) return;
    const std::optional<IpAddress> address = parse_pod_label(request.service);
    if (!address) return;
    if (settings.pods == PodMode::verified && !services.has_pod(request.ns, *address)) return;
    found.kind = Kind::pod;
    found.address = *address;
}

void locate_reverse(const Settings& settings, const ServiceView& services, Found& found) noexcept {
    found.entry = services.by_cluster_ip(found.address);
    if (found.entry != nullptr && settings.allows(found.entry->service->key.ns)) {
        found.kind = Kind::reverse_service;
        return;
    }
    found.entry = nullptr;
    if (settings.noendpoints) return;
    for (const services::EndpointOf& place : services.by_endpoint(found.address)) {
        const bool named = place.service->endpoints[place.endpoint].ready &&
                           settings.allows(place.service->service->key.ns);
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
    found.request = parse_request(name, zone.name);
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
        if (!hidden && exposed(settings, services, found.request.ns)) found.kind = Kind::nothing;
        break;
    }
    case Shape::service:
    case Shape::endpoint:
    case Shape::port: locate_service(settings, services, found); break;
    case Shape::pod: locate_pod(settings, services, found); break;
    }
    return found;
}

}  // namespace nameplane::plugins::kubernetes
