#include "rules/sync_progress.hpp"

#include "rules/syncer_metrics.hpp"
#include "services/delta.hpp"
#include "services/stored_slice.hpp"
#include <nameplane/base/check.hpp>
#include <nameplane/services/entry.hpp>

#include <algorithm>
#include <utility>

namespace nameplane::rules {

namespace {

using services::ServiceEntry;

double seconds_of(WallTime time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

bool has_rules(const ServiceEntry& entry) {
    return !entry.service->headless && !entry.service->foreign_proxy;
}

// Slices of `one` that rules are made of and `other` has not, or has in another form.
std::uint64_t slices_only_in(const ServiceEntry& one, const ServiceEntry* other) {
    return static_cast<std::uint64_t>(std::ranges::count_if(one.slices, [&](const auto& slice) {
        if (slice->foreign_proxy()) return false;
        return other == nullptr || std::ranges::find(other->slices, slice) == other->slices.end();
    }));
}

}  // namespace

SyncProgress::SyncProgress(std::span<const Family> families, metrics::Registry& registry)
    : offered_{services::Snapshot::empty()}, settled_{offered_},
      service_changes_{registry.counter("kubeproxy_sync_proxy_rules_service_changes_total",
                                        "[ALPHA] Cumulative proxy rules Service changes")},
      slice_changes_{registry.counter("kubeproxy_sync_proxy_rules_endpoint_changes_total",
                                      "[ALPHA] Cumulative proxy rules Endpoint changes")},
      services_pending_{registry.gauge("kubeproxy_sync_proxy_rules_service_changes_pending",
                                       "[ALPHA] Pending proxy rules Service changes")},
      slices_pending_{registry.gauge("kubeproxy_sync_proxy_rules_endpoint_changes_pending",
                                     "[ALPHA] Pending proxy rules Endpoint changes")} {
    for (const Family family : families) {
        families_.push_back({.family = family});
        const metrics::Labels labels{{"ip_family", label_of(family)}};
        gauges_.push_back(
            {registry.gauge("kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds",
                            "[ALPHA] The last time a sync of proxy rules was queued", labels),
             registry.gauge("kubeproxy_sync_proxy_rules_last_timestamp_seconds",
                            "[ALPHA] The last time proxy rules were successfully synced", labels)});
    }
}

FamilyHealth& SyncProgress::of(Family family) {
    const auto found = std::ranges::find(families_, family, &FamilyHealth::family);
    NP_CHECK(found != families_.end(), "families are those that are written");
    return *found;
}

const SyncProgress::Gauges& SyncProgress::gauges_of(const FamilyHealth& family) const {
    return gauges_[static_cast<std::size_t>(&family - families_.data())];
}

SyncProgress::Changes SyncProgress::changes(const services::Snapshot& before,
                                            const services::Snapshot& after) {
    Changes all;
    services::for_each_changed(
        before, after, [&](const ServiceEntry* old, const ServiceEntry* changed) {
            if (old != nullptr && !has_rules(*old)) old = nullptr;
            if (changed != nullptr && !has_rules(*changed)) changed = nullptr;
            if (old == nullptr && changed == nullptr) return;
            if (old == nullptr || changed == nullptr || old->service != changed->service) {
                ++all.services;
            }
            const std::uint64_t went = old == nullptr ? 0 : slices_only_in(*old, changed);
            const std::uint64_t came = changed == nullptr ? 0 : slices_only_in(*changed, old);
            // A slice that changed is there before and after.
            all.slices += std::max(went, came);
        });
    return all;
}

void SyncProgress::say_pending() {
    const Changes pending = changes(*settled_, *offered_);
    services_pending_.set(static_cast<double>(pending.services));
    slices_pending_.set(static_cast<double>(pending.slices));
}

void SyncProgress::offered(std::shared_ptr<const services::Snapshot> snapshot, Monotonic now,
                           WallTime wall) {
    const Changes since = changes(*offered_, *snapshot);
    service_changes_.add_shared(since.services);
    slice_changes_.add_shared(since.slices);
    offered_ = std::move(snapshot);
    offered_at_ = now;
    say_pending();
    for (std::size_t i = 0; i < families_.size(); ++i) {
        FamilyHealth& family = families_[i];
        if (family.missing) continue;
        if (!family.waiting_since) family.waiting_since = now;
        gauges_[i].last_queued.set(seconds_of(wall));
    }
}

void SyncProgress::refused(Family family, Monotonic now) {
    FamilyHealth& health = of(family);
    health.missing = false;
    if (!health.waiting_since) health.waiting_since = now;
}

void SyncProgress::missing(Family family) {
    FamilyHealth& health = of(family);
    health.missing = true;
    health.waiting_since.reset();
    gauges_of(health).last_queued.set(0);
}

void SyncProgress::applied(Family family, std::uint64_t version, std::string_view writer,
                           Monotonic now, WallTime wall) {
    FamilyHealth& health = of(family);
    health.missing = false;
    health.last_success = now;
    health.writer = writer;
    // What came meanwhile waits since it came.
    health.waiting_since.reset();
    if (offered_->version() != version) health.waiting_since = offered_at_;
    gauges_of(health).last_success.set(seconds_of(wall));
}

void SyncProgress::settled(std::shared_ptr<const services::Snapshot> snapshot) {
    settled_ = std::move(snapshot);
    say_pending();
}

}  // namespace nameplane::rules
