// How a ServiceHead is made; what queries read of it is in head.cpp.

#include "services/model.hpp"
#include <nameplane/services/entry.hpp>
#include <nameplane/services/head.hpp>

#include <algorithm>
#include <utility>

namespace nameplane::services {

ServiceHead::ServiceHead(std::shared_ptr<const ServiceEntry> entry) noexcept
    : entry_{std::move(entry)}, ip_count_{elsewhere}, port_count_{elsewhere}, name_octets_{
                                                                                  elsewhere} {
    const Service& service = *entry_->service;
    type_ = service.type;
    headless_ = service.headless;
    selected_ = service.selected;
    const auto& [ns, name] = service.key;
    if (ns.size() + name.size() <= key_.size()) {
        std::ranges::copy(name, std::ranges::copy(ns, key_.begin()).out);
        ns_octets_ = static_cast<std::uint8_t>(ns.size());
        name_octets_ = static_cast<std::uint8_t>(name.size());
    }
    if (service.cluster_ips.size() <= ips_.size()) {
        std::ranges::copy(service.cluster_ips, ips_.begin());
        ip_count_ = static_cast<std::uint8_t>(service.cluster_ips.size());
    }
    if (service.ports.empty()) {
        port_count_ = 0;
    } else if (service.ports.size() == 1 && service.ports[0].name.size() <= port_name_.size()) {
        const ServicePort& port = service.ports[0];
        std::ranges::copy(port.name, port_name_.begin());
        port_name_octets_ = static_cast<std::uint8_t>(port.name.size());
        port_protocol_ = port.protocol;
        port_number_ = port.port;
        port_count_ = 1;
    }
}

}  // namespace nameplane::services
