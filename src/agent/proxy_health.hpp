#pragma once
// proxy_health: /healthz and /livez as kube-proxy answers them. Pure; the caller brings the facts.

#include "rules/syncer.hpp"
#include <nameplane/base/clock.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace nameplane::agent {

struct ProxyHealthFacts {
    std::optional<rules::SyncHealth> sync;  ///< nothing while no rule thread runs
    /// Our Node is there, nobody deletes it, and the cluster's autoscaler is not about to.
    bool node_eligible = true;
    /// A change that is not in the kernel for so long makes us unhealthy.
    std::chrono::milliseconds stale_after{60'000};
    Monotonic now;
    WallTime wall;
};

/// Whether changes reach the kernel in time; true while there is none.
bool proxy_is_healthy(const ProxyHealthFacts& facts) noexcept;

struct ProxyHealthAnswer {
    int status = 200;
    std::string body;  ///< JSON
};
/// What load balancers ask: 503 also where the node is about to go.
ProxyHealthAnswer healthz(const ProxyHealthFacts& facts);
/// What the kubelet asks: whether we should be restarted.
ProxyHealthAnswer livez(const ProxyHealthFacts& facts);

}  // namespace nameplane::agent
