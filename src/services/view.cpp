// hot path
#include "services/data.hpp"
#include <nameplane/services/view.hpp>

#include <algorithm>
#include <span>

namespace nameplane::services {

namespace {

constexpr std::size_t cache_line = 64;

/// The records of exactly `address` among those of its bucket, where they stand together.
std::span<const AddressRecord> of_address(std::span<const AddressRecord> bucket,
                                          const IpAddress& address) noexcept {
    const auto is_it = [&](const AddressRecord& record) { return record.address == address; };
    const auto first = std::ranges::find_if(bucket, is_it);
    const auto last = std::find_if_not(first, bucket.end(), is_it);
    return {first, last};
}

/// The first of `endpoints`, sorted by address, that has the address of `record`.
std::uint32_t first_endpoint(std::span<const EndpointEntry> endpoints,
                             const AddressRecord& record) noexcept {
    const auto has_it = [&](std::size_t i) { return endpoints[i].address == record.address; };
    // Mostly the hint is right or, when others came and went, nearly.
    constexpr std::size_t nearby = 4;
    const std::size_t from = record.hint - std::min<std::size_t>(record.hint, nearby);
    const std::size_t to = std::min(endpoints.size(), record.hint + nearby);
    if (record.hint < endpoints.size() && has_it(record.hint) &&
        (record.hint == 0 || !has_it(record.hint - 1U))) {
        return record.hint;
    }
    for (std::size_t i = from; i < to; ++i) {
        if (has_it(i) && i > 0 && !has_it(i - 1)) return static_cast<std::uint32_t>(i);
    }
    const auto first =
        std::ranges::lower_bound(endpoints, record.address, {}, &EndpointEntry::address);
    return static_cast<std::uint32_t>(first - endpoints.begin());
}

}  // namespace

const ServiceHead* Directory::likely_head(std::uint64_t hash) const noexcept {
    for (const NameRecord& record : names.candidates(hash)) {
        if (record.of_name == hash) return &slots.head(record.slot);
    }
    return nullptr;
}

std::size_t Directory::slot_of(std::string_view ns, std::string_view name) const noexcept {
    const std::uint64_t hash = name_hash(ns, name);
    for (const NameRecord& record : names.candidates(hash)) {
        if (record.of_name != hash) continue;
        const ServiceHead& head = slots.head(record.slot);
        // Both of its lines are waited for at once.
        __builtin_prefetch(reinterpret_cast<const char*>(&head) + cache_line);
        if (head.is(ns, name)) return record.slot;
    }
    return slots.size();
}

std::uint64_t ServiceView::hash_of(std::string_view ns, std::string_view name) noexcept {
    return std::max<std::uint64_t>(name_hash(ns, name), 1);
}

void ServiceView::expect(std::uint64_t hash, unsigned step) const noexcept {
    if (snapshot_ == nullptr) return;
    const Snapshot::Data& data = snapshot_->data();
    if (step == 0) return __builtin_prefetch(data.names.place_of(hash));
    if (step == 1) return __builtin_prefetch(data.names.candidates(hash).data());
    const ServiceHead* const head = data.likely_head(hash);
    if (head == nullptr) return;
    if (step == 2) {
        __builtin_prefetch(head);
        __builtin_prefetch(reinterpret_cast<const char*>(head) + cache_line);
    } else if (head->headless()) {
        const auto& endpoints = head->entry()->endpoints;
        __builtin_prefetch(step == 3 ? static_cast<const void*>(&endpoints) : endpoints.data());
    }
}

const ServiceEntry* ServiceView::find(std::string_view ns, std::string_view name) const noexcept {
    if (snapshot_ == nullptr) return nullptr;
    const Snapshot::Data& data = snapshot_->data();
    return data.slots.at(data.slot_of(ns, name));
}

const ServiceHead* ServiceView::find_head(std::string_view ns,
                                          std::string_view name) const noexcept {
    if (snapshot_ == nullptr) return nullptr;
    const Snapshot::Data& data = snapshot_->data();
    const std::size_t slot = data.slot_of(ns, name);
    return slot < data.slots.size() ? &data.slots.head(slot) : nullptr;
}

std::size_t ServiceView::place_count() const noexcept {
    return snapshot_ == nullptr ? 0 : snapshot_->data().slots.size();
}

const ServiceEntry* ServiceView::at(std::size_t place) const noexcept {
    return snapshot_->data().slots.at(place);
}

const ServiceHead* ServiceView::find_import(std::string_view ns,
                                            std::string_view name) const noexcept {
    if (snapshot_ == nullptr) return nullptr;
    const Directory& imports = snapshot_->data().imports;
    const std::size_t slot = imports.slot_of(ns, name);
    return slot < imports.slots.size() ? &imports.slots.head(slot) : nullptr;
}

bool ServiceView::has_namespace(std::string_view ns, std::uint8_t selected) const noexcept {
    if (snapshot_ == nullptr) return false;
    const auto bucket = snapshot_->data().namespaces.candidates(name_hash(ns));
    return std::ranges::any_of(bucket, [&](const NamespaceRecord& record) {
        return *record.name == ns && (record.selected & selected) == selected;
    });
}

const ServiceEntry* ServiceView::by_cluster_ip(const IpAddress& address) const noexcept {
    if (snapshot_ == nullptr) return nullptr;
    const Snapshot::Data& data = snapshot_->data();
    const auto records = of_address(data.cluster_ips.candidates(address.hash()), address);
    return records.empty() ? nullptr : data.slots.at(records.front().slot);
}

const ServiceEntry* ServiceView::by_external_ip(const IpAddress& address,
                                                std::size_t number) const noexcept {
    if (snapshot_ == nullptr) return nullptr;
    const Snapshot::Data& data = snapshot_->data();
    const auto records = of_address(data.external_ips.candidates(address.hash()), address);
    return number < records.size() ? data.slots.at(records[number].slot) : nullptr;
}

EndpointRange ServiceView::by_endpoint(const IpAddress& address) const noexcept {
    if (snapshot_ == nullptr) return {};
    const auto bucket = snapshot_->data().endpoints.candidates(address.hash());
    const auto records = of_address(bucket, address);
    if (records.empty()) return {};
    const AddressRecord* last = records.data() + records.size();
    return {{*snapshot_, records.data(), last}, {*snapshot_, last, last}};
}

bool ServiceView::has_pod(std::string_view ns, const IpAddress& address,
                          std::uint8_t selected) const noexcept {
    if (snapshot_ == nullptr) return false;
    const auto bucket = snapshot_->data().pods.candidates(address.hash());
    return std::ranges::any_of(bucket, [&](const PodRecord& record) {
        return record.address == address && record.pod->ns == ns &&
               (record.pod->selected & selected) == selected;
    });
}

const LivePod* ServiceView::pod_at(const IpAddress& address, std::uint8_t selected) const noexcept {
    if (snapshot_ == nullptr) return nullptr;
    const auto bucket = snapshot_->data().pods.candidates(address.hash());
    const auto found = std::ranges::find_if(bucket, [&](const PodRecord& record) {
        return record.address == address && (record.pod->selected & selected) == selected;
    });
    return found == bucket.end() ? nullptr : found->pod.get();
}

std::string_view ServiceView::namespace_of_pod(const IpAddress& address,
                                               std::uint8_t selected) const noexcept {
    const LivePod* const pod = pod_at(address, selected);
    return pod == nullptr ? std::string_view{} : std::string_view{pod->ns};
}

std::string_view ServiceView::name_of_pod(const IpAddress& address,
                                          std::uint8_t selected) const noexcept {
    const LivePod* const pod = pod_at(address, selected);
    return pod == nullptr || pod->details == nullptr ? std::string_view{}
                                                     : std::string_view{pod->details->name};
}

std::optional<std::string_view> ServiceView::label_of_pod(const IpAddress& address,
                                                          std::string_view key,
                                                          std::uint8_t selected) const noexcept {
    const LivePod* const pod = pod_at(address, selected);
    if (pod == nullptr || pod->details == nullptr) return std::nullopt;
    const auto found = pod->details->labels.find(key);
    if (found == pod->details->labels.end()) return std::nullopt;
    return found->second;
}

bool ServiceView::synced() const noexcept {
    return snapshot_ != nullptr && snapshot_->data().synced;
}

bool ServiceView::imports_synced() const noexcept {
    return snapshot_ != nullptr && snapshot_->data().imports_synced;
}

std::uint64_t ServiceView::version() const noexcept {
    return snapshot_ == nullptr ? 0 : snapshot_->data().version;
}

std::uint32_t ServiceView::serial() const noexcept {
    return snapshot_ == nullptr ? 0 : snapshot_->data().serial;
}

EndpointRange::Iterator::Iterator(const Snapshot& snapshot, const AddressRecord* at,
                                  const AddressRecord* last) noexcept
    : snapshot_{&snapshot}, at_{at}, last_{last} {
    enter_service();
}

/// Stands on the first endpoint that has the address in the Service at hand; the index says that
/// there is one.
void EndpointRange::Iterator::enter_service() noexcept {
    if (at_ == last_) {
        found_ = {};
        return;
    }
    found_.service = snapshot_->data().slots.at(at_->slot);
    found_.endpoint = first_endpoint(found_.service->endpoints, *at_);
}

EndpointRange::Iterator& EndpointRange::Iterator::operator++() noexcept {
    const auto& endpoints = found_.service->endpoints;
    ++found_.endpoint;
    if (found_.endpoint == endpoints.size() || endpoints[found_.endpoint].address != at_->address) {
        ++at_;
        enter_service();
    }
    return *this;
}

}  // namespace nameplane::services
