// Where packets end: one row a packet, for every kind of Service and every policy. The Services go
// through store, policy and both renderers; the tracers walk what comes out.
#include "tracer.hpp"
#include "unit/rules/cluster.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <optional>
#include <source_location>

namespace nameplane::tests {
namespace {

using services::Protocol;
using services::Service;
using services::TrafficPolicy;
using Addresses = std::vector<std::string>;

// --- what a row expects ---

struct Expected {
    End end = End::untouched;
    Addresses endpoints;    ///< each with the same probability
    Addresses masqueraded;  ///< those of them that do not see the client's address
};
Expected untouched() {
    return {};
}
Expected refused() {
    return {.end = End::reject};
}
Expected dropped() {
    return {.end = End::drop};
}
/// One of `endpoints`, which sees the client's own address.
Expected plain(Addresses endpoints) {
    return {End::dnat, std::move(endpoints), {}};
}
/// One of `endpoints`, which sees the node's address.
Expected masqueraded(const Addresses& endpoints) {
    return {End::dnat, endpoints, endpoints};
}
/// One of `endpoints`; only those in `masked` see the node's address.
Expected hairpin(Addresses endpoints, Addresses masked) {
    return {End::dnat, std::move(endpoints), std::move(masked)};
}

struct Row {
    const char* what;
    Packet packet;
    Expected expected;
    std::optional<Expected> nft = {};  ///< where nftables does otherwise
    std::source_location at = std::source_location::current();
};

void check_way(Tracer& tracer, const Packet& packet, const Expected& expected) {
    std::map<std::string, double> share;
    double total = 0;
    for (const Outcome& outcome : tracer.trace(packet)) {
        CHECK(outcome.end == expected.end);
        const bool masked =
            std::ranges::find(expected.masqueraded, outcome.endpoint) != expected.masqueraded.end();
        CHECK(outcome.masqueraded == masked);
        share[outcome.endpoint] += outcome.probability;
        total += outcome.probability;
    }
    CHECK(total == Approx(1.0));
    if (expected.end != End::dnat) return;
    Addresses reached;
    for (const auto& [endpoint, probability] : share) {
        reached.push_back(endpoint);
        CHECK(probability ==
              Approx(1.0 / static_cast<double>(expected.endpoints.size())).epsilon(1e-9));
    }
    Addresses wanted = expected.endpoints;
    std::ranges::sort(wanted);
    CHECK(reached == wanted);
}

/// The same Services through both renderings.
struct Tracers {
    std::unique_ptr<Tracer> iptables;
    std::unique_ptr<Tracer> tree;  ///< iptables with dispatch = "tree", among many other Services
    std::unique_ptr<Tracer> nftables;
};

void check(Tracers& tracers, const Row& row) {
    INFO(row.at.file_name() << ':' << row.at.line() << ": " << row.what);
    {
        INFO("iptables");
        check_way(*tracers.iptables, row.packet, row.expected);
    }
    {
        INFO("iptables, tree");
        check_way(*tracers.tree, row.packet, row.expected);
    }
    INFO("nftables");
    check_way(*tracers.nftables, row.packet, row.nft.value_or(row.expected));
}

// --- packets; 192.168.0.2 and 2001:db8::2 are the node ---

Packet packet(From from, const char* source, const char* interface, const char* destination,
              std::uint16_t port, Protocol protocol) {
    return {from, ip(source), protocol, ip(destination), port, interface, {}};
}
Packet pod(const char* destination, std::uint16_t port, Protocol protocol = Protocol::tcp) {
    return packet(From::pod, "10.244.1.99", "cali99", destination, port, protocol);
}
Packet pod_at(const char* source, const char* destination, std::uint16_t port) {
    return packet(From::pod, source, "cali1", destination, port, Protocol::tcp);
}
Packet node(const char* destination, std::uint16_t port, Protocol protocol = Protocol::tcp) {
    const char* source = ip(destination).is_loopback() ? "127.0.0.1" : "192.168.0.2";
    return packet(From::node, source, "", destination, port, protocol);
}
Packet outside(const char* destination, std::uint16_t port, Protocol protocol = Protocol::tcp) {
    return packet(From::outside, "203.0.113.9", "eth0", destination, port, protocol);
}
Packet office(const char* destination, std::uint16_t port) {
    return packet(From::outside, "198.51.100.77", "eth0", destination, port, Protocol::tcp);
}

// --- Services ---

/// Service ns/`name` with its endpoints, which listen on 8080.
struct Given {
    Service service;
    std::vector<services::Endpoint> endpoints;
};

Given given(const char* name, const char* cluster_ip, std::vector<services::Endpoint> endpoints) {
    Service service = service_web();
    service.key.name = name;
    service.cluster_ips = {ip(cluster_ip)};
    return {std::move(service), std::move(endpoints)};
}

/// With a node port, an external IP 192.0.2.`number` and a load balancer IP 198.18.0.`number`.
Given with_ways_in(Given base, std::uint16_t node_port, std::uint8_t number) {
    base.service.type = services::ServiceType::load_balancer;
    base.service.ports[0].node_port = node_port;
    base.service.external_ips = {IpAddress::v4(192, 0, 2, number)};
    base.service.ingress = {{IpAddress::v4(198, 18, 0, number)}};
    return base;
}

void put(Cluster& cluster, const Given& item) {
    cluster.put(item.service);
    services::EndpointSlice slice = slice_of_web(item.endpoints, item.service.key.name);
    slice.service = item.service.key.name;
    slice.ports.clear();
    for (const services::ServicePort& port : item.service.ports) {
        slice.ports.push_back({.name = port.name, .protocol = port.protocol, .port = 8080});
    }
    if (!item.endpoints.empty()) slice.family = item.endpoints[0].addresses[0].family();
    cluster.put(slice);
}

/// The plan in a tree that is divided right beside its addresses and node ports.
rules::Plan in_a_tree(rules::Plan plan) {
    plan.settings.dispatch = rules::Dispatch::tree;
    const bool v4 = plan.settings.family == Family::ipv4;
    for (unsigned i = 1; i < 200; ++i) {
        rules::PortPlan port{.name = "zz/other-" + std::to_string(i)};
        const std::string last = std::to_string(i);
        for (const char* network : {"10.96.0.", "192.0.2.", "198.18.0.", "10.97.3."}) {
            const auto address = v4 ? ip(network + last)
                                    : ip("fd00:" + last + ":" + std::string(network, 2) + "::1");
            if (network == std::string_view{"10.96.0."}) {
                port.cluster_ip = address;
            } else {
                port.external_ips.push_back(address);
            }
        }
        port.port = 1;  // where no row looks
        port.node_port = static_cast<std::uint16_t>(30'100 + i);
        port.health_check_node_port = static_cast<std::uint16_t>(32'100 + i);
        port.cluster_endpoints = {
            {.address = ip(v4 ? "10.244.99.1" : "fd00:244::99:1"), .port = 8080}};
        port.has_endpoints = true;
        // The same addresses at a second port without endpoints, and guarded at a third.
        rules::PortPlan refused = port;
        refused.name += ":refused";
        refused.port = 2;
        refused.health_check_node_port = 0;
        refused.node_port = static_cast<std::uint16_t>(30'400 + i);
        refused.protocol = i % 2 == 0 ? Protocol::tcp : Protocol::udp;
        refused.cluster_endpoints.clear();
        refused.has_endpoints = false;
        refused.internal = refused.external = rules::Unserved::reject;
        rules::PortPlan guarded = port;
        guarded.name += ":guarded";
        guarded.port = 3;
        guarded.health_check_node_port = 0;
        guarded.node_port = static_cast<std::uint16_t>(30'700 + i);
        guarded.protocol = Protocol::udp;
        guarded.load_balancer_ips = std::exchange(guarded.external_ips, {});
        guarded.source_ranges = {cidr(v4 ? "10.0.0.0/8" : "fd00::/8")};
        plan.services.push_back(std::make_shared<rules::ServicePlan>(
            rules::ServicePlan{.ports = {std::move(port), std::move(refused), std::move(guarded)},
                               .endpoint_count = 2}));
    }
    return plan;
}

Tracers tracer_for(const std::vector<Given>& items, const rules::PlanSettings& settings,
                   const std::vector<services::ServiceCidr>& cidrs = {}) {
    Cluster cluster;
    for (const Given& item : items) put(cluster, item);
    for (const services::ServiceCidr& each : cidrs) cluster.put(each);
    const rules::Plan plan = rules::Planner{settings}.plan(cluster.snapshot(), here());
    const std::set<IpAddress> local{ip("192.168.0.2"), ip("2001:db8::2")};
    return {trace_iptables(plan, local), trace_iptables(in_a_tree(plan), local),
            trace_nftables(plan, local)};
}

/// Traces all rows, then asks for a packet for every rule and every element.
void check_all(Tracers tracers, const std::vector<Row>& rows) {
    for (const Row& row : rows) check(tracers, row);
    CHECK(tracers.iptables->unmatched() == Addresses{});
    CHECK(tracers.nftables->unmatched() == Addresses{});
}

rules::PlanSettings pods_by_source() {
    return {.detector = rules::LocalDetector::source_cidr, .detector_cidr = cidr("10.244.0.0/16")};
}

const std::vector<services::Endpoint> three{
    ready("10.244.1.1", "here"), ready("10.244.2.1", "there"), ready("10.244.2.2", "there")};
const Addresses all_three{"10.244.1.1:8080", "10.244.2.1:8080", "10.244.2.2:8080"};
const Addresses ours{"10.244.1.1:8080"};

// --- tables ---

TEST_CASE("cluster IPs", "[packets]") {
    Given seven = given("seven", "10.96.0.11", {});
    Addresses seven_addresses;
    for (int i = 1; i <= 7; ++i) {
        const std::string address = "10.244.3." + std::to_string(i);
        seven.endpoints.push_back(ready(address, "there"));
        seven_addresses.push_back(address + ":8080");
    }
    check_all(
        tracer_for({given("web", "10.96.0.10", three), seven,
                    given("idle", "10.96.0.12", {not_ready("10.244.1.5", "here")})},
                   pods_by_source()),
        {
            {"a pod reaches all endpoints as itself", pod("10.96.0.10", 80), plain(all_three)},
            {"seven endpoints, a seventh each", pod("10.96.0.11", 80), plain(seven_addresses)},
            {"an endpoint may meet itself", pod_at("10.244.2.1", "10.96.0.10", 80),
             hairpin(all_three, {"10.244.2.1:8080"})},
            {"an endpoint of this node may meet itself", pod_at("10.244.1.1", "10.96.0.10", 80),
             hairpin(all_three, ours)},
            {"and others, each of them", pod_at("10.244.2.2", "10.96.0.10", 80),
             hairpin(all_three, {"10.244.2.2:8080"})},
            {"and of the seven", pod_at("10.244.3.1", "10.96.0.11", 80),
             hairpin(seven_addresses, {"10.244.3.1:8080"})},
            {"", pod_at("10.244.3.2", "10.96.0.11", 80),
             hairpin(seven_addresses, {"10.244.3.2:8080"})},
            {"", pod_at("10.244.3.3", "10.96.0.11", 80),
             hairpin(seven_addresses, {"10.244.3.3:8080"})},
            {"", pod_at("10.244.3.4", "10.96.0.11", 80),
             hairpin(seven_addresses, {"10.244.3.4:8080"})},
            {"", pod_at("10.244.3.5", "10.96.0.11", 80),
             hairpin(seven_addresses, {"10.244.3.5:8080"})},
            {"", pod_at("10.244.3.6", "10.96.0.11", 80),
             hairpin(seven_addresses, {"10.244.3.6:8080"})},
            {"", pod_at("10.244.3.7", "10.96.0.11", 80),
             hairpin(seven_addresses, {"10.244.3.7:8080"})},
            {"the node is masqueraded, it is no pod", node("10.96.0.10", 80),
             masqueraded(all_three)},
            {"so is whoever routes in from outside", outside("10.96.0.11", 80),
             masqueraded(seven_addresses)},
            {"no ready endpoint, from a pod", pod("10.96.0.12", 80), refused()},
            {"no ready endpoint, from the node", node("10.96.0.12", 80), refused()},
            {"another port", pod("10.96.0.10", 81), untouched(), refused()},
            {"another protocol", pod("10.96.0.10", 80, Protocol::udp), untouched(), refused()},
            {"another address", pod("10.96.0.99", 80), untouched()},
            {"an endpoint itself", pod("10.244.2.1", 8080), untouched()},
            {"a neighbour cannot reach the node's loopback", outside("127.0.0.1", 22), dropped()},
            {"the node itself can", node("127.0.0.1", 22), untouched()},
        });
}

TEST_CASE("who is a pod", "[packets]") {
    struct Setting {
        rules::PlanSettings settings;
        bool pod_masked;
        bool node_masked;
        bool outside_masked;
        std::source_location at = std::source_location::current();
    };
    using rules::LocalDetector;
    for (const Setting& row : std::vector<Setting>{
             {{}, false, false, false},
             {pods_by_source(), false, true, true},
             {{.detector = LocalDetector::interface_prefix, .detector_name = "cali"},
              false,
              true,
              true},
             {{.detector = LocalDetector::bridge, .detector_name = "cali99"}, false, true, true},
             {{.detector = LocalDetector::bridge, .detector_name = "cali"}, true, true, true},
             {{.masquerade_all = true}, true, true, true},
         }) {
        INFO(row.at.line());
        Tracers tracer = tracer_for({given("web", "10.96.0.10", three)}, row.settings);
        const auto expected = [](bool masked) {
            return masked ? masqueraded(all_three) : plain(all_three);
        };
        check(tracer, {"pod", pod("10.96.0.10", 80), expected(row.pod_masked)});
        check(tracer, {"node", node("10.96.0.10", 80), expected(row.node_masked)});
        check(tracer, {"outside", outside("10.96.0.10", 80), expected(row.outside_masked)});
    }
}

TEST_CASE("ways in from outside, policy Cluster", "[packets]") {
    check_all(
        tracer_for({with_ways_in(given("web", "10.96.0.10", three), 30080, 1),
                    with_ways_in(given("empty", "10.96.0.11", {}), 30081, 2)},
                   pods_by_source()),
        {
            {"node port", outside("192.168.0.2", 30080), masqueraded(all_three)},
            {"node port from a pod", pod("192.168.0.2", 30080), masqueraded(all_three)},
            {"node port from the node", node("192.168.0.2", 30080), masqueraded(all_three)},
            {"node port on localhost", node("127.0.0.1", 30080), masqueraded(all_three)},
            {"a node port of another node", pod("192.168.0.3", 30080), untouched()},
            {"a node port by UDP", outside("192.168.0.2", 30080, Protocol::udp), untouched()},
            {"external IP", outside("192.0.2.1", 80), masqueraded(all_three)},
            {"external IP from a pod", pod("192.0.2.1", 80), masqueraded(all_three)},
            {"external IP, another port", outside("192.0.2.1", 8080), untouched()},
            {"load balancer IP", outside("198.18.0.1", 80), masqueraded(all_three)},
            {"load balancer IP from a pod", pod("198.18.0.1", 80), masqueraded(all_three)},
            {"load balancer IP from the node", node("198.18.0.1", 80), masqueraded(all_three)},
            {"load balancer IP at the node port's number", outside("198.18.0.1", 30080),
             untouched()},
            {"cluster IP from a pod", pod("10.96.0.10", 80), plain(all_three)},
            {"cluster IP from the node", node("10.96.0.10", 80), masqueraded(all_three)},
            {"an endpoint may meet itself over the load balancer",
             pod_at("10.244.1.1", "198.18.0.1", 80), masqueraded(all_three)},
            {"and over the cluster IP", pod_at("10.244.2.1", "10.96.0.10", 80),
             hairpin(all_three, {"10.244.2.1:8080"})},
            {"", pod_at("10.244.1.1", "10.96.0.10", 80), hairpin(all_three, ours)},
            {"", pod_at("10.244.2.2", "10.96.0.10", 80), hairpin(all_three, {"10.244.2.2:8080"})},

            {"no endpoints: node port", outside("192.168.0.2", 30081), refused()},
            {"no endpoints: node port from the node", node("192.168.0.2", 30081), refused()},
            {"no endpoints: external IP", outside("192.0.2.2", 80), refused()},
            {"no endpoints: load balancer IP", outside("198.18.0.2", 80), refused()},
            {"no endpoints: load balancer IP from a pod", pod("198.18.0.2", 80), refused()},
            {"no endpoints: cluster IP", pod("10.96.0.11", 80), refused()},
            {"", outside("127.0.0.1", 22), dropped()},
        });
}

TEST_CASE("externalTrafficPolicy Local", "[packets]") {
    Given web = with_ways_in(given("web", "10.96.0.10", three), 30080, 1);
    web.service.external_policy = TrafficPolicy::local;
    web.service.health_check_node_port = 32000;
    Given away =
        with_ways_in(given("away", "10.96.0.11", {ready("10.244.2.7", "there")}), 30081, 2);
    away.service.external_policy = TrafficPolicy::local;
    const Addresses there{"10.244.2.7:8080"};
    check_all(
        tracer_for({web, away}, pods_by_source()),
        {
            {"node port: ours, with the client's address", outside("192.168.0.2", 30080),
             plain(ours)},
            {"external IP", outside("192.0.2.1", 80), plain(ours)},
            {"load balancer IP", outside("198.18.0.1", 80), plain(ours)},
            {"a pod need not go through the load balancer", pod("198.18.0.1", 80),
             plain(all_three)},
            {"nor the node, but it is masqueraded", node("198.18.0.1", 80), masqueraded(all_three)},
            {"a pod at the node port", pod("192.168.0.2", 30080), plain(all_three)},
            {"the node at its node port", node("192.168.0.2", 30080), masqueraded(all_three)},
            {"an endpoint may meet itself", pod_at("10.244.1.1", "198.18.0.1", 80),
             hairpin(all_three, ours)},
            {"", pod_at("10.244.2.1", "198.18.0.1", 80), hairpin(all_three, {"10.244.2.1:8080"})},
            {"", pod_at("10.244.2.2", "198.18.0.1", 80), hairpin(all_three, {"10.244.2.2:8080"})},
            {"a pod at the external IP", pod("192.0.2.1", 80), plain(all_three)},
            {"the cluster IP is for all", pod("10.96.0.10", 80), plain(all_three)},
            {"the cluster IP from the node", node("10.96.0.10", 80), masqueraded(all_three)},
            {"the health check port is open", outside("192.168.0.2", 32000), untouched()},

            {"none here: node port", outside("192.168.0.2", 30081), dropped()},
            {"none here: node port from a pod", pod("192.168.0.2", 30081), plain(there)},
            {"none here: external IP", outside("192.0.2.2", 80), dropped()},
            {"none here: load balancer IP", outside("198.18.0.2", 80), dropped()},
            {"none here: a pod goes where they are", pod("198.18.0.2", 80), plain(there)},
            {"none here: the node goes there, too", node("192.0.2.2", 80), masqueraded(there)},
            {"none here: the cluster IP", pod("10.96.0.11", 80), plain(there)},
            {"none here: the cluster IP from the node", node("10.96.0.11", 80), masqueraded(there)},
            {"", pod_at("10.244.2.7", "10.96.0.11", 80), masqueraded(there)},
            {"", outside("127.0.0.1", 22), dropped()},
        });
}

TEST_CASE("externalTrafficPolicy Local where pods are not recognised", "[packets]") {
    Given web = with_ways_in(given("web", "10.96.0.10", three), 30080, 1);
    web.service.external_policy = TrafficPolicy::local;
    Tracers tracer = tracer_for({web}, {});
    check(tracer, {"a pod is like anybody", pod("198.18.0.1", 80), plain(ours)});
    check(tracer, {"the node is known", node("198.18.0.1", 80), masqueraded(all_three)});
}

TEST_CASE("internalTrafficPolicy Local", "[packets]") {
    Given web = with_ways_in(given("web", "10.96.0.10", three), 30080, 1);
    web.service.internal_policy = TrafficPolicy::local;
    Given away = given("away", "10.96.0.11", {ready("10.244.2.7", "there")});
    away.service.internal_policy = TrafficPolicy::local;
    Given none = given("none", "10.96.0.12", {});
    none.service.internal_policy = TrafficPolicy::local;
    check_all(tracer_for({web, away, none}, pods_by_source()),
              {
                  {"cluster IP: ours only", pod("10.96.0.10", 80), plain(ours)},
                  {"from the node", node("10.96.0.10", 80), masqueraded(ours)},
                  {"the load balancer is not internal", outside("198.18.0.1", 80),
                   masqueraded(all_three)},
                  {"nor is the external IP", outside("192.0.2.1", 80), masqueraded(all_three)},
                  {"nor is the node port", outside("192.168.0.2", 30080), masqueraded(all_three)},
                  {"hairpin", pod_at("10.244.1.1", "10.96.0.10", 80), masqueraded(ours)},
                  {"an endpoint elsewhere over the load balancer",
                   pod_at("10.244.2.1", "198.18.0.1", 80), masqueraded(all_three)},
                  {"", pod_at("10.244.2.2", "198.18.0.1", 80), masqueraded(all_three)},
                  {"none here", pod("10.96.0.11", 80), dropped()},
                  {"none here, from the node", node("10.96.0.11", 80), dropped()},
                  {"the node's own services", outside("192.168.0.2", 22), untouched()},
                  {"none anywhere", pod("10.96.0.12", 80), refused()},
                  {"", outside("127.0.0.1", 22), dropped()},
              });
}

TEST_CASE("load balancer source ranges", "[packets]") {
    Given web = with_ways_in(given("web", "10.96.0.10", three), 30080, 1);
    web.service.source_ranges = {cidr("198.51.100.0/24"), cidr("192.168.0.0/24")};
    Given local = with_ways_in(given("local", "10.96.0.11", three), 30081, 2);
    local.service.source_ranges = {cidr("198.51.100.77/32")};
    local.service.external_policy = TrafficPolicy::local;
    Tracers tracer = tracer_for({web, local}, pods_by_source());
    for (const Row& row : std::vector<Row>{
             {"from a range", office("198.18.0.1", 80), masqueraded(all_three)},
             {"from elsewhere", outside("198.18.0.1", 80), dropped()},
             {"a pod is not in the ranges", pod("198.18.0.1", 80), dropped()},
             {"the node is", node("198.18.0.1", 80), masqueraded(all_three)},
             {"the node, where the load balancer's address is its own",
              packet(From::node, "198.18.0.1", "", "198.18.0.1", 80, Protocol::tcp),
              masqueraded(all_three)},
             {"ranges do not guard the external IP", outside("192.0.2.1", 80),
              masqueraded(all_three)},
             {"nor the node port", outside("192.168.0.2", 30080), masqueraded(all_three)},
             {"nor another port of the address", outside("198.18.0.1", 81), untouched()},
             {"policy Local, from a range", office("198.18.0.2", 80), plain(ours)},
             {"policy Local, from elsewhere", outside("198.18.0.2", 80), dropped()},
             {"policy Local, the node is in no range", node("198.18.0.2", 80), dropped()},
         }) {
        check(tracer, row);
    }
}

TEST_CASE("draining endpoints serve when no other is left", "[packets]") {
    Tracers tracer = tracer_for(
        {given("web", "10.96.0.10", {draining("10.244.1.1", "here"), dying("10.244.2.1")})},
        pods_by_source());
    check(tracer, {"the last one", pod("10.96.0.10", 80), plain(ours)});
}

TEST_CASE("several ports and protocols", "[packets]") {
    Given dns = given("dns", "10.96.0.10", {ready("10.244.1.1", "here"), ready("10.244.2.1")});
    dns.service.ports = {
        {.name = "dns", .protocol = Protocol::udp, .port = 53},
        {.name = "dns-tcp", .protocol = Protocol::tcp, .port = 53},
        {.name = "sig", .protocol = Protocol::sctp, .port = 2905, .node_port = 30905}};
    const Addresses two{"10.244.1.1:8080", "10.244.2.1:8080"};
    Tracers tracer = tracer_for({dns}, pods_by_source());
    for (const Row& row : std::vector<Row>{
             {"UDP", pod("10.96.0.10", 53, Protocol::udp), plain(two)},
             {"TCP", pod("10.96.0.10", 53, Protocol::tcp), plain(two)},
             {"SCTP is not there", pod("10.96.0.10", 53, Protocol::sctp), untouched(), refused()},
             {"SCTP", pod("10.96.0.10", 2905, Protocol::sctp), plain(two)},
             {"SCTP node port", outside("192.168.0.2", 30905, Protocol::sctp), masqueraded(two)},
             {"the node port's number by TCP", outside("192.168.0.2", 30905), untouched()},
         }) {
        check(tracer, row);
    }
}

TEST_CASE("a client with affinity comes back to its endpoint", "[packets]") {
    Given web = given("web", "10.96.0.10", three);
    web.service.client_ip_affinity = true;
    Tracers tracer = tracer_for({web}, pods_by_source());
    check(tracer, {"the first time", pod("10.96.0.10", 80), plain(all_three)});
    for (Tracer* each : {tracer.iptables.get(), tracer.nftables.get()}) {
        for (const Outcome& first : each->trace(pod("10.96.0.10", 80))) {
            Packet again = pod("10.96.0.10", 80);
            again.remembered = first.remembered;
            REQUIRE(!again.remembered.empty());
            const std::vector<Outcome> next = each->trace(again);
            REQUIRE(next.size() == 1);
            CHECK(next[0].endpoint == first.endpoint);
            CHECK(next[0].remembered == first.remembered);
        }
    }
    Packet stale = pod("10.96.0.10", 80);
    stale.remembered = "KUBE-SEP-OFANOTHERONE";
    check(tracer, {"remembered by another", stale, plain(all_three)});
}

std::set<std::string> endpoints_of(const std::vector<Outcome>& outcomes) {
    std::set<std::string> endpoints;
    for (const Outcome& outcome : outcomes) endpoints.insert(outcome.endpoint);
    return endpoints;
}

TEST_CASE("a client with affinity comes back by whichever address of the port, not by another port",
          "[packets]") {
    Given web = with_ways_in(given("web", "10.96.0.10", three), 30080, 1);
    web.service.client_ip_affinity = true;
    web.service.ports.push_back(web.service.ports[0]);
    web.service.ports[1].name = "admin";
    web.service.ports[1].port = 81;
    web.service.ports[1].node_port = 30081;
    Tracers tracer = tracer_for({web}, pods_by_source());
    const std::vector<Packet> ways{outside("10.96.0.10", 80), outside("192.0.2.1", 80),
                                   outside("198.18.0.1", 80), outside("192.168.0.2", 30080)};
    for (Tracer* each : {tracer.iptables.get(), tracer.nftables.get()}) {
        for (const Packet& way : ways) {
            for (const Outcome& first : each->trace(way)) {
                REQUIRE(!first.remembered.empty());
                for (Packet again : ways) {
                    again.remembered = first.remembered;
                    const std::vector<Outcome> next = each->trace(again);
                    REQUIRE(next.size() == 1);
                    CHECK(next[0].endpoint == first.endpoint);
                }
                Packet other_port = outside("192.168.0.2", 30081);
                other_port.remembered = first.remembered;
                CHECK(endpoints_of(each->trace(other_port)).size() == 3);
                Packet other_client = office("192.168.0.2", 30080);
                if (each == tracer.iptables.get()) continue;  // its lists are not told apart here
                other_client.remembered = first.remembered;
                CHECK(endpoints_of(each->trace(other_client)).size() == 3);
            }
        }
    }
}

TEST_CASE("what policy Cluster remembers, policy Local honours where the endpoint is of this node",
          "[packets]") {
    Given web = with_ways_in(given("web", "10.96.0.10", three), 30080, 1);
    web.service.client_ip_affinity = true;
    web.service.external_policy = services::TrafficPolicy::local;
    Tracers tracer = tracer_for({web}, pods_by_source());
    const Packet cluster = outside("10.96.0.10", 80);
    const Packet local = outside("192.168.0.2", 30080);
    for (Tracer* each : {tracer.iptables.get(), tracer.nftables.get()}) {
        const std::vector<Outcome> here = each->trace(local);
        const auto is_here = [&](const Outcome& outcome) {
            return std::ranges::any_of(
                here, [&](const Outcome& one) { return one.endpoint == outcome.endpoint; });
        };
        const std::vector<Outcome> firsts = each->trace(cluster);
        CHECK(std::ranges::any_of(firsts, is_here));
        CHECK_FALSE(std::ranges::all_of(firsts, is_here));
        for (const Outcome& first : firsts) {
            Packet again = local;
            again.remembered = first.remembered;
            const std::vector<Outcome> next = each->trace(again);
            REQUIRE(next.size() == (is_here(first) ? 1 : here.size()));
            if (is_here(first)) CHECK(next[0].endpoint == first.endpoint);
        }
        for (const Outcome& first : here) {
            Packet again = cluster;
            again.remembered = first.remembered;
            const std::vector<Outcome> next = each->trace(again);
            REQUIRE(next.size() == 1);
            CHECK(next[0].endpoint == first.endpoint);
        }
    }
}

TEST_CASE("node ports on chosen addresses and without localhost", "[packets]") {
    const std::vector<Given> items{with_ways_in(given("web", "10.96.0.10", three), 30080, 1)};
    rules::PlanSettings settings = pods_by_source();
    SECTION("on an address that is not asked") {
        settings.node_port_addresses = {ip("192.168.7.7")};
        Tracers tracer = tracer_for(items, settings);
        check(tracer, {"", outside("192.168.0.2", 30080), untouched()});
        check(tracer, {"", node("127.0.0.1", 30080), untouched()});
    }
    SECTION("on the one that is") {
        settings.node_port_addresses = {ip("192.168.7.7"), ip("192.168.0.2")};
        Tracers tracer = tracer_for(items, settings);
        check(tracer, {"", outside("192.168.0.2", 30080), masqueraded(all_three)});
        check(tracer, {"", node("127.0.0.1", 30080), untouched()});
    }
    SECTION("not on localhost") {
        settings.localhost_node_ports = false;
        Tracers tracer = tracer_for(items, settings);
        check(tracer, {"", node("127.0.0.1", 30080), untouched()});
        check(tracer, {"", outside("192.168.0.2", 30080), masqueraded(all_three)});
    }
}

TEST_CASE("service addresses that no Service has", "[packets]") {
    Given other = given("other-proxy", "10.96.0.50", three);
    other.service.foreign_proxy = true;
    const std::vector<services::ServiceCidr> cidrs{
        {.key = {"", "kubernetes"}, .cidrs = {cidr("10.96.0.0/16"), cidr("fd00:10:96::/112")}},
        {.key = {"", "within"}, .cidrs = {cidr("10.96.7.0/24")}},
        {.key = {"", "more"}, .cidrs = {cidr("10.98.0.0/20")}}};
    const std::vector<Given> items{with_ways_in(given("web", "10.96.0.10", three), 30080, 1),
                                   given("idle", "10.96.0.12", {}), other};
    Tracers tracer = tracer_for(items, pods_by_source(), cidrs);
    const std::vector<Row> rows{
        {"from a pod", pod("10.96.0.99", 80), untouched(), dropped()},
        {"UDP", pod("10.96.0.99", 53, Protocol::udp), untouched(), dropped()},
        {"SCTP", pod("10.96.0.99", 80, Protocol::sctp), untouched(), dropped()},
        {"from the node", node("10.96.0.99", 80), untouched(), dropped()},
        {"from outside", outside("10.96.0.99", 80), untouched(), dropped()},
        {"in a network within another", pod("10.96.7.1", 80), untouched(), dropped()},
        {"in another one", pod("10.98.15.255", 80), untouched(), dropped()},
        {"of another proxy", pod("10.96.0.50", 80), untouched(), dropped()},
        {"beside them", pod("10.98.16.0", 80), untouched()},
        {"beside them, from outside", outside("10.97.0.1", 80), untouched()},
        {"another port of a Service is refused", pod("10.96.0.10", 81), untouched(), refused()},
        {"no endpoint is refused", pod("10.96.0.12", 80), refused()},
        {"a Service is reached", pod("10.96.0.10", 80), plain(all_three)},
        {"by its node port, too", outside("192.168.0.2", 30080), masqueraded(all_three)},
        {"and by its load balancer", outside("198.18.0.1", 80), masqueraded(all_three)},
        {"a pod is reached", pod("10.244.2.1", 8080), untouched()},
    };
    for (const Row& row : rows) check(tracer, row);

    rules::PlanSettings six = pods_by_source();
    six.family = Family::ipv6;
    six.detector_cidr = cidr("fd00:244::/32");
    Tracers tracer6 =
        tracer_for({given("web", "fd00:10:96::a", {ready("fd00:244:1::1", "here")})}, six, cidrs);
    const auto pod6 = [](const char* to, std::uint16_t port) {
        return packet(From::pod, "fd00:244:1::99", "cali1", to, port, Protocol::tcp);
    };
    check(tracer6, {"IPv6", pod6("fd00:10:96::99", 80), untouched(), dropped()});
    check(tracer6, {"", pod6("fd00:10:96::1:0", 80), untouched()});
    check(tracer6, {"", pod6("fd00:10:96::a", 81), untouched(), refused()});
}

TEST_CASE("Services without rules leave packets alone", "[packets]") {
    Given headless = given("headless", "10.96.0.10", three);
    headless.service.headless = true;
    headless.service.cluster_ips.clear();
    Given external = given("external", "10.96.0.11", {});
    external.service.type = services::ServiceType::external_name;
    external.service.external_name = "example.com";
    Tracers tracer = tracer_for({headless, external}, pods_by_source());
    check(tracer, {"an endpoint of a headless Service", pod("10.244.2.1", 8080), untouched()});
    check(tracer, {"ExternalName with an address", pod("10.96.0.11", 80), untouched()});
}

TEST_CASE("IPv6", "[packets]") {
    Given web = given("web", "fd00:10:96::a",
                      {ready("fd00:244:1::1", "here"), ready("fd00:244:2::1", "there")});
    web.service.type = services::ServiceType::load_balancer;
    web.service.ports[0].node_port = 30080;
    web.service.ingress = {{ip("2001:db8:18::1")}};
    web.service.external_policy = TrafficPolicy::local;
    Given empty = given("empty", "fd00:10:96::b", {});
    const Addresses both{"[fd00:244:1::1]:8080", "[fd00:244:2::1]:8080"};
    const Addresses here6{"[fd00:244:1::1]:8080"};
    const auto pod6 = [](const char* to, std::uint16_t port, const char* from = "fd00:244:1::99") {
        return packet(From::pod, from, "cali1", to, port, Protocol::tcp);
    };
    const auto node6 = [](const char* to, std::uint16_t port) {
        return packet(From::node, "2001:db8::2", "", to, port, Protocol::tcp);
    };
    const auto outside6 = [](const char* to, std::uint16_t port) {
        return packet(From::outside, "2001:db8:9::9", "eth0", to, port, Protocol::tcp);
    };
    check_all(
        tracer_for({web, empty}, {.family = Family::ipv6,
                                  .detector = rules::LocalDetector::source_cidr,
                                  .detector_cidr = cidr("fd00:244::/32")}),
        {
            {"cluster IP", pod6("fd00:10:96::a", 80), plain(both)},
            {"cluster IP from the node", node6("fd00:10:96::a", 80), masqueraded(both)},
            {"hairpin", pod6("fd00:10:96::a", 80, "fd00:244:1::1"), hairpin(both, here6)},
            {"", pod6("fd00:10:96::a", 80, "fd00:244:2::1"),
             hairpin(both, {"[fd00:244:2::1]:8080"})},
            {"load balancer IP", outside6("2001:db8:18::1", 80), plain(here6)},
            {"load balancer IP from a pod", pod6("2001:db8:18::1", 80), plain(both)},
            {"load balancer IP from the node", node6("2001:db8:18::1", 80), masqueraded(both)},
            {"node port", outside6("2001:db8::2", 30080), plain(here6)},
            {"node port from a pod", pod6("2001:db8::2", 30080), plain(both)},
            {"no node ports on ::1", node6("::1", 30080), untouched()},
            {"no endpoints", pod6("fd00:10:96::b", 80), refused()},
        });
}

}  // namespace
}  // namespace nameplane::tests
