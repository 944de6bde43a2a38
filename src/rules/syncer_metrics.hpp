#pragma once
// The metrics of the rule thread, under the names that kube-proxy's dashboards know. Private to
// src/rules.

#include "rules/flow_forgetter.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/metrics.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::rules {

struct Applied;
struct Plan;

/// "IPv4" or "IPv6".
std::string label_of(Family family);
/// 1 ms, doubled 14 times.
std::vector<double> duration_bounds();

/// Of all families together.
struct SyncMetrics {
    explicit SyncMetrics(metrics::Registry& registry);
    metrics::Gauge& applied_version;
    metrics::Counter& flows_forgotten;
    FlowMetrics flows_of(metrics::Registry& registry, Family family) const;
};

/// What only the writer of iptables has; kube-proxy shows these in that mode only.
struct IptablesMetrics {
    IptablesMetrics(metrics::Registry& registry, Family family);
    metrics::Counter& failures;
    metrics::Counter& partial_failures;
    metrics::Gauge& nat_rules;
    metrics::Gauge& filter_rules;
    metrics::Gauge& nat_written;
    metrics::Gauge& filter_written;
};

/// The same of nftables.
struct NftablesMetrics {
    NftablesMetrics(metrics::Registry& registry, Family family);
    metrics::Counter& failures;
};

/// Of one family; its label is "IPv4" or "IPv6".
class FamilyMetrics {
public:
    FamilyMetrics(metrics::Registry& registry, Family family);

    /// A round of this family is over. `writer`: its name; `full`: it trusted nothing.
    void round(double seconds, bool full, std::string_view writer);
    void refused(bool full);
    void applied(const Applied& applied, const Plan& plan);

    metrics::Counter& disturbed;
    metrics::Histogram& programming;

private:
    void choose(std::string_view writer);

    metrics::Registry& registry_;
    Family family_;
    metrics::Histogram& duration_;
    metrics::Histogram& full_duration_;
    metrics::Histogram& partial_duration_;
    metrics::Gauge& no_local_internal_;
    metrics::Gauge& no_local_external_;
    // One of them, from the first round on.
    std::optional<IptablesMetrics> iptables_;
    std::optional<NftablesMetrics> nftables_;
};

}  // namespace nameplane::rules
