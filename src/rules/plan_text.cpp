#include "rules/plan_text.hpp"

#include <fmt/format.h>

#include <iterator>

namespace nameplane::rules {
namespace {

/// Collects lines.
class Lines {
public:
    template <class... Args>
    void add(fmt::format_string<const Args&...> format, const Args&... args) {
        fmt::vformat_to(std::back_inserter(text_), format, fmt::make_format_args(args...));
        text_ += '\n';
    }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
};

std::string_view yes_no(bool value) {
    return value ? "yes" : "no";
}

std::string detector_text(const PlanSettings& settings) {
    switch (settings.detector) {
    case LocalDetector::none: return "not recognised";
    case LocalDetector::source_cidr: return "source " + settings.detector_cidr.to_string();
    case LocalDetector::bridge: return "bridge " + settings.detector_name;
    case LocalDetector::interface_prefix: return "interfaces " + settings.detector_name + "*";
    }
    return {};
}

std::string node_port_text(const PlanSettings& settings) {
    if (settings.node_port_addresses.empty())
        return settings.node_ports_restricted ? "no address" : "every local address";
    std::string text;
    for (const IpAddress& address : settings.node_port_addresses) {
        if (!text.empty()) text += ", ";
        text += address.to_string();
    }
    return text;
}

void add_settings(Lines& lines, const Plan& plan) {
    const PlanSettings& settings = plan.settings;
    lines.add("family: {}", to_string(settings.family));
    lines.add("pods: {}", detector_text(settings));
    lines.add("masquerade: mark 0x{:08x}, random-fully {}, all cluster IP traffic {}",
              settings.masquerade_mark, yes_no(settings.random_fully),
              yes_no(settings.masquerade_all));
    lines.add("node ports: {}, localhost {}", node_port_text(settings),
              yes_no(settings.localhost_node_ports && settings.family == Family::ipv4));
    lines.add("drop invalid: {}", yes_no(settings.drop_invalid));
    std::string ranges;
    for (const Cidr& range : plan.service_ranges) ranges += " " + range.to_string();
    if (!ranges.empty())
        lines.add("service addresses without a Service: dropped in{} (nftables only)", ranges);
    lines.add("endpoints: {}{}", plan.endpoint_count,
              plan.endpoint_count > large_cluster_endpoints ? " (large cluster)" : "");
}

/// What traffic meets, by policy and by what is there.
std::string_view fate(Unserved unserved, bool local_policy) {
    switch (unserved) {
    case Unserved::none: return local_policy ? "local endpoints" : "endpoints";
    case Unserved::reject: return "rejected, no endpoints";
    case Unserved::drop: return "dropped, no local endpoints";
    }
    return {};
}

std::string ranges_text(const PortPlan& port) {
    if (port.source_ranges.empty()) return {};
    std::string text = ", only from";
    for (const Cidr& range : port.source_ranges) text += " " + range.to_string();
    if (port.node_in_source_ranges) text += " (this node among them)";
    return text;
}

std::string socket_text(const IpAddress& address, std::uint16_t port) {
    return PlanEndpoint{.address = address, .port = port}.to_string();
}

void add_endpoints(Lines& lines, std::string_view title,
                   const std::vector<PlanEndpoint>& endpoints) {
    if (endpoints.empty()) return;
    lines.add("  {}:", title);
    for (const PlanEndpoint& endpoint : endpoints) {
        lines.add("    {}{}", endpoint.to_string(), endpoint.local ? " on this node" : "");
    }
}

/// With policy Local, who is spared the detour over the load balancer.
void add_short_cut(Lines& lines, const PortPlan& port, const PlanSettings& settings) {
    if (!port.external_local || !port.externally_reachable() || !port.has_endpoints) return;
    lines.add("  to these from {} -> endpoints",
              settings.detector == LocalDetector::none ? "this node" : "pods and this node");
}

void add_port(Lines& lines, const PortPlan& port, const PlanSettings& settings) {
    const std::string_view outside = fate(port.external, port.external_local);
    lines.add("\n{} {}", port.name, to_string(port.protocol));
    lines.add("  cluster IP {} -> {}", socket_text(port.cluster_ip, port.port),
              fate(port.internal, port.internal_local));
    for (const IpAddress& address : port.external_ips) {
        lines.add("  external IP {} -> {}", socket_text(address, port.port), outside);
    }
    for (const IpAddress& address : port.load_balancer_ips) {
        lines.add("  load balancer IP {} -> {}{}", socket_text(address, port.port), outside,
                  ranges_text(port));
    }
    if (port.node_port != 0) lines.add("  node port {} -> {}", port.node_port, outside);
    add_short_cut(lines, port, settings);
    if (port.health_check_node_port != 0)
        lines.add("  health check node port {}", port.health_check_node_port);
    if (port.affinity_timeout_s != 0)
        lines.add("  affinity by client IP for {} s", port.affinity_timeout_s);
    add_endpoints(lines, "endpoints", port.cluster_endpoints);
    add_endpoints(lines, "local endpoints", port.local_endpoints);
    add_endpoints(lines, "flows are kept to", port.kept_endpoints);
}

}  // namespace

std::string to_plan_text(const Plan& plan) {
    Lines lines;
    add_settings(lines, plan);
    for (const auto& service : plan.services) {
        for (const PortPlan& port : service->ports) add_port(lines, port, plan.settings);
    }
    return lines.take();
}

}  // namespace nameplane::rules
