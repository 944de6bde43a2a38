#include "rules/policy.hpp"
#include "services/delta.hpp"
#include <nameplane/services/entry.hpp>

#include <algorithm>
#include <utility>

namespace nameplane::rules {

using services::ObjectKey;
using services::ServiceEntry;
using services::Snapshot;

namespace {

/// A Service that has rules in this family.
struct Planned {
    ObjectKey key;
    std::shared_ptr<const ServicePlan> plan;
};

/// What became of one Service; no plan: it has no rules any more.
using Change = Planned;

bool by_key(const Planned& a, const Planned& b) {
    return a.key < b.key;
}

/// `fresh`, or `held` if that says the same: whoever compares pointers then sees "unchanged".
std::shared_ptr<const ServicePlan> keep_if_equal(std::shared_ptr<const ServicePlan> held,
                                                 std::shared_ptr<const ServicePlan> fresh) {
    return held && fresh && *held == *fresh ? held : fresh;
}

}  // namespace

std::vector<Cidr> outermost(std::span<const Cidr> sorted, Family family) {
    std::vector<Cidr> ranges;
    for (const Cidr& cidr : sorted) {
        if (cidr.family() != family) continue;
        // What contains it begins no later and, if at the same address, is shorter: it came before.
        if (ranges.empty() || !ranges.back().contains(cidr.address())) ranges.push_back(cidr);
    }
    return ranges;
}

struct Planner::State {
    PlanSettings settings;
    bool stale = true;  ///< nothing planned so far holds: facts are new
    NodeFacts node;
    std::shared_ptr<const Snapshot> planned_from;
    std::vector<Planned> services;  ///< sorted by key

    void add(std::vector<Change>& changes, const ServiceEntry& entry) const {
        if (entry.service == nullptr) return;
        changes.push_back({entry.service->key, plan_service(entry, node, settings)});
    }
    std::vector<Change> changes_to(const Snapshot& next) const;
    void plan_anew(const Snapshot& snapshot);
    void merge(std::vector<Change> changes);
    Plan result() const;
};

std::vector<Change> Planner::State::changes_to(const Snapshot& next) const {
    std::vector<Change> changes;
    services::for_each_changed(*planned_from, next,
                               [&](const ServiceEntry* before, const ServiceEntry* after) {
                                   if (after != nullptr && after->service != nullptr) {
                                       add(changes, *after);
                                   } else if (before != nullptr && before->service != nullptr) {
                                       changes.push_back({before->service->key, nullptr});
                                   }
                               });
    std::ranges::sort(changes, by_key);
    return changes;
}

/// Plans every Service; those that come out as before keep their plan.
void Planner::State::plan_anew(const Snapshot& snapshot) {
    std::vector<Planned> before = std::exchange(services, {});
    services.reserve(snapshot.service_count());
    snapshot.for_each([&](const ServiceEntry& entry) { add(services, entry); });
    std::erase_if(services, [](const Planned& item) { return item.plan == nullptr; });
    std::ranges::sort(services, by_key);
    auto old = before.begin();
    for (Planned& item : services) {
        while (old != before.end() && by_key(*old, item)) ++old;
        if (old == before.end()) break;
        if (old->key == item.key) item.plan = keep_if_equal(old->plan, std::move(item.plan));
    }
}

/// Brings `changes`, sorted by key, into the list: known Services in place, new ones in one go.
void Planner::State::merge(std::vector<Change> changes) {
    const auto known = static_cast<std::ptrdiff_t>(services.size());
    bool removed = false;
    for (Change& change : changes) {
        const auto end = services.begin() + known;
        const auto at = std::lower_bound(services.begin(), end, change, by_key);
        if (at != end && at->key == change.key) {
            at->plan = keep_if_equal(at->plan, std::move(change.plan));
            removed = removed || at->plan == nullptr;
        } else if (change.plan != nullptr) {
            services.push_back(std::move(change));
        }
    }
    std::inplace_merge(services.begin(), services.begin() + known, services.end(), by_key);
    if (removed) std::erase_if(services, [](const Planned& item) { return item.plan == nullptr; });
}

Plan Planner::State::result() const {
    Plan plan{.version = planned_from->version(), .settings = settings};
    plan.service_ranges = outermost(planned_from->service_cidrs(), settings.family);
    plan.services.reserve(services.size());
    for (const Planned& item : services) {
        plan.services.push_back(item.plan);
        plan.endpoint_count += item.plan->endpoint_count;
    }
    return plan;
}

Planner::Planner(PlanSettings settings) : state_{std::make_unique<State>()} {
    state_->settings = std::move(settings);
}

Planner::~Planner() = default;

Plan Planner::plan(const std::shared_ptr<const Snapshot>& snapshot, const NodeFacts& node) {
    State& state = *state_;
    if (state.node != node) {
        state.node = node;
        state.stale = true;
    }
    if (state.stale || state.planned_from == nullptr) {
        state.plan_anew(*snapshot);
    } else if (state.planned_from != snapshot) {
        state.merge(state.changes_to(*snapshot));
    }
    state.stale = false;
    state.planned_from = snapshot;
    return state.result();
}

}  // namespace nameplane::rules
