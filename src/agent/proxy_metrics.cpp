#include "agent/proxy_metrics.hpp"

#include "rules/iptables/packet_counters.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace nameplane::agent {

namespace {

using metrics::FamilyReading;
using metrics::Kind;

// Ours by the names that CoreDNS has for them, and those that kube-proxy has.
struct ClientMetric {
    std::string_view ours;
    const char* theirs;
    const char* help;
};
constexpr std::array<ClientMetric, 2> client_metrics{
    {{"coredns_kubernetes_rest_client_requests_total", "rest_client_requests_total",
      "[ALPHA] Number of HTTP requests, partitioned by status code, method, and host."},
     {"coredns_kubernetes_rest_client_request_duration_seconds",
      "rest_client_request_duration_seconds",
      "[ALPHA] Request latency in seconds. Broken down by verb, and host."}}};

struct PacketCounter {
    std::string_view counter;
    const char* name;
    const char* help;
};
constexpr std::array<PacketCounter, 2> packet_counters{
    {{rules::iptables::invalid_counter, "kubeproxy_iptables_ct_state_invalid_dropped_packets_total",
      "[ALPHA] packets dropped by iptables to work around conntrack problems"},
     {rules::iptables::localhost_counter,
      "kubeproxy_iptables_localhost_nodeports_accepted_packets_total",
      "[ALPHA] Number of packets accepted on nodeports of loopback interface"}}};

FamilyReading build_info() {
    utsname machine{};
    const std::string name = ::uname(&machine) == 0 ? machine.machine : "unknown";
    const metrics::Labels labels{{"build_date", ""},
                                 {"compiler", "gcc"},
                                 {"git_commit", ""},
                                 {"git_tree_state", ""},
                                 {"git_version", "nameplane-" NAMEPLANE_VERSION},
                                 {"go_version", ""},
                                 {"major", ""},
                                 {"minor", ""},
                                 {"platform", "linux/" + name}};
    return {
        "kubernetes_build_info",
        "[ALPHA] A metric with a constant '1' value labeled by major, minor, git version, git "
        "commit, git tree state, build date, Go version, and compiler from which Kubernetes was "
        "built, and platform on which it is running.",
        Kind::gauge,
        {{labels, 1, {}}}};
}

}  // namespace

void add_proxy_metrics(std::vector<FamilyReading>& families, std::string_view mode) {
    for (const ClientMetric& each : client_metrics) {
        const auto found = std::ranges::find(families, each.ours, &FamilyReading::name);
        if (found == families.end()) continue;
        FamilyReading copy = *found;
        copy.name = each.theirs;
        copy.help = each.help;
        families.push_back(std::move(copy));
    }
    families.push_back(build_info());
    for (const PacketCounter& each : packet_counters) {
        if (mode != "iptables") break;
        // One that is not there is not shown.
        const auto packets = rules::iptables::counted_packets(each.counter);
        if (!packets) continue;
        families.push_back(
            {each.name, each.help, Kind::counter, {{{}, static_cast<double>(*packets), {}}}});
    }
    std::ranges::sort(families, {}, &FamilyReading::name);
}

}  // namespace nameplane::agent
