#pragma once
// The metrics of the rule thread, under the names that kube-proxy's dashboards know. Private to
// src/rules.

#include <nameplane/base/ip.hpp>
#include <nameplane/base/metrics.hpp>

namespace nameplane::rules {

/// Of all families together.
struct SyncMetrics {
    explicit SyncMetrics(metrics::Registry& registry);
    metrics::Histogram& duration;
    metrics::Gauge& last_success;
    metrics::Gauge& applied_version;
    metrics::Counter& flows_forgotten;
};

/// Of one family; its label is "IPv4" or "IPv6".
struct FamilyMetrics {
    FamilyMetrics(metrics::Registry& registry, Family family);
    metrics::Counter& failures;
    metrics::Counter& disturbed;
    metrics::Histogram& programming;
    metrics::Gauge& nat_rules;
    metrics::Gauge& filter_rules;
};

}  // namespace nameplane::rules
