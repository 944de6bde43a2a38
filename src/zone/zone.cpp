// hot path
#include "zone/zone.hpp"

#include "dns/reader.hpp"
#include "zone/canonical.hpp"
#include <nameplane/base/ip.hpp>

#include <algorithm>
#include <optional>

namespace nameplane::zone {

namespace {

using Octets = std::span<const std::uint8_t>;

/// The name that `octets`, which a Builder wrote, begin with.
dns::NameView name_at(Octets octets) noexcept {
    std::size_t at = 0;
    while (octets[at] != 0) at += 1U + octets[at];
    return dns::NameView::trusted(octets.data(), at + 1);
}

dns::SoaData soa_at(Octets data) noexcept {
    const dns::NameView mname = name_at(data);
    const dns::NameView rname = name_at(data.subspan(mname.size()));
    dns::ByteReader reader{data.subspan(mname.size() + rname.size())};
    return {.mname = mname,
            .rname = rname,
            .serial = reader.u32().value_or(0),
            .refresh = reader.u32().value_or(0),
            .retry = reader.u32().value_or(0),
            .expire = reader.u32().value_or(0),
            .minimum = reader.u32().value_or(0)};
}

/// What a Builder made of the rdata, read back. Only the types whose shape it checked are more than
/// octets.
dns::Rdata rdata_of(dns::Type type, Octets data) noexcept {
    dns::ByteReader reader{data};
    if (type == dns::Type::a || type == dns::Type::aaaa) {
        if (const auto address = IpAddress::from_bytes(data)) return *address;
    } else if (type == dns::Type::ns || type == dns::Type::cname || type == dns::Type::ptr) {
        return name_at(data);
    } else if (type == dns::Type::mx) {
        return dns::MxData{.preference = reader.u16().value_or(0),
                           .exchange = name_at(data.subspan(2))};
    } else if (type == dns::Type::srv) {
        return dns::SrvData{.priority = reader.u16().value_or(0),
                            .weight = reader.u16().value_or(0),
                            .port = reader.u16().value_or(0),
                            .target = name_at(data.subspan(6))};
    } else if (type == dns::Type::soa) {
        return soa_at(data);
    }
    return dns::RawData{data};
}

}  // namespace

dns::SoaData Zone::soa() const noexcept {
    const Rr& rr = rrs_of(*set_of(apex(), dns::Type::soa)).front();
    return soa_at({octets_.data() + rr.data, rr.size});
}

dns::NameView Zone::soa_owner() const noexcept {
    return dns::NameView::trusted(octets_.data() + soa_owner_, soa_owner_size_);
}

std::size_t Zone::octets() const noexcept {
    return octets_.capacity() + nodes_.capacity() * sizeof(Node) + sets_.capacity() * sizeof(Set) +
           rrs_.capacity() * sizeof(Rr) + transfer_.capacity() * sizeof(Place) +
           slots_.capacity() * sizeof(std::uint32_t);
}

dns::Record Zone::transfer_record(std::size_t i) const noexcept {
    const Place& place = transfer_[i == transfer_.size() ? 0 : i];
    const Set& set = sets_[place.set];
    const dns::NameView owner =
        set.type == dns::Type::soa ? soa_owner() : name_of(nodes_[place.node]);
    return record_of(set, rrs_[place.rr], owner);
}

const Node* Zone::find(const Suffixes& suffixes, std::size_t i) const noexcept {
    const std::size_t mask = slots_.size() - 1;
    const dns::NameView wanted = suffixes.name(i);
    for (std::size_t slot = suffixes.hash(i) & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
        const Node& node = nodes_[slots_[slot] - 1];
        if (name_of(node).equals(wanted)) return &node;
    }
    return nullptr;
}

const Node* Zone::last_before(dns::NameView lower) const noexcept {
    const Suffixes wanted{lower};
    auto node = std::upper_bound(nodes_.begin(), nodes_.end(), wanted,
                                 [&](const Suffixes& name, const Node& other) {
                                     return canonical_order(name, Suffixes{name_of(other)}) < 0;
                                 });
    while (node != nodes_.begin()) {
        --node;
        if (node->has_records) return &*node;
    }
    return nullptr;
}

const Set* Zone::set_of(const Node& node, dns::Type type) const noexcept {
    for (const Set& set : sets_of(node)) {
        if (set.type == type) return &set;
    }
    return nullptr;
}

const Set* Zone::signatures_of(const Node& node, dns::Type covered) const noexcept {
    for (const Set& set : sets_of(node)) {
        if (set.type == dns::Type::rrsig && set.covered == covered) return &set;
    }
    return nullptr;
}

dns::Record Zone::record_of(const Set& set, const Rr& rr, dns::NameView owner) const noexcept {
    return {.owner = owner,
            .type = set.type,
            .klass = dns::Class::in,
            .ttl = rr.ttl,
            .data = rdata_of(set.type, {octets_.data() + rr.data, rr.size})};
}

}  // namespace nameplane::zone
