#include "kube/decode.hpp"

#include <algorithm>

namespace nameplane::kube {
namespace {

using services::IpMode;
using services::Service;
using services::ServicePort;
using services::ServiceType;
using services::TrafficPolicy;

constexpr std::uint32_t affinity_seconds_max = 86400;

constexpr FieldReader::Word<ServiceType> types[] = {{"ClusterIP", ServiceType::cluster_ip},
                                                    {"NodePort", ServiceType::node_port},
                                                    {"LoadBalancer", ServiceType::load_balancer},
                                                    {"ExternalName", ServiceType::external_name}};
constexpr FieldReader::Word<TrafficPolicy> policies[] = {{"Cluster", TrafficPolicy::cluster},
                                                         {"Local", TrafficPolicy::local}};
constexpr FieldReader::Word<FamilyPolicy> family_policies[] = {
    {"", FamilyPolicy::unset},
    {"SingleStack", FamilyPolicy::single},
    {"PreferDualStack", FamilyPolicy::prefer_dual},
    {"RequireDualStack", FamilyPolicy::require_dual}};
constexpr FieldReader::Word<bool> affinities[] = {{"None", false}, {"ClientIP", true}};
constexpr FieldReader::Word<Family> families[] = {{"IPv4", Family::ipv4}, {"IPv6", Family::ipv6}};
constexpr FieldReader::Word<IpMode> ip_modes[] = {{"VIP", IpMode::vip}, {"Proxy", IpMode::proxy}};

/// A number or the name of a container port.
services::TargetPort target_port(FieldReader& read, const Field& field) {
    services::TargetPort target;
    if (!field.present()) return target;
    const std::string_view word = field.value.text();
    const bool digits =
        !word.empty() && std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
    if (field.value.shape() == Shape::plain && digits) {
        target.number = read.port(field, 0);
    } else if (digits || word.size() > 15 || !is_label(word)) {
        read.wrong(field, "a port number or the name of a container port");
    } else {
        target.name = word;
    }
    return target;
}

ServicePort service_port(FieldReader& read, const Field& item) {
    ServicePort port;
    const Field name = read.get(item, "name");
    port.name = read.text(name);
    if (!port.name.empty() && !is_label(port.name)) read.wrong(name, "a DNS label");
    port.protocol = read.protocol(read.get(item, "protocol"));
    const Field number = read.get(item, "port");
    if (!number.present()) read.wrong(number, "a port number");
    port.port = read.port(number, 0);
    // The API writes nodePort 0 as absent; exports of old versions may still hold it.
    port.node_port =
        static_cast<std::uint16_t>(read.number(read.get(item, "nodePort"), 0, 65535, 0));
    port.target = target_port(read, read.get(item, "targetPort"));
    return port;
}

/// What the ports of one Service must not share.
void check_port(FieldReader& read, const Field& item, const std::vector<ServicePort>& before,
                const ServicePort& port) {
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

void read_ports(FieldReader& read, const Field& spec, bool type_known, Service& service) {
    const Field list = read.list(spec, "ports");
    read.each_map(list, ports_max, [&](const Field& item) {
        const ServicePort port = service_port(read, item);
        check_port(read, item, service.ports, port);
        service.ports.push_back(port);
    });
    if (service.ports.size() > 1) {
        read.each_map(list, ports_max, [&](const Field& item) {
            const Field name = read.get(item, "name");
            if (!name.present()) read.wrong(name, "a name, since there are several ports");
        });
    }
    const bool needs_ports =
        type_known && service.type != ServiceType::external_name && !service.headless;
    const Field written = read.get(spec, "ports");
    const bool empty = !written.present() || (list.present() && !list.value.first());
    if (needs_ports && empty) read.wrong(written, "at least one port");
}

void add_cluster_ip(FieldReader& read, const Field& field, Service& service) {
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
void read_cluster_ips(FieldReader& read, const Field& spec, Service& service) {
    const Field one = read.get(spec, "clusterIP");
    const Field many = read.list(spec, "clusterIPs");
    std::string_view first = read.text(one).empty() ? std::string_view{} : one.value.text();
    const Value first_of_many = many.value.first();
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
    read.each(many, 2, [&](const Field& item) { add_cluster_ip(read, item, service); });
}

void read_families(FieldReader& read, const Field& spec, ServiceSource& source) {
    source.family_policy = read.one_of(read.get(spec, "ipFamilyPolicy"), family_policies);
    source.service.dual_stack = source.family_policy == FamilyPolicy::prefer_dual ||
                                source.family_policy == FamilyPolicy::require_dual;
    auto& wanted = source.service.families;
    read.each(read.list(spec, "ipFamilies"), 2, [&](const Field& item) {
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

void read_load_balancer(FieldReader& read, const Field& root, const Field& spec, Service& service) {
    const Field status = read.map(root, "status");
    const Field balancer = read.map(status, "loadBalancer");
    read.each_map(read.list(balancer, "ingress"), addresses_max, [&](const Field& item) {
        const Field ip = read.get(item, "ip");
        const Field hostname = read.get(item, "hostname");
        if (ip.present()) {
            const IpMode mode = read.one_of(read.get(item, "ipMode"), ip_modes);
            if (const auto address = read.address(ip)) service.ingress.push_back({*address, mode});
        }
        if (hostname.present()) service.ingress_hostnames.push_back(read.text(hostname));
    });
    read.each(read.list(spec, "loadBalancerSourceRanges"), addresses_max, [&](const Field& item) {
        if (const auto cidr = read.cidr(item)) service.source_ranges.push_back(*cidr);
    });
}

void read_external_name(FieldReader& read, const Field& spec, Service& service) {
    const Field field = read.get(spec, "externalName");
    service.external_name = read.text(field);
    if (service.type != ServiceType::external_name) return;
    std::string_view name = service.external_name;
    if (name.ends_with('.')) name.remove_suffix(1);
    const bool good = !name.empty() && name.size() <= 253 &&
                      name.find("..") == std::string_view::npos && name.front() != '.' &&
                      name.find_first_of(" \t\r\n/:") == std::string_view::npos;
    if (!good) read.wrong(field, "the DNS name that it stands for");
}

void read_policies(FieldReader& read, const Field& spec, Service& service) {
    service.publish_not_ready = read.flag(read.get(spec, "publishNotReadyAddresses"), false);
    service.client_ip_affinity = read.one_of(read.get(spec, "sessionAffinity"), affinities);
    const Field config = read.map(spec, "sessionAffinityConfig");
    const Field client_ip = read.map(config, "clientIP");
    service.affinity_timeout_s = read.number(read.get(client_ip, "timeoutSeconds"), 1,
                                             affinity_seconds_max, service.affinity_timeout_s);
    service.external_policy = read.one_of(read.get(spec, "externalTrafficPolicy"), policies);
    service.internal_policy = read.one_of(read.get(spec, "internalTrafficPolicy"), policies);
    service.health_check_node_port =
        static_cast<std::uint16_t>(read.number(read.get(spec, "healthCheckNodePort"), 0, 65535, 0));
    service.traffic_distribution = read.text(read.get(spec, "trafficDistribution"));
}

}  // namespace

ServiceSource decode_service(FieldReader& read, const Field& root, services::ObjectKey key) {
    ServiceSource source;
    source.file = read.file();
    source.line = root.line();
    Service& service = source.service;
    const Field metadata = read.map(root, "metadata");
    const Field name = read.get(metadata, "name");
    if (!is_label(key.name)) read.wrong(name, "a DNS label of at most 63 characters");
    service.key = std::move(key);
    service.labels = read.labels(read.map(metadata, "labels"));
    const Field spec = read.map(root, "spec");
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
    read.each(read.list(spec, "externalIPs"), addresses_max, [&](const Field& item) {
        if (const auto address = read.address(item)) service.external_ips.push_back(*address);
    });
    read_load_balancer(read, root, spec, service);
    read_external_name(read, spec, service);
    read_policies(read, spec, service);
    service.selector = read.labels(read.map(spec, "selector"));
    source.allocate_node_ports = read.flag(read.get(spec, "allocateLoadBalancerNodePorts"), true);
    return source;
}

}  // namespace nameplane::kube
