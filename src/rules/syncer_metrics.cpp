#include "rules/syncer_metrics.hpp"

#include "rules/plan.hpp"
#include "rules/writer.hpp"

#include <cstdint>

namespace nameplane::rules {
namespace {

metrics::Labels of_family(Family family) {
    return {{"ip_family", label_of(family)}};
}
metrics::Labels of_table(const char* table, Family family) {
    return {{"table", table}, {"ip_family", label_of(family)}};
}
metrics::Labels of_policy(const char* policy, Family family) {
    return {{"traffic_policy", policy}, {"ip_family", label_of(family)}};
}

constexpr const char* total_name = "kubeproxy_sync_proxy_rules_iptables_total";
constexpr const char* total_help = "[ALPHA] Total number of iptables rules owned by kube-proxy";
constexpr const char* last_name = "kubeproxy_sync_proxy_rules_iptables_last";
constexpr const char* last_help =
    "[ALPHA] Number of iptables rules written by kube-proxy in last sync";
constexpr const char* no_local_name = "kubeproxy_sync_proxy_rules_no_local_endpoints_total";
constexpr const char* no_local_help =
    "[ALPHA] Number of services with a Local traffic policy and no endpoints";

std::vector<double> programming_bounds() {
    std::vector<double> bounds{0, 0.25, 0.5};  // as there, 0 too
    for (int second = 1; second < 60; ++second) bounds.push_back(second);
    for (int second = 60; second < 120; second += 5) bounds.push_back(second);
    for (int second = 120; second <= 300; second += 30) bounds.push_back(second);
    return bounds;
}

}  // namespace

std::string label_of(Family family) {
    return family == Family::ipv4 ? "IPv4" : "IPv6";
}

std::vector<double> duration_bounds() {
    std::vector<double> bounds;
    for (double bound = 0.001; bounds.size() < 15; bound *= 2) bounds.push_back(bound);
    return bounds;
}

SyncMetrics::SyncMetrics(metrics::Registry& registry)
    : applied_version{registry.gauge("nameplane_rules_applied_version",
                                     "Number of the snapshot whose rules are in the kernel.")},
      flows_forgotten{registry.counter("nameplane_rules_flows_forgotten_total",
                                       "Stale flows of UDP and SCTP taken out of conntrack.")} {}

FlowMetrics SyncMetrics::flows_of(metrics::Registry& registry, Family family) const {
    return {flows_forgotten,
            registry.counter("kubeproxy_conntrack_reconciler_deleted_entries_total",
                             "[ALPHA] Cumulative conntrack flows deleted by conntrack reconciler",
                             of_family(family)),
            registry.histogram("kubeproxy_conntrack_reconciler_sync_duration_seconds",
                               "[ALPHA] ReconcileConntrackFlowsLatency latency in seconds",
                               duration_bounds(), of_family(family))};
}

IptablesMetrics::IptablesMetrics(metrics::Registry& registry, Family family)
    : failures{registry.counter("kubeproxy_sync_proxy_rules_iptables_restore_failures_total",
                                "[ALPHA] Cumulative proxy iptables restore failures",
                                of_family(family))},
      partial_failures{registry.counter(
          "kubeproxy_sync_proxy_rules_iptables_partial_restore_failures_total",
          "[ALPHA] Cumulative proxy iptables partial restore failures", of_family(family))},
      nat_rules{registry.gauge(total_name, total_help, of_table("nat", family))},
      filter_rules{registry.gauge(total_name, total_help, of_table("filter", family))},
      nat_written{registry.gauge(last_name, last_help, of_table("nat", family))},
      filter_written{registry.gauge(last_name, last_help, of_table("filter", family))} {}

NftablesMetrics::NftablesMetrics(metrics::Registry& registry, Family family)
    : failures{registry.counter("kubeproxy_sync_proxy_rules_nftables_sync_failures_total",
                                "[ALPHA] Cumulative proxy nftables sync failures",
                                of_family(family))} {
    registry.counter("kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total",
                     "[ALPHA] Cumulative proxy nftables cleanup failures", of_family(family));
}

FamilyMetrics::FamilyMetrics(metrics::Registry& registry, Family family)
    : disturbed{registry.counter("nameplane_rules_disturbed_total",
                                 "Times that somebody else changed or flushed our rules.",
                                 of_family(family))},
      programming{registry.histogram("kubeproxy_network_programming_duration_seconds",
                                     "[ALPHA] In Cluster Network Programming Latency in seconds",
                                     programming_bounds(), of_family(family))},
      registry_{registry}, family_{family}, duration_{registry.histogram(
                                                "kubeproxy_sync_proxy_rules_duration_seconds",
                                                "[ALPHA] SyncProxyRules latency in seconds",
                                                duration_bounds(), of_family(family))},
      full_duration_{
          registry.histogram("kubeproxy_sync_full_proxy_rules_duration_seconds",
                             "[ALPHA] SyncProxyRules latency in seconds for full resyncs",
                             duration_bounds(), of_family(family))},
      partial_duration_{
          registry.histogram("kubeproxy_sync_partial_proxy_rules_duration_seconds",
                             "[ALPHA] SyncProxyRules latency in seconds for partial resyncs",
                             duration_bounds(), of_family(family))},
      no_local_internal_{
          registry.gauge(no_local_name, no_local_help, of_policy("internal", family))},
      no_local_external_{
          registry.gauge(no_local_name, no_local_help, of_policy("external", family))} {}

void FamilyMetrics::choose(std::string_view writer) {
    if (iptables_ || nftables_) return;
    if (writer == "nftables") {
        nftables_.emplace(registry_, family_);
    } else {
        iptables_.emplace(registry_, family_);
    }
}

void FamilyMetrics::round(double seconds, bool full, std::string_view writer) {
    choose(writer);
    duration_.observe(0, seconds);
    (full ? full_duration_ : partial_duration_).observe(0, seconds);
}

void FamilyMetrics::refused(bool full) {
    if (nftables_) nftables_->failures.add_shared();
    if (!iptables_) return;
    iptables_->failures.add_shared();
    if (!full) iptables_->partial_failures.add_shared();
}

void FamilyMetrics::applied(const Applied& applied, const Plan& plan) {
    std::uint64_t internal = 0;
    std::uint64_t external = 0;
    for (const auto& service : plan.services) {
        for (const PortPlan& port : service->ports) {
            internal += port.internal == Unserved::drop ? 1U : 0U;
            external += port.external == Unserved::drop ? 1U : 0U;
        }
    }
    no_local_internal_.set(static_cast<double>(internal));
    no_local_external_.set(static_cast<double>(external));
    if (!iptables_) return;
    iptables_->nat_rules.set(static_cast<double>(applied.nat_rules));
    iptables_->filter_rules.set(static_cast<double>(applied.filter_rules));
    iptables_->nat_written.set(static_cast<double>(applied.nat_written));
    iptables_->filter_written.set(static_cast<double>(applied.filter_written));
}

}  // namespace nameplane::rules
