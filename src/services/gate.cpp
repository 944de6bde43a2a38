#include "services/gate.hpp"

#include "services/data.hpp"
#include "services/delta.hpp"
#include <nameplane/base/check.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace nameplane::services {

namespace {

/// Whether traffic to this Service goes through rules at all.
bool has_rules(const ServiceEntry& entry) noexcept {
    const Service& service = *entry.service;
    return !service.headless && service.type != ServiceType::external_name &&
           !service.cluster_ips.empty();
}

/// Whether `after` is `before` with endpoints taken away or no longer ready, and nothing else.
bool only_loses(const ServiceEntry& before, const ServiceEntry& after) noexcept {
    if (*before.service != *after.service) return false;
    auto old = before.endpoints.begin();
    for (const EndpointEntry& endpoint : after.endpoints) {  // both in the same order
        const auto is_it = [&](const EndpointEntry& other) {
            return other.address == endpoint.address && other.hostname == endpoint.hostname &&
                   before.port_sets[other.port_set] == after.port_sets[endpoint.port_set];
        };
        old = std::find_if(old, before.endpoints.end(), is_it);
        if (old == before.endpoints.end()) return false;
        if (endpoint.ready && !old->ready) return false;
    }
    return true;
}

bool may_be_seen(const ServiceEntry* before, const ServiceEntry* after) noexcept {
    if (after == nullptr || !has_rules(*after)) return true;
    return before != nullptr && has_rules(*before) && only_loses(*before, *after);
}

/// What of `newest` must stay as it is in `open`, as changes to `newest`.
std::vector<EntryChange> held_back(const Snapshot& open, const Snapshot& newest) {
    std::vector<EntryChange> changes;
    for_each_changed(open, newest, [&](const ServiceEntry* before, const ServiceEntry* after) {
        if (may_be_seen(before, after)) return;
        const ObjectKey& key = after->service->key;
        const std::size_t slot = newest.data().slot_of(key.ns, key.name);
        changes.push_back({static_cast<std::uint32_t>(slot), newest.data().slots.shared(slot),
                           open.data().slots.shared(open.data().slot_of(key.ns, key.name))});
    });
    return changes;
}

/// Whether a DNS worker could tell them apart; the serial alone is no difference.
bool look_the_same(const Snapshot& a, const Snapshot& b) {
    bool same =
        a.data().synced == b.data().synced && a.data().imports_synced == b.data().imports_synced &&
        a.data().imports.slots.is_same_as(b.data().imports.slots) &&
        a.data().namespaces.is_same_as(b.data().namespaces) &&
        a.data().pods.is_same_as(b.data().pods) && a.data().nodes.is_same_as(b.data().nodes);
    for_each_changed(a, b, [&](const ServiceEntry*, const ServiceEntry*) { same = false; });
    return same;
}

}  // namespace

Gate::Gate(bool rules, std::chrono::milliseconds wait, const Clock& clock)
    : rules_{rules}, wait_{wait}, clock_{&clock}, open_{Snapshot::empty()}, shown_{open_},
      published_{open_} {}

void Gate::offer(std::shared_ptr<const Snapshot> next) {
    const auto& newest = held_.empty() ? open_ : held_.back().snapshot;
    if (next == newest) return;
    if (held_.size() == held_max) {
        held_.back().snapshot = std::move(next);
    } else {
        held_.push_back({std::move(next), clock_->now()});
    }
    if (!rules_ || held_.back().snapshot->version() <= applied_) {
        release(held_.size());
    } else {
        show();
    }
}

void Gate::applied(std::uint64_t version) {
    applied_ = std::max(applied_, version);
    const auto waits = [&](const Held& held) { return held.snapshot->version() > applied_; };
    const auto first = std::ranges::find_if(held_, waits);
    release(static_cast<std::size_t>(first - held_.begin()));
}

void Gate::tick() {
    const Monotonic now = clock_->now();
    const auto waits = [&](const Held& held) { return now - held.since < wait_; };
    const auto first = std::ranges::find_if(held_, waits);
    if (first == held_.begin()) return;
    ++overtaken_;
    release(static_cast<std::size_t>(first - held_.begin()));
}

/// The `count` oldest of what is held may be seen whole.
void Gate::release(std::size_t count) {
    if (count == 0) return;
    open_ = held_[count - 1].snapshot;
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
    show();
}

/// Publishes the newest snapshot with what must wait as it was.
void Gate::show() {
    const std::shared_ptr<const Snapshot> newest = held_.empty() ? open_ : held_.back().snapshot;
    std::vector<EntryChange> changes = held_back(*open_, *newest);
    if (changes.empty()) {
        // Nothing in it needs to wait, so nobody needs to.
        open_ = newest;
        held_.clear();
        if (shown_ != open_) published_.publish(shown_ = open_);
        return;
    }
    auto data = std::make_unique<Snapshot::Data>(newest->data());
    data->apply(changes);
    // Until its Services are there, a first list is not complete.
    data->synced = open_->data().synced;
    data->version = std::max(shown_->version(), newest->version() - snapshot_version_step) + 1;
    NP_CHECK(data->version < newest->version(), "fewer releases than held_max between snapshots");
    auto partial = std::make_shared<const Snapshot>(std::move(data));
    if (look_the_same(*shown_, *partial)) return;
    published_.publish(shown_ = std::move(partial));
}

}  // namespace nameplane::services
