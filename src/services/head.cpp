// hot path
#include "services/model.hpp"
#include <nameplane/services/entry.hpp>
#include <nameplane/services/head.hpp>

namespace nameplane::services {

bool ServiceHead::entry_is(std::string_view ns, std::string_view name) const noexcept {
    const ObjectKey& key = entry_->service->key;
    return key.name == name && key.ns == ns;
}

std::span<const IpAddress> ServiceHead::entry_cluster_ips() const noexcept {
    return entry_->service->cluster_ips;
}

std::size_t ServiceHead::entry_port_count() const noexcept {
    return entry_->service->ports.size();
}

ServiceHead::Port ServiceHead::entry_port(std::size_t i) const noexcept {
    const ServicePort& port = entry_->service->ports[i];
    return {port.name, port.protocol, port.port};
}

}  // namespace nameplane::services
