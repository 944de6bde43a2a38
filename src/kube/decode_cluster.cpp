// Pods, Nodes and Namespaces.
#include "kube/decode.hpp"

#include <algorithm>

namespace nameplane::kube {
namespace {

using services::Node;
using services::Pod;

void read_containers(FieldReader& read, const Field& spec, std::string_view list, bool sidecars,
                     Pod& pod) {
    read.each_map(read.list(spec, list), containers_max, [&](const Field& container) {
        // An init container goes on running, and may be a target, only as a sidecar.
        if (sidecars && read.text(read.get(container, "restartPolicy")) != "Always") return;
        read.each_map(read.list(container, "ports"), ports_max, [&](const Field& item) {
            const Field number = read.get(item, "containerPort");
            if (!number.present()) read.wrong(number, "a port number");
            pod.ports.push_back({.name = read.text(read.get(item, "name")),
                                 .protocol = read.protocol(read.get(item, "protocol")),
                                 .port = read.port(number, 0)});
        });
    });
}

/// podIPs, or podIP where only that is written.
void read_pod_ips(FieldReader& read, const Field& status, Pod& pod) {
    read.each_map(read.list(status, "podIPs"), addresses_max, [&](const Field& item) {
        if (const auto address = read.address(read.get(item, "ip"))) pod.ips.push_back(*address);
    });
    const Field one = read.get(status, "podIP");
    if (read.text(one).empty()) return;
    const auto address = read.address(one);
    if (address && std::ranges::find(pod.ips, *address) == pod.ips.end())
        pod.ips.insert(pod.ips.begin(), *address);
}

/// The Ready condition. False with `found` false if no condition is given at all.
bool read_ready(FieldReader& read, const Field& status, bool& found) {
    bool ready = false;
    const Field conditions = read.list(status, "conditions");
    read.each_map(conditions, addresses_max, [&](const Field& item) {
        found = true;
        if (read.text(read.get(item, "type")) == "Ready")
            ready = read.text(read.get(item, "status")) == "True";
    });
    return ready;
}

}  // namespace

PodSource decode_pod(FieldReader& read, const Field& root, services::ObjectKey key) {
    PodSource source;
    Pod& pod = source.pod;
    pod.key = std::move(key);
    const Field metadata = read.map(root, "metadata");
    pod.labels = read.labels(read.map(metadata, "labels"));
    pod.terminating = read.get(metadata, "deletionTimestamp").present();

    const Field spec = read.map(root, "spec");
    pod.hostname = read.text(read.get(spec, "hostname"));
    pod.subdomain = read.text(read.get(spec, "subdomain"));
    if (!pod.hostname.empty() && !is_label(pod.hostname))
        read.wrong(read.get(spec, "hostname"), "a DNS label");
    pod.node_name = read.text(read.get(spec, "nodeName"));
    pod.host_network = read.flag(read.get(spec, "hostNetwork"), false);
    read_containers(read, spec, "containers", false, pod);
    read_containers(read, spec, "initContainers", true, pod);

    const Field status = read.map(root, "status");
    const std::string phase = read.text(read.get(status, "phase"));
    pod.finished = phase == "Succeeded" || phase == "Failed";
    read_pod_ips(read, status, pod);
    bool conditions = false;
    pod.ready = read_ready(read, status, conditions);
    const bool may_run = phase.empty() || phase == "Running";
    if (!conditions && !pod.ips.empty() && may_run) pod.ready = source.assumed_ready = true;
    return source;
}

Node decode_node(FieldReader& read, const Field& root, services::ObjectKey key) {
    Node node;
    node.key = std::move(key);
    const Field metadata = read.map(root, "metadata");
    node.labels = read.labels(read.map(metadata, "labels"));
    node.deleting = read.get(metadata, "deletionTimestamp").present();
    const Field spec = read.map(root, "spec");
    read.each(read.list(spec, "podCIDRs"), addresses_max, [&](const Field& item) {
        if (const auto cidr = read.cidr(item)) node.pod_cidrs.push_back(*cidr);
    });
    const Field one = read.get(spec, "podCIDR");
    if (one.present() && node.pod_cidrs.empty())
        if (const auto cidr = read.cidr(one)) node.pod_cidrs.push_back(*cidr);

    std::vector<IpAddress> external;
    const Field status = read.map(root, "status");
    read.each_map(read.list(status, "addresses"), addresses_max, [&](const Field& item) {
        const std::string type = read.text(read.get(item, "type"));
        if (type != "InternalIP" && type != "ExternalIP") return;
        const auto address = read.address(read.get(item, "address"));
        if (address) (type == "InternalIP" ? node.addresses : external).push_back(*address);
    });
    node.addresses.insert(node.addresses.end(), external.begin(), external.end());
    return node;
}

services::Namespace decode_namespace(FieldReader& read, const Field& root,
                                     services::ObjectKey key) {
    const Field metadata = read.map(root, "metadata");
    return {.key = std::move(key), .labels = read.labels(read.map(metadata, "labels"))};
}

}  // namespace nameplane::kube
