#include "rules/syncer.hpp"

#include "base/mailbox.hpp"
#include "rules/flow_forgetter.hpp"
#include "rules/syncer_metrics.hpp"
#include "services/change_triggers.hpp"
#include "services/delta.hpp"
#include <nameplane/base/log.hpp>
#include <nameplane/services/view.hpp>

#include <algorithm>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

namespace nameplane::rules {
namespace {

using std::chrono::milliseconds;
/// Waiting is done by the machine's clock; what is reported comes from the injected one.
using Steady = std::chrono::steady_clock;
using SnapshotPtr = std::shared_ptr<const services::Snapshot>;

/// One family on its way into the kernel.
struct FamilySync {
    FamilySync(SyncTarget target, metrics::Registry& registry, const SyncMetrics& all)
        : family{target.settings.family}, planner{target.settings}, writer{std::move(
                                                                        target.writer)},
          metrics{registry, family}, flows{family, all.flows_of(registry, family)} {}

    Family family;
    Planner planner;
    std::unique_ptr<RuleWriter> writer;
    FamilyMetrics metrics;
    SnapshotPtr written;       ///< whose rules are in; nullptr: none yet
    bool full = true;          ///< the next apply trusts nothing
    bool suspected = false;    ///< somebody else may have changed our rules
    bool due = false;          ///< there is something new to plan
    std::size_t services = 0;  ///< that the last plan had
    std::string refused;       ///< why the last apply failed; empty: it did not
    std::uint64_t refusals = 0;
    Steady::time_point retry_at{};  ///< after a refusal
    /// What the machine lacks for this family, which it does without; empty: it lacks nothing.
    std::string missing;
    FlowForgetter flows;

    bool failing() const noexcept { return refusals != 0; }
};

/// A round whose family the machine seems to have nothing for.
struct Unsupported {
    FamilySync* family;
    Error error;
    double seconds;
    bool full;
};

std::vector<Family> families_of(const std::vector<SyncTarget>& targets) {
    std::vector<Family> families;
    for (const SyncTarget& target : targets) families.push_back(target.settings.family);
    return families;
}

double machine_random() {
    thread_local std::minstd_rand engine{std::random_device{}()};
    return std::uniform_real_distribution<double>{0, 1}(engine);
}

}  // namespace

class Syncer::State {
public:
    State(std::vector<SyncTarget> targets, NodeFacts node, SyncerOptions options,
          metrics::Registry& registry, const Clock& clock,
          std::function<void(std::uint64_t)> applied)
        : node_{std::move(node)}, options_{std::move(options)}, metrics_{registry}, clock_{clock},
          applied_{std::move(applied)}, started_at_{clock.wall()}, progress_{families_of(targets),
                                                                             registry} {
        for (SyncTarget& target : targets) {
            families_.push_back(
                std::make_unique<FamilySync>(std::move(target), registry, metrics_));
        }
        if (!options_.random) options_.random = machine_random;
    }
    ~State() {
        box_.close();
        if (thread_.joinable()) thread_.join();
    }

    void start() {
        thread_ = std::thread{[this] { run(); }};
    }
    void offer(SnapshotPtr snapshot) {
        {
            const std::lock_guard lock{mutex_};
            offered_ = snapshot;
            health_.wanted_version = snapshot->version();
            progress_.offered(snapshot, clock_.now(), clock_.wall());
        }
        box_.put(std::move(snapshot));
    }
    void set_node(NodeFacts node) {
        SnapshotPtr newest;
        {
            const std::lock_guard lock{mutex_};
            node_ = std::move(node);
            newest = offered_;
        }
        if (newest) box_.put(std::move(newest));
    }
    SyncHealth health() const {
        const std::lock_guard lock{mutex_};
        SyncHealth health = health_;
        health.families = progress_.families();
        return health;
    }

private:
    void run();
    Steady::time_point next_look() const;
    void sync(const SnapshotPtr& snapshot);
    void sync_family(FamilySync& family, const SnapshotPtr& snapshot, const NodeFacts& node);
    void settle_unsupported();
    bool can_do_without(const FamilySync& family) const;
    static bool notices_disturbance(FamilySync& family);
    static void tell_of_repair(FamilySync& family, const Applied& applied);
    void refuse(FamilySync& family, const Error& error);
    void recover(FamilySync& family);
    void succeeded(const SnapshotPtr& snapshot);
    void observe_latency(FamilySync& family, const services::Snapshot& snapshot) const;
    milliseconds backoff_after(std::uint64_t refusals) const;

    std::vector<std::unique_ptr<FamilySync>> families_;  // rule thread
    NodeFacts node_;                                     // under mutex_
    SyncerOptions options_;
    SyncMetrics metrics_;
    const Clock& clock_;
    std::function<void(std::uint64_t)> applied_;
    WallTime started_at_;

    Latest<SnapshotPtr> box_;
    std::thread thread_;
    mutable std::mutex mutex_;  // node_, offered_, health_, progress_
    SnapshotPtr offered_;
    SyncHealth health_;
    SyncProgress progress_;

    // Rule thread.
    std::vector<Unsupported> unsupported_;  // of this round
    Steady::time_point full_at_{};
};

Steady::time_point Syncer::State::next_look() const {
    auto next = std::min(full_at_, Steady::now() + options_.look);
    for (const auto& family : families_) {
        if (family->failing()) next = std::min(next, family->retry_at);
    }
    return next;
}

void Syncer::State::run() {
    SnapshotPtr snapshot;
    full_at_ = Steady::now() + options_.full_sync;
    while (!box_.closed()) {
        const auto wait = std::chrono::ceil<milliseconds>(next_look() - Steady::now());
        if (auto next = box_.take(std::max(wait, milliseconds{0}))) {
            snapshot = std::move(*next);
            for (auto& family : families_) family->due = true;
        }
        if (box_.closed()) return;
        const auto now = Steady::now();
        if (!snapshot || !services::ServiceView{*snapshot}.synced()) {
            if (now >= full_at_) full_at_ = now + options_.full_sync;
            continue;
        }
        if (now >= full_at_) {
            for (auto& family : families_) family->full = family->due = true;
            full_at_ = now + options_.full_sync;
        }
        for (auto& family : families_) family->due = notices_disturbance(*family) || family->due;
        sync(snapshot);
    }
}

bool Syncer::State::notices_disturbance(FamilySync& family) {
    if (family.full || !family.writer->disturbed()) return false;
    family.full = true;
    family.suspected = true;
    return true;
}

/// Others' changes need not have touched our rules: it was so if there was something to write.
void Syncer::State::tell_of_repair(FamilySync& family, const Applied& applied) {
    if (!std::exchange(family.suspected, false) || !applied.wrote) return;
    family.metrics.disturbed.add_shared();
    NP_LOG_WARNING("rules.disturbed", "family", to_string(family.family), "writer",
                   family.writer->name(), "rules", applied.rules_written, "chains",
                   applied.chains_written);
}

/// All families that have something to write and, if they are failing, have paused long enough:
/// what arrives meanwhile does not shorten the pause, nor does one family wait for the other.
void Syncer::State::sync(const SnapshotPtr& snapshot) {
    NodeFacts node;
    {
        const std::lock_guard lock{mutex_};
        node = node_;
    }
    const auto now = Steady::now();
    bool tried = false;
    for (auto& family : families_) {
        if (family->failing() ? now < family->retry_at : !family->due) continue;
        sync_family(*family, snapshot, node);
        tried = true;
    }
    if (!tried) return;
    settle_unsupported();
    const bool all_in = std::ranges::none_of(
        families_, [](const auto& family) { return family->due || family->failing(); });
    if (all_in) succeeded(snapshot);
}

void Syncer::State::sync_family(FamilySync& family, const SnapshotPtr& snapshot,
                                const NodeFacts& node) {
    const Monotonic begin = clock_.now();
    const bool full = std::exchange(family.full, false);
    family.due = false;
    const auto plan = std::make_shared<const Plan>(family.planner.plan(snapshot, node));
    family.services = plan->services.size();
    const auto applied = family.writer->apply(*plan, full);
    const double seconds = std::chrono::duration<double>(clock_.now() - begin).count();
    if (!applied && applied.error().code == Errc::unsupported && !family.written) {
        family.full = true;
        unsupported_.push_back({&family, applied.error(), seconds, full});
        return;
    }
    family.metrics.round(seconds, full, family.writer->name());
    if (!applied) {
        family.full = true;
        family.metrics.refused(full);
        return refuse(family, applied.error());
    }
    family.metrics.applied(*applied, *plan);
    {
        const std::lock_guard lock{mutex_};
        progress_.applied(family.family, snapshot->version(), family.writer->name(), clock_.now(),
                          clock_.wall());
    }
    recover(family);
    tell_of_repair(family, *applied);
    observe_latency(family, *snapshot);
    family.written = snapshot;
    if (applied->wrote) {
        NP_LOG_DEBUG("rules.written", "family", to_string(family.family), "version",
                     applied->version, "chains", applied->chains_written, "rules",
                     applied->rules_written);
    }
    if (options_.forget_stale_flows) {
        std::vector<IpAddress> addresses;
        for (const auto& interface : node.addresses) addresses.push_back(interface.address);
        family.flows.offer(plan, std::move(addresses));
    }
}

/// Whether a machine without anything for `family` is whole: the other family is in, and is the one
/// that the cluster has Services in, or none is. As kube-proxy, which then serves one family only.
bool Syncer::State::can_do_without(const FamilySync& family) const {
    return std::ranges::any_of(families_, [&](const auto& other) {
        return other.get() != &family && other->written && !other->failing() &&
               (other->services != 0 || family.services == 0);
    });
}

/// Once both families were tried. What is missing may come later: it is tried again with each
/// change.
void Syncer::State::settle_unsupported() {
    for (const Unsupported& each : std::exchange(unsupported_, {})) {
        FamilySync& family = *each.family;
        if (!can_do_without(family)) {
            family.metrics.round(each.seconds, each.full, family.writer->name());
            family.metrics.refused(each.full);
            refuse(family, each.error);
            continue;
        }
        {
            const std::lock_guard lock{mutex_};
            progress_.missing(family.family);
        }
        family.refused.clear();
        family.refusals = 0;
        if (std::exchange(family.missing, each.error.text) == each.error.text) continue;
        NP_LOG_WARNING("rules.family_missing", "family", to_string(family.family), "error",
                       each.error, "effect", "no rules for this family");
    }
}

void Syncer::State::refuse(FamilySync& family, const Error& error) {
    family.retry_at = Steady::now() + backoff_after(family.refusals++);
    {
        const std::lock_guard lock{mutex_};
        progress_.refused(family.family, clock_.now());
        health_.failing = true;
        health_.last_error = error.text;
    }
    if (std::exchange(family.refused, error.text) != std::string{}) return;
    NP_LOG_ERROR("rules.refused", "family", to_string(family.family), "reason",
                 nameplane::to_string(error.code), "error", error, "effect",
                 "the old rules stay; trying again");
}

void Syncer::State::recover(FamilySync& family) {
    if (family.refused.empty() && family.missing.empty()) return;
    NP_LOG_INFO("rules.recovered", "family", to_string(family.family), "after", family.refusals);
    family.refused.clear();
    family.missing.clear();
    family.refusals = 0;
}

void Syncer::State::succeeded(const SnapshotPtr& snapshot) {
    const std::uint64_t version = snapshot->version();
    {
        const std::lock_guard lock{mutex_};
        health_.failing = false;
        health_.last_error.clear();
        health_.applied_version = version;
        health_.last_success = clock_.now();
        progress_.settled(snapshot);
    }
    metrics_.applied_version.set(static_cast<double>(version));
    if (applied_) applied_(version);
}

/// From the moment somebody changed endpoints until their rules are in, as kube-proxy counts it:
/// once for each slice of the family, of Services with rules; not what changed before this process
/// began.
void Syncer::State::observe_latency(FamilySync& family, const services::Snapshot& snapshot) const {
    const auto before = family.written ? family.written : services::Snapshot::empty();
    const WallTime now = clock_.wall();
    services::for_each_changed(
        *before, snapshot,
        [&](const services::ServiceEntry* old, const services::ServiceEntry* changed) {
            if (changed == nullptr) return;
            if (changed->service->headless || changed->service->foreign_proxy) return;
            for (const std::int64_t ns :
                 services::new_change_triggers(old, *changed, family.family)) {
                const WallTime trigger{
                    std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds{ns})};
                if (trigger <= started_at_) continue;
                // The clock of who wrote the time may be ahead of ours.
                const auto took = std::max(now - trigger, WallTime::duration{0});
                family.metrics.programming.observe(0, std::chrono::duration<double>(took).count());
            }
        });
}

milliseconds Syncer::State::backoff_after(std::uint64_t refusals) const {
    constexpr std::uint64_t doublings_max = 20;
    const std::uint64_t doublings = std::min(refusals, doublings_max);
    const auto pause =
        std::min(options_.retry_first * (std::int64_t{1} << doublings), options_.retry_max);
    const double jitter = 0.75 + 0.5 * options_.random();
    return milliseconds{static_cast<std::int64_t>(static_cast<double>(pause.count()) * jitter)};
}

Syncer::Syncer(std::vector<SyncTarget> targets, NodeFacts node, SyncerOptions options,
               metrics::Registry& metrics, const Clock& clock,
               std::function<void(std::uint64_t version)> applied)
    : state_{std::make_unique<State>(std::move(targets), std::move(node), std::move(options),
                                     metrics, clock, std::move(applied))} {}

Syncer::~Syncer() = default;

void Syncer::start() {
    state_->start();
}

void Syncer::offer(std::shared_ptr<const services::Snapshot> snapshot) {
    state_->offer(std::move(snapshot));
}

void Syncer::set_node(NodeFacts node) {
    state_->set_node(std::move(node));
}

SyncHealth Syncer::health() const {
    return state_->health();
}

}  // namespace nameplane::rules
