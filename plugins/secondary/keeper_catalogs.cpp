// How catalogs make zones come and go (RFC 9432).

#include "plugins/secondary/keeper.hpp"
#include <nameplane/base/log.hpp>

#include <string_view>
#include <utility>

namespace nameplane::plugins::secondary {

namespace {

std::string_view text_of(MemberChange::What what) noexcept {
    switch (what) {
    case MemberChange::What::added: return "added";
    case MemberChange::What::removed: return "removed";
    case MemberChange::What::reset: return "reset";
    case MemberChange::What::moved: return "moved";
    }
    return "";
}

}  // namespace

Members Keeper::members_of(const std::vector<ZoneSettings>& zones) {
    std::vector<CatalogRule> rules;
    std::vector<dns::Name> by_hand;
    for (const ZoneSettings& zone : zones) {
        by_hand.push_back(zone.origin);
        if (zone.catalog) rules.push_back({zone.origin, *zone.catalog});
    }
    return Members{std::move(rules), by_hand};
}

/// The members that the configuration before this one had: they are there before the first query.
void Keeper::restore(std::size_t catalog) {
    const CatalogLegacy::Left left = catalogs_[catalog].legacy->left();
    if (left.listing == nullptr) return;
    std::map<std::string, std::shared_ptr<Legacy>> contents;
    std::vector<OwnedMember> owned;
    for (const CatalogLegacy::Member& member : left.members) {
        owned.push_back(member.owned);
        contents.emplace(key_of(member.owned.zone), member.content);
    }
    const zone::Store::Together together{*store_};
    for (const OwnedMember& member : members_.restore(catalog, left.listing, owned)) {
        const std::shared_ptr<Legacy>& content = contents[key_of(member.zone)];
        if (const zone::ZonePtr zone = content->zone()) {
            store_->put(zone);
        } else {
            store_->put_empty(member.zone);
        }
        hold_member(member.zone, catalog, content);
    }
}

Status Keeper::interpret(std::size_t catalog, const zone::Zone& zone) {
    Result<Catalog> read = read_catalog(zone);
    if (!read) return read.error();
    apply(catalog, members_.update(catalog, std::make_shared<const Catalog>(std::move(*read))));
    return {};
}

void Keeper::apply(std::size_t catalog, const Members::Update& update) {
    const zone::Store::Together together{*store_};
    for (const MemberChange& change : update.changes) apply(change);
    places_.publish();
    remember();
    tell(catalog, update);
}

void Keeper::apply(const MemberChange& change) {
    const std::string key = key_of(change.zone);
    switch (change.what) {
    case MemberChange::What::removed:
        zones_.erase(key);
        places_.remove(change.zone);
        store_->remove(change.zone);
        return;
    case MemberChange::What::added:
    case MemberChange::What::reset:
        store_->put_empty(change.zone);
        hold_member(change.zone, change.catalog, std::make_shared<Legacy>()).start();
        return;
    case MemberChange::What::moved: {
        const ZoneSettings& before = zones_.at(key)->settings();
        if (before.primaries == catalogs_[change.catalog].primaries) return;
        hold_member(change.zone, change.catalog, before.legacy).start();
        return;
    }
    }
}

/// In place of whoever held the zone before.
HeldZone& Keeper::hold_member(const dns::Name& zone, std::size_t catalog,
                              std::shared_ptr<Legacy> legacy) {
    ZoneSettings settings{
        .origin = zone, .primaries = catalogs_[catalog].primaries, .legacy = std::move(legacy)};
    std::unique_ptr<HeldZone>& held = zones_[key_of(zone)];
    held = std::make_unique<HeldZone>(loop_, std::move(settings), store_, counters_, member_turns_);
    places_.put(held->place());
    return *held;
}

void Keeper::remember() {
    for (std::size_t i = 0; i < catalogs_.size(); ++i) {
        CatalogLegacy::Left left{members_.listing(i), {}};
        for (OwnedMember& member : members_.owned_by(i)) {
            std::shared_ptr<Legacy> content = zones_.at(key_of(member.zone))->settings().legacy;
            left.members.push_back({std::move(member), std::move(content)});
        }
        catalogs_[i].legacy->set(std::move(left));
    }
}

void Keeper::tell(std::size_t catalog, const Members::Update& update) const {
    for (const MemberChange& change : update.changes) {
        NP_LOG_INFO("secondary.member", "zone", change.zone.to_string(), "catalog",
                    catalogs_[change.catalog].origin.to_string(), "what", text_of(change.what));
    }
    const std::string origin = catalogs_[catalog].origin.to_string();
    if (!update.refused.empty()) {
        NP_LOG_WARNING("secondary.members_refused", "catalog", origin, "count",
                       update.refused.size(), "first", update.refused.front().to_string());
    }
    NP_LOG_INFO("secondary.catalog", "catalog", origin, "members", update.members, "changes",
                update.changes.size(), "outside", update.outside);
}

}  // namespace nameplane::plugins::secondary
