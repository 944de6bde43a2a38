#pragma once
// FlowForgetter: forgets stale flows behind the rule thread's back. The kernel walks all of its
// table for that, which takes some ten milliseconds however few flows there are, and the next
// change of rules shall not wait for it. After a walk it rests for some times as long, so that
// changes which come thick and fast share one and never cost more than a tenth of a processor. One
// for each family.

#include "base/mailbox.hpp"
#include "rules/conntrack.hpp"
#include "rules/plan.hpp"
#include <nameplane/base/metrics.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace nameplane::rules {

/// What is counted of it.
struct FlowMetrics {
    metrics::Counter& forgotten;         ///< flows, of all families together
    metrics::Counter& family_forgotten;  ///< flows
    metrics::Histogram& duration;        ///< seconds of a look at the kernel's table
};

class FlowForgetter {
public:
    /// How long to rest after a look that took so long: nine times that, at most a second. A client
    /// stays with a dead endpoint no longer than that, and only when a look was made just before.
    static std::chrono::nanoseconds rest_after(std::chrono::nanoseconds took);

    struct Pauses {
        std::chrono::milliseconds retry_first{100};
        std::chrono::milliseconds retry_max{std::chrono::seconds{30}};
        std::function<std::chrono::nanoseconds(std::chrono::nanoseconds took)> rest = rest_after;
    };
    using Forget =
        std::function<Result<std::size_t>(Family family, std::span<const FlowFrontend> candidates)>;

    /// `forget` (a FlowTable's, unless it is given) runs on a thread of its own, in the network
    /// namespace of the first offer(), and only when flows can have become stale; what it refuses
    /// is tried again after a pause that grows from `retry_first` to `retry_max`. `metrics` must
    /// live longer.
    FlowForgetter(Family family, FlowMetrics metrics, Forget forget = by_flow_table());
    FlowForgetter(Family family, FlowMetrics metrics, Forget forget, Pauses pauses);
    /// Stops; what was not forgotten yet is found by the next start, which looks at everything.
    ~FlowForgetter();
    FlowForgetter(const FlowForgetter&) = delete;

    /// The kernel holds the rules of `plan`; the newest wins. Does not wait. Rule thread only.
    void offer(std::shared_ptr<const Plan> plan, std::vector<IpAddress> node_addresses);

private:
    static Forget by_flow_table();

    struct Job {
        std::shared_ptr<const Plan> plan;
        std::vector<IpAddress> node_addresses;
    };
    void run();
    /// Whether nothing of the job is left to do.
    bool done(const Job& job);

    Family family_;
    FlowMetrics metrics_;
    Forget forget_;
    Pauses pauses_;
    Latest<Job> box_;
    std::thread thread_;
    // Of the thread.
    std::shared_ptr<const Plan> looked_at_;  ///< up to which plan stale flows are forgotten
    std::string refused_;
    std::chrono::steady_clock::time_point rests_until_{};
};

}  // namespace nameplane::rules
