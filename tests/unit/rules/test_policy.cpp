// Which endpoints serve which traffic, row by row; then what a Service becomes in each family.
#include "cluster.hpp"

#include <catch2/catch.hpp>

#include <source_location>

namespace nameplane::rules {
namespace {

using namespace tests;
using services::Endpoint;
using services::Protocol;
using services::Service;
using services::TrafficPolicy;

using Texts = std::vector<std::string>;

Texts texts(const std::vector<PlanEndpoint>& endpoints) {
    Texts all;
    for (const PlanEndpoint& endpoint : endpoints) all.push_back(endpoint.to_string());
    return all;
}

/// Addresses of the endpoints, which all listen on 8080.
Texts at_8080(const std::vector<const char*>& addresses) {
    Texts all;
    for (const char* address : addresses) all.push_back(std::string{address} + ":8080");
    return all;
}

std::shared_ptr<const ServicePlan> plan(const Service& service,
                                        std::vector<services::EndpointSlice> slices,
                                        const PlanSettings& settings = {},
                                        const NodeFacts& node = here()) {
    Cluster cluster;
    cluster.put(service);
    for (auto& slice : slices) cluster.put(std::move(slice));
    return plan_service(cluster.entry(), node, settings);
}

enum class Reach : std::uint8_t { inside, outside };

struct Case {
    const char* what;
    std::vector<Endpoint> endpoints;
    TrafficPolicy internal = TrafficPolicy::cluster;
    TrafficPolicy external = TrafficPolicy::cluster;
    Reach reach = Reach::inside;  ///< outside: with a node port
    std::vector<const char*> cluster_expected = {};
    std::vector<const char*> local_expected = {};
    Unserved internal_expected = Unserved::none;
    Unserved external_expected = Unserved::none;
    std::source_location at = std::source_location::current();
};

constexpr auto any_node = TrafficPolicy::cluster;
constexpr auto only_here = TrafficPolicy::local;
constexpr auto inside = Reach::inside;
constexpr auto outside = Reach::outside;
constexpr auto none = Unserved::none;
constexpr auto reject = Unserved::reject;
constexpr auto drop = Unserved::drop;

void check(const Case& row) {
    INFO(row.at.file_name() << ':' << row.at.line() << ": " << row.what);
    Service service = service_web();
    service.internal_policy = row.internal;
    service.external_policy = row.external;
    if (row.reach == Reach::outside) service.ports[0].node_port = 30080;
    const auto planned = plan(service, {slice_of_web(row.endpoints)});
    REQUIRE(planned != nullptr);
    REQUIRE(planned->ports.size() == 1);
    const PortPlan& port = planned->ports[0];
    CHECK(texts(port.cluster_endpoints) == at_8080(row.cluster_expected));
    CHECK(texts(port.local_endpoints) == at_8080(row.local_expected));
    CHECK(port.internal == row.internal_expected);
    CHECK(port.external == row.external_expected);
    CHECK(port.has_endpoints == (row.internal_expected != Unserved::reject));
    CHECK(planned->endpoint_count == row.endpoints.size());
}

TEST_CASE("traffic policies and conditions", "[rules][policy]") {
    for (const Case& row : std::vector<Case>{
             {"no endpoints", {}, any_node, any_node, outside, {}, {}, reject, reject},
             {"none, and nobody outside cares", {}, any_node, any_node, inside, {}, {}, reject},
             {"ready ones serve",
              {ready("10.0.0.1"), ready("10.0.0.2", "here")},
              any_node,
              any_node,
              inside,
              {"10.0.0.1", "10.0.0.2"}},
             {"not ready ones do not",
              {ready("10.0.0.1"), not_ready("10.0.0.2")},
              any_node,
              any_node,
              inside,
              {"10.0.0.1"}},
             {"only not ready ones",
              {not_ready("10.0.0.1"), not_ready("10.0.0.2", "here")},
              any_node,
              any_node,
              outside,
              {},
              {},
              reject,
              reject},
             {"draining ones rest while others are ready",
              {ready("10.0.0.1"), draining("10.0.0.2")},
              any_node,
              any_node,
              inside,
              {"10.0.0.1"}},
             {"draining ones serve when no other does",
              {draining("10.0.0.1"), draining("10.0.0.2", "here"), not_ready("10.0.0.3")},
              any_node,
              any_node,
              outside,
              {"10.0.0.1", "10.0.0.2"}},
             {"dying ones never serve",
              {dying("10.0.0.1"), dying("10.0.0.2", "here")},
              only_here,
              only_here,
              outside,
              {},
              {},
              reject,
              reject},

             {"internal Local: only ours, and no others are planned",
              {ready("10.0.0.1"), ready("10.0.0.2", "here")},
              only_here,
              any_node,
              inside,
              {},
              {"10.0.0.2"}},
             {"internal Local, none here: dropped",
              {ready("10.0.0.1", "there")},
              only_here,
              any_node,
              inside,
              {},
              {},
              drop},
             {"internal Local, none anywhere: rejected",
              {not_ready("10.0.0.1", "here")},
              only_here,
              any_node,
              inside,
              {},
              {},
              reject},
             {"internal Local with a node port: that one uses all",
              {ready("10.0.0.1"), ready("10.0.0.2", "here")},
              only_here,
              any_node,
              outside,
              {"10.0.0.1", "10.0.0.2"},
              {"10.0.0.2"}},
             {"internal Local, none here, with a node port",
              {ready("10.0.0.1")},
              only_here,
              any_node,
              outside,
              {"10.0.0.1"},
              {},
              drop,
              none},
             {"internal Local: ours drain",
              {ready("10.0.0.1"), draining("10.0.0.2", "here")},
              only_here,
              any_node,
              inside,
              {},
              {"10.0.0.2"}},
             {"internal Local: draining elsewhere only",
              {draining("10.0.0.1", "there")},
              only_here,
              any_node,
              inside,
              {},
              {},
              drop},

             {"external Local",
              {ready("10.0.0.1"), ready("10.0.0.2", "here")},
              any_node,
              only_here,
              outside,
              {"10.0.0.1", "10.0.0.2"},
              {"10.0.0.2"}},
             {"external Local, none here",
              {ready("10.0.0.1")},
              any_node,
              only_here,
              outside,
              {"10.0.0.1"},
              {},
              none,
              drop},
             {"external Local, nothing from outside",
              {ready("10.0.0.1")},
              any_node,
              only_here,
              inside,
              {"10.0.0.1"}},
             {"external Local: ours drain, others are ready",
              {ready("10.0.0.1"), draining("10.0.0.2", "here")},
              any_node,
              only_here,
              outside,
              {"10.0.0.1"},
              {"10.0.0.2"}},
             {"external Local: a ready one here keeps draining ones out",
              {ready("10.0.0.1", "here"), draining("10.0.0.2", "here")},
              any_node,
              only_here,
              outside,
              {"10.0.0.1"},
              {"10.0.0.1"}},
             {"external Local: none here, all drain elsewhere",
              {draining("10.0.0.1", "there")},
              any_node,
              only_here,
              outside,
              {"10.0.0.1"},
              {},
              none,
              drop},
             {"both Local",
              {ready("10.0.0.1"), ready("10.0.0.2", "here")},
              only_here,
              only_here,
              outside,
              {"10.0.0.1", "10.0.0.2"},
              {"10.0.0.2"}},
             {"both Local, none here",
              {ready("10.0.0.1")},
              only_here,
              only_here,
              outside,
              {"10.0.0.1"},
              {},
              drop,
              drop},
         }) {
        check(row);
    }
}

TEST_CASE("topology hints", "[rules][policy]") {
    for (const Case& row : std::vector<Case>{
             {"zone: ours only",
              {zones(ready("10.0.0.1"), {"west"}), zones(ready("10.0.0.2"), {"east"}),
               zones(ready("10.0.0.3"), {"east", "west"})},
              any_node,
              any_node,
              inside,
              {"10.0.0.1", "10.0.0.3"}},
             {"zone: one without hints, so all",
              {zones(ready("10.0.0.1"), {"west"}), ready("10.0.0.2")},
              any_node,
              any_node,
              inside,
              {"10.0.0.1", "10.0.0.2"}},
             {"zone: one without hints that is not ready does not matter",
              {zones(ready("10.0.0.1"), {"west"}), zones(ready("10.0.0.2"), {"east"}),
               not_ready("10.0.0.3"), draining("10.0.0.4")},
              any_node,
              any_node,
              inside,
              {"10.0.0.1"}},
             {"zone: none for ours, so all",
              {zones(ready("10.0.0.1"), {"east"}), zones(ready("10.0.0.2"), {"north"})},
              any_node,
              any_node,
              inside,
              {"10.0.0.1", "10.0.0.2"}},
             {"zone: ours is hinted only by one that is not ready, so all",
              {zones(ready("10.0.0.1"), {"east"}), zones(not_ready("10.0.0.2"), {"west"})},
              any_node,
              any_node,
              inside,
              {"10.0.0.1"}},
             {"zone: draining ones are not filtered",
              {zones(draining("10.0.0.1"), {"east"}), zones(draining("10.0.0.2"), {"west"})},
              any_node,
              any_node,
              inside,
              {"10.0.0.1", "10.0.0.2"}},
             {"zone: local endpoints are not filtered",
              {zones(ready("10.0.0.1", "here"), {"east"}), zones(ready("10.0.0.2"), {"west"})},
              only_here,
              any_node,
              outside,
              {"10.0.0.2"},
              {"10.0.0.1"}},
             {"node before zone",
              {zones(nodes(ready("10.0.0.1"), {"here"}), {"west"}),
               zones(nodes(ready("10.0.0.2"), {"there"}), {"west"})},
              any_node,
              any_node,
              inside,
              {"10.0.0.1"}},
             {"node: ours is not named, so the zone counts",
              {zones(nodes(ready("10.0.0.1"), {"there"}), {"west"}),
               zones(nodes(ready("10.0.0.2"), {"there"}), {"east"})},
              any_node,
              any_node,
              inside,
              {"10.0.0.1"}},
             {"node: one without node hints, so the zone counts",
              {zones(nodes(ready("10.0.0.1"), {"here"}), {"east"}),
               zones(ready("10.0.0.2"), {"west"})},
              any_node,
              any_node,
              inside,
              {"10.0.0.2"}},
         }) {
        check(row);
    }
}

TEST_CASE("UDP flows are kept to whatever serves, SCTP flows to whatever is there",
          "[rules][policy]") {
    const std::vector<Endpoint> endpoints{ready("10.0.0.1", "here"), ready("10.0.0.2", "there"),
                                          draining("10.0.0.3", "here"), not_ready("10.0.0.4")};
    Service service = service_web();
    service.ports[0].protocol = Protocol::udp;
    auto slice = slice_of_web(endpoints);
    slice.ports[0].protocol = Protocol::udp;
    const auto all_nodes = plan(service, {slice});
    CHECK(texts(all_nodes->ports[0].cluster_endpoints) == at_8080({"10.0.0.1", "10.0.0.2"}));
    CHECK(texts(all_nodes->ports[0].kept_endpoints) == at_8080({"10.0.0.3"}));
    // Policy does not take flows away.
    service.internal_policy = TrafficPolicy::local;
    const auto this_node = plan(service, {slice});
    CHECK(texts(this_node->ports[0].local_endpoints) == at_8080({"10.0.0.1"}));
    CHECK(texts(this_node->ports[0].kept_endpoints) == at_8080({"10.0.0.2", "10.0.0.3"}));
    // SCTP does not survive another endpoint: it stays for as long as its own is there at all.
    service.internal_policy = TrafficPolicy::cluster;
    service.ports[0].protocol = slice.ports[0].protocol = Protocol::sctp;
    CHECK(texts(plan(service, {slice})->ports[0].kept_endpoints) ==
          at_8080({"10.0.0.3", "10.0.0.4"}));
    // Nobody asks for it with TCP.
    CHECK(plan(service_web(), {slice_of_web(endpoints)})->ports[0].kept_endpoints.empty());
}

TEST_CASE("zone hints need a node with a zone", "[rules][policy]") {
    NodeFacts node = here();
    node.labels.clear();
    std::vector<Endpoint> endpoints{zones(ready("10.0.0.1"), {"west"}),
                                    zones(ready("10.0.0.2"), {"east"})};
    auto planned = plan(service_web(), {slice_of_web(endpoints)}, {}, node);
    CHECK(texts(planned->ports[0].cluster_endpoints) == at_8080({"10.0.0.1", "10.0.0.2"}));
    // A zone without a name, which the API admits, is that of nodes without one, as in kube-proxy.
    endpoints.push_back(zones(ready("10.0.0.3"), {""}));
    planned = plan(service_web(), {slice_of_web(endpoints)}, {}, node);
    CHECK(texts(planned->ports[0].cluster_endpoints) == at_8080({"10.0.0.3"}));
}

TEST_CASE("endpoints without a node are nobody's, even on a node without a name",
          "[rules][policy]") {
    NodeFacts node = here();
    node.name.clear();
    const auto planned = plan(service_web(), {slice_of_web({ready("10.0.0.1")})}, {}, node);
    CHECK_FALSE(planned->ports[0].cluster_endpoints.at(0).local);
}

TEST_CASE("endpoints are sorted as text, and each stands there once", "[rules][policy]") {
    const auto planned = plan(
        service_web(), {slice_of_web({ready("10.1.1.2"), ready("10.1.1.11"), ready("10.1.1.1")}),
                        slice_of_web({ready("10.1.1.11"), ready("10.1.1.3")}, "2")});
    CHECK(texts(planned->ports[0].cluster_endpoints) ==
          at_8080({"10.1.1.11", "10.1.1.1", "10.1.1.2", "10.1.1.3"}));
    CHECK(planned->endpoint_count == 4);
}

TEST_CASE("of copies with other ports beside theirs, the one that does not terminate counts",
          "[rules][policy]") {
    services::EndpointSlice other = slice_of_web({ready("10.0.0.1"), draining("10.0.0.2")}, "2");
    other.ports.push_back({.name = "metrics", .port = 9090});
    const auto planned =
        plan(service_web(), {slice_of_web({draining("10.0.0.1"), ready("10.0.0.2")}), other});
    CHECK(texts(planned->ports[0].cluster_endpoints) == at_8080({"10.0.0.1", "10.0.0.2"}));
    CHECK(planned->endpoint_count == 2);
}

TEST_CASE("slice ports are matched by name and protocol", "[rules][policy]") {
    Service service = service_web();
    service.ports = {{.name = "dns", .protocol = Protocol::udp, .port = 53},
                     {.name = "dns-tcp", .protocol = Protocol::tcp, .port = 53},
                     {.name = "dns", .protocol = Protocol::tcp, .port = 853}};
    services::EndpointSlice slice = slice_of_web({ready("10.0.0.1")});
    slice.ports = {{.name = "dns", .protocol = Protocol::udp, .port = 5353},
                   {.name = "dns-tcp", .protocol = Protocol::tcp, .port = 5354},
                   {.name = "dns-tcp", .protocol = Protocol::udp, .port = 5355},
                   {.name = "dns", .protocol = Protocol::tcp, .port = 0}};
    const auto planned = plan(service, {slice});
    REQUIRE(planned->ports.size() == 3);
    CHECK(planned->ports[0].name == "ns/web:dns");
    CHECK(texts(planned->ports[0].cluster_endpoints) == Texts{"10.0.0.1:5353"});
    CHECK(texts(planned->ports[1].cluster_endpoints) == Texts{"10.0.0.1:5354"});
    CHECK(planned->ports[2].cluster_endpoints.empty());
    CHECK(planned->ports[2].internal == Unserved::reject);
    CHECK(planned->endpoint_count == 2);
}

TEST_CASE("slices may have different numbers for one port", "[rules][policy]") {
    services::EndpointSlice other = slice_of_web({ready("10.0.0.1"), ready("10.0.0.2")}, "2");
    other.ports[0].port = 9090;
    const auto planned = plan(service_web(), {slice_of_web({ready("10.0.0.1")}), other});
    CHECK(texts(planned->ports[0].cluster_endpoints) ==
          Texts{"10.0.0.1:8080", "10.0.0.1:9090", "10.0.0.2:9090"});
}

TEST_CASE("an unnamed port is called as its Service", "[rules][policy]") {
    Service service = service_web();
    service.ports[0].name.clear();
    services::EndpointSlice slice = slice_of_web({ready("10.0.0.1")});
    slice.ports[0].name.clear();
    const auto planned = plan(service, {slice});
    CHECK(planned->ports[0].name == "ns/web");
    CHECK(texts(planned->ports[0].cluster_endpoints) == at_8080({"10.0.0.1"}));
}

TEST_CASE("Services that need no rules", "[rules][policy]") {
    Service service = service_web();
    SECTION("headless") {
        service.headless = true;
        service.cluster_ips.clear();
    }
    SECTION("ExternalName, even with a cluster IP") {
        service.type = services::ServiceType::external_name;
        service.external_name = "example.com";
    }
    SECTION("no cluster IP yet") {
        service.cluster_ips.clear();
    }
    SECTION("a cluster IP of the other family only") {
        service.cluster_ips = {ip("fd00:10:96::a")};
    }
    SECTION("no ports") {
        service.ports.clear();
    }
    SECTION("left to another proxy by service.kubernetes.io/service-proxy-name") {
        service.foreign_proxy = true;
    }
    CHECK(plan(service, {slice_of_web({ready("10.0.0.1")})}) == nullptr);
}

TEST_CASE("slices of another proxy and further addresses are no endpoints", "[rules][policy]") {
    Endpoint wide = ready("10.0.0.1");
    wide.addresses.push_back(ip("10.0.0.2"));
    services::EndpointSlice foreign = slice_of_web({ready("10.0.0.3")}, "2");
    foreign.foreign_proxy = true;
    const auto planned = plan(service_web(), {slice_of_web({wide}), foreign});
    CHECK(texts(planned->ports.at(0).cluster_endpoints) == at_8080({"10.0.0.1"}));
    CHECK(planned->endpoint_count == 1);
}

TEST_CASE("a Service that goes to another proxy loses its rules and keeps its names",
          "[rules][policy]") {
    Service service = service_web();
    Cluster cluster;
    cluster.put(service).put(slice_of_web({ready("10.0.0.1")}));
    CHECK(plan_service(cluster.entry(), here(), {}) != nullptr);
    service.foreign_proxy = true;
    cluster.put(service);
    CHECK(plan_service(cluster.entry(), here(), {}) == nullptr);
    CHECK(cluster.entry().service->cluster_ips == service.cluster_ips);
    CHECK(cluster.entry().endpoints.size() == 1);
    service.foreign_proxy = false;
    cluster.put(service);
    CHECK(plan_service(cluster.entry(), here(), {}) != nullptr);
}

TEST_CASE("each family sees its own addresses only", "[rules][policy]") {
    Service service = service_web();
    service.cluster_ips = {ip("10.96.0.10"), ip("fd00:10:96::a")};
    service.external_ips = {ip("192.0.2.1"), ip("2001:db8:1::1")};
    service.ingress = {{ip("198.51.100.1")}, {ip("2001:db8:2::1")}};
    service.source_ranges = {cidr("203.0.113.0/24"), cidr("2001:db8:3::/48")};
    services::EndpointSlice slice6 = slice_of_web({ready("fd00::1")}, "6");
    slice6.family = Family::ipv6;
    const auto slices = std::vector{slice_of_web({ready("10.0.0.1")}), slice6};

    const auto four = plan(service, slices);
    const PortPlan& port4 = four->ports.at(0);
    CHECK(port4.cluster_ip == ip("10.96.0.10"));
    CHECK(port4.external_ips == std::vector{ip("192.0.2.1")});
    CHECK(port4.load_balancer_ips == std::vector{ip("198.51.100.1")});
    CHECK(port4.source_ranges == std::vector{cidr("203.0.113.0/24")});
    CHECK(texts(port4.cluster_endpoints) == Texts{"10.0.0.1:8080"});
    CHECK(four->endpoint_count == 1);

    const auto six = plan(service, slices, {.family = Family::ipv6});
    const PortPlan& port6 = six->ports.at(0);
    CHECK(port6.cluster_ip == ip("fd00:10:96::a"));
    CHECK(port6.external_ips == std::vector{ip("2001:db8:1::1")});
    CHECK(port6.load_balancer_ips == std::vector{ip("2001:db8:2::1")});
    CHECK(port6.source_ranges == std::vector{cidr("2001:db8:3::/48")});
    CHECK(texts(port6.cluster_endpoints) == Texts{"[fd00::1]:8080"});
}

TEST_CASE("load balancer addresses that want the proxy are left to it", "[rules][policy]") {
    Service service = service_web();
    service.ingress = {{ip("198.51.100.1"), services::IpMode::proxy}, {ip("198.51.100.2")}};
    const auto planned = plan(service, {});
    CHECK(planned->ports[0].load_balancer_ips == std::vector{ip("198.51.100.2")});
}

TEST_CASE("whether the node lies in a source range", "[rules][policy]") {
    const auto in_ranges = [](std::string_view range, Family family = Family::ipv4) {
        Service service = service_web();
        service.cluster_ips = {ip("10.96.0.10"), ip("fd00:10:96::a")};
        service.ingress = {{ip("198.51.100.1")}, {ip("2001:db8:2::1")}};
        service.source_ranges = {cidr("203.0.113.0/24"), cidr(range)};
        return plan(service, {}, {.family = family})->ports.at(0).node_in_source_ranges;
    };
    CHECK(in_ranges("192.168.0.0/24"));
    CHECK_FALSE(in_ranges("192.168.1.0/24"));
    CHECK_FALSE(in_ranges("127.0.0.0/8"));  // the loopback address is not the node's address
    CHECK_FALSE(in_ranges("fe80::/10", Family::ipv6));
    CHECK(in_ranges("2001:db8::/64", Family::ipv6));
    CHECK_FALSE(in_ranges("2001:db8::/64", Family::ipv4));
}

TEST_CASE("a source range that holds everybody is none", "[rules][policy]") {
    Service service = service_web();
    service.ingress = {{ip("198.51.100.1")}};
    service.source_ranges = {cidr("203.0.113.0/24"), cidr("0.0.0.0/0")};
    const auto planned = plan(service, {});
    CHECK(planned->ports[0].source_ranges.empty());
    CHECK_FALSE(planned->ports[0].node_in_source_ranges);
}

TEST_CASE("a node's own address is what its Node object says", "[rules][policy]") {
    NodeFacts node;
    node.addresses = {{"lo", ip("127.0.0.1")}, {"eth0", ip("192.0.2.1")}};
    CHECK(node_address(node, Family::ipv4) == ip("192.0.2.1"));
    CHECK_FALSE(node_address(node, Family::ipv6));
    node.node_ips = {ip("198.51.100.9"), ip("2001:db8::9")};
    CHECK(node_address(node, Family::ipv4) == ip("198.51.100.9"));
    CHECK(node_address(node, Family::ipv6) == ip("2001:db8::9"));
    node.node_ips.pop_back();
    CHECK_FALSE(node_address(node, Family::ipv6));
}

TEST_CASE("affinity and health checks are planned where they apply", "[rules][policy]") {
    Service service = service_web();
    service.affinity_timeout_s = 600;
    service.health_check_node_port = 32000;
    CHECK(plan(service, {})->ports[0].affinity_timeout_s == 0);
    CHECK(plan(service, {})->ports[0].health_check_node_port == 0);

    service.client_ip_affinity = true;
    service.type = services::ServiceType::load_balancer;
    CHECK(plan(service, {})->ports[0].affinity_timeout_s == 600);
    CHECK(plan(service, {})->ports[0].health_check_node_port == 0);

    service.external_policy = TrafficPolicy::local;
    CHECK(plan(service, {})->ports[0].health_check_node_port == 32000);
    service.type = services::ServiceType::node_port;
    CHECK(plan(service, {})->ports[0].health_check_node_port == 0);
}

TEST_CASE("this machine has a loopback interface and the name it is given", "[rules][facts]") {
    const NodeFacts facts = facts_of_this_machine("worker-1");
    CHECK(facts.name == "worker-1");
    CHECK(std::ranges::find(facts.addresses, NodeFacts::Interface{"lo", ip("127.0.0.1")}) !=
          facts.addresses.end());
}

}  // namespace
}  // namespace nameplane::rules
