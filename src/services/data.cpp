#include "services/data.hpp"

#include <algorithm>
#include <limits>

namespace nameplane::services {

namespace {

using Addresses = std::vector<IpAddress>;

Addresses sorted(Addresses addresses) {
    std::ranges::sort(addresses);
    const auto repeated = std::ranges::unique(addresses);
    addresses.erase(repeated.begin(), repeated.end());
    return addresses;
}

Addresses cluster_addresses(const ServiceEntry* entry) {
    return entry == nullptr ? Addresses{} : sorted(entry->service->cluster_ips);
}

Addresses external_addresses(const ServiceEntry* entry) {
    if (entry == nullptr) return {};
    Addresses addresses = entry->service->external_ips;
    for (const LoadBalancerIngress& ingress : entry->service->ingress) {
        addresses.push_back(ingress.address);
    }
    return sorted(std::move(addresses));
}

Addresses endpoint_addresses(const ServiceEntry* entry) {
    if (entry == nullptr) return {};
    Addresses addresses;
    addresses.reserve(entry->endpoints.size());
    for (const EndpointEntry& endpoint : entry->endpoints) {  // sorted by address
        if (addresses.empty() || addresses.back() != endpoint.address) {
            addresses.push_back(endpoint.address);
        }
    }
    return addresses;
}

/// What one table has to take out and in.
template <class Record> struct Edits {
    std::vector<Record> removed;
    std::vector<Record> added;
};

void diff(const Addresses& before, const Addresses& after, std::uint32_t slot,
          Edits<AddressRecord>& edits) {
    auto old = before.begin();
    auto now = after.begin();
    while (old != before.end() || now != after.end()) {
        if (now == after.end() || (old != before.end() && *old < *now)) {
            edits.removed.push_back({.address = *old++, .slot = slot});
        } else if (old == before.end() || *now < *old) {
            const auto hint = static_cast<std::uint16_t>(std::min<std::ptrdiff_t>(
                now - after.begin(), std::numeric_limits<std::uint16_t>::max()));
            edits.added.push_back({.address = *now++, .hint = hint, .slot = slot});
        } else {
            ++old;
            ++now;
        }
    }
}

NameRecord name_record(const ServiceEntry& entry, std::uint32_t slot) {
    const ObjectKey& key = entry.service->key;
    return {name_hash(key.ns, key.name), slot};
}

}  // namespace

Slots Slots::edited(std::span<const EntryChange> changes) const {
    auto chunks = std::make_shared<Chunks>(*chunks_);
    std::vector<std::shared_ptr<Chunk>> copies(chunks->size());
    for (const EntryChange& change : changes) {
        const std::size_t at = change.slot / chunk_slots;
        if (at >= copies.size()) {
            copies.resize(at + 1);
            chunks->resize(at + 1, std::make_shared<const Chunk>());
        }
        if (copies[at] == nullptr) copies[at] = std::make_shared<Chunk>(*(*chunks)[at]);
        ServiceHead& head = (*copies[at])[change.slot % chunk_slots];
        head = change.after != nullptr ? ServiceHead{change.after} : ServiceHead{};
    }
    for (std::size_t i = 0; i < copies.size(); ++i) {
        if (copies[i] != nullptr) (*chunks)[i] = std::move(copies[i]);
    }
    Slots slots;
    slots.chunks_ = std::move(chunks);
    return slots;
}

std::size_t Slots::memory_octets() const noexcept {
    return chunks_->size() * (sizeof(Chunk) + sizeof(Chunks::value_type));
}

void Directory::apply(std::span<const EntryChange> changes) {
    if (changes.empty()) return;
    Edits<NameRecord> name_edits;
    for (const auto& [slot, before, after] : changes) {
        if (before == nullptr) name_edits.added.push_back(name_record(*after, slot));
        if (after == nullptr) name_edits.removed.push_back(name_record(*before, slot));
    }
    slots = slots.edited(changes);
    names = names.edited(name_edits.removed, name_edits.added,
                         [](const NameRecord& a, const NameRecord& b) { return a.slot < b.slot; });
}

void Snapshot::Data::apply(std::span<const EntryChange> changes) {
    if (changes.empty()) return;
    Edits<AddressRecord> cluster_ip_edits;
    Edits<AddressRecord> external_ip_edits;
    Edits<AddressRecord> endpoint_edits;
    for (const auto& [slot, before, after] : changes) {
        diff(cluster_addresses(before.get()), cluster_addresses(after.get()), slot,
             cluster_ip_edits);
        diff(external_addresses(before.get()), external_addresses(after.get()), slot,
             external_ip_edits);
        diff(endpoint_addresses(before.get()), endpoint_addresses(after.get()), slot,
             endpoint_edits);
        service_count += after != nullptr ? 1U : 0U;
        service_count -= before != nullptr ? 1U : 0U;
        endpoint_count += after != nullptr ? after->endpoints.size() : 0U;
        endpoint_count -= before != nullptr ? before->endpoints.size() : 0U;
    }
    Directory::apply(changes);
    const auto by_key = [this](const AddressRecord& a, const AddressRecord& b) {
        if (a.address != b.address) return a.address < b.address;
        return slots.at(a.slot)->service->key < slots.at(b.slot)->service->key;
    };
    cluster_ips = cluster_ips.edited(cluster_ip_edits.removed, cluster_ip_edits.added, by_key);
    external_ips = external_ips.edited(external_ip_edits.removed, external_ip_edits.added, by_key);
    endpoints = endpoints.edited(endpoint_edits.removed, endpoint_edits.added, by_key);
}

}  // namespace nameplane::services
