#pragma once
// proxy_part: what the agent says of itself in kube-proxy's place: /healthz, /livez, and the health
// check ports of Services.

#include "agent/health_ports.hpp"
#include "agent/proxy_health.hpp"
#include "agent/rules_part.hpp"
#include "conf/config.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/metrics.hpp>

#include <atomic>
#include <memory>
#include <string>

namespace nameplane::agent {

/// Control thread only, but for the answers.
class ProxyPart {
public:
    /// `rules` outlives it.
    ProxyPart(const conf::StartConfig& config, std::string node_name, const RulesPart& rules,
              metrics::Registry& metrics, const Clock& clock);

    /// The newest snapshot, which says whether our Node stays.
    void newest(const services::Snapshot& snapshot);
    /// The snapshot whose rules are in: load balancers are told of its endpoints.
    void shown(const std::shared_ptr<const services::Snapshot>& snapshot);

    // Any thread.
    ProxyHealthAnswer healthz();
    ProxyHealthAnswer livez();
    /// What kube-proxy's /proxyMode says: who writes rules; "auto" until that is chosen.
    std::string mode() const;

private:
    ProxyHealthFacts facts() const;

    std::string node_name_;
    conf::RulesMode mode_;
    std::chrono::milliseconds stale_after_;
    /// Manifests need not have a Node; a cluster has.
    bool node_required_;
    const RulesPart& rules_;
    const Clock& clock_;
    std::atomic<bool> node_eligible_;
    HealthPortList list_;
    HealthPlaces places_;
    bool told_ = false;  ///< the ports know of list_ and places_
    metrics::Counter& healthz_fine_;
    metrics::Counter& healthz_bad_;
    metrics::Counter& livez_fine_;
    metrics::Counter& livez_bad_;
    std::unique_ptr<HealthPorts> ports_;  ///< its thread asks facts(); last
};

}  // namespace nameplane::agent
