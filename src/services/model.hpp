#pragma once
// The Kubernetes objects we live from, decoded to what we answer or program from and nothing else.
// Before adding a field, say who reads it. Sources: Kubernetes API core/v1, discovery.k8s.io/v1.
//
// These are plain values that travel from a source (manifests, the API) to the store; the store
// keeps its own compact form (snapshot.hpp).

#include <nameplane/base/ip.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nameplane::services {

enum class Protocol : std::uint8_t { tcp, udp, sctp };
/// "tcp", "udp", "sctp": as in DNS names and chain hashes.
std::string_view to_string(Protocol protocol) noexcept;

using Labels = std::map<std::string, std::string, std::less<>>;
/// Whether a Service or slice with these labels is nothing to us as a proxy, as kube-proxy sees it:
/// service.kubernetes.io/service-proxy-name or service.kubernetes.io/headless, whatever their
/// value.
bool is_for_another_proxy(const Labels& labels) noexcept;

/// Namespace and name. Cluster-scoped objects have an empty namespace.
struct ObjectKey {
    std::string ns;
    std::string name;
    friend auto operator<=>(const ObjectKey&, const ObjectKey&) = default;
};

/// Bits of the label selectors (selections.hpp) that an object matches. Whoever reads an object
/// leaves it at `not_judged`; the store judges it by its labels.
using Selected = std::uint8_t;
inline constexpr Selected not_judged = 0xff;

enum class ServiceType : std::uint8_t { cluster_ip, node_port, load_balancer, external_name };
enum class TrafficPolicy : std::uint8_t { cluster, local };
enum class IpMode : std::uint8_t { vip, proxy };

/// Where a Service port leads on the pod: a number, or the name of a container port.
struct TargetPort {
    std::uint16_t number = 0;  ///< 0: `name` counts, or (if that is empty too) the Service port
    std::string name;
    friend bool operator==(const TargetPort&, const TargetPort&) = default;
};

struct ServicePort {
    std::string name;  ///< empty for a single unnamed port
    Protocol protocol = Protocol::tcp;
    std::uint16_t port = 0;
    std::uint16_t node_port = 0;  ///< 0: none
    TargetPort target;            ///< read by the manifest source only, when it makes slices
    friend bool operator==(const ServicePort&, const ServicePort&) = default;
};

struct LoadBalancerIngress {
    IpAddress address;
    IpMode mode = IpMode::vip;
    friend bool operator==(const LoadBalancerIngress&, const LoadBalancerIngress&) = default;
};

struct Service {
    ObjectKey key;
    Labels labels;
    Selected selected = not_judged;
    ServiceType type = ServiceType::cluster_ip;
    bool headless = false;       ///< clusterIP: None
    bool foreign_proxy = false;  ///< is_for_another_proxy(): we only answer its names
    std::vector<IpAddress> cluster_ips;
    std::vector<IpAddress> external_ips;
    std::vector<LoadBalancerIngress> ingress;
    std::vector<std::string> ingress_hostnames;
    std::vector<Cidr> source_ranges;
    std::string external_name;
    std::vector<ServicePort> ports;
    Labels selector;                 ///< read by the manifest source only
    bool publish_not_ready = false;  ///< read by the manifest source only
    bool dual_stack = false;         ///< ipFamilyPolicy asks for both; manifest source only
    std::vector<Family> families;    ///< spec.ipFamilies; manifest source only
    bool client_ip_affinity = false;
    std::uint32_t affinity_timeout_s = 10800;
    TrafficPolicy external_policy = TrafficPolicy::cluster;
    TrafficPolicy internal_policy = TrafficPolicy::cluster;
    std::uint16_t health_check_node_port = 0;
    std::string traffic_distribution;  ///< read by the manifest source only
    friend bool operator==(const Service&, const Service&) = default;
};

struct EndpointPort {
    std::string name;
    Protocol protocol = Protocol::tcp;
    std::uint16_t port = 0;  ///< 0: unset (a slice port without a number), skipped by consumers
    friend auto operator<=>(const EndpointPort&, const EndpointPort&) = default;
};

struct Endpoint {
    std::vector<IpAddress> addresses;  ///< rules know the first only, names all of them
    std::string hostname;
    std::string node_name;
    std::string zone;
    std::string pod_name;  ///< targetRef of kind Pod
    bool ready = true;
    bool serving = true;
    bool terminating = false;
    std::vector<std::string> hint_zones;
    std::vector<std::string> hint_nodes;
    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct EndpointSlice {
    ObjectKey key;
    Labels labels;
    Selected selected = not_judged;
    std::string service;  ///< label kubernetes.io/service-name; empty: belongs to no Service
    /// Label multicluster.kubernetes.io/service-name; empty: belongs to no ServiceImport.
    std::string import;
    std::string cluster;           ///< label multicluster.kubernetes.io/source-cluster
    Family family = Family::ipv4;  ///< addressType; FQDN slices are not decoded at all
    bool foreign_proxy = false;    ///< is_for_another_proxy(): only names are made of it
    std::vector<EndpointPort> ports;
    std::vector<Endpoint> endpoints;
    /// Annotation endpoints.kubernetes.io/last-change-trigger-time, Unix nanoseconds; 0: none.
    std::int64_t change_trigger_ns = 0;
    friend bool operator==(const EndpointSlice&, const EndpointSlice&) = default;
};

struct ContainerPort {
    std::string name;
    Protocol protocol = Protocol::tcp;
    std::uint16_t port = 0;
    friend bool operator==(const ContainerPort&, const ContainerPort&) = default;
};

struct Pod {
    ObjectKey key;
    Labels labels;
    Selected selected = not_judged;
    std::vector<IpAddress> ips;
    std::string hostname;
    std::string subdomain;
    std::string node_name;
    bool host_network = false;
    bool ready = false;
    bool terminating = false;
    bool finished = false;  ///< phase Succeeded or Failed
    std::vector<ContainerPort> ports;
    friend bool operator==(const Pod&, const Pod&) = default;
};

struct Node {
    ObjectKey key;
    Labels labels;
    std::vector<Cidr> pod_cidrs;
    std::vector<IpAddress> addresses;  ///< InternalIP first, then ExternalIP
    bool deleting = false;  ///< somebody deletes it, or the cluster's autoscaler is about to
    friend bool operator==(const Node&, const Node&) = default;
};

struct Namespace {
    ObjectKey key;  ///< the namespace part is empty
    Labels labels;
    Selected selected = not_judged;
    friend bool operator==(const Namespace&, const Namespace&) = default;
};

/// multicluster.x-k8s.io/v1alpha1: a Service of several clusters under one name. Only names are
/// made of it; whoever implements it programs its addresses.
struct ServiceImport {
    ObjectKey key;
    bool headless = false;
    std::vector<IpAddress> ips;
    std::vector<ServicePort> ports;
    friend bool operator==(const ServiceImport&, const ServiceImport&) = default;
};

/// networking.k8s.io/v1: networks that cluster IPs come from. What of them no Service has is
/// dropped by rules that can.
struct ServiceCidr {
    ObjectKey key;  ///< the namespace part is empty
    std::vector<Cidr> cidrs;
    friend bool operator==(const ServiceCidr&, const ServiceCidr&) = default;
};

enum class Kind : std::uint8_t {
    service,
    endpoint_slice,
    pod,
    node,
    namespace_,
    service_import,
    service_cidr,
};
inline constexpr std::size_t kind_count = 7;
/// Whether objects of that kind have a namespace.
constexpr bool is_namespaced(Kind kind) noexcept {
    return kind != Kind::node && kind != Kind::namespace_ && kind != Kind::service_cidr;
}
/// "Service", "EndpointSlice", "Pod", "Node", "Namespace", "ServiceImport", "ServiceCIDR".
std::string_view to_string(Kind kind) noexcept;

}  // namespace nameplane::services
