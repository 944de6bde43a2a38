#include "services/catalog.hpp"

#include "services/limits.hpp"

#include <algorithm>

namespace nameplane::services {

/// Notes that the entry of `home` must be made anew; false if nobody can see it.
bool Catalog::mark(Homes::value_type& home) {
    Home& it = home.second;
    if (!std::exchange(it.dirty, true)) dirty_.push_back(&home);
    return it.service != nullptr || it.published != nullptr;
}

Result<bool> Catalog::put(Service&& service, std::uint32_t round) {
    // Judged by, and read by the manifest source; gone before anything is stored.
    service.labels.clear();
    service.selector.clear();
    const auto known = homes_.find(service.key);
    const bool exists = known != homes_.end() && known->second.service != nullptr;
    if (!exists && service_count_ == services_max_) {
        return Error{Errc::exhausted, "Service " + service.key.ns + '/' + service.key.name +
                                          ": more than " + std::to_string(services_max_) +
                                          " Services"};
    }
    Homes::value_type& home =
        known != homes_.end() ? *known : *homes_.try_emplace(service.key).first;
    home.second.round = round;
    if (exists && *home.second.service == service) return false;
    service_count_ += exists ? 0U : 1U;
    home.second.service = std::make_shared<const Service>(std::move(service));
    return mark(home);
}

bool Catalog::drop(Homes::value_type& home) {
    if (home.second.service == nullptr) return false;
    home.second.service = nullptr;
    --service_count_;
    return mark(home);
}

bool Catalog::remove_service(const ObjectKey& key) {
    const auto at = homes_.find(key);
    return at != homes_.end() && drop(*at);
}

void Catalog::keep_service(const ObjectKey& key, std::uint32_t round) {
    if (const auto at = homes_.find(key); at != homes_.end()) at->second.round = round;
}

bool Catalog::remove_unnamed_services(std::uint32_t round) {
    bool seen = false;
    for (auto& home : homes_) {
        if (home.second.round != round && drop(home)) seen = true;
    }
    return seen;
}

bool Catalog::attach(Slice& slice, Homes::value_type& home) {
    slice.home = &home;
    home.second.slices.push_back(&slice);
    return mark(home);
}

bool Catalog::detach(Slice& slice) {
    std::erase(slice.home->second.slices, &slice);
    return mark(*slice.home);
}

Result<bool> Catalog::put(const EndpointSlice& slice, std::uint32_t round) {
    if (slice.service.empty()) return remove_slice(slice.key);
    Homes::value_type& home = *homes_.try_emplace(ObjectKey{slice.key.ns, slice.service}).first;
    const auto known = slices_.find(slice.key);
    const bool moves = known == slices_.end() || known->second.home != &home;
    if (moves && home.second.slices.size() == slices_per_service_max) {
        return refusal(Kind::endpoint_slice, slice.key, "more than 10000 slices of one Service");
    }
    auto stored = std::make_shared<const StoredSlice>(slice, pool_);
    Slice& it = known != slices_.end() ? known->second : slices_[slice.key];
    it.round = round;
    if (!moves && it.stored->equals(*stored)) return false;
    it.stored = std::move(stored);
    if (!moves) return mark(home);
    const bool was_seen = it.home != nullptr && detach(it);
    return attach(it, home) || was_seen;
}

bool Catalog::erase(Slices::iterator slice) {
    const bool seen = detach(slice->second);
    slices_.erase(slice);
    return seen;
}

bool Catalog::remove_slice(const ObjectKey& key) {
    const auto at = slices_.find(key);
    return at != slices_.end() && erase(at);
}

void Catalog::keep_slice(const ObjectKey& key, std::uint32_t round) {
    if (const auto at = slices_.find(key); at != slices_.end()) at->second.round = round;
}

bool Catalog::remove_unnamed_slices(std::uint32_t round) {
    bool seen = false;
    for (auto at = slices_.begin(); at != slices_.end();) {
        const auto slice = at++;
        if (slice->second.round != round && erase(slice)) seen = true;
    }
    return seen;
}

std::shared_ptr<const ServiceEntry> Catalog::merged(const Home& home) const {
    if (home.service == nullptr) return nullptr;
    std::vector<std::shared_ptr<const StoredSlice>> slices;
    slices.reserve(home.slices.size());
    for (const Slice* slice : home.slices) slices.push_back(slice->stored);
    return merge(home.service, std::move(slices), apart_);
}

std::uint32_t Catalog::take_slot() {
    if (free_slots_.empty()) return slots_used_++;
    const std::uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
}

std::vector<EntryChange> Catalog::publish() {
    std::vector<EntryChange> changes;
    std::vector<std::uint32_t> freed;  // not used again for this snapshot
    for (Homes::value_type* pair : std::exchange(dirty_, {})) {
        Home& home = pair->second;
        home.dirty = false;
        auto after = merged(home);
        const bool same = home.published == nullptr || after == nullptr
                              ? home.published == after
                              : same_content(*home.published, *after);
        if (!same) {
            if (home.published == nullptr) home.slot = take_slot();
            if (after == nullptr) freed.push_back(home.slot);
            changes.push_back({home.slot, std::exchange(home.published, after), after});
        }
        if (home.service == nullptr && home.slices.empty()) {
            homes_.erase(homes_.find(pair->first));
        }
    }
    free_slots_.insert(free_slots_.end(), freed.begin(), freed.end());
    return changes;
}

void Catalog::add_to(Contents& contents) const {
    contents.services.reserve(contents.services.size() + service_count_);
    for (const auto& [key, home] : homes_) {
        if (home.service != nullptr) contents.services.push_back(home.service);
    }
    contents.slices.reserve(contents.slices.size() + slices_.size());
    for (const auto& [key, slice] : slices_) {
        contents.slices.push_back({key, slice.home->first.name, slice.stored, {}, {}});
    }
}

void Catalog::add_imports_to(Contents& contents) const {
    for (const auto& [key, home] : homes_) {
        if (home.service != nullptr) contents.imports.push_back(home.service);
    }
    if (slices_.empty()) return;
    std::unordered_map<ObjectKey, std::size_t, KeyHash> there;
    for (std::size_t i = 0; i < contents.slices.size(); ++i)
        there.emplace(contents.slices[i].key, i);
    for (const auto& [key, slice] : slices_) {
        const auto known = there.find(key);
        if (known == there.end()) contents.slices.push_back({key, {}, {}, {}, {}});
        Contents::Slice& it =
            known == there.end() ? contents.slices.back() : contents.slices[known->second];
        it.import = slice.home->first.name;
        it.of_import = slice.stored;
    }
}

}  // namespace nameplane::services
