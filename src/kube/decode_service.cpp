#include "kube/decode.hpp"
#include "kube/json_value.hpp"

#include <algorithm>

namespace nameplane::kube {
namespace {

using services::IpMode;
using services::Service;
using services::ServicePort;
using services::ServiceType;
using services::TrafficPolicy;

constexpr std::uint32_t affinity_seconds_max = 86400;

constexpr Word<ServiceType> types[] = {{"ClusterIP", ServiceType::cluster_ip},
                                       {"NodePort", ServiceType::node_port},
                                       {"LoadBalancer", ServiceType::load_balancer},
                                       {"ExternalName", ServiceType::external_name}};
constexpr Word<TrafficPolicy> policies[] = {{"Cluster", TrafficPolicy::cluster},
                                            {"Local", TrafficPolicy::local}};
constexpr Word<FamilyPolicy> family_policies[] = {{"", FamilyPolicy::unset},
                                                  {"SingleStack", FamilyPolicy::single},
                                                  {"PreferDualStack", FamilyPolicy::prefer_dual},
                                                  {"RequireDualStack", FamilyPolicy::require_dual}};
constexpr Word<bool> affinities[] = {{"None", false}, {"ClientIP", true}};
constexpr Word<Family> families[] = {{"IPv4", Family::ipv4}, {"IPv6", Family::ipv6}};
constexpr Word<IpMode> ip_modes[] = {{"VIP", IpMode::vip}, {"Proxy", IpMode::proxy}};

/// A number or the name of a container port.
template <class V>
services::TargetPort target_port(BasicFieldReader<V>& read, const BasicField<V>& field) {
    services::TargetPort target;
    if (!field.present()) return target;
    const std::string_view word = field.value.text();
    const bool digits =
        !word.empty() && std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
    if (read.is_number(field)) {
        target.number = read.port(field, 0);
    } else if (digits || word.size() > 15 || !is_label(word)) {
        read.wrong(field, "a port number or the name of a container port");
    } else {
        target.name = word;
    }
    return target;
}

template <class V> ServicePort service_port(BasicFieldReader<V>& read, const BasicField<V>& item) {
    ServicePort port;
    const BasicField<V> name = read.get(item, "name");
    port.name = read.text(name);
    if (!port.name.empty() && !is_label(port.name)) read.wrong(name, "a DNS label");
    port.protocol = read.protocol(read.get(item, "protocol"));
    const BasicField<V> number = read.get(item, "port");
    if (!number.present()) read.wrong(number, "a port number");
    port.port = read.port(number, 0);
    // The API writes nodePort 0 as absent; exports of old versions may still hold it.
    port.node_port =
        static_cast<std::uint16_t>(read.number(read.get(item, "nodePort"), 0, 65535, 0));
    port.target = target_port(read, read.get(item, "targetPort"));
    return port;
}

/// What the ports of one Service must not share.
template <class V>
void check_port(BasicFieldReader<V>& read, const BasicField<V>& item,
                const std::vector<ServicePort>& before, const ServicePort& port) {
    for (const ServicePort& other : before) {
        if (port.name == other.name && !port.name.empty())
            read.report(item.line(), item.path() + ".name is '" + port.name +
                                         "' like another port's, expected a name of its own");
        if (port.protocol == other.protocol && port.port == other.port)
            read.report(item.line(), item.path() + ".port is " + std::to_string(port.port) +
                                         " like another port's, expected one of its own");
        if (port.protocol == other.protocol && port.node_port != 0 &&
            port.node_port == other.node_port)
            read.report(item.line(), item.path() + ".nodePort is " +
                                         std::to_string(port.node_port) +
                                         " like another port's, expected one of its own");
    }
}

template <class V>
void read_ports(BasicFieldReader<V>& read, const BasicField<V>& spec, bool type_known,
                Service& service) {
    const BasicField<V> list = read.list(spec, "ports");
    read.each_map(list, read.limits().ports_max, [&](const BasicField<V>& item) {
        const ServicePort port = service_port(read, item);
        if (read.limits().clashes) check_port(read, item, service.ports, port);
        service.ports.push_back(port);
    });
    if (service.ports.size() > 1) {
        read.each_map(list, read.limits().ports_max, [&](const BasicField<V>& item) {
            const BasicField<V> name = read.get(item, "name");
            if (!name.present()) read.wrong(name, "a name, since there are several ports");
        });
    }
    const bool needs_ports =
        type_known && service.type != ServiceType::external_name && !service.headless;
    const BasicField<V> written = read.get(spec, "ports");
    const bool empty = !written.present() || (list.present() && !list.value.first());
    if (needs_ports && empty) read.wrong(written, "at least one port");
}

template <class V>
void add_cluster_ip(BasicFieldReader<V>& read, const BasicField<V>& field, Service& service) {
    const auto address = read.address(field);
    if (!address) return;
    if (std::ranges::any_of(service.cluster_ips, [&](const IpAddress& other) {
            return other.family() == address->family();
        })) {
        return read.wrong(field, "one address of each family");
    }
    service.cluster_ips.push_back(*address);
}

/// clusterIP and clusterIPs say the same; either may be missing.
template <class V>
void read_cluster_ips(BasicFieldReader<V>& read, const BasicField<V>& spec, Service& service) {
    const BasicField<V> one = read.get(spec, "clusterIP");
    const BasicField<V> many = read.list(spec, "clusterIPs");
    std::string_view first = read.text(one).empty() ? std::string_view{} : one.value.text();
    const V first_of_many = many.value.first();
    if (first.empty()) first = first_of_many.text();
    if (service.type == ServiceType::external_name) return;
    if (first == "None") {
        service.headless = true;
        return;
    }
    if (first_of_many && first_of_many.text() != first)
        return read.wrong(one,
                          "the first of clusterIPs, '" + std::string{first_of_many.text()} + "'");
    if (!many.value.first()) {
        if (!first.empty()) add_cluster_ip(read, one, service);
        return;
    }
    read.each(many, 2, [&](const BasicField<V>& item) { add_cluster_ip(read, item, service); });
}

template <class V>
void read_families(BasicFieldReader<V>& read, const BasicField<V>& spec, ServiceSource& source) {
    source.family_policy = read.one_of(read.get(spec, "ipFamilyPolicy"), family_policies);
    source.service.dual_stack = source.family_policy == FamilyPolicy::prefer_dual ||
                                source.family_policy == FamilyPolicy::require_dual;
    auto& wanted = source.service.families;
    read.each(read.list(spec, "ipFamilies"), 2, [&](const BasicField<V>& item) {
        const Family family = read.one_of(item, families);
        if (std::ranges::find(wanted, family) != wanted.end())
            return read.wrong(item, "each family once");
        wanted.push_back(family);
    });
    const std::size_t both = std::min(wanted.size(), source.service.cluster_ips.size());
    for (std::size_t i = 0; i < both; ++i) {
        if (source.service.cluster_ips[i].family() != wanted[i])
            return read.wrong(read.get(spec, "ipFamilies"), "the families of clusterIPs");
    }
}

template <class V>
void read_load_balancer(BasicFieldReader<V>& read, const BasicField<V>& root,
                        const BasicField<V>& spec, Service& service) {
    const BasicField<V> status = read.map(root, "status");
    const BasicField<V> balancer = read.map(status, "loadBalancer");
    read.each_map(read.list(balancer, "ingress"), read.limits().addresses_max,
                  [&](const BasicField<V>& item) {
                      const BasicField<V> ip = read.get(item, "ip");
                      const BasicField<V> hostname = read.get(item, "hostname");
                      if (ip.present()) {
                          const IpMode mode = read.one_of(read.get(item, "ipMode"), ip_modes);
                          if (const auto address = read.address(ip))
                              service.ingress.push_back({*address, mode});
                      }
                      if (hostname.present())
                          service.ingress_hostnames.push_back(read.text(hostname));
                  });
    read.each(read.list(spec, "loadBalancerSourceRanges"), read.limits().addresses_max,
              [&](const BasicField<V>& item) {
                  if (const auto cidr = read.cidr(item)) service.source_ranges.push_back(*cidr);
              });
}

template <class V>
void read_external_name(BasicFieldReader<V>& read, const BasicField<V>& spec, Service& service) {
    const BasicField<V> field = read.get(spec, "externalName");
    service.external_name = read.text(field);
    if (service.type != ServiceType::external_name) return;
    std::string_view name = service.external_name;
    if (name.ends_with('.')) name.remove_suffix(1);
    const bool good = !name.empty() && name.size() <= 253 &&
                      name.find("..") == std::string_view::npos && name.front() != '.' &&
                      name.find_first_of(" \t\r\n/:") == std::string_view::npos;
    if (!good) read.wrong(field, "the DNS name that it stands for");
}

template <class V>
void read_policies(BasicFieldReader<V>& read, const BasicField<V>& spec, Service& service) {
    service.publish_not_ready = read.flag(read.get(spec, "publishNotReadyAddresses"), false);
    service.client_ip_affinity = read.one_of(read.get(spec, "sessionAffinity"), affinities);
    const BasicField<V> config = read.map(spec, "sessionAffinityConfig");
    const BasicField<V> client_ip = read.map(config, "clientIP");
    service.affinity_timeout_s = read.number(read.get(client_ip, "timeoutSeconds"), 1,
                                             affinity_seconds_max, service.affinity_timeout_s);
    service.external_policy = read.one_of(read.get(spec, "externalTrafficPolicy"), policies);
    service.internal_policy = read.one_of(read.get(spec, "internalTrafficPolicy"), policies);
    service.health_check_node_port =
        static_cast<std::uint16_t>(read.number(read.get(spec, "healthCheckNodePort"), 0, 65535, 0));
    service.traffic_distribution = read.text(read.get(spec, "trafficDistribution"));
}

}  // namespace

template <class V>
ServiceSource decode_service(BasicFieldReader<V>& read, const BasicField<V>& root,
                             services::ObjectKey key) {
    ServiceSource source;
    source.file = read.file();
    source.line = root.line();
    Service& service = source.service;
    const BasicField<V> metadata = read.map(root, "metadata");
    const BasicField<V> name = read.get(metadata, "name");
    if (!is_label(key.name)) read.wrong(name, "a DNS label of at most 63 characters");
    service.key = std::move(key);
    service.labels = read.labels(read.map(metadata, "labels"));
    service.foreign_proxy = services::is_for_another_proxy(service.labels);
    const BasicField<V> spec = read.map(root, "spec");
    if (!spec.present()) {
        if (!read.get(root, "spec").present()) read.wrong(read.get(root, "spec"), "a map");
        return source;
    }
    const std::size_t before_type = read.reported();
    service.type = read.one_of(read.get(spec, "type"), types);
    const bool type_known = read.reported() == before_type;
    read_cluster_ips(read, spec, service);
    read_families(read, spec, source);
    read_ports(read, spec, type_known, service);
    read.each(read.list(spec, "externalIPs"), read.limits().addresses_max,
              [&](const BasicField<V>& item) {
                  if (const auto address = read.address(item))
                      service.external_ips.push_back(*address);
              });
    read_load_balancer(read, root, spec, service);
    read_external_name(read, spec, service);
    read_policies(read, spec, service);
    service.selector = read.labels(read.map(spec, "selector"));
    source.allocate_node_ports = read.flag(read.get(spec, "allocateLoadBalancerNodePorts"), true);
    return source;
}

// The two kinds of documents.
template ServiceSource decode_service(BasicFieldReader<Value>&, const BasicField<Value>&,
                                      services::ObjectKey);
template ServiceSource decode_service(BasicFieldReader<JsonValue>&, const BasicField<JsonValue>&,
                                      services::ObjectKey);

}  // namespace nameplane::kube
