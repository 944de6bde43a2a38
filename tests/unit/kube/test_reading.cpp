// read_manifests: whole files and folders, and the demo that a user reads first.
#include "kube/manifests.hpp"
#include "support.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::kube;
using namespace nameplane::kube::testing;
using services::EndpointSlice;
using services::Namespace;
using services::Node;
using services::Pod;
using services::Service;
using services::ServiceType;

namespace {

std::vector<std::string> names_of(const std::vector<Service>& services) {
    std::vector<std::string> names;
    for (const Service& service : services) names.push_back(service.key.name);
    return names;
}

}  // namespace

TEST_CASE("the demo's manifests show every type of Service and have no problems") {
    const ManifestOptions options{.path = DEMO_FOLDER,
                                  .service_cidrs = {*Cidr::parse("10.96.0.0/12")}};
    const auto reading = read_manifests(options);
    REQUIRE(reading);
    CHECK(reading->problems == std::vector<std::string>{});

    const auto& events = reading->events;
    CHECK(names_of(all<Service>(events)) ==
          std::vector<std::string>{"db", "docs", "edge", "shop", "web"});
    CHECK(one<Service>(events, "demo", "web").type == ServiceType::cluster_ip);
    CHECK(one<Service>(events, "demo", "db").headless);
    CHECK(one<Service>(events, "demo", "shop").type == ServiceType::node_port);
    CHECK(one<Service>(events, "demo", "shop").ports[0].node_port == 30080);
    CHECK(one<Service>(events, "demo", "edge").type == ServiceType::load_balancer);
    CHECK(one<Service>(events, "demo", "edge").ingress[0].address == IpAddress::v4(192, 0, 2, 10));
    CHECK(one<Service>(events, "demo", "docs").external_name == "web.demo.svc.cluster.local");

    const auto web = one<EndpointSlice>(events, "demo", "web-ipv4-1");
    REQUIRE(web.endpoints.size() == 3);
    CHECK(web.endpoints[0].addresses[0] == IpAddress::v4(10, 244, 1, 10));
    CHECK(web.endpoints[0].ready);
    CHECK(web.endpoints[0].zone == "zone-a");
    CHECK(web.ports ==
          std::vector<services::EndpointPort>{{"http", services::Protocol::tcp, 8080}});
    const auto db = one<EndpointSlice>(events, "demo", "db-ipv4-1");
    REQUIRE(db.endpoints.size() == 2);
    CHECK(db.endpoints[1].hostname == "db-1");
}
