#include "zone/store.hpp"

#include <algorithm>
#include <utility>

namespace nameplane::zone {

Store::Store(std::size_t workers, std::shared_ptr<Directory> directory)
    : set_{workers, std::make_shared<const ZoneSet>()}, directory_{std::move(directory)} {}

void Store::put(const ZonePtr& zone) {
    set(zone->origin(), zone, true);
}

void Store::put_empty(dns::NameView origin) {
    set(origin, nullptr, true);
}

void Store::remove(dns::NameView origin) {
    set(origin, nullptr, false);
}

void Store::set(dns::NameView origin, const ZonePtr& zone, bool present) {
    const std::lock_guard lock{writing_};
    const dns::Name name = dns::Name{origin}.lower();
    const StoredZone* const found = zones_.find_exact(name);
    const ZonePtr before = found == nullptr ? nullptr : found->zone;
    if (present) {
        zones_.put(std::make_shared<const StoredZone>(StoredZone{{name}, zone}));
    } else if (!zones_.remove(name)) {
        return;
    }
    made_.push_back({name, before, zone});
    if (together_ == 0) publish();
}

void Store::publish() {
    if (made_.empty()) return;
    set_.publish(std::make_shared<const ZoneSet>(zones_));
    for (const Made& made : made_) {
        if (directory_ == nullptr || made.before == made.now) continue;
        directory_->tell({.origin = made.origin, .before = made.before, .now = made.now});
    }
    made_.clear();
}

Store::Together::Together(Store& store) : store_{store} {
    const std::lock_guard lock{store_.writing_};
    ++store_.together_;
}

Store::Together::~Together() {
    const std::lock_guard lock{store_.writing_};
    if (--store_.together_ == 0) store_.publish();
}

void Store::sweep() {
    const std::lock_guard lock{writing_};
    set_.sweep();
}

ZonePtr Store::newest(dns::NameView origin) const {
    const std::shared_ptr<const ZoneSet> set = set_.newest();
    const StoredZone* const entry = set->find_exact(dns::Name{origin}.lower());
    return entry == nullptr ? nullptr : entry->zone;
}

std::optional<std::uint32_t> Store::serial(dns::NameView origin) const {
    const ZonePtr zone = newest(origin);
    if (zone == nullptr) return std::nullopt;
    return zone->serial();
}

void Directory::add(const std::shared_ptr<Store>& store) {
    const std::lock_guard lock{mutex_};
    stores_.push_back(store);
}

void Directory::listen(const std::shared_ptr<Listener>& listener) {
    const std::lock_guard lock{mutex_};
    listeners_.push_back(listener);
}

ZonePtr Directory::find(dns::NameView origin) const {
    const std::lock_guard lock{mutex_};
    for (const std::weak_ptr<Store>& weak : stores_) {
        const std::shared_ptr<Store> store = weak.lock();
        if (store == nullptr) continue;
        if (ZonePtr zone = store->newest(origin)) return zone;
    }
    return nullptr;
}

bool Directory::serves(dns::NameView origin) const {
    const dns::Name lower = dns::Name{origin}.lower();
    const std::lock_guard lock{mutex_};
    return std::ranges::any_of(stores_, [&](const std::weak_ptr<Store>& weak) {
        const std::shared_ptr<Store> store = weak.lock();
        return store != nullptr && store->newest_set()->find_exact(lower) != nullptr;
    });
}

std::vector<ZonePtr> Directory::all() const {
    const std::lock_guard lock{mutex_};
    std::vector<ZonePtr> zones;
    for (const std::weak_ptr<Store>& weak : stores_) {
        const std::shared_ptr<Store> store = weak.lock();
        if (store == nullptr) continue;
        const std::shared_ptr<const ZoneSet> set = store->newest_set();
        set->for_each([&](const StoredZone& entry) {
            if (entry.zone != nullptr) zones.push_back(entry.zone);
        });
    }
    return zones;
}

void Directory::tell(const Change& change) const noexcept {
    std::vector<std::shared_ptr<Listener>> listeners;
    {
        const std::lock_guard lock{mutex_};
        for (const std::weak_ptr<Listener>& weak : listeners_) {
            if (auto listener = weak.lock()) listeners.push_back(std::move(listener));
        }
    }
    for (const std::shared_ptr<Listener>& listener : listeners) listener->changed(change);
}

}  // namespace nameplane::zone
