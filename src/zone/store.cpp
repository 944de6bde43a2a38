#include "zone/store.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace nameplane::zone {

ZoneSet::ZoneSet(std::vector<Entry> entries)
    : entries_{std::move(entries)}, slots_(std::bit_ceil(entries_.size() * 2 + 1)) {
    const std::size_t mask = slots_.size() - 1;
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
        std::size_t slot = Suffixes::hash_of(entries_[i].origin) & mask;
        while (slots_[slot] != 0) slot = (slot + 1) & mask;
        slots_[slot] = i + 1;
    }
}

Store::Store(std::size_t workers, std::shared_ptr<Directory> directory)
    : set_{std::make_shared<const ZoneSet>()}, readers_{workers}, directory_{std::move(directory)} {
    for (std::size_t i = 0; i < workers; ++i) readers_.at(i).reader.emplace(set_);
}

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
    const std::string key{reinterpret_cast<const char*>(name.view().data()), name.view().size()};
    const auto found = zones_.find(key);
    const ZonePtr before = found == zones_.end() ? nullptr : found->second.zone;
    if (present) {
        zones_.insert_or_assign(key, ZoneSet::Entry{name, zone});
    } else if (found == zones_.end()) {
        return;
    } else {
        zones_.erase(found);
    }
    made_.push_back({name, before, zone});
    if (together_ == 0) publish();
}

void Store::publish() {
    if (made_.empty()) return;
    std::vector<ZoneSet::Entry> entries;
    entries.reserve(zones_.size());
    for (const auto& [key, entry] : zones_) entries.push_back(entry);
    set_.publish(std::make_shared<const ZoneSet>(std::move(entries)));
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
    const ZoneSet::Entry* const entry = set->find_exact(origin);
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
    const std::lock_guard lock{mutex_};
    return std::ranges::any_of(stores_, [&](const std::weak_ptr<Store>& weak) {
        const std::shared_ptr<Store> store = weak.lock();
        return store != nullptr && store->newest_set()->find_exact(origin) != nullptr;
    });
}

std::vector<ZonePtr> Directory::all() const {
    const std::lock_guard lock{mutex_};
    std::vector<ZonePtr> zones;
    for (const std::weak_ptr<Store>& weak : stores_) {
        const std::shared_ptr<Store> store = weak.lock();
        if (store == nullptr) continue;
        const std::shared_ptr<const ZoneSet> set = store->newest_set();
        for (const ZoneSet::Entry& entry : set->entries()) {
            if (entry.zone != nullptr) zones.push_back(entry.zone);
        }
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
