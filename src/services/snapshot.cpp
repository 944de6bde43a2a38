#include "services/snapshot.hpp"

#include "services/data.hpp"
#include "services/stored_slice.hpp"

namespace nameplane::services {

ServiceEntry::ServiceEntry() = default;
ServiceEntry::~ServiceEntry() = default;

Snapshot::Snapshot(std::unique_ptr<const Data> data) noexcept : data_{std::move(data)} {}
Snapshot::~Snapshot() = default;

std::shared_ptr<const Snapshot> Snapshot::empty() {
    return std::make_shared<const Snapshot>(std::make_unique<const Data>());
}

std::uint64_t Snapshot::version() const noexcept {
    return data_->version;
}
std::size_t Snapshot::service_count() const noexcept {
    return data_->service_count;
}
std::size_t Snapshot::endpoint_count() const noexcept {
    return data_->endpoint_count;
}

void Snapshot::for_each(const std::function<void(const ServiceEntry&)>& visit) const {
    for (std::size_t slot = 0; slot < data_->slots.size(); ++slot) {
        if (const ServiceEntry* entry = data_->slots.at(slot); entry != nullptr) visit(*entry);
    }
}

const Node* Snapshot::node(std::string_view name) const noexcept {
    for (const NodeRecord& record : data_->nodes.candidates(name_hash(name))) {
        if (record.node->key.name == name) return record.node.get();
    }
    return nullptr;
}

std::span<const Cidr> Snapshot::service_cidrs() const noexcept {
    return data_->service_cidrs ? std::span<const Cidr>{*data_->service_cidrs}
                                : std::span<const Cidr>{};
}

namespace {

std::size_t octets_of(const ServiceEntry& entry) {
    std::size_t octets = sizeof entry + sizeof *entry.service;
    octets += entry.service->ports.capacity() * sizeof(ServicePort);
    octets += entry.service->cluster_ips.capacity() * sizeof(IpAddress);
    octets += entry.endpoints.capacity() * sizeof(EndpointEntry);
    octets += entry.hints.capacity() * sizeof(EndpointHints);
    for (const auto& ports : entry.port_sets) {
        octets += sizeof ports + ports.capacity() * sizeof(EndpointPort);
    }
    for (const auto& slice : entry.slices) octets += sizeof slice + slice->memory_octets();
    return octets;
}

}  // namespace

std::size_t Snapshot::memory_octets() const noexcept {
    std::size_t octets = sizeof *this + sizeof *data_ + data_->slots.memory_octets();
    octets += data_->names.memory_octets() + data_->cluster_ips.memory_octets();
    octets += data_->external_ips.memory_octets() + data_->imports.slots.memory_octets();
    octets += data_->imports.names.memory_octets();
    octets += data_->endpoints.memory_octets() + data_->namespaces.memory_octets();
    octets += data_->pods.memory_octets() + data_->nodes.memory_octets();
    octets += service_cidrs().size() * sizeof(Cidr);
    for (std::size_t slot = 0; slot < data_->slots.size(); ++slot) {
        if (const ServiceEntry* entry = data_->slots.at(slot); entry != nullptr)
            octets += octets_of(*entry);
    }
    return octets;
}

}  // namespace nameplane::services
