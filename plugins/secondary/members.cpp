#include "plugins/secondary/members.hpp"

#include "plugins/secondary/places.hpp"

#include <utility>

namespace nameplane::plugins::secondary {

namespace {

dns::Name name_of(const std::string& key) {
    return dns::Name{
        dns::NameView::trusted(reinterpret_cast<const std::uint8_t*>(key.data()), key.size())};
}

}  // namespace

Members::Members(std::vector<CatalogRule> rules, const std::vector<dns::Name>& by_hand)
    : rules_{std::move(rules)}, listed_(rules_.size()) {
    for (const dns::Name& zone : by_hand) by_hand_.insert(key_of(zone.lower()));
}

Members::Listed Members::read(std::size_t catalog, std::shared_ptr<const Catalog> listing,
                              std::size_t& outside) const {
    Listed listed;
    listed.whole = std::move(listing);
    for (const CatalogMember& member : listed.whole->members) {
        if (rules_[catalog].filter.accepts(member.zone)) {
            listed.accepted.emplace(key_of(member.zone.lower()), &member);
        } else {
            ++outside;
        }
    }
    return listed;
}

const CatalogMember* Members::find(std::size_t catalog, const Key& key) const noexcept {
    const auto found = listed_[catalog].accepted.find(key);
    return found == listed_[catalog].accepted.end() ? nullptr : found->second;
}

Members::Update Members::update(std::size_t catalog, std::shared_ptr<const Catalog> listing) {
    Update update;
    const Listed before =
        std::exchange(listed_[catalog], read(catalog, std::move(listing), update.outside));
    for (const auto& [key, member] : before.accepted) {
        if (find(catalog, key) == nullptr) settle(key, catalog, update);
    }
    for (const auto& [key, member] : listed_[catalog].accepted) settle(key, catalog, update);
    for (const auto& [key, owner] : owners_) update.members += owner.catalog == catalog ? 1 : 0;
    return update;
}

/// Decides whose the zone is, after `updated` has changed what it lists.
void Members::settle(const Key& key, std::size_t updated, Update& update) {
    const auto found = owners_.find(key);
    if (found != owners_.end()) {
        Owner& owner = found->second;
        if (owner.catalog == updated) return settle_owned(key, owner, updated, update);
        return settle_foreign(key, owner, updated, update);
    }
    const CatalogMember* const member = find(updated, key);
    if (member == nullptr || by_hand_.contains(key)) return refuse(key, updated, update);
    owners_[key] = {updated, member->id};
    update.changes.push_back({MemberChange::What::added, name_of(key), updated});
}

void Members::settle_owned(const Key& key, Owner& owner, std::size_t updated, Update& update) {
    const CatalogMember* const member = find(updated, key);
    if (member == nullptr) return let_go(key, update);
    if (member->id == owner.id) return;
    owner.id = member->id;
    update.changes.push_back({MemberChange::What::reset, name_of(key), updated});
}

/// The owner has it no more: another catalog that lists it, too, takes it, as what it is there.
void Members::let_go(const Key& key, Update& update) {
    for (std::size_t next = 0; next < rules_.size(); ++next) {
        const CatalogMember* const member = find(next, key);
        if (member == nullptr) continue;
        owners_[key] = {next, member->id};
        refused_.erase({next, key});
        update.changes.push_back({MemberChange::What::reset, name_of(key), next});
        return;
    }
    const std::size_t owner = owners_[key].catalog;
    owners_.erase(key);
    update.changes.push_back({MemberChange::What::removed, name_of(key), owner});
}

/// RFC 9432 4.4.1: a zone moves when the new catalog is updated, if the old one says that it may.
void Members::settle_foreign(const Key& key, Owner& owner, std::size_t updated, Update& update) {
    const CatalogMember* const here = find(updated, key);
    const CatalogMember* const there = find(owner.catalog, key);
    const auto leads_to = [](const CatalogMember* member, const dns::Name& catalog) {
        return member != nullptr && member->coo && *member->coo == catalog;
    };
    if (here == nullptr) return refuse(key, updated, update);
    if (!leads_to(there, rules_[updated].origin)) {
        // What has moved away may be listed for a while.
        if (!leads_to(here, rules_[owner.catalog].origin)) refuse(key, updated, update);
        return;
    }
    const bool same = there->id == owner.id && here->id == owner.id;
    owner = {updated, here->id};
    refused_.erase({updated, key});
    update.changes.push_back(
        {same ? MemberChange::What::moved : MemberChange::What::reset, name_of(key), updated});
}

/// Names what is listed and not taken once, as long as it is listed.
void Members::refuse(const Key& key, std::size_t updated, Update& update) {
    if (find(updated, key) == nullptr) {
        refused_.erase({updated, key});
    } else if (refused_.emplace(updated, key).second) {
        update.refused.push_back(name_of(key));
    }
}

std::vector<OwnedMember> Members::restore(std::size_t catalog,
                                          std::shared_ptr<const Catalog> listing,
                                          const std::vector<OwnedMember>& owned) {
    std::size_t outside = 0;
    listed_[catalog] = read(catalog, std::move(listing), outside);
    std::vector<OwnedMember> taken;
    for (const OwnedMember& member : owned) {
        const Key key = key_of(member.zone.lower());
        if (find(catalog, key) == nullptr || by_hand_.contains(key)) continue;
        if (!owners_.emplace(key, Owner{catalog, member.id}).second) continue;
        taken.push_back(member);
    }
    return taken;
}

std::vector<OwnedMember> Members::owned_by(std::size_t catalog) const {
    std::vector<OwnedMember> owned;
    for (const auto& [key, owner] : owners_) {
        if (owner.catalog == catalog) owned.push_back({name_of(key), owner.id});
    }
    return owned;
}

}  // namespace nameplane::plugins::secondary
