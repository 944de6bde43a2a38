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
constexpr std::array<std::pair<std::string_view, std::string_view>, 2> client_names{
    {{"coredns_kubernetes_rest_client_requests_total", "rest_client_requests_total"},
     {"coredns_kubernetes_rest_client_request_duration_seconds",
      "rest_client_request_duration_seconds"}}};

struct PacketCounter {
    std::string_view counter;
    const char* name;
    const char* help;
};
constexpr std::array<PacketCounter, 2> packet_counters{
    {{rules::iptables::invalid_counter, "kubeproxy_iptables_ct_state_invalid_dropped_packets_total",
      "Packets that rules dropped because conntrack found them invalid."},
     {rules::iptables::localhost_counter,
      "kubeproxy_iptables_localhost_nodeports_accepted_packets_total",
      "Connections to node ports by a loopback address."}}};

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
    return {"kubernetes_build_info",
            "Always 1; the labels say what was built.",
            Kind::gauge,
            {{labels, 1, {}}}};
}

}  // namespace

void add_proxy_metrics(std::vector<FamilyReading>& families, std::string_view mode) {
    for (const auto& [ours, theirs] : client_names) {
        const auto found = std::ranges::find(families, ours, &FamilyReading::name);
        if (found == families.end()) continue;
        FamilyReading copy = *found;
        copy.name = theirs;
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
