// hot path
// SRV records: the ports of Services and endpoints, with their addresses beside them.

#include "plugins/kubernetes/answer.hpp"
#include "plugins/kubernetes/arena_set.hpp"
#include "plugins/kubernetes/endpoints.hpp"
#include "services/model.hpp"

#include <algorithm>

namespace nameplane::plugins::kubernetes {

namespace {

using dns::SrvData;
using services::EndpointEntry;
using services::EndpointPort;

// A record with a compressed owner: header, priority, weight and port, without the target.
constexpr std::size_t srv_octets_min = 18;

/// All records share the weight 100, and none has less than 1.
std::uint16_t weight_of(std::size_t records) noexcept {
    return static_cast<std::uint16_t>(std::max<std::size_t>(100 / records, 1));
}

/// `name` from the octet `at` on.
dns::NameView suffix_of(dns::NameView name, std::size_t at) noexcept {
    return dns::NameView::trusted(name.data() + at, name.size() - at);
}

}  // namespace

namespace {

std::size_t matching_ports(const services::ServiceHead& service, const Request& request) noexcept {
    const PortFilter filter{request};
    std::size_t matching = 0;
    for (std::size_t i = 0; i < service.port_count(); ++i) {
        matching += filter.matches(service.port(i).name, service.port(i).protocol) ? 1U : 0U;
    }
    return matching;
}

}  // namespace

void Answer::service_ports(const Found& found, std::span<const IpAddress> addresses,
                           Hosts hosts) noexcept {
    const std::size_t matching = matching_ports(*found.head, found.request);
    const std::size_t places = addresses.size() + hosts.size();
    if (matching == 0 || places == 0) return;
    const std::uint16_t weight = weight_of(matching * places);
    if (!addresses.empty()) {
        const dns::NameView target = suffix_of(query_.name(), found.request.service_at);
        ports_at(found, target, weight);
        for (const IpAddress& address : addresses) reply_.additional(record(target, address));
    }
    for (const std::string_view host : hosts) {
        if (const auto target = host_name(host)) ports_at(found, *target, weight);
    }
}

void Answer::ports_at(const Found& found, dns::NameView target, std::uint16_t weight) noexcept {
    const services::ServiceHead& service = *found.head;
    const PortFilter filter{found.request};
    const std::size_t before = reply_.answers().size();
    const std::size_t room = affordable(matching_ports(service, found.request), srv_octets_min,
                                        sizeof(dns::Record) + 64);
    ArenaSet<std::uint16_t> seen{query_.arena(), room};
    if (!seen.ok()) return reply_.fail();
    for (std::size_t i = 0; i < service.port_count(); ++i) {
        const services::ServiceHead::Port port = service.port(i);
        if (!filter.matches(port.name, port.protocol)) continue;
        if (reply_.answers().size() - before == room) {
            reply_.truncated = true;
            break;
        }
        if (!seen.insert(port.number)) continue;
        reply_.answer(record(query_.name(), dns::Type::srv,
                             SrvData{.weight = weight, .port = port.number, .target = target}));
    }
}

void Answer::endpoint_ports(const Found& found) noexcept {
    const services::ServiceEntry& entry = *found.entry;
    const EndpointFilter filter{settings_, zone_, found.request};
    std::size_t endpoints = 0;
    std::size_t entries = 0;
    for (const EndpointEntry& endpoint : entry.endpoints) {
        if (!filter.matches(entry, endpoint)) continue;
        ++endpoints;
        entries += filter.ports().count(EndpointFilter::ports_of(entry, endpoint));
    }
    if (entries == 0) return;
    const std::uint16_t weight = weight_of(entries);
    const dns::NameView service = suffix_of(query_.name(), found.request.service_at);

    // For each: its place in two tables, its name, its records.
    const std::size_t memory = 4 * sizeof(TargetTable::Target) + 4 * 16 + service.size() +
                               2 * (dns::label_octets_max + 1) + 2 * sizeof(dns::Record);
    const std::size_t octets = srv_octets_min + service.size() + 2;
    const std::size_t room = affordable(entries, octets, memory);
    const std::size_t room_for_addresses = std::min(endpoints, room);
    Arena& arena = query_.arena();
    TargetTable targets{arena, service, room_for_addresses};
    ArenaSet<std::uint64_t> seen{arena, room};
    const bool ready = targets.ok() && seen.ok() && reply_.answers().reserve(arena, room) &&
                       reply_.additionals().reserve(arena, room_for_addresses);
    if (!ready) return reply_.fail();

    std::uint32_t run = 0;  // the number of the address, equal ones being neighbours
    const IpAddress* last = nullptr;
    for (const EndpointEntry& endpoint : entry.endpoints) {
        if (!filter.matches(entry, endpoint)) continue;
        if (reply_.answers().size() == room || targets.size() == room_for_addresses) {
            reply_.truncated = true;
            break;
        }
        if (last != nullptr && *last != endpoint.address) ++run;
        last = &endpoint.address;
        LabelText text;
        const std::string_view cluster = zone_.multicluster ? *endpoint.node : std::string_view{};
        TargetTable::Target* const target =
            targets.find(endpoint_label(settings_, endpoint, text), cluster);
        if (target == nullptr) continue;
        bool numbered = false;
        for (const EndpointPort& port : EndpointFilter::ports_of(entry, endpoint)) {
            if (port.port == 0 || !filter.ports().matches(port.name, port.protocol)) continue;
            numbered = true;
            if (reply_.answers().size() == room) {
                reply_.truncated = true;
                break;
            }
            const std::uint64_t key = (std::uint64_t{target->number} << 16U) | port.port;
            if (!seen.insert(key)) continue;
            reply_.answer(
                record(query_.name(), dns::Type::srv,
                       SrvData{.weight = weight, .port = port.port, .target = target->name}));
        }
        if (!numbered || target->run == run) continue;
        target->run = run;
        reply_.additional(record(target->name, endpoint.address));
    }
}

}  // namespace nameplane::plugins::kubernetes
