#pragma once
// Plan: what the kernel shall do for each Service port, decided once. No word of netfilter here;
// renderers (rules/iptables) decide nothing. Made by policy.hpp.

#include "services/model.hpp"
#include "services/node_facts.hpp"
#include <nameplane/base/ip.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::rules {

using services::NodeFacts;

/// How traffic is recognised as coming from a pod of this cluster.
enum class LocalDetector : std::uint8_t { none, source_cidr, bridge, interface_prefix };

/// Whether packets are compared with one Service after the other, or find theirs by a tree. Only
/// for writers that know the difference.
enum class Dispatch : std::uint8_t { linear, tree };

/// Settings that are the same for all Services of one family.
struct PlanSettings {
    Family family = Family::ipv4;
    std::uint32_t masquerade_mark = 0x4000;
    bool masquerade_all = false;
    Dispatch dispatch = Dispatch::linear;
    LocalDetector detector = LocalDetector::none;
    Cidr detector_cidr;                ///< source_cidr
    std::string detector_name;         ///< bridge, interface_prefix
    bool localhost_node_ports = true;  ///< always false for IPv6
    bool random_fully = true;
    bool drop_invalid = true;  ///< false where nf_conntrack_tcp_be_liberal is set
    /// The kernel's named packet counters of kube-proxy are there to count in.
    bool packet_counters = false;
    /// Node ports answer on these addresses only; empty: on every local address, or on none at all
    /// if `node_ports_restricted`.
    std::vector<IpAddress> node_port_addresses;
    bool node_ports_restricted = false;
    friend bool operator==(const PlanSettings&, const PlanSettings&) = default;
};

/// What happens to traffic that finds no endpoint it may use.
enum class Unserved : std::uint8_t {
    none,    ///< there are endpoints
    reject,  ///< no endpoint anywhere: refused at once
    drop,    ///< none that the traffic policy allows
};

struct PlanEndpoint {
    IpAddress address;
    std::uint16_t port = 0;
    bool local = false;
    static constexpr std::size_t text_max = 56;
    /// "10.0.0.1:80" or "[fd00::1]:80".
    std::string to_string() const;
    /// The same without the heap; returns the number of characters.
    std::size_t write_text(std::span<char, text_max> out) const noexcept;
    friend bool operator==(const PlanEndpoint&, const PlanEndpoint&) = default;
};

/// Whether the kernel's memory of a flow keeps leading packets to an endpoint that is gone, so that
/// it must be made to forget (see conntrack.hpp).
constexpr bool outlives_endpoint(services::Protocol protocol) noexcept {
    return protocol != services::Protocol::tcp;
}

/// One port of one Service in one family.
struct PortPlan {
    /// "ns/name:port", or "ns/name" for an unnamed port.
    std::string name;
    services::Protocol protocol = services::Protocol::tcp;
    std::uint16_t port = 0;
    std::uint16_t node_port = 0;
    IpAddress cluster_ip;
    std::vector<IpAddress> external_ips;
    std::vector<IpAddress> load_balancer_ips;
    std::vector<Cidr> source_ranges;       ///< for load_balancer_ips; empty: everybody
    bool node_in_source_ranges = false;    ///< load balancer IPs are allowed as sources, too
    bool internal_local = false;           ///< internalTrafficPolicy: Local
    bool external_local = false;           ///< externalTrafficPolicy: Local
    std::uint32_t affinity_timeout_s = 0;  ///< 0: no session affinity
    std::uint16_t health_check_node_port = 0;
    /// Endpoints for policy Cluster and Local; sorted by text, as kube-proxy sorts them.
    std::vector<PlanEndpoint> cluster_endpoints;
    std::vector<PlanEndpoint> local_endpoints;
    /// Of protocols whose flows outlive their endpoint: endpoints of neither list that keep the
    /// flows they have but get no new ones. With UDP those that still serve, such as terminating
    /// ones beside ready ones; with SCTP all that are still there, since an association, unlike a
    /// datagram, does not survive a change of endpoint.
    std::vector<PlanEndpoint> kept_endpoints;
    bool has_endpoints = false;  ///< any usable endpoint, on whatever node
    Unserved internal = Unserved::none;
    Unserved external = Unserved::none;

    /// "ns/name".
    std::string_view service() const noexcept {
        return std::string_view{name}.substr(0, name.find(':'));
    }
    bool externally_reachable() const noexcept {
        return node_port != 0 || !external_ips.empty() || !load_balancer_ips.empty();
    }
    friend bool operator==(const PortPlan&, const PortPlan&) = default;
};

/// The ports of one Service. Shared between plans until the Service changes: equal pointers mean
/// "unchanged".
struct ServicePlan {
    std::vector<PortPlan> ports;  ///< in the order of the Service
    /// All endpoints of the ports, usable or not: what "large cluster" counts.
    std::size_t endpoint_count = 0;
    friend bool operator==(const ServicePlan&, const ServicePlan&) = default;
};

/// Everything for one family.
struct Plan {
    std::uint64_t version = 0;  ///< of the snapshot it was made from
    PlanSettings settings;
    /// Sorted by namespace and name; Services without a port in this family are left out.
    std::vector<std::shared_ptr<const ServicePlan>> services;
    std::size_t endpoint_count = 0;
    /// Networks of Services in this family, sorted, none within another: what is sent to an address
    /// of them that no Service has is dropped, by writers that can (nftables).
    std::vector<Cidr> service_ranges;
};

/// More endpoints than this, and rules are written without the comments that cost memory.
inline constexpr std::size_t large_cluster_endpoints = 1000;

}  // namespace nameplane::rules
