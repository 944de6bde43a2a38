// Records in any order to a Zone.

#include "dns/octets.hpp"
#include "zone/zone.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

namespace nameplane::zone {

namespace {

constexpr auto nsec3 = static_cast<dns::Type>(50);
constexpr auto nsec3param = static_cast<dns::Type>(51);

struct Item {
    dns::Type type{};
    dns::Type covered{};
    dns::Ttl ttl = 0;
    std::string data;
    bool again = false;  ///< another one like it stands before it
};

/// Strings of this kind sort as names do in canonical order: labels from the right, a zero octet
/// behind each, and two octets in place of 0 and 1.
std::string key_of(dns::NameView lower) {
    const Suffixes suffixes{lower};
    std::string key;
    for (std::size_t i = suffixes.count() - 1; i-- > 0;) {
        for (const char c : suffixes.name(i).first_label()) {
            if (c == '\0' || c == '\1') {
                key += '\1';
                key += static_cast<char>(c + 1);
            } else {
                key += c;
            }
        }
        key += '\0';
    }
    return key;
}

/// One name of the zone to be.
struct Owner {
    std::string name;  ///< wire form, lower case
    std::vector<Item> items;
};

void put16(std::string& to, std::uint16_t value) {
    to += static_cast<char>(value >> 8U);
    to += static_cast<char>(value & 0xffU);
}
void put32(std::string& to, std::uint32_t value) {
    put16(to, static_cast<std::uint16_t>(value >> 16U));
    put16(to, static_cast<std::uint16_t>(value));
}
void put_name(std::string& to, dns::NameView name) {
    to.append(reinterpret_cast<const char*>(name.data()), name.size());
}
void put_lower(std::string& to, dns::NameView name) {
    put_name(to, dns::Name{name}.lower());
}

std::string_view text_of(std::span<const std::uint8_t> octets) {
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

/// RFC 6895 3.1: OPT, and types that only questions have.
bool is_meta(dns::Type type) noexcept {
    const auto number = static_cast<std::uint16_t>(type);
    return type == dns::Type::opt || (number >= 128 && number <= 255);
}

bool is_named_lower(dns::Type type) noexcept {
    return type == dns::Type::ns || type == dns::Type::cname;
}

/// The length of the name that `octets` begin with; nothing if there is no whole one.
std::optional<std::size_t> name_size(std::span<const std::uint8_t> octets) noexcept {
    std::size_t at = 0;
    while (at < octets.size() && octets[at] != 0) at += 1U + octets[at];
    if (at >= octets.size()) return std::nullopt;
    if (!dns::NameView::check(octets.first(at + 1))) return std::nullopt;
    return at + 1;
}

/// An IpAddress, a name, ... for every type that has one; so that Zone may trust the octets.
bool has_shape(const dns::Record& record) noexcept {
    const bool raw = std::holds_alternative<dns::RawData>(record.data);
    if (record.type == dns::Type::a || record.type == dns::Type::aaaa) {
        const auto* const address = std::get_if<IpAddress>(&record.data);
        return address != nullptr && dns::type_of(*address) == record.type;
    }
    if (is_named_lower(record.type) || record.type == dns::Type::ptr) {
        return std::holds_alternative<dns::NameView>(record.data);
    }
    if (record.type == dns::Type::mx) return std::holds_alternative<dns::MxData>(record.data);
    if (record.type == dns::Type::srv) return std::holds_alternative<dns::SrvData>(record.data);
    if (record.type == dns::Type::soa) return std::holds_alternative<dns::SoaData>(record.data);
    if (!raw) return false;
    const dns::RawData data = std::get<dns::RawData>(record.data);
    if (record.type == dns::Type::rrsig) return data.size() > 18;
    if (record.type == dname_type) return dns::NameView::check(data).has_value();
    if (record.type == dns::Type::svcb || record.type == dns::Type::https) {
        return data.size() > 2 && name_size(data.subspan(2));
    }
    return true;
}

std::string data_of(const dns::Record& record) {
    std::string data;
    if (const auto* address = std::get_if<IpAddress>(&record.data)) {
        data = text_of(address->bytes());
    } else if (const auto* name = std::get_if<dns::NameView>(&record.data)) {
        if (is_named_lower(record.type)) {
            put_lower(data, *name);
        } else {
            put_name(data, *name);
        }
    } else if (const auto* mx = std::get_if<dns::MxData>(&record.data)) {
        put16(data, mx->preference);
        put_lower(data, mx->exchange);
    } else if (const auto* srv = std::get_if<dns::SrvData>(&record.data)) {
        put16(data, srv->priority);
        put16(data, srv->weight);
        put16(data, srv->port);
        put_name(data, srv->target);
    } else if (const auto* soa = std::get_if<dns::SoaData>(&record.data)) {
        put_lower(data, soa->mname);
        put_lower(data, soa->rname);
        for (const std::uint32_t number :
             {soa->serial, soa->refresh, soa->retry, soa->expire, soa->minimum}) {
            put32(data, number);
        }
    } else if (const auto* raw = std::get_if<dns::RawData>(&record.data)) {
        data = text_of(*raw);
        if (record.type == dns::Type::svcb || record.type == dns::Type::https) {
            const std::size_t size = *name_size(raw->subspan(2));
            dns::copy_folded(reinterpret_cast<std::uint8_t*>(data.data()) + 2, raw->data() + 2,
                             size);
        }
    }
    return data;
}

dns::Type covered_by(const Item& item) noexcept {
    const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(item.data[i]); };
    return static_cast<dns::Type>(octet(0) << 8U | octet(1));
}

/// In the order of their types, those of one type as they came, none twice (RFC 2181 5).
void put_in_order(std::vector<Item>& items) {
    std::vector<std::size_t> order(items.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
        return std::tie(items[a].type, items[a].data, a) <
               std::tie(items[b].type, items[b].data, b);
    });
    for (std::size_t i = 1; i < order.size(); ++i) {
        const Item& before = items[order[i - 1]];
        Item& item = items[order[i]];
        item.again = item.type == before.type && item.data == before.data;
    }
    std::erase_if(items, [](const Item& item) { return item.again; });
    std::ranges::stable_sort(items, {}, [](const Item& item) {
        return std::pair{item.type, item.covered};
    });
}

Error named(std::string_view what, const dns::Record& record) {
    return {Errc::invalid, std::string{what} + ": " + record.owner.to_string() + ' ' +
                               dns::to_string(record.type)};
}

}  // namespace

struct Zone::Builder::Draft {
    std::map<std::string, Owner> owners;  // by key_of()
    std::string origin_key;
    std::string soa_owner;
    std::size_t octets = 0;

    Owner& owner_of(dns::NameView name, dns::NameView origin) {
        Owner& owner = owners[key_of(name)];
        if (!owner.name.empty()) return owner;
        put_name(owner.name, name);
        octets += owner.name.size();
        if (!name.equals(origin)) (void)owner_of(name.parent(), origin);
        return owner;
    }
};

Zone::Builder::Builder(dns::NameView origin)
    : origin_{dns::Name{origin}.lower()}, draft_{std::make_unique<Draft>()} {
    draft_->origin_key = key_of(origin_);
    (void)draft_->owner_of(origin_, origin_);
}

Zone::Builder::~Builder() = default;

bool Zone::Builder::has_soa() const noexcept {
    return !draft_->soa_owner.empty();
}

Status Zone::Builder::add(const dns::Record& record) {
    if (record.klass != dns::Class::in) return named("a class other than IN", record);
    if (record.type == nsec3 || record.type == nsec3param) {
        return named("NSEC3 is not served, expected a zone signed with NSEC", record);
    }
    if (is_meta(record.type)) return named("a type that no record has", record);
    if (!has_shape(record)) return named("malformed", record);
    const dns::Name owner = dns::Name{record.owner}.lower();
    const bool is_soa = record.type == dns::Type::soa;
    if (!is_soa && !owner.view().is_under(origin_)) {
        ++outside_;
        return {};
    }
    Item item{.type = record.type, .covered = {}, .ttl = record.ttl, .data = data_of(record)};
    if (item.data.size() > 0xffff) return named("too large", record);
    if (item.type == dns::Type::rrsig) item.covered = covered_by(item);
    // The SOA is the origin's, wherever the file has it; the last one counts.
    auto& items = draft_->owner_of(is_soa ? origin_.view() : owner.view(), origin_).items;
    if (is_soa) {
        draft_->soa_owner.clear();
        put_name(draft_->soa_owner, owner);
        std::erase_if(items, [](const Item& one) { return one.type == dns::Type::soa; });
    }
    draft_->octets += item.data.size();
    items.push_back(std::move(item));
    return {};
}

Result<ZonePtr> Zone::Builder::finish() {
    if (!has_soa()) return Error{Errc::invalid, "no SOA record"};
    if (draft_->octets + dns::name_octets_max > 0xffffffffULL) {
        return Error{Errc::exhausted, "more than 4 GB of names and data"};
    }
    std::shared_ptr<Zone> zone{new Zone};
    zone->octets_.reserve(draft_->octets + draft_->soa_owner.size());
    const auto append = [&](std::string_view text) {
        const auto at = static_cast<std::uint32_t>(zone->octets_.size());
        zone->octets_.insert(zone->octets_.end(), text.begin(), text.end());
        return at;
    };
    zone->nodes_.reserve(draft_->owners.size());
    zone->soa_owner_ = append(draft_->soa_owner);
    zone->soa_owner_size_ = static_cast<std::uint8_t>(draft_->soa_owner.size());
    for (auto& [key, owner] : draft_->owners) {
        put_in_order(owner.items);
        Node node{.name = append(owner.name),
                  .first_set = static_cast<std::uint32_t>(zone->sets_.size()),
                  .name_size = static_cast<std::uint8_t>(owner.name.size())};
        for (const Item& item : owner.items) {
            const bool goes_on = zone->sets_.size() > node.first_set &&
                                 zone->sets_.back().type == item.type &&
                                 zone->sets_.back().covered == item.covered;
            if (!goes_on) {
                zone->sets_.push_back({.type = item.type,
                                       .covered = item.covered,
                                       .first = static_cast<std::uint32_t>(zone->rrs_.size())});
            }
            ++zone->sets_.back().count;
            zone->rrs_.push_back({.data = append(item.data),
                                  .ttl = item.ttl,
                                  .size = static_cast<std::uint16_t>(item.data.size())});
        }
        node.set_count = static_cast<std::uint32_t>(zone->sets_.size()) - node.first_set;
        zone->nodes_.push_back(node);
    }
    zone->sets_.shrink_to_fit();
    zone->rrs_.shrink_to_fit();
    link(*zone);
    return ZonePtr{std::move(zone)};
}

// What nodes know of each other, the hash table, and the order of a transfer.
void Zone::Builder::link(Zone& zone) const {
    zone.slots_.resize(std::bit_ceil(zone.nodes_.size() * 2));
    const std::size_t mask = zone.slots_.size() - 1;
    const auto index_of = [&](const Node* node) {
        return node == nullptr ? none : static_cast<std::uint32_t>(node - zone.nodes_.data());
    };
    const auto belongs_to_apex = [](const Set& set) {
        const dns::Type type = set.type == dns::Type::rrsig ? set.covered : set.type;
        return type == dns::Type::soa || type == dns::Type::ns;
    };
    for (std::uint32_t i = 0; i < zone.nodes_.size(); ++i) {
        Node& node = zone.nodes_[i];
        const dns::NameView name = zone.name_of(node);
        std::size_t slot = Suffixes::hash_of(name) & mask;
        while (zone.slots_[slot] != 0) slot = (slot + 1) & mask;
        zone.slots_[slot] = i + 1;
        const auto sets = zone.sets_of(node);
        node.has_records = i == 0 ? !std::ranges::all_of(sets, belongs_to_apex) : !sets.empty();
        const bool has_dname = zone.set_of(node, dname_type) != nullptr;
        if (i == 0) {
            if (has_dname) node.cut = i;
            continue;
        }
        // Parents come first, and all of them are there.
        node.parent = index_of(zone.find(name.parent()));
        Node& parent = zone.nodes_[node.parent];
        const bool has_ns = zone.set_of(node, dns::Type::ns) != nullptr;
        node.cut = parent.cut != none ? parent.cut : has_ns || has_dname ? i : none;
        node.delegation = parent.delegation != none ? parent.delegation : has_ns ? i : none;
        if (name.first_label() == "*") parent.wildcard = i;
    }
    for (const Set& set : zone.sets_) {
        if (!is_named_lower(set.type)) continue;
        for (std::uint32_t i = set.first; i < set.first + set.count; ++i) {
            const Rr& rr = zone.rrs_[i];
            const auto target = dns::NameView::trusted(zone.octets_.data() + rr.data, rr.size);
            if (target.is_under(origin_)) zone.rrs_[i].target = index_of(zone.find(target));
        }
    }

    zone.transfer_.reserve(zone.rrs_.size());
    const auto transfer = [&](std::uint32_t node, const Set& set) {
        const auto index = static_cast<std::uint32_t>(&set - zone.sets_.data());
        for (std::uint32_t rr = set.first; rr < set.first + set.count; ++rr) {
            zone.transfer_.push_back({node, index, rr});
        }
    };
    const auto apex = zone.sets_of(zone.nodes_.front());
    for (const dns::Type type : {dns::Type::soa, dns::Type::ns}) {
        if (const Set* set = zone.set_of(zone.nodes_.front(), type)) transfer(0, *set);
        if (const Set* set = zone.signatures_of(zone.nodes_.front(), type)) transfer(0, *set);
    }
    for (const Set& set : apex) {
        if (!belongs_to_apex(set)) transfer(0, set);
    }
    for (std::uint32_t i = 1; i < zone.nodes_.size(); ++i) {
        for (const Set& set : zone.sets_of(zone.nodes_[i])) transfer(i, set);
    }
}

}  // namespace nameplane::zone
