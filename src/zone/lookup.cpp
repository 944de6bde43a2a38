// hot path
#include "zone/lookup.hpp"

#include <nameplane/dns/rdata.hpp>

#include <array>
#include <cstring>

namespace nameplane::zone {

namespace {

/// As CoreDNS; a chain that is longer, or leads back, ends there.
constexpr unsigned hops_max = 8;
/// RFC 6672 2.2: the name that a DNAME makes is too long.
constexpr auto yx_domain = static_cast<dns::Rcode>(6);

/// Where a name of more types than Zone knows begins in its rdata.
std::optional<dns::NameView> name_in(dns::RawData data, std::size_t from) noexcept {
    std::size_t at = from;
    while (at < data.size() && data[at] != 0) at += 1U + data[at];
    if (at >= data.size()) return std::nullopt;
    return dns::NameView::check(data.subspan(from, at + 1 - from));
}

/// The host whose addresses belong into the additional section.
std::optional<dns::NameView> host_of(const dns::Record& record) noexcept {
    if (const auto* const srv = std::get_if<dns::SrvData>(&record.data)) return srv->target;
    if (const auto* const mx = std::get_if<dns::MxData>(&record.data)) return mx->exchange;
    if (record.type != dns::Type::svcb && record.type != dns::Type::https) return std::nullopt;
    const auto* const raw = std::get_if<dns::RawData>(&record.data);
    return raw == nullptr ? std::nullopt : name_in(*raw, 2);
}

bool belongs_to_apex(const Set& signatures) noexcept {
    return signatures.covered == dns::Type::soa || signatures.covered == dns::Type::ns;
}

}  // namespace

void Lookup::add(To to, const Set& set, dns::NameView owner) noexcept {
    for (const Rr& rr : zone_.rrs_of(set)) {
        const dns::Record record = zone_.record_of(set, rr, owner);
        switch (to) {
        case To::answer: reply_.answer(record); break;
        case To::authority: reply_.authority(record); break;
        case To::additional: reply_.additional(record); break;
        }
    }
}

void Lookup::add_signatures(To to, const Node& node, dns::Type covered,
                            dns::NameView owner) noexcept {
    if (!signed_) return;
    if (const Set* const set = zone_.signatures_of(node, covered)) add(to, *set, owner);
}

bool Lookup::add_both(To to, const Node& node, dns::Type type, dns::NameView owner) noexcept {
    const Set* const set = zone_.set_of(node, type);
    if (set == nullptr) return false;
    add(to, *set, owner);
    add_signatures(to, node, type, owner);
    return true;
}

// What a name has of the type that is asked for.
void Lookup::add_asked(const Node& node, dns::NameView owner) noexcept {
    if (type_ != dns::Type::rrsig) {
        (void)add_both(To::answer, node, type_, owner);
        return;
    }
    for (const Set& set : zone_.sets_of(node)) {
        const bool hidden = &node == &zone_.apex() && belongs_to_apex(set);
        if (set.type == type_ && !hidden) add(To::answer, set, owner);
    }
}

void Lookup::add_addresses(const Node& node) noexcept {
    for (const dns::Type type : {dns::Type::a, dns::Type::aaaa}) {
        (void)add_both(To::additional, node, type, zone_.name_of(node));
    }
}

void Lookup::add_glue(const Node& owner, const Set& ns) noexcept {
    for (const Rr& rr : zone_.rrs_of(ns)) {
        const Node* const host = zone_.node(rr.target);
        if (host != nullptr && zone_.name_of(*host).is_under(zone_.name_of(owner))) {
            add_addresses(*host);
        }
    }
}

void Lookup::add_soa() noexcept {
    const Node& apex = zone_.apex();
    add(To::authority, *zone_.set_of(apex, dns::Type::soa), zone_.soa_owner());
    add_signatures(To::authority, apex, dns::Type::soa, zone_.origin());
}

void Lookup::add_ns() noexcept {
    (void)add_both(To::authority, zone_.apex(), dns::Type::ns, zone_.origin());
}

void Lookup::add_nsec(const Node* node) noexcept {
    if (node == nullptr || !signed_) return;
    (void)add_both(To::authority, *node, dns::Type::nsec, zone_.name_of(*node));
}

// Addresses in the zone of the hosts that the answers name.
void Lookup::add_targets() noexcept {
    for (const dns::Record& record : reply_.answers().records()) {
        const auto host = host_of(record);
        if (!host || !host->is_under(zone_.origin())) continue;
        const dns::Name lower = dns::Name{*host}.lower();
        const Node* const node = zone_.find(lower);
        if (node == nullptr) continue;
        const dns::NameView owner = zone_.name_of(*node);
        bool there = false;
        for (const dns::Record& other : reply_.additionals().records()) {
            there = there || other.owner.data() == owner.data();
        }
        if (!there) add_addresses(*node);
    }
}

Outcome Lookup::answered() noexcept {
    add_ns();
    add_targets();
    return Outcome::success;
}

Outcome Lookup::run() noexcept {
    const Node* const node = zone_.find(name_, 0);
    closest_ = node;
    for (std::size_t i = 1; closest_ == nullptr; ++i) closest_ = zone_.find(name_, i);
    if (node == &zone_.apex() && (type_ == dns::Type::soa || type_ == dns::Type::ns)) {
        return at_apex(*node);
    }
    if (const Node* const cut = zone_.node(closest_->cut)) {
        const Set* const dname = zone_.set_of(*cut, dname_type);
        if (dname != nullptr && cut != node) return substitute(*cut, *dname);
        const bool is_delegation = cut->delegation != none;
        if (is_delegation && (type_ != dns::Type::ds || cut != node)) return refer(*cut);
    }
    const bool is_wildcard = name_.name(0).first_label() == "*";
    if (node != nullptr && node->has_records) return at(*node);
    if (node != nullptr && !is_wildcard) return Outcome::empty_name;
    const Node* const wildcard = node != nullptr ? node : zone_.node(closest_->wildcard);
    if (wildcard == nullptr) return Outcome::name_error;
    // It stands for every name, and has nothing.
    if (!wildcard->has_records) {
        add_soa();
        return Outcome::no_data;
    }
    wildcard_ = zone_.name_of(*wildcard);
    return at(*wildcard);
}

Outcome Lookup::at_apex(const Node& apex) noexcept {
    if (type_ == dns::Type::soa) {
        add(To::answer, *zone_.set_of(apex, type_), zone_.soa_owner());
        add_signatures(To::answer, apex, type_, query_.name());
        add_ns();
        return Outcome::success;
    }
    if (!add_both(To::answer, apex, type_, query_.name())) {
        add_soa();
        add_nsec(&apex);
        return Outcome::no_data;
    }
    add_glue(apex, *zone_.set_of(apex, type_));
    return Outcome::success;
}

// What `node`, the name itself or a wildcard that stands for it, has of the type.
Outcome Lookup::at(const Node& node) noexcept {
    const dns::NameView owner = query_.name();
    const Set* const cname = zone_.set_of(node, dns::Type::cname);
    if (cname != nullptr && type_ != dns::Type::cname) {
        (void)add_both(To::answer, node, dns::Type::cname, owner);
        const Rr& first = zone_.rrs_of(*cname).front();
        const dns::Record record = zone_.record_of(*cname, first, owner);
        return follow(std::get<dns::NameView>(record.data), zone_.node(first.target));
    }
    add_asked(node, owner);
    if (reply_.answers().empty()) {
        add_soa();
        add_nsec(&node);
        return Outcome::no_data;
    }
    add_ns();
    // No name of its own stands there.
    if (wildcard_) add_nsec(signed_ ? zone_.last_before(query_.name()) : nullptr);
    add_targets();
    return Outcome::success;
}

Outcome Lookup::refer(const Node& cut) noexcept {
    const Set& ns = *zone_.set_of(cut, dns::Type::ns);
    const dns::NameView owner = zone_.name_of(cut);
    add(To::authority, ns, owner);
    add_glue(cut, ns);
    // That there is no DS has to be proven, too (RFC 4035 3.1.4.1).
    if (signed_ && !add_both(To::authority, cut, dns::Type::ds, owner)) add_nsec(&cut);
    return Outcome::delegation;
}

Outcome Lookup::substitute(const Node& owner, const Set& dname) noexcept {
    const dns::NameView from = zone_.name_of(owner);
    const Rr& rr = zone_.rrs_of(dname).front();
    const dns::Record record = zone_.record_of(dname, rr, from);
    const auto to = name_in(std::get<dns::RawData>(record.data), 0);
    if (!to) return Outcome::server_failure;
    const dns::NameView name = query_.name();
    const std::size_t kept = name.size() - from.size();
    (void)add_both(To::answer, owner, dname_type, from);
    if (kept + to->size() > dns::name_octets_max) {
        reply_.rcode = yx_domain;
        return Outcome::success;
    }
    const auto room = query_.arena().array<std::uint8_t>(kept + to->size());
    if (room.empty()) return Outcome::server_failure;
    std::memcpy(room.data(), name.data(), kept);
    std::memcpy(room.data() + kept, to->data(), to->size());
    const auto made = dns::NameView::trusted(room.data(), room.size());
    // Nothing but a loop comes of it.
    if (made.equals(name)) {
        reply_.answers().clear();
        return Outcome::server_failure;
    }
    reply_.answer(dns::cname_record(name, rr.ttl, made));
    if (type_ == dns::Type::cname) {
        add_ns();
        return Outcome::success;
    }
    const auto lower = dns::Name{made}.lower().view().copy_to(query_.arena());
    if (!lower) return Outcome::server_failure;
    return follow(*lower, lower->is_under(zone_.origin()) ? zone_.find(*lower) : nullptr);
}

const Node* Lookup::delegation_of(dns::NameView target, const Node* node) const noexcept {
    if (!target.is_under(zone_.origin())) return nullptr;
    const Node* above = node;
    if (above == nullptr) {
        const Suffixes suffixes{target};
        for (std::size_t i = 1; above == nullptr; ++i) above = zone_.find(suffixes, i);
    }
    const Node* const cut = zone_.node(above->delegation);
    return cut == node && type_ == dns::Type::ds ? nullptr : cut;
}

// Names that have no records of their own may still be made by a wildcard or a DNAME.
bool Lookup::is_elsewhere(dns::NameView target, const Node* node) const noexcept {
    if (node == nullptr || !node->has_records || type_ == dns::Type::ns) return true;
    return type_ == dns::Type::soa && target.equals(zone_.origin());
}

Outcome Lookup::follow(dns::NameView target, const Node* node) noexcept {
    for (unsigned hops = 0;; ++hops) {
        if (const Node* const cut = delegation_of(target, node)) return refer(*cut);
        if (is_elsewhere(target, node)) {
            target_ = target;
            return Outcome::elsewhere;
        }
        if (hops > hops_max) return answered();
        const dns::NameView owner = zone_.name_of(*node);
        const Set* const cname = zone_.set_of(*node, dns::Type::cname);
        if (cname == nullptr) {
            add_asked(*node, owner);
            return answered();
        }
        (void)add_both(To::answer, *node, dns::Type::cname, owner);
        const Rr& first = zone_.rrs_of(*cname).front();
        target = std::get<dns::NameView>(zone_.record_of(*cname, first, owner).data);
        node = zone_.node(first.target);
    }
}

Outcome Lookup::finish(const Zone& zone, Query& query, Reply& reply, const Reply* found) noexcept {
    const Suffixes none_needed{dns::NameView{}};
    Lookup lookup{zone, none_needed, query, reply};
    Outcome outcome = Outcome::server_failure;
    if (found != nullptr) {
        for (const dns::Record& record : found->answers().records()) reply.answer(record);
        reply.truncated = reply.truncated || found->truncated;
        const bool empty = found->answers().empty();
        if (found->rcode == dns::Rcode::nx_domain) {
            outcome = Outcome::name_error;
        } else if (found->rcode != dns::Rcode::serv_fail) {
            outcome =
                found->rcode == dns::Rcode::no_error && empty ? Outcome::no_data : Outcome::success;
        }
    }
    // RFC 2308 2.1: whether it is there at the end of the chain.
    if (outcome == Outcome::name_error || outcome == Outcome::no_data) {
        lookup.add_soa();
    } else {
        lookup.add_ns();
    }
    lookup.add_targets();
    return outcome;
}

void Lookup::deny() noexcept {
    add_soa();
    if (!signed_) return;
    const Node* const before = zone_.last_before(query_.name());
    add_nsec(before);
    const bool exists = zone_.name_of(*closest_).equals(query_.name());
    const dns::NameView closest = zone_.name_of(*closest_);
    if (exists || closest.size() + 2U > dns::name_octets_max) return;
    std::array<std::uint8_t, dns::name_octets_max> wild{1, '*'};
    std::memcpy(wild.data() + 2, closest.data(), closest.size());
    const Node* const deny =
        zone_.last_before(dns::NameView::trusted(wild.data(), closest.size() + 2U));
    if (deny != before) add_nsec(deny);
}

}  // namespace nameplane::zone
