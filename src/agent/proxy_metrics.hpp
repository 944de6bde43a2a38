#pragma once
// proxy_metrics: what /metrics of kube-proxy has and our own page has not: the client of the API
// server and the version under the names of Kubernetes, and the kernel's counters of packets.

#include <nameplane/base/metrics.hpp>

#include <string_view>
#include <vector>

namespace nameplane::agent {

/// Adds them to `families` and sorts these by name. `mode`: who writes the rules; only those of
/// iptables count packets. Any thread.
void add_proxy_metrics(std::vector<metrics::FamilyReading>& families, std::string_view mode);

}  // namespace nameplane::agent
