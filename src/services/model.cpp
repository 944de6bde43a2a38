#include "services/model.hpp"

namespace nameplane::services {

bool is_for_another_proxy(const Labels& labels) noexcept {
    return labels.contains("service.kubernetes.io/service-proxy-name") ||
           labels.contains("service.kubernetes.io/headless");
}

std::string_view to_string(Protocol protocol) noexcept {
    switch (protocol) {
    case Protocol::tcp: return "tcp";
    case Protocol::udp: return "udp";
    case Protocol::sctp: return "sctp";
    }
    return "tcp";
}

std::string_view to_string(Kind kind) noexcept {
    switch (kind) {
    case Kind::service: return "Service";
    case Kind::endpoint_slice: return "EndpointSlice";
    case Kind::pod: return "Pod";
    case Kind::node: return "Node";
    case Kind::namespace_: return "Namespace";
    case Kind::service_import: return "ServiceImport";
    case Kind::service_cidr: return "ServiceCIDR";
    }
    return "Service";
}

}  // namespace nameplane::services
