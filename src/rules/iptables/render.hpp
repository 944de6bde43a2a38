#pragma once
// render: a Plan to KUBE-* chains, exactly as kube-proxy lays them out. Pure; decides nothing.

#include "rules/iptables/rule.hpp"
#include "rules/plan.hpp"

#include <string>
#include <string_view>

namespace nameplane::rules::iptables {

/// "KUBE-SVC-XPGD46QRK7WJZT7O" from prefix "KUBE-SVC-", the port's name and its protocol.
std::string service_chain_name(std::string_view prefix, const PortPlan& port);
/// "KUBE-SEP-SXIVWICOYRO3J4NJ".
std::string endpoint_chain_name(const PortPlan& port, const PlanEndpoint& endpoint);

BaseRules render_base(const PlanSettings& settings);
/// `large`: no comments on endpoint rules (more than large_cluster_endpoints endpoints).
ServiceRules render_service(const ServicePlan& service, const PlanSettings& settings, bool large);
/// Only its rules in chains that all Services share, which cost a fraction of the others.
ServiceRules render_shared(const ServicePlan& service, const PlanSettings& settings);

/// The whole plan as iptables-restore text: what `nameplane render --to iptables-restore` prints
/// and what `iptables-restore --noflush` accepts, in the shape that kube-proxy writes. After that
/// come the jumps from built-in chains, put at their head; reading the text in twice therefore
/// repeats these.
std::string to_restore_text(const Plan& plan);
/// One rule as iptables-restore reads it, without "-A CHAIN".
std::string to_text(const Rule& rule);

}  // namespace nameplane::rules::iptables
