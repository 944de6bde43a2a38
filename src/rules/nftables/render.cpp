#include "rules/nftables/render.hpp"

#include "rules/nftables/render_names.hpp"

#include <algorithm>
#include <optional>
#include <span>

namespace nameplane::rules::nftables {
namespace {

/// The octets that elements of a frontend begin with.
Octets place_of(const Frontend& frontend) {
    Octets place;
    if (frontend.kind != Frontend::Kind::node_port) place.add(frontend.address);
    place.add(frontend.protocol);
    place.add_port(frontend.port);
    return place;
}

/// The maps that hold the same thing for addresses and for node ports.
struct Maps {
    MapId ways;
    MapId picks;
    MapId local_picks;
    MapId endpoints;
    MapId local_endpoints;
    MapId none;
    MapId affinity;
};
constexpr Maps by_address{
    MapId::service_ips,       MapId::service_picks,           MapId::service_local_picks,
    MapId::service_endpoints, MapId::service_local_endpoints, MapId::no_endpoint_services,
    MapId::affinity_services};
constexpr Maps by_node_port{
    MapId::node_ports,          MapId::node_port_picks,           MapId::node_port_local_picks,
    MapId::node_port_endpoints, MapId::node_port_local_endpoints, MapId::no_endpoint_node_ports,
    MapId::affinity_node_ports};

std::string_view words_for(Frontend::Kind kind) {
    switch (kind) {
    case Frontend::Kind::cluster_ip: return " cluster IP";
    case Frontend::Kind::external_ip: return " external IP";
    case Frontend::Kind::load_balancer_ip: return " load balancer IP";
    case Frontend::Kind::node_port: return " node port";
    }
    return {};
}

Target simple(Target::Kind kind) {
    return {.kind = kind};
}

/// Makes the elements of one frontend.
class FrontendRenderer {
public:
    FrontendRenderer(const PortPlan& port, const Frontend& frontend, std::uint32_t number,
                     const ElementSink& sink)
        : port_{port}, frontend_{frontend}, number_{number}, sink_{sink}, place_{place_of(
                                                                              frontend)},
          maps_{frontend.kind == Frontend::Kind::node_port ? by_node_port : by_address},
          words_{words_for(frontend.kind)} {}

    void render() const {
        if (frontend_.kind == Frontend::Kind::cluster_ip) {
            internal();
        } else {
            external();
        }
    }

private:
    /// From pods and whoever else uses the cluster IP.
    void internal() const {
        refuse(port_.internal);
        if (port_.internal != Unserved::none) return;
        const bool local = port_.internal_local;
        const auto& endpoints = local ? port_.local_endpoints : port_.cluster_endpoints;
        emit(maps_.ways, pick(local, endpoints.size()));
        all(local ? maps_.local_endpoints : maps_.endpoints, endpoints);
        identify();
    }

    void external() const {
        refuse(port_.external);
        if (frontend_.kind == Frontend::Kind::load_balancer_ip) firewall();
        if (!port_.has_endpoints) return;
        emit(maps_.ways,
             simple(port_.external_local ? Target::Kind::external_local : Target::Kind::external));
        choice(maps_.picks, maps_.endpoints, false, port_.cluster_endpoints);
        if (port_.external_local) {
            choice(maps_.local_picks, maps_.local_endpoints, true, port_.local_endpoints);
        }
        identify();
    }

    void choice(MapId picks, MapId endpoints, bool local,
                const std::vector<PlanEndpoint>& list) const {
        if (list.empty()) return;
        emit(picks, pick(local, list.size()));
        all(endpoints, list);
    }

    Target pick(bool local, std::size_t slots) const {
        return {.kind = Target::Kind::pick,
                .pick = {.sticky = number_ != 0,
                         .local = local,
                         .slots = static_cast<std::uint32_t>(slots)}};
    }

    void refuse(Unserved unserved) const {
        switch (unserved) {
        case Unserved::none: return;
        case Unserved::reject:
            emit(maps_.none, simple(Target::Kind::refuse), " has no endpoints");
            return;
        case Unserved::drop:
            emit(maps_.none, simple(Target::Kind::drop), " has no local endpoints");
            return;
        }
    }

    void identify() const {
        if (number_ == 0) return;
        Target target{.kind = Target::Kind::number};
        target.data.add_number(number_);
        emit(maps_.affinity, target);
    }

    /// Who may come in, whether or not there is an endpoint to come to.
    void firewall() const {
        if (port_.source_ranges.empty()) return;
        emit(MapId::firewall_ips, {});
        std::vector<Cidr> ranges = port_.source_ranges;
        // The load balancer's IP is often an address of the node itself; traffic of the node to
        // it then has that as its source.
        if (port_.node_in_source_ranges) {
            for (const IpAddress& address : port_.load_balancer_ips) {
                ranges.push_back(*Cidr::make(address, address.is_v4() ? 32 : 128));
            }
        }
        for (const Cidr& range : ranges) {
            if (!covered(range, ranges)) allow(range);
        }
    }

    /// Whether `range` lies in another one, or is there twice and this is not the first: the kernel
    /// refuses ranges that overlap.
    static bool covered(const Cidr& range, std::span<const Cidr> ranges) {
        return std::ranges::any_of(ranges, [&](const Cidr& other) {
            if (other == range) return &other < &range;
            return other.prefix() < range.prefix() && other.contains(range.address());
        });
    }

    void allow(const Cidr& range) const {
        Element element = made(MapId::firewall_allowed, {}, words_);
        element.key_end = element.key;
        element.key.add(range.address());
        element.key_end.add(last_of(range));
        sink_(element);
    }

    static IpAddress last_of(const Cidr& range) {
        std::array<std::uint8_t, 16> octets{};
        const auto first = range.address().bytes();
        std::ranges::copy(first, octets.begin());
        for (std::size_t bit = range.prefix(); bit < first.size() * 8; ++bit) {
            octets[bit / 8] |= static_cast<std::uint8_t>(0x80U >> (bit % 8));
        }
        return *IpAddress::from_bytes({octets.data(), first.size()});
    }

    void all(MapId map, const std::vector<PlanEndpoint>& endpoints) const {
        Element element = made(map, simple(Target::Kind::endpoint), {});
        for (std::size_t i = 0; i < endpoints.size(); ++i) {
            element.key = place_;
            element.key.add_number(static_cast<std::uint32_t>(i));
            element.target.data = {};
            element.target.data.add(endpoints[i].address);
            element.target.data.add_port(endpoints[i].port);
            sink_(element);
        }
    }

    Element made(MapId map, const Target& target, std::string_view what) const {
        return {.map = map, .key = place_, .target = target, .name = port_.name, .what = what};
    }
    void emit(MapId map, const Target& target) const { sink_(made(map, target, words_)); }
    void emit(MapId map, const Target& target, std::string_view what) const {
        sink_(made(map, target, what));
    }

    const PortPlan& port_;
    const Frontend& frontend_;
    std::uint32_t number_;
    const ElementSink& sink_;
    Octets place_;
    const Maps& maps_;
    std::string_view words_;
};

}  // namespace

void for_each_frontend(const PortPlan& port, const std::function<void(const Frontend&)>& visit) {
    using Kind = Frontend::Kind;
    // The API admits one address several times; the kernel refuses an element that is there
    // already. What the balancer says of an address counts, as in kube-proxy: its ranges keep
    // others out.
    const auto& balancers = port.load_balancer_ips;
    const auto visit_each = [&](Kind kind, const std::vector<IpAddress>& addresses) {
        for (auto at = addresses.begin(); at != addresses.end(); ++at) {
            const bool again = std::find(addresses.begin(), at, *at) != at;
            const bool balanced =
                kind == Kind::external_ip && std::ranges::find(balancers, *at) != balancers.end();
            if (!again && !balanced) visit({kind, port.protocol, port.port, *at});
        }
    };
    visit({Kind::cluster_ip, port.protocol, port.port, port.cluster_ip});
    visit_each(Kind::external_ip, port.external_ips);
    visit_each(Kind::load_balancer_ip, balancers);
    if (port.node_port != 0) visit({Kind::node_port, port.protocol, port.node_port, {}});
}

void render_frontend(const PortPlan& port, const Frontend& frontend, std::uint32_t number,
                     const ElementSink& sink) {
    FrontendRenderer{port, frontend, number, sink}.render();
}

void render_affinity(const PortPlan& port, std::uint32_t number, const ElementSink& sink) {
    Element timeout{
        .map = MapId::affinity_timeouts,
        .target = {.kind = Target::Kind::remember, .timeout_s = port.affinity_timeout_s},
        .name = port.name};
    timeout.key.add_number(number);
    sink(timeout);
    if (!port.internal_local && !port.external_local) return;
    Element local{.map = MapId::affinity_local_endpoints, .name = port.name};
    for (const PlanEndpoint& endpoint : port.local_endpoints) {
        local.key = {};
        local.key.add_number(number);
        local.key.add(endpoint.address);
        local.key.add_port(endpoint.port);
        sink(local);
    }
}

void render_shared(const PortPlan& port, const ElementSink& sink) {
    Element cluster_ip{.map = MapId::cluster_ips, .name = port.service()};
    cluster_ip.key.add(port.cluster_ip);
    sink(cluster_ip);
    Element hairpin{.map = MapId::hairpin_connections, .name = hairpin_comment};
    for_each_hairpin(port, [&](const IpAddress& address) {
        hairpin.key = {};
        hairpin.key.add(address);
        hairpin.key.add(address);
        sink(hairpin);
    });
}

void render_settings(const PlanSettings& settings, const ElementSink& sink) {
    const bool localhost = settings.localhost_node_ports && settings.family == Family::ipv4;
    for (const IpAddress& address : settings.node_port_addresses) {
        if (address.family() != settings.family) continue;
        if (address.is_loopback() && !localhost) continue;
        Element element{.map = MapId::node_port_ips, .name = "node ports answer here"};
        element.key.add(address);
        sink(element);
    }
}

}  // namespace nameplane::rules::nftables
