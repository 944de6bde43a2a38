#include "rules/nftables/rule.hpp"

#include "rules/nftables/render_names.hpp"
#include "rules/protocol.hpp"

#include <algorithm>
#include <cstring>

namespace nameplane::rules::nftables {
namespace {

constexpr Key only(Field field) {
    return {{field}, 1, 0};
}

constexpr MapInfo map_info(MapId id, std::string_view name, std::string_view comment, Key key,
                           MapData data) {
    return {.id = id, .name = name, .comment = comment, .key = key, .data = data};
}

constexpr MapInfo interval(MapInfo info) {
    info.interval = true;
    return info;
}

constexpr MapInfo dynamic(MapInfo info) {
    info.dynamic = true;
    return info;
}

using enum MapData;

constexpr std::array<MapInfo, map_count> maps{
    map_info(MapId::cluster_ips, "cluster-ips", "cluster IPs of Services", only(Field::destination),
             none),
    map_info(MapId::node_port_ips, "nodeport-ips", "addresses on which node ports answer",
             only(Field::destination), none),
    map_info(MapId::hairpin_connections, "hairpin-connections", "endpoints that meet themselves",
             {{Field::source, Field::destination}, 2, 0}, none),
    map_info(MapId::service_ips, "service-ips", "Service addresses and what happens to traffic",
             service_key, verdict),
    map_info(MapId::service_picks, "service-picks",
             "external Service addresses: choice among all endpoints", service_key, verdict),
    map_info(MapId::service_local_picks, "service-local-picks",
             "external Service addresses, policy Local: choice among endpoints of this node",
             service_key, verdict),
    map_info(MapId::service_endpoints, "service-endpoints",
             "endpoints by Service address and a number by chance", service_slot_key(2), endpoint),
    map_info(MapId::service_local_endpoints, "service-local-endpoints",
             "endpoints of this node by Service address and a number by chance",
             service_slot_key(2), endpoint),
    map_info(MapId::node_ports, "service-nodeports", "node ports and what happens to traffic",
             node_port_key, verdict),
    map_info(MapId::node_port_picks, "nodeport-picks", "node ports: choice among all endpoints",
             node_port_key, verdict),
    map_info(MapId::node_port_local_picks, "nodeport-local-picks",
             "node ports, policy Local: choice among endpoints of this node", node_port_key,
             verdict),
    map_info(MapId::node_port_endpoints, "nodeport-endpoints",
             "endpoints by node port and a number by chance", node_port_slot_key(2), endpoint),
    map_info(MapId::node_port_local_endpoints, "nodeport-local-endpoints",
             "endpoints of this node by node port and a number by chance", node_port_slot_key(2),
             endpoint),
    map_info(MapId::no_endpoint_services, "no-endpoint-services",
             "Service addresses without an endpoint", service_key, verdict),
    map_info(MapId::no_endpoint_node_ports, "no-endpoint-nodeports",
             "node ports without an endpoint", node_port_key, verdict),
    map_info(MapId::firewall_ips, "firewall-ips",
             "load balancer addresses with loadBalancerSourceRanges", service_key, none),
    interval(map_info(MapId::firewall_allowed, "firewall-allowed", "sources that these let in",
                      {{Field::destination, Field::protocol, Field::port, Field::source}, 4, 0},
                      none)),
    dynamic(map_info(MapId::affinity, "affinity", "which endpoint a client got of a Service port",
                     client_key, endpoint)),
    dynamic(map_info(MapId::affinity_local, "affinity-local",
                     "which endpoint of this node a client got of a Service port", client_key,
                     endpoint)),
    map_info(MapId::affinity_services, "affinity-services",
             "Service addresses with session affinity: number of the Service port", service_key,
             number),
    map_info(MapId::affinity_node_ports, "affinity-nodeports",
             "node ports with session affinity: number of the Service port", node_port_key, number),
    map_info(MapId::affinity_timeouts, "affinity-timeouts",
             "how long clients of a Service port are remembered", only(Field::affinity), verdict),
    map_info(MapId::affinity_local_endpoints, "affinity-local-endpoints",
             "endpoints of this node of Service ports with a policy Local",
             {{Field::affinity, Field::destination, Field::port}, 3, 0}, none),
};

consteval bool in_order() {
    for (std::size_t i = 0; i < maps.size(); ++i) {
        if (maps[i].id != static_cast<MapId>(i)) return false;
    }
    return true;
}
static_assert(in_order());

}  // namespace

const MapInfo& info(MapId id) noexcept {
    return maps[static_cast<std::size_t>(id)];
}

const std::array<MapInfo, map_count>& all_maps() noexcept {
    return maps;
}

std::string chain_name(const Pick& pick) {
    std::string name = pick.sticky ? "sticky-" : "pick-";
    if (pick.local) name += "local-";
    return name + std::to_string(pick.slots);
}

std::string remember_chain_name(std::uint32_t timeout_s) {
    return "remember-" + std::to_string(timeout_s);
}

void Octets::add(const IpAddress& address) noexcept {
    std::ranges::copy(address.bytes(), octets_.begin() + size_);
    size_ = static_cast<std::uint8_t>(size_ + address.bytes().size());
}

void Octets::add(services::Protocol protocol) noexcept {
    octets_[size_] = protocol_number(protocol);
    size_ = static_cast<std::uint8_t>(size_ + 4);
}

void Octets::add_port(std::uint16_t port) noexcept {
    octets_[size_] = static_cast<std::uint8_t>(port >> 8);
    octets_[size_ + 1U] = static_cast<std::uint8_t>(port);
    size_ = static_cast<std::uint8_t>(size_ + 4);
}

void Octets::add_number(std::uint32_t number) noexcept {
    std::memcpy(octets_.data() + size_, &number, sizeof number);
    size_ = static_cast<std::uint8_t>(size_ + 4);
}

Verdict verdict_of(const Target& target) {
    switch (target.kind) {
    case Target::Kind::none:
    case Target::Kind::endpoint:
    case Target::Kind::number:
    case Target::Kind::drop: return drop();
    case Target::Kind::refuse: return go_to(chain::refuse);
    case Target::Kind::external: return go_to(chain::external);
    case Target::Kind::external_local: return go_to(chain::external_local);
    case Target::Kind::pick: return go_to(chain_name(target.pick));
    case Target::Kind::remember: return go_to(remember_chain_name(target.timeout_s));
    }
    return drop();
}

std::string Element::comment() const {
    std::string text;
    text.reserve(name.size() + what.size());
    text += name;
    text += what;
    if (text.size() > comment_max) {
        text.resize(comment_max - 3);
        text += "...";
    }
    return text;
}

}  // namespace nameplane::rules::nftables
