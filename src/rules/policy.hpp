#pragma once
// policy: the only place that decides what happens to a Service's traffic. Pure functions from the
// service cache and this node's facts to a Plan.

#include "rules/plan.hpp"
#include "services/snapshot.hpp"
#include <nameplane/base/result.hpp>

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace nameplane::rules {

/// One Service in one family; nullptr when it needs no rules there (headless, ExternalName, no
/// clusterIP of that family).
std::shared_ptr<const ServicePlan> plan_service(const services::ServiceEntry& entry,
                                                const NodeFacts& node,
                                                const PlanSettings& settings);

/// Those of `family` that lie in no other one of them, sorted.
std::vector<Cidr> outermost(std::span<const Cidr> sorted, Family family);

/// Keeps the plan of one family and remakes only what changed in the snapshot. One thread.
class Planner {
public:
    explicit Planner(PlanSettings settings);
    ~Planner();

    /// The plan for `snapshot`. Everything is planned anew when facts changed.
    Plan plan(const std::shared_ptr<const services::Snapshot>& snapshot, const NodeFacts& node);

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// The node's own address in `family`: what its Node object says, else the first of the machine's
/// that others can reach.
std::optional<IpAddress> node_address(const NodeFacts& node, Family family);

/// This machine's own interfaces and addresses, `name` as the node's name.
NodeFacts facts_of_this_machine(std::string_view name);
/// Whether its kernel has that family at all; one without (`ipv6.disable=1`) has no packet of it.
bool kernel_has(Family family);

}  // namespace nameplane::rules
