#include "kernel/rules_case.hpp"

#include <catch2/catch.hpp>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace nameplane::test {
namespace {

using rules::PlanEndpoint;
using rules::PortPlan;
using rules::Unserved;

PortPlan tcp(std::string name, const std::string& cluster_ip, std::vector<std::string> endpoints) {
    return port_plan(std::move(name), cluster_ip, endpoints);
}

}  // namespace

rules::Applied must(Result<rules::Applied> applied) {
    if (!applied) FAIL(applied.error().text);
    return *applied;
}

IpAddress ip(std::string_view text) {
    const auto parsed = IpAddress::parse(text);
    if (!parsed) throw std::runtime_error{"no address: " + std::string{text}};
    return *parsed;
}

void set_endpoints(PortPlan& port, const std::vector<std::string>& addresses) {
    port.cluster_endpoints.clear();
    for (const std::string& address : addresses) {
        port.cluster_endpoints.push_back({.address = ip(address), .port = 8080, .local = true});
    }
    std::ranges::sort(port.cluster_endpoints, {}, &PlanEndpoint::to_string);
    port.has_endpoints = !addresses.empty();
    port.internal = port.external = addresses.empty() ? Unserved::reject : Unserved::none;
}

PortPlan port_plan(std::string name, std::string_view cluster_ip,
                   const std::vector<std::string>& endpoints) {
    PortPlan port{.name = std::move(name), .port = 80, .cluster_ip = ip(cluster_ip)};
    set_endpoints(port, endpoints);
    return port;
}

rules::PlanSettings settings_of(Family family) {
    return {.family = family, .localhost_node_ports = family == Family::ipv4};
}

void finish(rules::Plan& plan) {
    plan.endpoint_count = 0;
    for (const auto& service : plan.services) plan.endpoint_count += service->endpoint_count;
    ++plan.version;
}

rules::Plan plan_of(std::vector<PortPlan> ports, rules::PlanSettings settings) {
    rules::Plan plan{.settings = std::move(settings)};
    for (PortPlan& port : ports) {
        auto service = std::make_shared<rules::ServicePlan>();
        service->endpoint_count = port.cluster_endpoints.size();
        service->ports.push_back(std::move(port));
        plan.services.push_back(std::move(service));
    }
    finish(plan);
    return plan;
}

rules::Plan with_service(rules::Plan plan, std::size_t index, PortPlan port) {
    auto service = std::make_shared<rules::ServicePlan>();
    service->endpoint_count = port.cluster_endpoints.size();
    service->ports.push_back(std::move(port));
    plan.services.at(index) = std::move(service);
    finish(plan);
    return plan;
}

rules::Plan small_plan(const std::vector<std::string>& endpoints) {
    return plan_of({port_plan("ns/one:http", "10.96.0.1", endpoints),
                    port_plan("ns/two:http", "10.96.0.2", {})},
                   settings_of(Family::ipv4));
}

void drop_network_rights() {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct data[2]{};
    ::syscall(SYS_capget, &header, data);
    const unsigned dropped = (1U << CAP_NET_ADMIN) | (1U << CAP_NET_RAW);
    data[0].effective &= ~dropped;
    ::syscall(SYS_capset, &header, data);
}

std::string sorted_lines(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in{text};
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    std::ranges::sort(lines);
    std::string all;
    for (const std::string& line : lines) all += line + "\n";
    return all;
}

rules::Plan plan_of_everything(Family family) {
    const bool v4 = family == Family::ipv4;
    const std::string services = v4 ? "10.96.0." : "fd00:96::";
    const std::string pods = v4 ? "10.244.0." : "fd00:244::";
    const std::string outside = v4 ? "192.0.2." : "2001:db8::";
    std::vector<PortPlan> ports;
    ports.push_back(tcp("ns/plain", services + "1", {pods + "1"}));
    ports.push_back(tcp("ns/ten:http", services + "2",
                        {pods + "1", pods + "2", pods + "3", pods + "4", pods + "5", pods + "6",
                         pods + "7", pods + "8", pods + "9", pods + "10"}));
    ports.push_back(tcp("ns/empty:http", services + "3", {}));
    ports.back().node_port = 30003;
    ports.back().external_ips = {ip(outside + "3")};
    auto udp = tcp("ns/dns:dns", services + "4", {pods + "1", pods + "2", pods + "3"});
    udp.protocol = services::Protocol::udp;
    udp.port = 53;
    ports.push_back(udp);
    auto sctp = tcp("ns/sctp:s", services + "5", {pods + "1", pods + "2"});
    sctp.protocol = services::Protocol::sctp;
    ports.push_back(sctp);
    auto balancer = tcp("ns/lb:http", services + "6", {pods + "1", pods + "2"});
    balancer.node_port = 30006;
    balancer.load_balancer_ips = {ip(outside + "6")};
    balancer.external_ips = {ip(outside + "60")};
    balancer.source_ranges = {*Cidr::parse(v4 ? "198.51.100.0/24" : "2001:db8:5::/48")};
    balancer.node_in_source_ranges = true;
    ports.push_back(balancer);
    auto local = tcp("ns/local:http", services + "7", {pods + "1", pods + "2"});
    local.external_local = local.internal_local = true;
    local.local_endpoints = {local.cluster_endpoints.front()};
    local.node_port = 30007;
    local.load_balancer_ips = {ip(outside + "7")};
    local.health_check_node_port = 31007;
    ports.push_back(local);
    auto sticky = tcp("ns/sticky:http", services + "8", {pods + "1", pods + "2"});
    sticky.affinity_timeout_s = 10800;
    ports.push_back(sticky);
    auto dropped = tcp("ns/nolocal:http", services + "9", {pods + "1"});
    dropped.internal_local = dropped.external_local = true;
    dropped.internal = dropped.external = Unserved::drop;
    dropped.node_port = 30009;
    ports.push_back(dropped);
    auto settings = settings_of(family);
    settings.detector = rules::LocalDetector::source_cidr;
    settings.detector_cidr = *Cidr::parse(v4 ? "10.244.0.0/16" : "fd00:244::/64");
    auto plan = plan_of(std::move(ports), std::move(settings));
    plan.service_ranges = {*Cidr::parse(v4 ? "10.96.0.0/20" : "fd00:96::/112"),
                           *Cidr::parse(v4 ? "10.99.0.0/16" : "fd00:99::/48")};
    return plan;
}

std::string own_lock_path() {
    static const std::string path = "/tmp/nameplane-test-xtables-" + std::to_string(::getpid());
    return path;
}

FakePrograms::FakePrograms(const std::string& script) : path_{own_lock_path() + "-fake"} {
    for (const char* suffix : {"-restore", "-save"}) {
        std::ofstream{path_ + suffix} << "#!/bin/sh\n" << script << "\n";
        ::chmod((path_ + suffix).c_str(), 0700);
    }
}
FakePrograms::~FakePrograms() {
    for (const char* suffix : {"-restore", "-save"}) ::unlink((path_ + suffix).c_str());
}

NetnsWriter::NetnsWriter(const Netns& netns, Family family,
                         rules::iptables::IptablesOptions options)
    : netns_{netns} {
    if (options.lock_path == rules::iptables::IptablesOptions{}.lock_path) {
        options.lock_path = own_lock_path();
    }
    auto made = rules::iptables::make_iptables_writer(family, std::move(options));
    if (!made) throw std::runtime_error{made.error().text};
    writer_ = std::move(*made);
}

Result<rules::Applied> NetnsWriter::apply(const rules::Plan& plan, bool full) {
    Result<rules::Applied> applied = Error{};
    netns_.run([&] { applied = writer_->apply(plan, full); });
    return applied;
}

Status NetnsWriter::clean() {
    Status cleaned;
    netns_.run([&] { cleaned = writer_->clean(); });
    return cleaned;
}

bool NetnsWriter::disturbed() {
    bool disturbed = false;
    netns_.run([&] { disturbed = writer_->disturbed(); });
    return disturbed;
}

std::string listed(const Netns& netns, Family family) {
    return netns.sh("nft list table " + std::string{family == Family::ipv4 ? "ip" : "ip6"} +
                    " nameplane 2>&1 | sed -e 's/elements = { //' -e 's/,$//' -e 's/ }$//' "
                    "-e 's/ expires [0-9a-z]*//g' -e 's/^[ \t]*//' | LC_ALL=C sort");
}

void load_nft(const Netns& netns, const std::string& text) {
    const std::string path = own_lock_path() + ".nft";
    std::ofstream{path} << text;
    netns.sh("nft -f " + path);
    ::unlink(path.c_str());
}

std::string tool(Family family, std::string_view suffix) {
    return (family == Family::ipv4 ? "iptables-legacy" : "ip6tables-legacy") + std::string{suffix};
}

std::string saved(const Netns& netns, Family family, std::string_view table, bool counters) {
    return netns.sh(tool(family, "-save") + (counters ? " -c" : "") + " -t " + std::string{table} +
                    " | sed -e '/^#/d'" + (counters ? "" : " -e 's/ \\[[0-9]*:[0-9]*\\]$//'"));
}

std::string saved(const Netns& netns, Family family) {
    return saved(netns, family, "filter") + saved(netns, family, "nat") +
           saved(netns, family, "mangle");
}

void restore(const Netns& netns, Family family, const std::string& text) {
    const std::string path = own_lock_path() + ".rules";
    std::ofstream{path} << text;
    netns.sh("XTABLES_LOCKFILE=" + own_lock_path() + " " + tool(family, "-restore") +
             " --noflush < " + path);
    ::unlink(path.c_str());
}

}  // namespace nameplane::test
