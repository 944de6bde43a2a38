// Pods, Nodes, Namespaces and ServiceCIDRs.
#include "kube/decode.hpp"
#include "kube/json_value.hpp"

#include <algorithm>

namespace nameplane::kube {
namespace {

using services::Node;
using services::Pod;

template <class V>
void read_containers(BasicFieldReader<V>& read, const BasicField<V>& spec, std::string_view list,
                     bool sidecars, Pod& pod) {
    read.each_map(read.list(spec, list), containers_max, [&](const BasicField<V>& container) {
        // An init container goes on running, and may be a target, only as a sidecar.
        if (sidecars && read.text(read.get(container, "restartPolicy")) != "Always") return;
        read.each_map(
            read.list(container, "ports"), read.limits().ports_max, [&](const BasicField<V>& item) {
                const BasicField<V> number = read.get(item, "containerPort");
                if (!number.present()) read.wrong(number, "a port number");
                pod.ports.push_back({.name = read.text(read.get(item, "name")),
                                     .protocol = read.protocol(read.get(item, "protocol")),
                                     .port = read.port(number, 0)});
            });
    });
}

/// podIPs, or podIP where only that is written.
template <class V>
void read_pod_ips(BasicFieldReader<V>& read, const BasicField<V>& status, Pod& pod) {
    read.each_map(read.list(status, "podIPs"), read.limits().addresses_max,
                  [&](const BasicField<V>& item) {
                      if (const auto address = read.address(read.get(item, "ip")))
                          pod.ips.push_back(*address);
                  });
    const BasicField<V> one = read.get(status, "podIP");
    if (read.text(one).empty()) return;
    const auto address = read.address(one);
    if (address && std::ranges::find(pod.ips, *address) == pod.ips.end())
        pod.ips.insert(pod.ips.begin(), *address);
}

/// The Ready condition. False with `found` false if no condition is given at all.
template <class V>
bool read_ready(BasicFieldReader<V>& read, const BasicField<V>& status, bool& found) {
    bool ready = false;
    const BasicField<V> conditions = read.list(status, "conditions");
    read.each_map(conditions, read.limits().addresses_max, [&](const BasicField<V>& item) {
        found = true;
        if (read.text(read.get(item, "type")) == "Ready")
            ready = read.text(read.get(item, "status")) == "True";
    });
    return ready;
}

}  // namespace

template <class V>
PodSource decode_pod(BasicFieldReader<V>& read, const BasicField<V>& root,
                     services::ObjectKey key) {
    PodSource source;
    Pod& pod = source.pod;
    pod.key = std::move(key);
    const BasicField<V> metadata = read.map(root, "metadata");
    pod.labels = read.labels(read.map(metadata, "labels"));
    pod.terminating = read.get(metadata, "deletionTimestamp").present();

    const BasicField<V> spec = read.map(root, "spec");
    pod.hostname = read.text(read.get(spec, "hostname"));
    pod.subdomain = read.text(read.get(spec, "subdomain"));
    if (!pod.hostname.empty() && !is_label(pod.hostname))
        read.wrong(read.get(spec, "hostname"), "a DNS label");
    pod.node_name = read.text(read.get(spec, "nodeName"));
    pod.host_network = read.flag(read.get(spec, "hostNetwork"), false);
    read_containers(read, spec, "containers", false, pod);
    read_containers(read, spec, "initContainers", true, pod);

    const BasicField<V> status = read.map(root, "status");
    const std::string phase = read.text(read.get(status, "phase"));
    pod.finished = phase == "Succeeded" || phase == "Failed";
    read_pod_ips(read, status, pod);
    bool conditions = false;
    pod.ready = read_ready(read, status, conditions);
    const bool may_run = phase.empty() || phase == "Running";
    if (!conditions && !pod.ips.empty() && may_run) pod.ready = source.assumed_ready = true;
    return source;
}

/// What the cluster's autoscaler marks a Node with before it deletes it.
constexpr std::string_view autoscaler_taint = "ToBeDeletedByClusterAutoscaler";

template <class V>
Node decode_node(BasicFieldReader<V>& read, const BasicField<V>& root, services::ObjectKey key) {
    Node node;
    node.key = std::move(key);
    const BasicField<V> metadata = read.map(root, "metadata");
    node.labels = read.labels(read.map(metadata, "labels"));
    node.deleting = read.get(metadata, "deletionTimestamp").present();
    const BasicField<V> spec = read.map(root, "spec");
    read.each_map(read.list(spec, "taints"), read.limits().addresses_max,
                  [&](const BasicField<V>& item) {
                      if (read.text(read.get(item, "key")) == autoscaler_taint)
                          node.deleting = true;
                  });
    read.each(read.list(spec, "podCIDRs"), read.limits().addresses_max,
              [&](const BasicField<V>& item) {
                  if (const auto cidr = read.cidr(item)) node.pod_cidrs.push_back(*cidr);
              });
    const BasicField<V> one = read.get(spec, "podCIDR");
    if (one.present() && node.pod_cidrs.empty())
        if (const auto cidr = read.cidr(one)) node.pod_cidrs.push_back(*cidr);

    std::vector<IpAddress> external;
    const BasicField<V> status = read.map(root, "status");
    read.each_map(read.list(status, "addresses"), read.limits().addresses_max,
                  [&](const BasicField<V>& item) {
                      const std::string type = read.text(read.get(item, "type"));
                      if (type != "InternalIP" && type != "ExternalIP") return;
                      const BasicField<V> field = read.get(item, "address");
                      const auto address =
                          read.limits().strict ? read.address(field) : read.address_if_any(field);
                      if (address)
                          (type == "InternalIP" ? node.addresses : external).push_back(*address);
                  });
    node.addresses.insert(node.addresses.end(), external.begin(), external.end());
    return node;
}

template <class V>
services::Namespace decode_namespace(BasicFieldReader<V>& read, const BasicField<V>& root,
                                     services::ObjectKey key) {
    const BasicField<V> metadata = read.map(root, "metadata");
    return {.key = std::move(key), .labels = read.labels(read.map(metadata, "labels"))};
}

template <class V>
services::ServiceCidr decode_service_cidr(BasicFieldReader<V>& read, const BasicField<V>& root,
                                          services::ObjectKey key) {
    services::ServiceCidr object{.key = std::move(key), .cidrs = {}};
    const BasicField<V> spec = read.map(root, "spec");
    read.each(read.list(spec, "cidrs"), read.limits().addresses_max,
              [&](const BasicField<V>& item) {
                  if (const auto cidr = read.cidr(item)) object.cidrs.push_back(*cidr);
              });
    return object;
}

// The two kinds of documents.
template PodSource decode_pod(BasicFieldReader<Value>&, const BasicField<Value>&,
                              services::ObjectKey);
template PodSource decode_pod(BasicFieldReader<JsonValue>&, const BasicField<JsonValue>&,
                              services::ObjectKey);
template Node decode_node(BasicFieldReader<Value>&, const BasicField<Value>&, services::ObjectKey);
template Node decode_node(BasicFieldReader<JsonValue>&, const BasicField<JsonValue>&,
                          services::ObjectKey);
template services::Namespace decode_namespace(BasicFieldReader<Value>&, const BasicField<Value>&,
                                              services::ObjectKey);
template services::Namespace decode_namespace(BasicFieldReader<JsonValue>&,
                                              const BasicField<JsonValue>&, services::ObjectKey);
template services::ServiceCidr decode_service_cidr(BasicFieldReader<Value>&,
                                                   const BasicField<Value>&, services::ObjectKey);
template services::ServiceCidr decode_service_cidr(BasicFieldReader<JsonValue>&,
                                                   const BasicField<JsonValue>&,
                                                   services::ObjectKey);

}  // namespace nameplane::kube
