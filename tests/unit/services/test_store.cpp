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
        if (!text.empty()) text += ' ';
        text += endpoint.address.to_string();
        if (!endpoint.hostname.empty()) text += "/" + std::string{endpoint.hostname};
        if (!endpoint.ready) text += '!';
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

TEST_CASE("what is equal changes nothing", "[services]") {
    Fixture f;
    f.put(cluster_ip_service("default", "web", "10.96.0.10"));
    f.put(slice("default", "web", "web-1", {endpoint("10.0.0.1")}));
    f.put(name_space("default"));
    f.put(Node{.key = {"", "node-a"}});
    const auto first = f.store.snapshot();
    f.clock.turn(std::chrono::seconds{10});

    f.put(cluster_ip_service("default", "web", "10.96.0.10"));
    f.put(slice("default", "web", "web-1", {endpoint("10.0.0.1")}));
    f.put(name_space("default"));
    f.put(Node{.key = {"", "node-a"}});
    Service labelled = cluster_ip_service("default", "web", "10.96.0.10");
    labelled.labels = {{"app", "web"}};
    labelled.selector = {{"app", "web"}};
    f.put(labelled);

    CHECK_FALSE(f.store.changed());
    CHECK(f.store.snapshot() == first);
    CHECK(ServiceView{*first}.serial() == 1'700'000'000);
    CHECK(ServiceView{*first}.find("default", "web")->service->selector.empty());
}

TEST_CASE("a change that is taken back leaves entry and snapshot as they were", "[services]") {
    Fixture f;
    f.put(cluster_ip_service("default", "web", "10.96.0.10"));
    f.put(slice("default", "web", "web-1", {endpoint("10.0.0.1")}));
    const auto first = f.store.snapshot();
    f.put(slice("default", "web", "web-1", {endpoint("10.0.0.1", "", false)}));
    f.put(slice("default", "web", "web-1", {endpoint("10.0.0.1")}));
    CHECK(f.store.changed());
    CHECK(f.store.snapshot() == first);
    CHECK_FALSE(f.store.changed());
}

TEST_CASE("version and serial tell of every change", "[services]") {
    struct Row {
        const char* what;
        Event event;
        bool changes;
    };
    Fixture f;
    f.put(cluster_ip_service("default", "web", "10.96.0.10"));
    auto before = f.store.snapshot();
    const std::vector<Row> rows = {
        {"a slice of the Service", slice("default", "web", "s1", {endpoint("10.0.0.1")}), true},
        {"a slice of nobody", slice("default", "none", "s2", {endpoint("10.0.0.2")}), false},
        {"a slice without a Service's name", slice("default", "", "s3", {}), false},
        {"a namespace", name_space("default"), true},
        {"a node", Node{.key = {"", "node-a"}}, true},
        {"a pod, which is not kept", Pod{.key = {"default", "p"}, .ips = {ip("10.0.0.1")}}, false},
        {"an unknown object removed", Remove{Kind::service, {"default", "x"}}, false},
        {"the node removed", Remove{Kind::node, {"", "node-a"}}, true},
        {"the namespace removed", Remove{Kind::namespace_, {"", "default"}}, true},
        {"the slice of nobody removed", Remove{Kind::endpoint_slice, {"default", "s2"}}, false},
        {"the Service removed", Remove{Kind::service, {"default", "web"}}, true},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        f.clock.turn(std::chrono::seconds{1});
        f.put(row.event);
        const auto after = f.store.snapshot();
        CHECK((after->version() > before->version()) == row.changes);
        CHECK((ServiceView{*after}.serial() > ServiceView{*before}.serial()) == row.changes);
        before = after;
    }
    CHECK(ServiceView{*before}.serial() == 1'700'000'011);
    CHECK(before->service_count() == 0);
    CHECK(before->endpoint_count() == 0);
}

TEST_CASE("slices wait for their Service and outlive it", "[services]") {
    Fixture f;
    f.put(slice("default", "web", "web-1", {endpoint("10.0.0.1")}));
    CHECK(f.view().find("default", "web") == nullptr);
    CHECK(services_at(f.view(), "10.0.0.1").empty());

    f.put(cluster_ip_service("default", "web", "10.96.0.10"));
    CHECK(endpoints_of(*f.view().find("default", "web")) == "10.0.0.1");

    f.put(Remove{Kind::service, {"default", "web"}});
    CHECK(f.view().find("default", "web") == nullptr);
    CHECK(f.view().by_cluster_ip(ip("10.96.0.10")) == nullptr);
    CHECK(services_at(f.view(), "10.0.0.1").empty());

    f.put(slice("default", "web", "web-2", {endpoint("10.0.0.2")}));
    f.put(headless_service("default", "web"));
    CHECK(endpoints_of(*f.view().find("default", "web")) == "10.0.0.1 10.0.0.2");
}

TEST_CASE("a slice may move from one Service to another, or to none", "[services]") {
    Fixture f;
    f.put(cluster_ip_service("default", "a", "10.96.0.1"));
    f.put(cluster_ip_service("default", "b", "10.96.0.2"));
    f.put(slice("default", "a", "s", {endpoint("10.0.0.1")}));
    CHECK(services_at(f.view(), "10.0.0.1") == std::vector<std::string>{"default/a#0"});
    f.put(slice("default", "b", "s", {endpoint("10.0.0.1")}));
    CHECK(services_at(f.view(), "10.0.0.1") == std::vector<std::string>{"default/b#0"});
    f.put(slice("default", "", "s", {endpoint("10.0.0.1")}));
    CHECK(services_at(f.view(), "10.0.0.1").empty());
    CHECK(f.view().find("default", "b")->endpoints.empty());
}

TEST_CASE("one address behind several Services is found in all, in order", "[services]") {
    Fixture f;
    f.put(headless_service("prod", "a"));
    f.put(headless_service("default", "z"));
    f.put(headless_service("default", "b"));
    f.put(slice("prod", "a", "1", {endpoint("10.0.0.9"), endpoint("10.0.0.1")}));
    f.put(slice("default", "z", "2", {endpoint("10.0.0.9", "h-1"), endpoint("10.0.0.9", "h-0")}));
    CHECK(services_at(f.view(), "10.0.0.9") ==
          std::vector<std::string>{"default/z#0", "default/z#1", "prod/a#1"});
    f.put(slice("default", "b", "3", {endpoint("10.0.0.9", "", false)}));
    CHECK(services_at(f.view(), "10.0.0.9") ==
          std::vector<std::string>{"default/b#0", "default/z#0", "default/z#1", "prod/a#1"});
    f.put(Remove{Kind::service, {"default", "z"}});
    CHECK(services_at(f.view(), "10.0.0.9") == std::vector<std::string>{"default/b#0", "prod/a#1"});
}

TEST_CASE("a cluster IP leads to one Service, also while it passes on", "[services]") {
    Fixture f;
    f.put(cluster_ip_service("default", "b", "10.96.0.1"));
    Service dual = cluster_ip_service("default", "c", "10.96.0.2");
    dual.cluster_ips.push_back(ip("fd00::2"));
    f.put(dual);
    CHECK(f.view().by_cluster_ip(ip("fd00::2")) == f.view().find("default", "c"));

    f.put(cluster_ip_service("default", "a", "10.96.0.1"));
    CHECK(f.view().by_cluster_ip(ip("10.96.0.1"))->service->key.name == "a");
    f.put(Remove{Kind::service, {"default", "a"}});
    CHECK(f.view().by_cluster_ip(ip("10.96.0.1"))->service->key.name == "b");
    f.put(cluster_ip_service("default", "b", "10.96.0.3"));
    CHECK(f.view().by_cluster_ip(ip("10.96.0.1")) == nullptr);
    CHECK(f.view().by_cluster_ip(ip("10.96.0.3"))->service->key.name == "b");
}

TEST_CASE("pods are found while they live, by namespace and address", "[services]") {
    HandClock clock;
    Store store{{.keep_pods = true}, clock};
    const auto put = [&](Pod pod) { REQUIRE(store.apply(std::move(pod))); };
    const auto has = [&](std::string_view ns, std::string_view address) {
        return ServiceView{*store.snapshot()}.has_pod(ns, ip(address));
    };
    const Pod a{.key = {"default", "a"}, .ips = {ip("10.0.0.1"), ip("fd00::1")}};
    put(a);
    put({.key = {"default", "b"}, .ips = {ip("10.0.0.1")}, .host_network = true});
    put({.key = {"prod", "c"}, .ips = {ip("10.0.0.2")}});
    CHECK(has("default", "10.0.0.1"));
    CHECK(has("default", "fd00::1"));
    CHECK_FALSE(has("prod", "10.0.0.1"));
    CHECK(has("prod", "10.0.0.2"));

    Pod ending = a;
    ending.terminating = true;
    put(ending);
    CHECK(has("default", "10.0.0.1"));  // b has it, too
    CHECK_FALSE(has("default", "fd00::1"));
    REQUIRE(store.apply(Remove{Kind::pod, {"default", "b"}}));
    CHECK_FALSE(has("default", "10.0.0.1"));
    put({.key = {"prod", "c"}, .ips = {ip("10.0.0.2")}, .finished = true});
    CHECK_FALSE(has("prod", "10.0.0.2"));
    put(a);
    CHECK(has("default", "fd00::1"));
    REQUIRE(store.apply(BeginList{Kind::pod}));
    REQUIRE(store.apply(EndList{Kind::pod}));
    CHECK_FALSE(has("default", "fd00::1"));
}

TEST_CASE("nodes are found by name with what they have", "[services]") {
    Fixture f;
    f.put(Node{.key = {"", "a"}, .labels = {{"zone", "1"}}});
    CHECK(f.store.snapshot()->node("a")->labels.at("zone") == "1");
    f.put(Node{.key = {"", "a"}, .labels = {{"zone", "2"}}});
    CHECK(f.store.snapshot()->node("a")->labels.at("zone") == "2");
    f.put(Remove{Kind::node, {"", "a"}});
    CHECK(f.store.snapshot()->node("a") == nullptr);
}

TEST_CASE("networks of ServiceCIDRs, each once", "[services]") {
    Fixture f;
    const auto object = [](const char* name, std::vector<Cidr> cidrs) {
        return ServiceCidr{.key = {"", name}, .cidrs = std::move(cidrs)};
    };
    const Cidr a = *Cidr::parse("10.96.0.0/16");
    const Cidr b = *Cidr::parse("fd00:96::/112");
    const Cidr c = *Cidr::parse("10.97.0.0/24");
    const auto cidrs = [&] {
        const auto all = f.store.snapshot()->service_cidrs();
        return std::vector<Cidr>{all.begin(), all.end()};
    };
    CHECK(cidrs().empty());
    f.put(object("kubernetes", {b, a}));
    CHECK(cidrs() == std::vector{a, b});
    const auto before = f.store.snapshot();
    // What changes no network is no news: nobody is woken.
    f.put(object("more", {a}));
    CHECK(f.store.snapshot() == before);
    f.put(object("more", {a, c}));
    CHECK(cidrs() == std::vector{a, c, b});
    f.put(Remove{Kind::service_cidr, {"", "kubernetes"}});
    CHECK(cidrs() == std::vector{a, c});
    // A list takes away what it does not name, but for what could not be read.
    f.put(BeginList{Kind::service_cidr});
    f.put(Keep{Kind::service_cidr, {"", "more"}});
    f.put(EndList{Kind::service_cidr});
    CHECK(cidrs() == std::vector{a, c});
    f.put(BeginList{Kind::service_cidr});
    f.put(EndList{Kind::service_cidr});
    CHECK(cidrs().empty());
    CHECK_FALSE(f.store.apply(object("", {a})));
}

}  // namespace
}  // namespace nameplane::services
