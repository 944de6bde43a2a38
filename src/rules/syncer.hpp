#pragma once
// Syncer: the rule thread. Takes the newest snapshot, plans, lets the writer commit, reports what
// is in the kernel. A busy syncer merges what arrives meanwhile; an idle one starts at once: there
// is no batching window. A failing one keeps the old rules, retries with backoff and then writes in
// full; a failure is one log line (rules.refused) when it begins, however often it is tried, and
// one when it is over (rules.recovered); health() has the newest reason. Each family fails, and is
// tried again, for itself. One that the machine has nothing for (no IPv6, no ip6_tables) is done
// without where the other is written and has the cluster's Services: rules.family_missing.
//
// Removed endpoints need not go ahead of added ones: a commit replaces a table in one step, so both
// take effect at the same moment.
//
// Rules that somebody else changed or flushed are noticed by looking several times a second (which
// costs next to nothing, see RuleWriter::disturbed) and put right at once.
//
// A snapshot whose source has not listed everything yet is waited out: rules from half a list would
// take away Services that are only not listed yet.

#include "rules/policy.hpp"
#include "rules/sync_progress.hpp"
#include "rules/writer.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/metrics.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nameplane::rules {

/// One family: its settings and who writes it.
struct SyncTarget {
    PlanSettings settings;
    std::unique_ptr<RuleWriter> writer;
};

struct SyncerOptions {
    std::chrono::milliseconds retry_first{100};
    std::chrono::milliseconds retry_max{30'000};
    std::chrono::milliseconds full_sync{3'600'000};
    /// How often writers are asked whether somebody else changed our rules.
    std::chrono::milliseconds look{250};
    bool forget_stale_flows = true;  ///< conntrack entries of endpoints that went
    /// From 0 to below 1, for the jitter of retries; empty: the machine's.
    std::function<double()> random;
};

/// What health and readiness ask. Safe from any thread.
struct SyncHealth {
    std::uint64_t applied_version = 0;
    std::uint64_t wanted_version = 0;
    bool failing = false;
    std::string last_error;
    Monotonic last_success{};
    std::vector<FamilyHealth> families;
};

class Syncer {
public:
    /// `applied` is called on the rule thread after all families hold that version.
    Syncer(std::vector<SyncTarget> targets, NodeFacts node, SyncerOptions options,
           metrics::Registry& metrics, const Clock& clock,
           std::function<void(std::uint64_t version)> applied);
    /// Stops the thread; rules stay in the kernel.
    ~Syncer();

    void start();
    /// From the control thread: the newest snapshot wins.
    void offer(std::shared_ptr<const services::Snapshot> snapshot);
    /// Node labels or addresses changed.
    void set_node(NodeFacts node);
    SyncHealth health() const;

private:
    class State;
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::rules
