#pragma once
// Zone: all records of one zone, ready to be asked and to be transferred. Immutable; any thread; a
// look-up takes no heap and no lock. lookup.hpp answers a question out of it.
//
// Names that have no records but longer names below them (empty non-terminals) are nodes like all
// others. Nodes lie in canonical order (RFC 4034 6.1), the origin first.

#include "zone/suffixes.hpp"
#include <nameplane/base/result.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/dns/record.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace nameplane::zone {

class Zone;
using ZonePtr = std::shared_ptr<const Zone>;

inline constexpr std::uint32_t none = 0xffffffffU;
inline constexpr auto dname_type = static_cast<dns::Type>(39);

/// One record of a set.
struct Rr {
    std::uint32_t data = 0;  ///< where its rdata begins
    dns::Ttl ttl = 0;
    std::uint32_t target = none;  ///< of NS and CNAME: the node that it names
    std::uint16_t size = 0;       ///< of its rdata
};
/// The records of one type at one name; RRSIGs are a set for each type that they cover.
struct Set {
    dns::Type type{};
    dns::Type covered{};  ///< of an RRSIG
    std::uint32_t first = 0;
    std::uint32_t count = 0;
};
/// A name of the zone.
struct Node {
    std::uint32_t name = 0;  ///< where its wire form begins
    std::uint32_t parent = none;
    std::uint32_t cut = none;         ///< the topmost delegation or DNAME at or above it
    std::uint32_t delegation = none;  ///< the topmost delegation at or above it
    std::uint32_t wildcard = none;    ///< the node "*" right below it
    std::uint32_t first_set = 0;
    std::uint32_t set_count = 0;
    std::uint8_t name_size = 0;
    /// Whether it has more than, at the origin, SOA and NS; empty non-terminals have not.
    bool has_records = false;
};

class Zone {
public:
    class Builder;

    dns::NameView origin() const noexcept { return name_of(nodes_.front()); }
    std::uint32_t serial() const noexcept { return soa().serial; }
    dns::SoaData soa() const noexcept;
    /// The SOA counted once.
    std::size_t record_count() const noexcept { return rrs_.size(); }
    /// The heap that it takes, about.
    std::size_t octets() const noexcept;

    // For a transfer (RFC 5936 2.2): the SOA, its signatures, the NS of the origin and theirs, all
    // other records by name, the SOA again.
    std::size_t transfer_size() const noexcept { return transfer_.size() + 1; }
    /// The record at `i`, below transfer_size(); its views live as long as the zone.
    dns::Record transfer_record(std::size_t i) const noexcept;

    // For look-ups.
    const Node* find(dns::NameView lower) const noexcept { return find(Suffixes{lower}, 0); }
    const Node* find(const Suffixes& suffixes, std::size_t i) const noexcept;
    const Node& apex() const noexcept { return nodes_.front(); }
    const Node* node(std::uint32_t i) const noexcept { return i == none ? nullptr : &nodes_[i]; }
    /// The last node with records whose name is `lower` or sorts before it, or nullptr.
    const Node* last_before(dns::NameView lower) const noexcept;
    dns::NameView name_of(const Node& node) const noexcept {
        return dns::NameView::trusted(octets_.data() + node.name, node.name_size);
    }
    std::span<const Set> sets_of(const Node& node) const noexcept {
        return {sets_.data() + node.first_set, node.set_count};
    }
    const Set* set_of(const Node& node, dns::Type type) const noexcept;
    const Set* signatures_of(const Node& node, dns::Type covered) const noexcept;
    std::span<const Rr> rrs_of(const Set& set) const noexcept {
        return {rrs_.data() + set.first, set.count};
    }
    /// As views of the zone's memory.
    dns::Record record_of(const Set& set, const Rr& rr, dns::NameView owner) const noexcept;
    /// The owner of the SOA: the origin, but where the file says otherwise.
    dns::NameView soa_owner() const noexcept;

private:
    Zone() = default;

    std::vector<std::uint8_t> octets_;  ///< names and rdata
    std::vector<Node> nodes_;
    std::vector<Set> sets_;
    std::vector<Rr> rrs_;
    /// Node and set of each record, in the order of a transfer.
    struct Place {
        std::uint32_t node;
        std::uint32_t set;
        std::uint32_t rr;
    };
    std::vector<Place> transfer_;
    std::vector<std::uint32_t> slots_;  ///< 1 + node by hash, 0: empty
    std::uint32_t soa_owner_ = 0;       ///< where its wire form begins
    std::uint8_t soa_owner_size_ = 0;
};

/// Makes a Zone out of records in any order: those of a file, or of a transfer (whose second SOA
/// does no harm). One thread.
class Zone::Builder {
public:
    explicit Builder(dns::NameView origin);
    ~Builder();
    Builder(const Builder&) = delete;
    Builder& operator=(const Builder&) = delete;

    /// Copies `record`. Names that CoreDNS makes lower case become so: owners, and what NS, SOA,
    /// CNAME, MX, SVCB and HTTPS name. One that is there already, and one that is not in the zone,
    /// is left out. Fails for classes other than IN, for NSEC3 and for types of questions only.
    Status add(const dns::Record& record);
    /// Records that were not in the zone.
    std::size_t outside() const noexcept { return outside_; }
    /// Whether a SOA came.
    bool has_soa() const noexcept;
    /// Fails without a SOA, or when it is all too large.
    Result<ZonePtr> finish();

private:
    struct Draft;
    void link(Zone& zone) const;

    dns::Name origin_;
    std::size_t outside_ = 0;
    std::unique_ptr<Draft> draft_;
};

}  // namespace nameplane::zone
