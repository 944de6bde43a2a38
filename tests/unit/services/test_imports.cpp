// What the store keeps for options only: selectors' bits, ServiceImports, details of Pods.

#include "services/contents.hpp"
#include "services/gate.hpp"
#include "services/model.hpp"
#include "services/store.hpp"
#include "support/service_cases.hpp"
#include <nameplane/services/entry.hpp>
#include <nameplane/services/head.hpp>
#include <nameplane/services/view.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace nameplane::services {
namespace {

using namespace nameplane::test;

constexpr Kind kinds[] = {Kind::namespace_, Kind::service,        Kind::endpoint_slice,
                          Kind::pod,        Kind::service_import, Kind::node};

Selections selections() {
    Selections all;
    all.objects.add(*Selector::parse("app=web"));
    all.objects.add(*Selector::parse("!app"));
    all.namespaces.add(*Selector::parse("team=blue"));
    return all;
}

struct Full {
    HandClock clock;
    Store store{
        {.keep_pods = true, .pod_details = true, .keep_imports = true, .selections = selections()},
        clock};
    Full() {
        for (const Kind kind : kinds) put(BeginList{kind});
    }
    void put(Event event) { REQUIRE(store.apply(std::move(event))); }
    void end_lists() {
        for (const Kind kind : kinds) put(EndList{kind});
    }
    ServiceView view() { return ServiceView{*store.snapshot()}; }
};

template <class Object> Object labelled(Object object, Labels labels) {
    object.labels = std::move(labels);
    return object;
}

ServiceImport import_of(std::string ns, std::string name, bool headless) {
    ServiceImport import;
    import.key = {std::move(ns), std::move(name)};
    import.headless = headless;
    if (!headless) import.ips = {ip("10.96.9.9")};
    import.ports = {{.name = "http", .port = 80 }};
    return import;
}

EndpointSlice slice_of_cluster(std::string name, std::string import, std::string cluster,
                               std::vector<Endpoint> endpoints) {
    EndpointSlice made = slice("ns", "", std::move(name), std::move(endpoints));
    made.import = std::move(import);
    made.cluster = std::move(cluster);
    return made;
}

std::vector<std::string> endpoints_of(const ServiceHead* head) {
    std::vector<std::string> texts;
    if (head == nullptr) return {"no such import"};
    for (const EndpointEntry& endpoint : head->entry()->endpoints)
        texts.push_back(endpoint.address.to_string() + " " + *endpoint.node);
    return texts;
}

TEST_CASE("objects are judged by selectors and keep no labels", "[services]") {
    Full full;
    Namespace blue{.key = {"", "blue"}, .labels = {{"team", "blue"}}};
    full.put(blue);
    full.put(Namespace{.key = {"", "red"}, .labels = {{"team", "red"}}});
    full.put(labelled(cluster_ip_service("blue", "web", "10.96.0.1"), {{"app", "web"}}));
    full.put(labelled(cluster_ip_service("blue", "api", "10.96.0.2"), {{"app", "api"}}));
    full.put(cluster_ip_service("red", "plain", "10.96.0.3"));
    full.put(labelled(slice("blue", "web", "web-1", {endpoint("10.0.0.1")}), {{"app", "web"}}));
    full.put(labelled(slice("blue", "web", "web-2", {endpoint("10.0.0.1"), endpoint("10.0.0.2")}),
                      {{"app", "api"}}));
    full.end_lists();
    auto snapshot = full.store.snapshot();
    ServiceView view{*snapshot};
    CHECK(view.find_head("blue", "web")->selected() == 1);
    CHECK(view.find_head("blue", "api")->selected() == 0);
    CHECK(view.find_head("red", "plain")->selected() == 2);
    CHECK(view.find("blue", "web")->service->labels.empty());
    // The first address is in both slices, and one of them matches.
    CHECK(view.find("blue", "web")->endpoints[0].selected == 1);
    CHECK(view.find("blue", "web")->endpoints[1].selected == 0);
    CHECK(view.has_namespace("blue", 1));
    CHECK(view.has_namespace("red"));
    CHECK_FALSE(view.has_namespace("red", 1));

    // New labels of a namespace, of a Service and of a slice are seen.
    blue.labels.clear();
    full.put(blue);
    full.put(labelled(cluster_ip_service("blue", "api", "10.96.0.2"), {{"app", "web"}}));
    full.put(slice("blue", "web", "web-2", {endpoint("10.0.0.1"), endpoint("10.0.0.2")}));
    snapshot = full.store.snapshot();
    view = ServiceView{*snapshot};
    CHECK(view.has_namespace("blue"));
    CHECK_FALSE(view.has_namespace("blue", 1));
    CHECK(view.find_head("blue", "api")->selected() == 1);
    CHECK(view.find("blue", "web")->endpoints[0].selected == 3);
    CHECK(view.find("blue", "web")->endpoints[1].selected == 2);
    // The same once more is no change.
    const auto version = view.version();
    full.put(blue);
    full.put(slice("blue", "web", "web-2", {endpoint("10.0.0.1"), endpoint("10.0.0.2")}));
    CHECK(full.view().version() == version);
}

TEST_CASE("pods are judged, and known by name and labels where details are kept", "[services]") {
    Full full;
    Pod web;
    web.key = {"ns", "web-0"};
    web.labels = {{"app", "web"}, {"zone", "a"}};
    web.ips = {ip("10.0.0.1"), ip("fd00::1")};
    full.put(web);
    Pod other;
    other.key = {"ns", "other"};
    other.ips = {ip("10.0.0.2")};
    full.put(other);
    full.end_lists();
    const auto snapshot = full.store.snapshot();
    const ServiceView view{*snapshot};
    CHECK(view.has_pod("ns", ip("10.0.0.1"), 1));
    CHECK(view.has_pod("ns", ip("fd00::1"), 1));
    CHECK(view.has_pod("ns", ip("10.0.0.2")));
    CHECK_FALSE(view.has_pod("ns", ip("10.0.0.2"), 1));
    CHECK(view.name_of_pod(ip("fd00::1")) == "web-0");
    CHECK(view.label_of_pod(ip("10.0.0.1"), "zone") == "a");
    CHECK_FALSE(view.label_of_pod(ip("10.0.0.1"), "none").has_value());
    CHECK(view.namespace_of_pod(ip("10.0.0.2")) == "ns");
    CHECK(view.namespace_of_pod(ip("10.0.0.2"), 1).empty());
    CHECK(view.name_of_pod(ip("10.0.0.9")).empty());

    HandClock clock;
    Store plain{{.keep_pods = true}, clock};
    REQUIRE(plain.apply(BeginList{Kind::pod}));
    REQUIRE(plain.apply(web));
    const auto of_plain = plain.snapshot();
    CHECK(ServiceView{*of_plain}.namespace_of_pod(ip("10.0.0.1")) == "ns");
    CHECK(ServiceView{*of_plain}.name_of_pod(ip("10.0.0.1")).empty());
}

TEST_CASE("imports are apart from Services, and their endpoints know their cluster", "[services]") {
    Full full;
    full.put(import_of("ns", "db", true));
    full.put(import_of("ns", "web", false));
    full.put(cluster_ip_service("ns", "db", "10.96.0.1"));
    full.put(slice_of_cluster("db-b", "db", "b", {endpoint("10.1.0.1"), endpoint("10.1.0.2")}));
    full.put(slice_of_cluster("db-a", "db", "a", {endpoint("10.1.0.1")}));
    // One that is a Service's, too.
    EndpointSlice both = slice_of_cluster("db-c", "db", "c", {endpoint("10.2.0.1")});
    both.service = "db";
    full.put(both);
    full.end_lists();
    auto snapshot = full.store.snapshot();
    ServiceView view{*snapshot};
    CHECK(endpoints_of(view.find_import("ns", "db")) ==
          std::vector<std::string>{"10.1.0.1 a", "10.1.0.1 b", "10.1.0.2 b", "10.2.0.1 c"});
    CHECK(endpoints_of(view.find_head("ns", "db")) == std::vector<std::string>{"10.2.0.1 node-a"});
    CHECK(view.find_head("ns", "web") == nullptr);
    CHECK(view.find_import("ns", "web")->cluster_ips().size() == 1);
    CHECK(view.by_cluster_ip(ip("10.96.9.9")) == nullptr);
    CHECK(view.by_endpoint(ip("10.1.0.1")).empty());
    CHECK(snapshot->service_count() == 1);
    CHECK(view.imports_synced());

    // A slice may pass from one to the other, and an import go.
    both.import.clear();
    full.put(both);
    full.put(Remove{Kind::endpoint_slice, {"ns", "db-b"}});
    full.put(Remove{Kind::service_import, {"ns", "web"}});
    snapshot = full.store.snapshot();
    view = ServiceView{*snapshot};
    CHECK(endpoints_of(view.find_import("ns", "db")) == std::vector<std::string>{"10.1.0.1 a"});
    CHECK(view.find_import("ns", "web") == nullptr);
    CHECK(view.find("ns", "db")->endpoints.size() == 1);

    // A list that does not name them takes them away.
    for (const Kind kind : {Kind::service_import, Kind::endpoint_slice}) {
        full.put(BeginList{kind});
        full.put(EndList{kind});
    }
    CHECK(full.view().find_import("ns", "db") == nullptr);
}

TEST_CASE("names do not wait for imports, and without the option there are none", "[services]") {
    Full full;
    for (const Kind kind : kinds) {
        if (kind != Kind::service_import) full.put(EndList{kind});
    }
    CHECK(full.view().synced());
    CHECK_FALSE(full.view().imports_synced());
    full.put(EndList{Kind::service_import});
    CHECK(full.store.changed());
    CHECK(full.view().imports_synced());

    HandClock clock;
    Store plain{{}, clock};
    REQUIRE(plain.apply(import_of("ns", "db", true)));
    REQUIRE(plain.apply(slice_of_cluster("db-b", "db", "b", {endpoint("10.1.0.1")})));
    const auto snapshot = plain.snapshot();
    CHECK(ServiceView{*snapshot}.find_import("ns", "db") == nullptr);
    // Objects that break a limit are refused, and what is known of them stays.
    full.put(import_of("ns", "db", false));
    ServiceImport long_one = import_of("ns", "db", false);
    long_one.ports[0].name.assign(254, 'a');
    CHECK_FALSE(full.store.apply(long_one));
    CHECK(full.view().find_import("ns", "db") != nullptr);
}

TEST_CASE("a change of imports alone passes the gate", "[services]") {
    Full full;
    full.end_lists();
    Gate gate{true, std::chrono::milliseconds{1000}, full.clock};
    gate.offer(full.store.snapshot());
    gate.applied(full.store.snapshot()->version());
    full.put(import_of("ns", "db", false));
    gate.offer(full.store.snapshot());
    CHECK(ServiceView{*gate.published().newest()}.find_import("ns", "db") != nullptr);
}

TEST_CASE("contents bring selectors' bits, imports and details back", "[services]") {
    Full full;
    full.put(Namespace{.key = {"", "ns"}, .labels = {{"team", "blue"}}});
    full.put(labelled(cluster_ip_service("ns", "web", "10.96.0.1"), {{"app", "web"}}));
    full.put(import_of("ns", "db", true));
    EndpointSlice both = slice_of_cluster("both", "db", "c", {endpoint("10.2.0.1")});
    both.service = "web";
    both.labels = {{"app", "web"}};
    full.put(both);
    full.put(slice_of_cluster("only", "db", "d", {endpoint("10.3.0.1")}));
    Pod pod;
    pod.key = {"ns", "web-0"};
    pod.labels = {{"app", "web"}};
    pod.ips = {ip("10.2.0.1")};
    full.put(pod);
    full.end_lists();

    HandClock clock;
    Store again{
        {.keep_pods = true, .pod_details = true, .keep_imports = true, .selections = selections()},
        clock};
    full.store.contents().for_each(
        [&](const auto& said) { REQUIRE(again.apply(std::decay_t<decltype(said)>{said})); });
    const auto snapshot = again.snapshot();
    const ServiceView view{*snapshot};
    CHECK(view.has_namespace("ns", 1));
    CHECK(view.find_head("ns", "web")->selected() == 1);
    CHECK(view.find("ns", "web")->endpoints.at(0).selected == 1);
    CHECK(*view.find("ns", "web")->endpoints.at(0).node == "node-a");
    CHECK(endpoints_of(view.find_import("ns", "db")) ==
          std::vector<std::string>{"10.2.0.1 c", "10.3.0.1 d"});
    CHECK(view.label_of_pod(ip("10.2.0.1"), "app") == "web");
    CHECK(view.has_pod("ns", ip("10.2.0.1"), 1));
    CHECK(view.imports_synced());
}

TEST_CASE("Services are found by their addresses from outside", "[services]") {
    Full full;
    Service one = cluster_ip_service("ns", "one", "10.96.0.1");
    one.external_ips = {ip("203.0.113.1"), ip("203.0.113.2"), ip("203.0.113.1")};
    one.ingress = {{.address = ip("203.0.113.3")}};
    Service two = cluster_ip_service("ns", "two", "10.96.0.2");
    two.external_ips = {ip("203.0.113.1")};
    full.put(two);
    full.put(one);
    full.end_lists();
    auto snapshot = full.store.snapshot();
    ServiceView view{*snapshot};
    CHECK(view.by_external_ip(ip("203.0.113.1"), 0)->service->key.name == "one");
    CHECK(view.by_external_ip(ip("203.0.113.1"), 1)->service->key.name == "two");
    CHECK(view.by_external_ip(ip("203.0.113.1"), 2) == nullptr);
    CHECK(view.by_external_ip(ip("203.0.113.3"), 0)->service->key.name == "one");
    CHECK(view.by_external_ip(ip("10.96.0.1"), 0) == nullptr);
    one.external_ips = {ip("203.0.113.4")};
    full.put(one);
    full.put(Remove{Kind::service, {"ns", "two"}});
    snapshot = full.store.snapshot();
    view = ServiceView{*snapshot};
    CHECK(view.by_external_ip(ip("203.0.113.1"), 0) == nullptr);
    CHECK(view.by_external_ip(ip("203.0.113.4"), 0)->service->key.name == "one");
}

}  // namespace
}  // namespace nameplane::services
