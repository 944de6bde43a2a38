#include "plugins/kubernetes/zone.hpp"

#include "plugins/kubernetes/answer.hpp"
#include "plugins/kubernetes/endpoints.hpp"
#include "plugins/kubernetes/kubernetes.hpp"
#include "services/model.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace nameplane::plugins {

std::unique_ptr<ZoneRecords> Kubernetes::zone_records(Query& query,
                                                      dns::NameView name) const noexcept {
    const kubernetes::Zone* const zone = settings_.zone_of(name);
    // As long as we do not know everything, a transfer would take names away from others.
    if (zone == nullptr || !name.equals(zone->name) || !query.services().synced()) return nullptr;
    // ServiceImports are not handed out: who asks for one is told from the API, as we are.
    if (zone->multicluster) return nullptr;
    return kubernetes::records_of_zone(settings_, *zone, query);
}

namespace kubernetes {

namespace {

using services::EndpointEntry;
using services::EndpointPort;
using services::ServiceEntry;
using services::ServiceType;

/// One record and its names.
constexpr std::size_t arena_octets_wanted = 2048;
/// CoreDNS divides this among the endpoints of a Service.
constexpr std::size_t weight_max = 100;

/// The records that are no Service's, from what a query for them would get.
Reply answer_at_apex(const Settings& settings, const Zone& zone, Query& query, dns::Type type) {
    const dns::NameView name = query.name();
    const dns::Type asked = query.type();
    Reply reply{query.arena()};
    query.ask_instead(name, type);
    Answer{settings, zone, query, reply}.give({.kind = Kind::apex});
    query.ask_instead(name, asked);
    return reply;
}

class ClusterZone final : public ZoneRecords {
public:
    ClusterZone(const Settings& settings, const Zone& zone, Query& query)
        : settings_{settings}, zone_{zone}, services_{query.services()},
          soa_{answer_at_apex(settings, zone, query, dns::Type::soa)}, servers_{answer_at_apex(
                                                                           settings, zone, query,
                                                                           dns::Type::ns)} {}

    dns::Record soa() const noexcept override { return soa_.answers().records().front(); }

    Step next(Arena& arena, dns::Record& record) noexcept override {
        if (next_server(record)) return Step::record;
        if (arena.capacity() - arena.used() < arena_octets_wanted) return Step::full;
        arena_ = &arena;
        for (; place_ < services_.place_count(); ++place_, step_ = 0, endpoint_ = 0) {
            const ServiceEntry* const entry = services_.at(place_);
            if (entry == nullptr || !settings_.selects(entry->service->selected)) continue;
            if (!settings_.shows(entry->service->key.ns, services_)) continue;
            if (const auto found = next_of(*entry)) {
                record = *found;
                return Step::record;
            }
        }
        return Step::end;
    }

private:
    using Found = std::optional<dns::Record>;

    bool next_server(dns::Record& record) noexcept {
        const auto answers = servers_.answers().records();
        const auto additionals = servers_.additionals().records();
        if (server_ >= answers.size() + additionals.size()) return false;
        record =
            server_ < answers.size() ? answers[server_] : additionals[server_ - answers.size()];
        ++server_;
        return true;
    }

    Found next_of(const ServiceEntry& entry) noexcept {
        if (entry.service->type == ServiceType::external_name) return next_of_external(entry);
        if (entry.service->headless) return next_of_headless(entry);
        return next_of_cluster_ip(entry);
    }

    Found next_of_external(const ServiceEntry& entry) noexcept {
        if (step_++ != 0) return std::nullopt;
        const std::string& target = entry.service->external_name;
        const auto name = dns::Name::parse(target);
        if (!name || IpAddress::parse(target)) return std::nullopt;
        const auto copy = name->view().copy_to(*arena_);
        const auto owner = service_name(entry);
        if (!copy || !owner) return std::nullopt;
        return record(*owner, dns::Type::cname, *copy);
    }

    /// Its addresses; then, for each port, its number under the Service's name and the port's.
    Found next_of_cluster_ip(const ServiceEntry& entry) noexcept {
        const auto owner = service_name(entry);
        const auto& addresses = entry.service->cluster_ips;
        const auto& ports = entry.service->ports;
        if (!owner || addresses.empty()) return std::nullopt;
        while (step_ < addresses.size() + 2 * ports.size()) {
            const std::size_t step = step_++;
            if (step < addresses.size()) return record(*owner, addresses[step]);
            const services::ServicePort& port = ports[(step - addresses.size()) / 2];
            std::optional<dns::NameView> name = owner;
            if ((step - addresses.size()) % 2 != 0) {
                name = port_name(port.name, port.protocol, *owner);
            }
            if (!name) continue;
            return record(*name, dns::Type::srv,
                          dns::SrvData{.weight = weight_max, .port = port.port, .target = *owner});
        }
        return std::nullopt;
    }

    /// For each endpoint: its address under the Service's name and its own, and its named ports.
    Found next_of_headless(const ServiceEntry& entry) noexcept {
        if (settings_.noendpoints) return std::nullopt;
        const auto owner = service_name(entry);
        if (!owner) return std::nullopt;
        for (; endpoint_ < entry.endpoints.size(); ++endpoint_, step_ = 0) {
            const EndpointEntry& endpoint = entry.endpoints[endpoint_];
            if (!is_shown(endpoint)) continue;
            if (const auto found = next_of_endpoint(entry, endpoint, *owner)) return found;
        }
        return std::nullopt;
    }

    Found next_of_endpoint(const ServiceEntry& entry, const EndpointEntry& endpoint,
                           dns::NameView owner) noexcept {
        const auto ports = EndpointFilter::ports_of(entry, endpoint);
        if (step_ == 0) {
            ++step_;
            if (!is_known_address(entry)) return record(owner, endpoint.address);
        }
        LabelText text;
        const std::string_view label = endpoint_label(settings_, endpoint, text);
        const auto host = dns::NameBuilder{*arena_}.label(label).finish(owner);
        if (!host) return std::nullopt;
        if (step_ == 1) {
            ++step_;
            return record(*host, endpoint.address);
        }
        while (step_ - 2 < ports.size()) {
            const EndpointPort& port = ports[step_++ - 2];
            const auto name = port_name(port.name, port.protocol, owner);
            if (!name || port.port == 0) continue;
            return record(
                *name, dns::Type::srv,
                dns::SrvData{.weight = weight_of(entry), .port = port.port, .target = *host});
        }
        return std::nullopt;
    }

    bool is_shown(const EndpointEntry& endpoint) const noexcept {
        return endpoint.ready && settings_.selects(endpoint.selected);
    }

    /// Whether the endpoint before, which has the same address, was told already.
    bool is_known_address(const ServiceEntry& entry) const noexcept {
        const IpAddress& address = entry.endpoints[endpoint_].address;
        for (std::size_t i = endpoint_; i-- > 0 && entry.endpoints[i].address == address;) {
            if (is_shown(entry.endpoints[i])) return true;
        }
        return false;
    }

    /// Counted once for each Service, not for each of its records.
    std::uint16_t weight_of(const ServiceEntry& entry) noexcept {
        if (weighed_ != &entry) {
            const auto ready = static_cast<std::size_t>(
                std::ranges::count_if(entry.endpoints, [this](const EndpointEntry& endpoint) {
                    return is_shown(endpoint);
                }));
            weight_ = static_cast<std::uint16_t>(
                std::max<std::size_t>(weight_max / std::max<std::size_t>(ready, 1), 1));
            weighed_ = &entry;
        }
        return weight_;
    }

    std::optional<dns::NameView> service_name(const ServiceEntry& entry) noexcept {
        const services::ObjectKey& key = entry.service->key;
        return dns::NameBuilder{*arena_}.label(key.name).label(key.ns).label("svc").finish(
            zone_.name);
    }

    /// _port._protocol in front of `owner`; nothing for a port without a name.
    std::optional<dns::NameView> port_name(std::string_view port, services::Protocol protocol,
                                           dns::NameView owner) noexcept {
        std::array<char, dns::label_octets_max> lower;
        if (port.empty() || port.size() >= lower.size()) return std::nullopt;
        std::ranges::transform(port, lower.begin(), lower_letter);
        return dns::NameBuilder{*arena_}
            .underscored({lower.data(), port.size()})
            .underscored(services::to_string(protocol))
            .finish(owner);
    }

    static char lower_letter(char letter) noexcept {
        return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    }

    dns::Record record(dns::NameView owner, dns::Type type, dns::Rdata data) const noexcept {
        return settings_.record(owner, type, data);
    }
    dns::Record record(dns::NameView owner, const IpAddress& address) const noexcept {
        return record(owner, dns::type_of(address), address);
    }

    const Settings& settings_;
    const Zone& zone_;
    services::ServiceView services_;
    Reply soa_;
    Reply servers_;
    Arena* arena_ = nullptr;  // of the message that is being made
    std::size_t server_ = 0;
    // Where we are: the Service, what of it, and of which of its endpoints.
    std::size_t place_ = 0;
    std::size_t step_ = 0;
    std::size_t endpoint_ = 0;
    const ServiceEntry* weighed_ = nullptr;
    std::uint16_t weight_ = 0;
};

}  // namespace

std::unique_ptr<ZoneRecords> records_of_zone(const Settings& settings, const Zone& zone,
                                             Query& query) {
    return std::make_unique<ClusterZone>(settings, zone, query);
}

}  // namespace kubernetes

}  // namespace nameplane::plugins
