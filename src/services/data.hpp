#pragma once
// What is inside a Snapshot: the Services in numbered slots, and tables that lead to those slots.
// A Service keeps its slot while it exists, so a change of its endpoints' state touches one chunk
// of slots and no table.

#include "services/model.hpp"
#include "services/snapshot.hpp"
#include "services/table.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/services/entry.hpp>
#include <nameplane/services/head.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::services {

/// Spreads std::hash over all 64 bits; tables take their shards from the high ones.
constexpr std::uint64_t spread(std::uint64_t hash) noexcept {
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93ULL;
    return hash ^ (hash >> 32);
}
inline std::uint64_t name_hash(std::string_view name) noexcept {
    return spread(std::hash<std::string_view>{}(name));
}
inline std::uint64_t name_hash(std::string_view ns, std::string_view name) noexcept {
    const std::hash<std::string_view> hash;
    return spread(hash(ns) * 0x9e3779b97f4a7c15ULL + hash(name));
}

struct NameRecord {
    std::uint64_t of_name = 0;
    std::uint32_t slot = 0;
    std::uint64_t hash() const noexcept { return of_name; }
    friend bool operator==(const NameRecord&, const NameRecord&) = default;
};

/// "This Service has that address". Those of one address stand together, ordered by namespace
/// and name of the Service.
struct AddressRecord {
    IpAddress address;
    /// Where the address stood among the endpoints when the record was made; a place to look
    /// first. The record stays while other endpoints come and go.
    std::uint16_t hint = 0;
    std::uint32_t slot = 0;
    std::uint64_t hash() const noexcept { return address.hash(); }
    friend bool operator==(const AddressRecord& a, const AddressRecord& b) noexcept {
        return a.slot == b.slot && a.address == b.address;
    }
};
static_assert(sizeof(AddressRecord) == 24, "one for each endpoint");

struct NamespaceRecord {
    std::uint64_t of_name = 0;
    std::shared_ptr<const std::string> name;
    Selected selected = 0;
    std::uint64_t hash() const noexcept { return of_name; }
    friend bool operator==(const NamespaceRecord& a, const NamespaceRecord& b) noexcept {
        return *a.name == *b.name;
    }
};

/// A pod that is alive.
struct LivePod {
    /// What only metadata tells.
    struct Details {
        std::string name;
        Labels labels;
        friend bool operator==(const Details&, const Details&) = default;
    };
    std::string ns;
    std::vector<IpAddress> ips;
    std::unique_ptr<const Details> details;  ///< nullptr: nobody asks for them
    Selected selected = 0;
    friend bool operator==(const LivePod& a, const LivePod& b) {
        const bool same_details =
            a.details == b.details || (a.details && b.details && *a.details == *b.details);
        return a.ns == b.ns && a.ips == b.ips && a.selected == b.selected && same_details;
    }
};

struct PodRecord {
    IpAddress address;
    std::shared_ptr<const LivePod> pod;
    std::uint64_t hash() const noexcept { return address.hash(); }
    friend bool operator==(const PodRecord& a, const PodRecord& b) noexcept {
        return a.address == b.address && a.pod == b.pod;
    }
};

struct NodeRecord {
    std::uint64_t of_name = 0;
    std::shared_ptr<const Node> node;
    std::uint64_t hash() const noexcept { return of_name; }
    friend bool operator==(const NodeRecord&, const NodeRecord&) = default;
};

/// The entry of one Service becomes another; nullptr: it was not there, it is gone. Both are of
/// the same Service.
struct EntryChange {
    std::uint32_t slot = 0;
    std::shared_ptr<const ServiceEntry> before;
    std::shared_ptr<const ServiceEntry> after;
};

/// Slot number to Service, in chunks that snapshots share.
class Slots {
public:
    using Entry = std::shared_ptr<const ServiceEntry>;
    static constexpr std::size_t chunk_slots = 64;
    using Chunk = std::array<ServiceHead, chunk_slots>;

    Slots() : chunks_{std::make_shared<const Chunks>()} {}
    /// What is in `slot`; without an entry if it is free. `slot` < size()
    const ServiceHead& head(std::size_t slot) const noexcept {
        return (*(*chunks_)[slot / chunk_slots])[slot % chunk_slots];
    }
    /// The entry in `slot`; nullptr if it is free or was never used.
    const ServiceEntry* at(std::size_t slot) const noexcept {
        return slot < size() ? head(slot).entry().get() : nullptr;
    }
    /// The same, to keep.
    Entry shared(std::size_t slot) const { return slot < size() ? head(slot).entry() : nullptr; }
    std::size_t size() const noexcept { return chunks_->size() * chunk_slots; }
    Slots edited(std::span<const EntryChange> changes) const;
    /// The chunk at that position, nullptr behind the last; equal pointers mean equal content.
    const Chunk* chunk(std::size_t index) const noexcept {
        return index < chunks_->size() ? (*chunks_)[index].get() : nullptr;
    }
    std::size_t chunk_count() const noexcept { return chunks_->size(); }
    bool is_same_as(const Slots& other) const noexcept { return chunks_ == other.chunks_; }
    std::size_t memory_octets() const noexcept;

private:
    using Chunks = std::vector<std::shared_ptr<const Chunk>>;
    std::shared_ptr<const Chunks> chunks_;
};

/// Services, or ServiceImports, by namespace and name.
struct Directory {
    Slots slots;
    Table<NameRecord, 6> names;

    /// The head of one whose key has that hash, or nullptr.
    const ServiceHead* likely_head(std::uint64_t hash) const noexcept;
    /// The slot of that one; slots.size() if there is none.
    std::size_t slot_of(std::string_view ns, std::string_view name) const noexcept;
    void apply(std::span<const EntryChange> changes);
};

/// Copies are cheap: everything big in it is shared.
struct Snapshot::Data : Directory {
    std::uint64_t version = 0;
    std::uint32_t serial = 0;
    bool synced = false;
    bool imports_synced = false;
    std::size_t service_count = 0;
    std::size_t endpoint_count = 0;
    Directory imports;
    Table<AddressRecord, 6> cluster_ips;
    /// External addresses and those of load balancers.
    Table<AddressRecord, 6> external_ips;
    Table<AddressRecord, 9> endpoints;
    Table<NamespaceRecord, 4> namespaces;
    Table<PodRecord, 8> pods;
    Table<NodeRecord, 5> nodes;
    /// Those of all ServiceCIDRs, sorted, each once; nullptr: none.
    std::shared_ptr<const std::vector<Cidr>> service_cidrs;

    /// Puts `changes`, at most one for a slot, into slots, tables and counts.
    void apply(std::span<const EntryChange> changes);
};

}  // namespace nameplane::services
