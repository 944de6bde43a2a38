#pragma once
// agent_metrics: what the agent itself counts, whatever its parts count.

#include <nameplane/base/metrics.hpp>

namespace nameplane::agent {

/// Written by the control thread. The registry outlives it.
struct AgentMetrics {
    /// Also what only has to be there: versions, and what dashboards for CoreDNS ask for.
    explicit AgentMetrics(metrics::Registry& all);

    metrics::Gauge& services;
    metrics::Gauge& endpoints;
    metrics::Gauge& version;
    metrics::Gauge& published;
    metrics::Counter& overtaken;
    metrics::Counter& refused;
    metrics::Counter& reloads_done;
    metrics::Counter& reloads_refused;
    metrics::Counter& reloads_failed;
};

}  // namespace nameplane::agent
