#include "agent/node.hpp"

#include "rules/policy.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

namespace nameplane::agent {

namespace {

constexpr const char* liberal_path = "/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal";

constexpr const char* localnet_path = "/proc/sys/net/ipv4/conf/all/route_localnet";

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
File open(const char* path, const char* how) {
    return {std::fopen(path, how), &std::fclose};
}

bool is_on(const char* path) {
    const File file = open(path, "re");
    return file && std::fgetc(file.get()) == '1';
}

std::optional<Cidr> first_of(const std::vector<Cidr>& cidrs, Family family) {
    const auto found = std::ranges::find(cidrs, family, &Cidr::family);
    if (found == cidrs.end()) return std::nullopt;
    return *found;
}

// How pods are recognised; without what the mode needs nothing is taken for local.
void set_detector(const conf::RulesConfig& config, const rules::NodeFacts& node,
                  rules::PlanSettings& settings) {
    std::optional<Cidr> cidr;
    switch (config.detect_local) {
    case conf::DetectLocalMode::none: return;
    case conf::DetectLocalMode::bridge_interface:
        settings.detector = rules::LocalDetector::bridge;
        settings.detector_name = config.bridge_interface;
        return;
    case conf::DetectLocalMode::interface_name_prefix:
        settings.detector = rules::LocalDetector::interface_prefix;
        settings.detector_name = config.interface_name_prefix;
        return;
    case conf::DetectLocalMode::cluster_cidr:
        cidr = first_of(config.cluster_cidrs, settings.family);
        break;
    case conf::DetectLocalMode::node_cidr: cidr = first_of(node.pod_cidrs, settings.family); break;
    }
    if (!cidr) return;
    settings.detector = rules::LocalDetector::source_cidr;
    settings.detector_cidr = *cidr;
}

// The node's own addresses, each a network; those it lacks are left out.
std::vector<Cidr> primary_networks(const rules::NodeFacts& node) {
    std::vector<Cidr> networks;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const std::optional<IpAddress> address = rules::node_address(node, family);
        if (!address || address->is_loopback()) continue;
        networks.push_back(*Cidr::make(*address, family == Family::ipv4 ? 32 : 128));
    }
    return networks;
}

// Whether node ports of IPv4 in `networks` include the loopback address, as they do without any
// network of that family.
bool holds_loopback(const std::vector<Cidr>& networks) {
    const auto v4 = [](const Cidr& network) { return network.family() == Family::ipv4; };
    if (std::ranges::none_of(networks, v4)) return true;
    const IpAddress loopback = *IpAddress::parse("127.0.0.0");
    return std::ranges::any_of(networks, [&](const Cidr& network) {
        return v4(network) && (network.address().is_loopback() || network.contains(loopback));
    });
}

// Node ports answer on the node's addresses inside the configured networks, if there are any; a
// family that none of the networks belongs to answers everywhere, as does 0.0.0.0/0.
void set_node_ports(const std::vector<Cidr>& networks, const rules::NodeFacts& node,
                    rules::PlanSettings& settings) {
    std::vector<IpAddress> addresses;
    bool restricted = false;
    for (const Cidr& network : networks) {
        if (network.family() != settings.family) continue;
        if (network.prefix() == 0) return;
        restricted = true;
        for (const auto& interface : node.addresses) {
            if (network.contains(interface.address)) addresses.push_back(interface.address);
        }
    }
    std::ranges::sort(addresses);
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    settings.node_port_addresses = std::move(addresses);
    settings.node_ports_restricted = restricted;
}

}  // namespace

std::string local_node_name(const conf::NodeConfig& node) {
    std::string name = node.name;
    if (name.empty()) {
        std::array<char, 256> host{};
        if (::gethostname(host.data(), host.size() - 1) == 0) name = host.data();
    }
    std::ranges::transform(name, name.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return name;
}

rules::NodeFacts merged_facts(rules::NodeFacts machine, const services::Node* object) {
    if (object == nullptr) return machine;
    machine.labels = object->labels;
    machine.pod_cidrs = object->pod_cidrs;
    machine.node_ips = object->addresses;
    if (!machine.addresses.empty()) return machine;
    for (const IpAddress& address : object->addresses) machine.addresses.push_back({"", address});
    return machine;
}

rules::NodeFacts with_addresses(rules::NodeFacts facts, const std::vector<IpAddress>& own) {
    for (const IpAddress& address : own) {
        std::erase_if(facts.node_ips,
                      [&](const IpAddress& other) { return other.family() == address.family(); });
    }
    facts.node_ips.insert(facts.node_ips.begin(), own.begin(), own.end());
    return facts;
}

std::vector<IpAddress> own_addresses(const rules::NodeFacts& machine,
                                     const std::vector<IpAddress>& listen) {
    std::vector<IpAddress> all = listen;
    for (const auto& interface : machine.addresses) all.push_back(interface.address);
    std::vector<IpAddress> own;
    for (const IpAddress& address : all) {
        if (address.is_loopback() || address.is_unspecified() || address.is_link_local()) continue;
        if (std::ranges::find(own, address) == own.end()) own.push_back(address);
    }
    return own;
}

rules::PlanSettings plan_settings(const conf::RulesConfig& config, const rules::NodeFacts& node,
                                  Family family, const KernelFacts& kernel) {
    rules::PlanSettings settings;
    settings.family = family;
    settings.masquerade_mark = std::uint32_t{1} << config.masquerade_bit;
    settings.masquerade_all = config.masquerade_all;
    settings.dispatch = config.dispatch == conf::DispatchMode::tree ? rules::Dispatch::tree
                                                                    : rules::Dispatch::linear;
    settings.drop_invalid = !kernel.liberal_conntrack;
    settings.packet_counters = kernel.packet_counters;
    const std::vector<Cidr> networks =
        config.node_ports_on_primary ? primary_networks(node) : config.node_port_addresses;
    settings.localhost_node_ports =
        config.localhost_node_ports && family == Family::ipv4 && holds_loopback(networks);
    set_node_ports(networks, node, settings);
    set_detector(config, node, settings);
    return settings;
}

bool conntrack_is_liberal() {
    return is_on(liberal_path);
}

Status open_localhost() {
    if (is_on(localnet_path)) return {};
    const File file = open(localnet_path, "we");
    if (!file || std::fputs("1", file.get()) < 0 || std::fflush(file.get()) != 0) {
        return errno_error(errno, localnet_path);
    }
    return {};
}

}  // namespace nameplane::agent
