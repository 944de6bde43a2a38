#include "rules/syncer_metrics.hpp"

#include <string>
#include <vector>

namespace nameplane::rules {
namespace {

constexpr const char* rules_name = "kubeproxy_sync_proxy_rules_iptables_total";
constexpr const char* rules_help = "Rules of ours in the kernel.";

std::string label_of(Family family) {
    return family == Family::ipv4 ? "IPv4" : "IPv6";
}

/// 1 ms, doubled 14 times.
std::vector<double> duration_bounds() {
    std::vector<double> bounds;
    for (double bound = 0.001; bounds.size() < 15; bound *= 2) bounds.push_back(bound);
    return bounds;
}

std::vector<double> programming_bounds() {
    std::vector<double> bounds{0.25, 0.5};
    for (int second = 1; second < 60; ++second) bounds.push_back(second);
    for (int second = 60; second < 120; second += 5) bounds.push_back(second);
    for (int second = 120; second <= 300; second += 30) bounds.push_back(second);
    return bounds;
}

}  // namespace

SyncMetrics::SyncMetrics(metrics::Registry& registry)
    : duration{registry.histogram("kubeproxy_sync_proxy_rules_duration_seconds",
                                  "How long a round of planning and committing rules took.",
                                  duration_bounds())},
      last_success{registry.gauge("kubeproxy_sync_proxy_rules_last_timestamp_seconds",
                                  "When rules were last found or put right, Unix time.")},
      applied_version{registry.gauge("nameplane_rules_applied_version",
                                     "Number of the snapshot whose rules are in the kernel.")},
      flows_forgotten{registry.counter("nameplane_rules_flows_forgotten_total",
                                       "Stale UDP flows taken out of conntrack.")} {}

FamilyMetrics::FamilyMetrics(metrics::Registry& registry, Family family)
    : failures{registry.counter("kubeproxy_sync_proxy_rules_iptables_restore_failures_total",
                                "Rounds that the kernel, the lock or a permission refused.",
                                {{"ip_family", label_of(family)}})},
      disturbed{registry.counter("nameplane_rules_disturbed_total",
                                 "Times that somebody else changed or flushed our rules.",
                                 {{"ip_family", label_of(family)}})},
      programming{
          registry.histogram("kubeproxy_network_programming_duration_seconds",
                             "From a change of endpoints until their rules were in the kernel.",
                             programming_bounds(), {{"ip_family", label_of(family)}})},
      nat_rules{registry.gauge(rules_name, rules_help,
                               {{"table", "nat"}, {"ip_family", label_of(family)}})},
      filter_rules{registry.gauge(rules_name, rules_help,
                                  {{"table", "filter"}, {"ip_family", label_of(family)}})} {}

}  // namespace nameplane::rules
