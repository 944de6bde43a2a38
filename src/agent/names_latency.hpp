#pragma once
// names_latency: how long a change of endpoints takes until its names are answered,
// coredns_kubernetes_dns_programming_duration_seconds.
//
// Counted as CoreDNS counts it: for slices of headless Services that carry the annotation
// endpoints.kubernetes.io/last-change-trigger-time. Only the control plane writes that, and only
// for Services with a selector, so the one kind that is ever observed is "headless_with_selector".
// Unlike CoreDNS we leave out what the first list brings: those changes are as old as the cluster.

#include "services/snapshot.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/metrics.hpp>

#include <memory>

namespace nameplane::agent {

/// Control thread only. Costs what changed between two calls, nothing if nothing did.
class NamesLatency {
public:
    NamesLatency(metrics::Registry& metrics, const Clock& clock);

    /// Call after everything that may have let a snapshot through the gate, and when the first list
    /// is complete, even if that changed nothing. `shown`: what names are answered from; `listed`:
    /// whether the source has listed everything once. Observes what is new since the last call, if
    /// that one had `listed`.
    void shown(std::shared_ptr<const services::Snapshot> shown, bool listed);

private:
    metrics::Histogram& duration_;
    const Clock* clock_;
    std::shared_ptr<const services::Snapshot> last_ = services::Snapshot::empty();
    bool listed_ = false;
};

}  // namespace nameplane::agent
