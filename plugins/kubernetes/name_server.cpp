// hot path
// NS records of a zone and the addresses of ns.dns: the Services whose endpoints we are, or, where
// there is none, this machine's own addresses.

#include "plugins/kubernetes/answer.hpp"
#include "plugins/kubernetes/arena_set.hpp"
#include "plugins/kubernetes/endpoints.hpp"
#include "services/model.hpp"

#include <algorithm>
#include <array>

namespace nameplane::plugins::kubernetes {

namespace {

using services::ServiceEntry;

/// More Services than this that one machine is an endpoint of are left out.
constexpr std::size_t own_services_max = 64;

template <class Visit>
void for_each_ready(const Settings& settings, const ServiceEntry& entry, Visit visit) noexcept {
    for (const services::EndpointEntry& endpoint : entry.endpoints) {
        if (endpoint.ready && settings.selects(endpoint.selected)) visit(endpoint);
    }
}

}  // namespace

template <class Visit> void Answer::for_each_own_service(Visit visit) noexcept {
    if (settings_.noendpoints) return;
    std::array<const ServiceEntry*, own_services_max> seen{};
    std::size_t count = 0;
    for (const IpAddress& own : settings_.own_addresses) {
        for (const services::EndpointOf& place : query_.services().by_endpoint(own)) {
            const ServiceEntry& entry = *place.service;
            const services::EndpointEntry& endpoint = entry.endpoints[place.endpoint];
            const bool selected =
                settings_.selects(endpoint.selected) && settings_.selects(entry.service->selected);
            const bool usable = endpoint.ready && selected &&
                                (entry.service->headless || !entry.service->cluster_ips.empty());
            const auto end = seen.begin() + static_cast<std::ptrdiff_t>(count);
            if (!usable || std::find(seen.begin(), end, &entry) != end) continue;
            if (count == own_services_max) return;
            seen[count++] = &entry;
            visit(entry);
        }
    }
}

void Answer::name_servers() noexcept {
    bool any = false;
    for_each_own_service([&](const ServiceEntry& entry) {
        any = true;
        if (entry.service->headless) return headless_name_servers(entry);
        const auto name = service_name(entry, zone_.name);
        if (!name) return;
        reply_.answer(record(query_.name(), dns::Type::ns, *name));
        for (const IpAddress& address : entry.service->cluster_ips) {
            reply_.additional(record(*name, address));
        }
    });
    if (any || settings_.own_addresses.empty()) return;
    reply_.answer(record(query_.name(), dns::Type::ns, zone_.mname.view()));
    for (const IpAddress& own : settings_.own_addresses) {
        reply_.additional(record(zone_.mname, own));
    }
}

void Answer::headless_name_servers(const ServiceEntry& entry) noexcept {
    const auto service = service_name(entry, zone_.name);
    if (!service) return;
    // NS record, address record, name and two places in the table.
    constexpr std::size_t memory =
        4 * (sizeof(dns::Record) + sizeof(TargetTable::Target)) + dns::name_octets_max;
    constexpr std::size_t octets = 12 + 2 + 2 + address_record_octets_min;
    const std::size_t room = affordable(entry.endpoints.size(), octets, memory);
    TargetTable targets{query_.arena(), *service, room};
    if (!targets.ok()) return reply_.fail();
    std::uint32_t run = 0;
    const IpAddress* last = nullptr;
    for_each_ready(settings_, entry, [&](const services::EndpointEntry& endpoint) {
        if (targets.size() == room) {
            reply_.truncated = true;
            return;
        }
        if (last != nullptr && *last != endpoint.address) ++run;
        last = &endpoint.address;
        const std::uint32_t before = targets.size();
        LabelText text;
        TargetTable::Target* const target = targets.find(endpoint_label(settings_, endpoint, text));
        if (target == nullptr) return;
        if (targets.size() != before) {
            reply_.answer(record(query_.name(), dns::Type::ns, target->name));
        }
        if (target->run == run) return;
        target->run = run;
        reply_.additional(record(target->name, endpoint.address));
    });
}

bool Answer::name_server_addresses(dns::NameView owner) noexcept {
    std::size_t count = 0;
    bool any = false;
    for_each_own_service([&](const ServiceEntry& entry) {
        any = true;
        count +=
            entry.service->headless ? entry.endpoints.size() : entry.service->cluster_ips.size();
    });
    if (!any) count = settings_.own_addresses.size();
    std::size_t room = affordable(count, address_record_octets_min,
                                  2 * sizeof(dns::Record) + 4 * sizeof(IpAddress) + 16);
    ArenaSet<IpAddress> seen{query_.arena(), room};
    if (!seen.ok()) {
        reply_.fail();
        return false;
    }
    const std::size_t before = reply_.answers().size();
    const auto add = [&](const IpAddress& address) {
        if (dns::type_of(address) != query_.type()) return;
        reply_.truncated = reply_.truncated || room == 0;
        if (room == 0 || !seen.insert(address)) return;
        --room;
        reply_.answer(record(owner, address));
    };
    for_each_own_service([&](const ServiceEntry& entry) {
        if (!entry.service->headless) {
            for (const IpAddress& address : entry.service->cluster_ips) add(address);
            return;
        }
        for_each_ready(settings_, entry,
                       [&](const services::EndpointEntry& endpoint) { add(endpoint.address); });
    });
    if (!any) {
        for (const IpAddress& own : settings_.own_addresses) add(own);
    }
    return reply_.answers().size() > before;
}

}  // namespace nameplane::plugins::kubernetes
