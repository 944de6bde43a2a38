#pragma once
// rules_part: the rule thread as the agent runs it. Knows when facts or settings of this node
// changed, so that nobody else has to; without rules (mode off) it does nothing.

#include "agent/health_ports.hpp"
#include "conf/config.hpp"
#include "rules/syncer.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/metrics.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace nameplane::agent {

/// Control thread, but for health().
class RulesPart {
public:
    /// `applied` is called on the rule thread.
    RulesPart(conf::RulesConfig config, std::string node_name, metrics::Registry& metrics,
              const Clock& clock, std::function<void(std::uint64_t version)> applied);
    /// Ends the rule thread; the rules stay.
    ~RulesPart();

    bool enabled() const noexcept;
    /// The newest snapshot, for rules and for what it says about our Node. The first one of a
    /// source that has listed everything starts the rule thread.
    void offer(const std::shared_ptr<const services::Snapshot>& snapshot);
    /// Looks at the machine's addresses again.
    void refresh_node();
    /// Nothing while no rule thread runs. From any thread.
    std::optional<rules::SyncHealth> health() const;
    /// Where node ports answer, and so the health check ports of Services.
    HealthPlaces node_port_places() const;
    /// Ends the rule thread now.
    void stop();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::agent
