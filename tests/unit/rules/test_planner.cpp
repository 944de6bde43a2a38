#include "cluster.hpp"

#include <catch2/catch.hpp>

namespace nameplane::rules {
namespace {

using namespace tests;
using services::Kind;

services::Service service_named(const std::string& name, const char* address) {
    services::Service service = service_web();
    service.key.name = name;
    service.cluster_ips = {ip(address)};
    return service;
}

std::vector<std::string> names(const Plan& plan) {
    std::vector<std::string> all;
    for (const auto& service : plan.services) all.push_back(service->ports.at(0).name);
    return all;
}

using Names = std::vector<std::string>;

TEST_CASE("a plan is sorted by namespace and name", "[rules][planner]") {
    Cluster cluster;
    services::Service elsewhere = service_named("aaa", "10.96.0.9");
    elsewhere.key.ns = "zoo";
    cluster.put(elsewhere);
    cluster.put(service_named("web-2", "10.96.0.2")).put(service_named("web", "10.96.0.1"));
    cluster.put(service_named("api", "10.96.0.3"));
    Planner planner{{}};
    CHECK(names(planner.plan(cluster.snapshot(), here())) ==
          Names{"ns/api:http", "ns/web:http", "ns/web-2:http", "zoo/aaa:http"});
}

TEST_CASE("only what changed is planned anew", "[rules][planner]") {
    Cluster cluster;
    cluster.put(service_named("a", "10.96.0.1")).put(service_named("web", "10.96.0.2"));
    Planner planner{{}};
    const Plan first = planner.plan(cluster.snapshot(), here());
    REQUIRE(first.services.size() == 2);

    cluster.put(slice_of_web({ready("10.0.0.1"), ready("10.0.0.2")}));
    const Plan second = planner.plan(cluster.snapshot(), here());
    REQUIRE(second.services.size() == 2);
    CHECK(second.services[0] == first.services[0]);
    CHECK(second.services[1] != first.services[1]);
    CHECK(second.services[1]->ports[0].cluster_endpoints.size() == 2);
    CHECK(first.endpoint_count == 0);
    CHECK(second.endpoint_count == 2);
    CHECK(second.version > first.version);

    // The same snapshot again: nothing at all.
    CHECK(planner.plan(cluster.snapshot(), here()).services == second.services);
}

TEST_CASE("service ranges are those of the family that lie in no other", "[rules][planner]") {
    Cluster cluster;
    const auto object = [](const char* name, std::vector<Cidr> cidrs) {
        return services::ServiceCidr{.key = {"", name}, .cidrs = std::move(cidrs)};
    };
    cluster.put(service_named("web", "10.96.0.1"));
    cluster.put(object("kubernetes", {cidr("10.96.0.0/16"), cidr("fd00:96::/112")}));
    cluster.put(object("more", {cidr("10.96.3.0/24"), cidr("10.90.0.0/24"), cidr("10.96.0.0/20")}));
    cluster.put(object("same", {cidr("10.96.0.0/16"), cidr("10.97.0.0/16")}));
    Planner four{{}};
    Planner six{{.family = Family::ipv6}};
    const Plan first = four.plan(cluster.snapshot(), here());
    CHECK(first.service_ranges ==
          std::vector{cidr("10.90.0.0/24"), cidr("10.96.0.0/16"), cidr("10.97.0.0/16")});
    CHECK(six.plan(cluster.snapshot(), here()).service_ranges ==
          std::vector{cidr("fd00:96::/112")});

    // One of two that name a network goes: the network stays. What lay within one comes out with
    // it.
    cluster.put(services::Remove{Kind::service_cidr, {"", "kubernetes"}});
    CHECK(four.plan(cluster.snapshot(), here()).service_ranges == first.service_ranges);
    cluster.put(services::Remove{Kind::service_cidr, {"", "same"}});
    const Plan last = four.plan(cluster.snapshot(), here());
    CHECK(last.service_ranges == std::vector{cidr("10.90.0.0/24"), cidr("10.96.0.0/20")});
    CHECK(last.services == first.services);
    CHECK(last.version > first.version);
}

TEST_CASE("Services come, go and come back", "[rules][planner]") {
    Cluster cluster;
    Planner planner{{}};
    CHECK(planner.plan(cluster.snapshot(), here()).services.empty());
    cluster.put(service_named("m", "10.96.0.1"));
    CHECK(names(planner.plan(cluster.snapshot(), here())) == Names{"ns/m:http"});
    cluster.put(service_named("z", "10.96.0.2")).put(service_named("a", "10.96.0.3"));
    cluster.remove(Kind::service, "m");
    CHECK(names(planner.plan(cluster.snapshot(), here())) == Names{"ns/a:http", "ns/z:http"});
    cluster.put(service_named("m", "10.96.0.4"));
    const Plan plan = planner.plan(cluster.snapshot(), here());
    CHECK(names(plan) == Names{"ns/a:http", "ns/m:http", "ns/z:http"});
    CHECK(plan.services[1]->ports[0].cluster_ip == ip("10.96.0.4"));
    for (const char* name : {"a", "m", "z"}) cluster.remove(Kind::service, name);
    CHECK(planner.plan(cluster.snapshot(), here()).services.empty());
}

TEST_CASE("a Service that becomes headless leaves the plan", "[rules][planner]") {
    Cluster cluster;
    cluster.put(service_web());
    Planner planner{{}};
    CHECK(planner.plan(cluster.snapshot(), here()).services.size() == 1);
    services::Service headless = service_web();
    headless.headless = true;
    headless.cluster_ips.clear();
    cluster.put(headless);
    CHECK(planner.plan(cluster.snapshot(), here()).services.empty());
    cluster.put(service_web());
    CHECK(planner.plan(cluster.snapshot(), here()).services.size() == 1);
}

TEST_CASE("a change that does not matter here keeps the plan", "[rules][planner]") {
    Cluster cluster;
    cluster.put(service_web()).put(slice_of_web({ready("10.0.0.1", "there")}));
    Planner planner{{}};
    const Plan before = planner.plan(cluster.snapshot(), here());
    cluster.put(slice_of_web({ready("10.0.0.1", "elsewhere")}));
    const Plan after = planner.plan(cluster.snapshot(), here());
    CHECK(after.version > before.version);
    CHECK(after.services == before.services);
}

TEST_CASE("new facts plan everything anew, and keep what comes out the same", "[rules][planner]") {
    Cluster cluster;
    cluster.put(service_named("a", "10.96.0.1")).put(service_web());
    cluster.put(
        slice_of_web({zones(ready("10.0.0.1"), {"west"}), zones(ready("10.0.0.2"), {"east"})}));
    Planner planner{{}};
    const Plan west = planner.plan(cluster.snapshot(), here());
    REQUIRE(west.services.size() == 2);
    CHECK(west.services[1]->ports[0].cluster_endpoints.size() == 1);

    NodeFacts moved = here();
    moved.labels["topology.kubernetes.io/zone"] = "north";
    const Plan north = planner.plan(cluster.snapshot(), moved);
    CHECK(north.services[0] == west.services[0]);
    CHECK(north.services[1]->ports[0].cluster_endpoints.size() == 2);
}

// Whatever the way, the plan is the one that a planner would make that sees the end only.
TEST_CASE("many small steps end where one big one does", "[rules][planner]") {
    Cluster cluster;
    Planner stepwise{{}};
    std::uint32_t random = 12345;
    for (int step = 0; step < 400; ++step) {
        random = random * 1664525 + 1013904223;
        const std::string name = "s" + std::to_string((random >> 16) % 20);
        const std::string address = "10.96.1." + std::to_string((random >> 8) % 200);
        switch ((random >> 24) % 4) {
        case 0: cluster.remove(Kind::service, name); break;
        case 1: {
            services::EndpointSlice slice = slice_of_web({ready(address)}, name);
            slice.service = name;
            cluster.put(slice);
            break;
        }
        default: cluster.put(service_named(name, address.c_str())); break;
        }
        if (step % 3 != 0) continue;
        const Plan incremental = stepwise.plan(cluster.snapshot(), here());
        Planner fresh{{}};
        const Plan whole = fresh.plan(cluster.snapshot(), here());
        REQUIRE(names(incremental) == names(whole));
        REQUIRE(incremental.endpoint_count == whole.endpoint_count);
        for (std::size_t i = 0; i < whole.services.size(); ++i) {
            REQUIRE(*incremental.services[i] == *whole.services[i]);
        }
    }
}

}  // namespace
}  // namespace nameplane::rules
