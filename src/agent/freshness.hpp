#pragma once
// freshness: what can be said about how old names and rules are, and whether the agent is ready,
// from what the API source and the saved state tell. Pure: the same inputs give the same answer.

#include "agent/admin.hpp"
#include "kube/api_source.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/metrics.hpp>

#include <chrono>
#include <optional>
#include <vector>

namespace nameplane::agent {

struct FreshnessInputs {
    std::vector<kube::KindHealth> kinds;  ///< empty: the source has not begun
    std::optional<WallTime>
        saved;               ///< last contact of the state that was loaded; not set: none was
    bool rules_in = false;   ///< the rules of the first list are in the kernel, or there are none
    bool was_ready = false;  ///< Freshness::ready() of an earlier moment: once ready, always ready
    Monotonic now;
    WallTime wall;
};

struct Freshness {
    /// Not ready: "kubernetes" before the first list of each kind is in, then "rules" before its
    /// rules are. Remarks: why, and how old what is served is if the server says nothing.
    Readiness readiness;
    bool listed = false;  ///< the first list of each kind is in
    /// How long ago the server last said something about the kind that is worst; not set: never.
    /// What was never heard of is as old as the saved state.
    std::optional<std::chrono::seconds> age;
    /// The moment that age counts from; not set: never. What the saved state gets as its contact.
    std::optional<WallTime> contact;

    bool ready() const noexcept { return readiness.not_ready.empty(); }
};

Freshness freshness_of(const FreshnessInputs& inputs);

/// nameplane_api_data_age_seconds. From any thread.
class FreshnessMetrics {
public:
    explicit FreshnessMetrics(metrics::Registry& metrics);
    /// Infinite while nothing is known of the server.
    void set(const Freshness& freshness) noexcept;

private:
    metrics::Gauge& age_;
};

}  // namespace nameplane::agent
