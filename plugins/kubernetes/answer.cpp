// hot path
#include "plugins/kubernetes/answer.hpp"

#include "plugins/kubernetes/endpoints.hpp"
#include "services/model.hpp"

#include <algorithm>
#include <array>

namespace nameplane::plugins::kubernetes {

namespace {

using dns::Type;

constexpr dns::Ttl version_ttl = 28800;
// The version of the specification that the names follow, as a character string of a TXT record.
constexpr std::array<std::uint8_t, 6> version_text{5, '1', '.', '1', '.', '0'};

}  // namespace

void Answer::give(const Found& found) noexcept {
    const dns::NameView name = query_.name();
    switch (query_.type()) {
    case Type::a:
    case Type::aaaa:
        if (found.kind == Kind::external_name) {
            external(found);
        } else {
            addresses(found, name);
        }
        break;
    case Type::srv:
        if (found.kind == Kind::cluster_ip) service_ports(found, found.head->cluster_ips(), {});
        if (found.kind == Kind::endpoints) endpoint_ports(found);
        break;
    case Type::cname:
        if (found.kind == Kind::external_name) cname(*found.entry);
        break;
    case Type::ptr: pointer(found); break;
    case Type::txt:
        if (found.kind == Kind::version) {
            reply_.answer({.owner = name,
                           .type = Type::txt,
                           .klass = dns::Class::in,
                           .ttl = version_ttl,
                           .data = dns::RawData{version_text}});
        }
        break;
    case Type::soa:
        if (found.kind == Kind::apex) reply_.answer(soa());
        break;
    case Type::ns:
        if (found.kind == Kind::apex) name_servers();
        break;
    case Type::mx:
    case Type::hinfo:
    case Type::naptr:
    case Type::opt:
    case Type::ds:
    case Type::rrsig:
    case Type::nsec:
    case Type::nsec3:
    case Type::dnskey:
    case Type::tlsa:
    case Type::svcb:
    case Type::https:
    case Type::tsig:
    case Type::ixfr:
    case Type::axfr:
    case Type::any:
    case Type::caa: break;
    }
}

bool Answer::addresses(const Found& found, dns::NameView owner) noexcept {
    switch (found.kind) {
    case Kind::cluster_ip: return service_addresses(found.head->cluster_ips(), owner);
    case Kind::endpoints: return endpoint_addresses(found, owner);
    case Kind::name_server: return name_server_addresses(owner);
    case Kind::pod:
        if (dns::type_of(found.address) != query_.type()) return false;
        reply_.answer(record(owner, found.address));
        return true;
    case Kind::name_error:
    case Kind::nothing:
    case Kind::apex:
    case Kind::version:
    case Kind::external_name:
    case Kind::reverse_service:
    case Kind::reverse_endpoints:
    case Kind::elsewhere: return false;
    }
    return false;
}

bool Answer::service_addresses(std::span<const IpAddress> addresses, dns::NameView owner) noexcept {
    bool any = false;
    for (const IpAddress& address : addresses) {
        if (dns::type_of(address) != query_.type()) continue;
        reply_.answer(record(owner, address));
        any = true;
    }
    return any;
}

bool Answer::endpoint_addresses(const Found& found, dns::NameView owner) noexcept {
    const services::ServiceEntry& entry = *found.entry;
    const EndpointFilter filter{settings_, zone_, found.request};
    const Family family = query_.type() == Type::a ? Family::ipv4 : Family::ipv6;
    const std::size_t before = reply_.answers().size();
    const std::size_t room =
        affordable(entry.endpoints.size(), address_record_octets_min, sizeof(dns::Record));
    if (!reply_.answers().reserve(query_.arena(), before + room)) {
        reply_.fail();
        return false;
    }
    // They are sorted by address, so equal ones are neighbours.
    const IpAddress* last = nullptr;
    for (const services::EndpointEntry& endpoint : entry.endpoints) {
        if (endpoint.address.family() != family || !filter.matches(entry, endpoint)) continue;
        if (last != nullptr && *last == endpoint.address) continue;
        if (reply_.answers().size() - before == room) {
            reply_.truncated = true;
            break;
        }
        last = &endpoint.address;
        reply_.answer(record(owner, endpoint.address));
    }
    return reply_.answers().size() > before;
}

dns::NameView Answer::zone_as_asked() const noexcept {
    const dns::NameView name = query_.name();
    const std::size_t size = zone_.name.view().size();
    return dns::NameView::trusted(name.data() + (name.size() - size), size);
}

dns::Record Answer::soa() const noexcept {
    return {.owner = zone_as_asked(),
            .type = Type::soa,
            .klass = dns::Class::in,
            .ttl = std::min(settings_.ttl, settings_.soa_ttl_max),
            .data = dns::SoaData{.mname = zone_.mname,
                                 .rname = zone_.rname,
                                 .serial = query_.services().serial(),
                                 .refresh = 7200,
                                 .retry = 1800,
                                 .expire = 86400,
                                 .minimum = settings_.ttl}};
}

void Answer::add_soa() noexcept {
    reply_.authority(soa());
}

std::optional<dns::NameView> Answer::service_name(const services::ServiceEntry& entry,
                                                  dns::NameView zone) noexcept {
    const services::ObjectKey& key = entry.service->key;
    return dns::NameBuilder{query_.arena()}.label(key.name).label(key.ns).label("svc").finish(zone);
}

std::size_t Answer::affordable(std::size_t wanted, std::size_t octets,
                               std::size_t memory) noexcept {
    // Enough for what else an answer needs: its SOA, alignment, a name or two.
    constexpr std::size_t reserve = 1024;
    const Arena& arena = query_.arena();
    const std::size_t free = arena.capacity() - arena.used();
    const std::size_t by_memory = free > reserve ? (free - reserve) / memory : 0;
    return std::min({wanted, by_memory, message_octets_max / octets});
}

}  // namespace nameplane::plugins::kubernetes
