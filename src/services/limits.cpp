#include "services/limits.hpp"

#include <algorithm>
#include <string>

namespace nameplane::services {

namespace {

std::string shortened(const std::string& name) {
    constexpr std::size_t shown = 63;
    return name.size() <= name_octets_max ? name : name.substr(0, shown) + "...";
}

bool too_long(const std::string& name) noexcept {
    return name.size() > name_octets_max;
}

Status check_key(Kind kind, const ObjectKey& key) {
    if (key.name.empty()) return refusal(kind, key, "has no name");
    if (is_namespaced(kind) && key.ns.empty()) return refusal(kind, key, "has no namespace");
    if (too_long(key.name)) return refusal(kind, key, "name longer than 253 octets");
    if (too_long(key.ns)) return refusal(kind, key, "namespace longer than 253 octets");
    return {};
}

Status check_endpoint(const EndpointSlice& slice, const Endpoint& endpoint) {
    constexpr Kind kind = Kind::endpoint_slice;
    if (endpoint.addresses.size() > addresses_per_endpoint_max) {
        return refusal(kind, slice.key, "an endpoint with more than 100 addresses");
    }
    if (too_long(endpoint.hostname))
        return refusal(kind, slice.key, "hostname longer than 253 octets");
    if (too_long(endpoint.pod_name))
        return refusal(kind, slice.key, "pod name longer than 253 octets");
    if (too_long(endpoint.node_name))
        return refusal(kind, slice.key, "node name longer than 253 octets");
    if (too_long(endpoint.zone)) return refusal(kind, slice.key, "zone longer than 253 octets");
    return {};
}

}  // namespace

Error refusal(Kind kind, const ObjectKey& key, std::string_view what) {
    std::string text{to_string(kind)};
    text += ' ';
    if (is_namespaced(kind)) text += shortened(key.ns) + '/';
    text += shortened(key.name);
    text += ": ";
    text += what;
    return Error{Errc::invalid, std::move(text)};
}

Status check_limits(const Service& service) {
    if (Status status = check_key(Kind::service, service.key); !status) return status;
    if (too_long(service.external_name)) {
        return refusal(Kind::service, service.key, "externalName longer than 253 octets");
    }
    if (std::ranges::any_of(service.ports, too_long, &ServicePort::name)) {
        return refusal(Kind::service, service.key, "port name longer than 253 octets");
    }
    return {};
}

Status check_limits(const EndpointSlice& slice) {
    constexpr Kind kind = Kind::endpoint_slice;
    if (Status status = check_key(kind, slice.key); !status) return status;
    if (too_long(slice.service)) {
        return refusal(kind, slice.key, "service name longer than 253 octets");
    }
    if (too_long(slice.import)) {
        return refusal(kind, slice.key, "name of its ServiceImport longer than 253 octets");
    }
    if (too_long(slice.cluster)) {
        return refusal(kind, slice.key, "name of its cluster longer than 253 octets");
    }
    if (slice.endpoints.size() > endpoints_per_slice_max) {
        return refusal(kind, slice.key, "more than 1000 endpoints");
    }
    if (slice.ports.size() > ports_per_slice_max) {
        return refusal(kind, slice.key, "more than 20000 ports");
    }
    if (std::ranges::any_of(slice.ports, too_long, &EndpointPort::name)) {
        return refusal(kind, slice.key, "port name longer than 253 octets");
    }
    for (const Endpoint& endpoint : slice.endpoints) {
        if (Status status = check_endpoint(slice, endpoint); !status) return status;
    }
    return {};
}

Status check_limits(const Pod& pod) {
    return check_key(Kind::pod, pod.key);
}
Status check_limits(const Node& node) {
    return check_key(Kind::node, node.key);
}
Status check_limits(const Namespace& ns) {
    return check_key(Kind::namespace_, ns.key);
}
Status check_limits(const ServiceImport& import) {
    constexpr Kind kind = Kind::service_import;
    if (Status status = check_key(kind, import.key); !status) return status;
    if (std::ranges::any_of(import.ports, too_long, &ServicePort::name)) {
        return refusal(kind, import.key, "port name longer than 253 octets");
    }
    return {};
}
Status check_limits(const ServiceCidr& cidr) {
    return check_key(Kind::service_cidr, cidr.key);
}

}  // namespace nameplane::services
