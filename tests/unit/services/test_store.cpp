#include "services/store.hpp"
#include "support/service_cases.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace nameplane::services {
namespace {

using namespace nameplane::test;

/// A store with a clock, and what it says about itself.
struct Fixture {
    HandClock clock;
    Store store{{}, clock};

    void put(Event event) { REQUIRE(store.apply(std::move(event))); }
    ServiceView view() {
        held = store.snapshot();
        return ServiceView{*held};
    }
    std::shared_ptr<const Snapshot> held;
};

/// "10.0.0.1/web-0 10.0.0.2" with "!" behind what is not ready.
std::string endpoints_of(const ServiceEntry& entry) {
    std::string text;
    for (const EndpointEntry& endpoint : entry.endpoints) {
        if (!text.empty())
            text += ' ';
        text += endpoint.address.to_string();
        if (!endpoint.hostname.empty())
            text += "/" + std::string{endpoint.hostname};
        if (!endpoint.ready)
            text += '!';
    }
    return text;
}

std::vector<std::string> services_at(const ServiceView& view, std::string_view address) {
    std::vector<std::string> found;
    for (const EndpointOf& at : view.by_endpoint(ip(address))) {
        const ObjectKey& key = at.service->service->key;
        found.push_back(key.ns + "/" + key.name + "#" + std::to_string(at.endpoint));
    }
    return found;
}

TEST_CASE("an empty store sees nothing", "[services]") {
    Fixture f;
    const ServiceView view = f.view();
    CHECK_FALSE(f.store.changed());
    CHECK(view.version() == 0);
    CHECK(view.serial() == 0);
    CHECK_FALSE(view.synced());
    CHECK(view.find("default", "web") == nullptr);
    CHECK(view.by_cluster_ip(ip("10.96.0.1")) == nullptr);
    CHECK(view.by_endpoint(ip("10.0.0.1")).empty());
    CHECK_FALSE(view.has_namespace("default"));
    CHECK_FALSE(view.has_pod("default", ip("10.0.0.1")));
    CHECK(f.held->node("a") == nullptr);
}

TEST_CASE("a Service with two slices is found by name and by address", "[services]") {
    Fixture f;
    f.put(cluster_ip_service("default", "web", "10.96.0.10"));
    f.put(slice("default", "web", "web-2", {endpoint("10.0.0.3"), endpoint("10.0.0.1", "web-0")}));
    f.put(slice("default", "web", "web-1", {endpoint("10.0.0.2", "", false)}));

    const ServiceView view = f.view();
    const ServiceEntry* entry = view.find("default", "web");
    REQUIRE(entry != nullptr);
    CHECK(endpoints_of(*entry) == "10.0.0.1/web-0 10.0.0.2! 10.0.0.3");
    CHECK(view.by_cluster_ip(ip("10.96.0.10")) == entry);
    CHECK(services_at(view, "10.0.0.2") == std::vector<std::string>{"default/web#1"});
    CHECK(f.held->service_count() == 1);
    CHECK(f.held->endpoint_count() == 3);
    REQUIRE(entry->port_sets.size() == 1);
    CHECK(entry->port_sets[0] == std::vector<EndpointPort>{{.name = "http", .port = 8080}});
    CHECK(*entry->endpoints[0].node == "node-a");
    CHECK(entry->endpoints[0].zone->empty());
}

} // namespace
} // namespace nameplane::services
