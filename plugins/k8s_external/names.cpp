// hot path
#include "plugins/k8s_external/names.hpp"

#include "dns/reverse.hpp"
#include "plugins/kubernetes/arena_set.hpp"
#include "plugins/kubernetes/endpoints.hpp"
#include "services/model.hpp"

#include <algorithm>
#include <array>

namespace nameplane::plugins::k8s_external {

namespace {

using kubernetes::ArenaSet;
using kubernetes::Found;
using kubernetes::Kind;
using kubernetes::Request;
using kubernetes::Shape;
using services::ServiceEntry;
using services::ServiceView;

/// More labels than this in front of the zone have no meaning.
constexpr std::size_t labels_max = 4;
/// Addresses of our own Services beyond this are left out.
constexpr std::size_t server_addresses_max = 256;

std::string_view strip_underscore(std::string_view label) noexcept {
    return label.starts_with('_') ? label.substr(1) : label;
}

/// Shape::invalid if `name`, which is longer than its zone, has too many labels.
Request parse(dns::NameView name, dns::NameView zone) noexcept {
    std::array<std::string_view, labels_max> labels;
    std::array<std::uint8_t, labels_max> at{};
    std::size_t count = 0;
    Request request;
    for (dns::NameView rest = name; rest.size() > zone.size(); rest = rest.parent()) {
        if (count == labels_max) return request;
        labels[count] = rest.first_label();
        at[count++] = static_cast<std::uint8_t>(name.size() - rest.size());
    }
    request.ns = labels[count - 1];
    request.shape = Shape::name_space;
    if (count == 1) return request;
    request.service = labels[count - 2];
    request.service_at = at[count - 2];
    request.shape = Shape::service;
    if (count == 3) {
        request.shape = Shape::endpoint;
        request.endpoint = strip_underscore(labels[0]);
    } else if (count == 4) {
        request.shape = Shape::port;
        request.port = strip_underscore(labels[0]);
        request.protocol = strip_underscore(labels[1]);
    }
    return request;
}

bool has_external(const services::Service& service) noexcept {
    return !service.external_ips.empty() || !service.ingress.empty() ||
           !service.ingress_hostnames.empty();
}

Kind kind_of_endpoints(const Settings& settings, const Zone& zone, const Found& found) noexcept {
    if (settings.objects.headless_elsewhere && found.head->headless()) return Kind::elsewhere;
    if (settings.objects.noendpoints) return Kind::name_error;
    const kubernetes::EndpointFilter filter{settings.objects, zone.whole, found.request};
    const bool any = std::ranges::any_of(found.entry->endpoints, [&](const auto& endpoint) {
        return filter.matches(*found.entry, endpoint);
    });
    return any ? Kind::endpoints : Kind::name_error;
}

void locate_service(const Settings& settings, const Zone& zone, const ServiceView& services,
                    Found& found) noexcept {
    const Request& request = found.request;
    found.head = services.find_head(request.ns, request.service);
    if (found.head == nullptr || !settings.objects.selects(found.head->selected())) return;
    found.entry = found.head->entry().get();
    if (has_external(*found.entry->service)) {
        // Like CoreDNS, whatever stands in front of a Service with addresses: they are its.
        const bool any = kubernetes::PortFilter{request}.any(*found.head);
        found.kind = any ? Kind::cluster_ip : Kind::name_error;
    } else if (settings.headless && (found.head->headless() || !request.endpoint.empty())) {
        found.kind = kind_of_endpoints(settings, zone, found);
    }
}

/// Nothing if the name is no whole reverse name.
bool locate_reverse(const Settings& settings, dns::NameView name, const ServiceView& services,
                    Found& found) noexcept {
    const auto address = dns::address_of_reverse(name);
    if (!address) return false;
    found.address = *address;
    const ServiceEntry* entry = nullptr;
    for (std::size_t i = 0; (entry = services.by_external_ip(*address, i)) != nullptr; ++i) {
        if (!settings.objects.selects(entry->service->selected)) continue;
        if (!settings.objects.shows(entry->service->key.ns, services)) continue;
        found.kind = Kind::reverse_service;
        break;
    }
    return true;
}

/// Takes each address once, as long as there is room.
class Collector {
public:
    Collector(Arena& arena, std::size_t room) noexcept
        : seen_{arena, room}, addresses_{arena.array<IpAddress>(room)} {}
    void add(const IpAddress& address) noexcept {
        if (!seen_.ok() || count_ == addresses_.size() || !seen_.insert(address)) return;
        addresses_[count_++] = address;
    }
    void add_external(const services::Service& service) noexcept {
        for (const IpAddress& address : service.external_ips) add(address);
        for (const auto& ingress : service.ingress) add(ingress.address);
    }
    std::span<const IpAddress> all() const noexcept { return addresses_.first(count_); }

private:
    ArenaSet<IpAddress> seen_;
    std::span<IpAddress> addresses_;
    std::size_t count_ = 0;
};

}  // namespace

const Zone* Settings::zone_of(dns::NameView name) const noexcept {
    const auto found = std::ranges::find_if(
        zones, [&](const Zone& zone) { return name.is_under(zone.whole.name); });
    return found == zones.end() ? nullptr : &*found;
}

Found locate(const Settings& settings, const Zone& zone, dns::NameView name,
             const ServiceView& services) noexcept {
    Found found;
    if (name.equals(zone.whole.name)) {
        found.kind = Kind::apex;
    } else if (name.is_under(zone.apex)) {
        if (name.equals(zone.apex)) found.kind = Kind::nothing;
        if (name.equals(zone.whole.mname)) found.kind = Kind::name_server;
    } else if (!zone.whole.holds_reverse || !locate_reverse(settings, name, services, found)) {
        found.request = parse(name, zone.whole.name);
        const bool exposed = found.request.shape != Shape::invalid &&
                             settings.objects.exposes(found.request.ns, services);
        if (exposed && found.request.shape == Shape::name_space) found.kind = Kind::nothing;
        if (exposed && found.request.shape != Shape::name_space) {
            locate_service(settings, zone, services, found);
        }
    }
    return found;
}

std::span<const IpAddress> external_addresses(const ServiceEntry& entry, Arena& arena) noexcept {
    const services::Service& service = *entry.service;
    Collector collector{arena, service.external_ips.size() + service.ingress.size()};
    collector.add_external(service);
    return collector.all();
}

std::span<const IpAddress> server_addresses(const Settings& settings, const ServiceView& services,
                                            Arena& arena) noexcept {
    Collector collector{arena, server_addresses_max};
    bool any = false;
    const kubernetes::Settings& objects = settings.objects;
    for (const IpAddress& own : objects.own_addresses) {
        if (objects.noendpoints) break;
        for (const services::EndpointOf& place : services.by_endpoint(own)) {
            const ServiceEntry& entry = *place.service;
            const services::EndpointEntry& endpoint = entry.endpoints[place.endpoint];
            if (!endpoint.ready || !objects.selects(endpoint.selected)) continue;
            any = true;
            if (!objects.selects(entry.service->selected)) continue;
            if (!settings.headless || !entry.service->headless) {
                collector.add_external(*entry.service);
                continue;
            }
            for (const services::EndpointEntry& each : entry.endpoints) {
                if (each.ready && objects.selects(each.selected)) collector.add(each.address);
            }
        }
    }
    if (!any) {
        for (const IpAddress& own : objects.own_addresses) collector.add(own);
    }
    return collector.all();
}

}  // namespace nameplane::plugins::k8s_external
