#include "services/limits.hpp"
#include "services/store.hpp"
#include "support/service_cases.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace nameplane::services {
namespace {

using namespace nameplane::test;

struct Fixture {
    HandClock clock;
    Store store{{}, clock};

    void put(Event event) { REQUIRE(store.apply(std::move(event))); }
    void list(Kind kind, std::vector<Event> objects) {
        put(BeginList{kind});
        for (Event& object : objects) put(std::move(object));
        put(EndList{kind});
    }
    /// The names of all Services.
    std::vector<std::string> services() {
        std::vector<std::string> names;
        store.snapshot()->for_each(
            [&](const ServiceEntry& entry) { names.push_back(entry.service->key.name); });
        std::ranges::sort(names);
        return names;
    }
};

TEST_CASE("who writes rules waits for the list of Nodes, too", "[services]") {
    HandClock clock;
    Store store{{.needs_node = true}, clock};
    for (const Kind kind : {Kind::service, Kind::endpoint_slice, Kind::namespace_}) {
        REQUIRE(store.apply(BeginList{kind}));
        REQUIRE(store.apply(EndList{kind}));
    }
    CHECK_FALSE(ServiceView{*store.snapshot()}.synced());
    REQUIRE(store.apply(BeginList{Kind::node}));
    REQUIRE(store.apply(EndList{Kind::node}));
    CHECK(ServiceView{*store.snapshot()}.synced());
}

TEST_CASE("a relist removes what it does not name and changes nothing else", "[services]") {
    Fixture f;
    f.list(Kind::service, {cluster_ip_service("ns", "a", "10.96.0.1"),
                           cluster_ip_service("ns", "b", "10.96.0.2")});
    f.list(Kind::endpoint_slice, {slice("ns", "a", "a-1", {endpoint("10.0.0.1")}),
                                  slice("ns", "a", "a-2", {endpoint("10.0.0.2")}),
                                  slice("ns", "b", "b-1", {endpoint("10.0.0.3")})});
    f.list(Kind::namespace_, {name_space("ns"), name_space("old")});
    f.list(Kind::node, {Node{.key = {"", "n1"}}, Node{.key = {"", "n2"}}});
    const auto first = f.store.snapshot();

    SECTION("the same again") {
        f.list(Kind::service, {cluster_ip_service("ns", "b", "10.96.0.2"),
                               cluster_ip_service("ns", "a", "10.96.0.1")});
        f.list(Kind::namespace_, {name_space("old"), name_space("ns")});
        CHECK_FALSE(f.store.changed());
        CHECK(f.store.snapshot() == first);
    }
    SECTION("what cannot be read stays as it was") {
        f.list(Kind::service, {Keep{Kind::service, {"ns", "a"}}, Keep{Kind::service, {"ns", "new"}},
                               cluster_ip_service("ns", "b", "10.96.0.2")});
        f.list(Kind::endpoint_slice, {Keep{Kind::endpoint_slice, {"ns", "a-1"}},
                                      Keep{Kind::endpoint_slice, {"ns", "a-2"}},
                                      Keep{Kind::endpoint_slice, {"ns", "b-1"}}});
        f.list(Kind::namespace_, {Keep{Kind::namespace_, {"", "ns"}}, name_space("old")});
        f.list(Kind::node, {Keep{Kind::node, {"", "n1"}}, Keep{Kind::node, {"", "n2"}}});
        CHECK_FALSE(f.store.changed());
        CHECK(f.store.snapshot() == first);
    }
    SECTION("a Service less: its slices stay known") {
        f.list(Kind::service, {cluster_ip_service("ns", "b", "10.96.0.2")});
        CHECK(f.services() == std::vector<std::string>{"b"});
        f.put(cluster_ip_service("ns", "a", "10.96.0.9"));
        CHECK(ServiceView{*f.store.snapshot()}.find("ns", "a")->endpoints.size() == 2);
    }
    SECTION("a slice less") {
        f.list(Kind::endpoint_slice, {slice("ns", "b", "b-1", {endpoint("10.0.0.3")}),
                                      slice("ns", "a", "a-2", {endpoint("10.0.0.2")})});
        const ServiceView view{*f.store.snapshot()};
        CHECK(view.find("ns", "a")->endpoints.size() == 1);
        CHECK(view.find("ns", "b") == ServiceView{*first}.find("ns", "b"));
    }
    SECTION("other kinds") {
        f.list(Kind::namespace_, {name_space("ns")});
        f.list(Kind::node, {Node{.key = {"", "n2"}}});
        const auto after = f.store.snapshot();
        CHECK(ServiceView{*after}.has_namespace("ns"));
        CHECK_FALSE(ServiceView{*after}.has_namespace("old"));
        CHECK(after->node("n1") == nullptr);
        CHECK(after->node("n2") != nullptr);
    }
    SECTION("a list begun twice counts from the second beginning") {
        f.put(BeginList{Kind::service});
        f.put(cluster_ip_service("ns", "a", "10.96.0.1"));
        f.list(Kind::service, {cluster_ip_service("ns", "b", "10.96.0.2")});
        CHECK(f.services() == std::vector<std::string>{"b"});
    }
    SECTION("until its end nothing is missing") {
        f.put(BeginList{Kind::service});
        f.put(cluster_ip_service("ns", "a", "10.96.0.1"));
        CHECK(f.services() == std::vector<std::string>{"a", "b"});
    }
    SECTION("everything gone") {
        f.list(Kind::service, {});
        f.list(Kind::endpoint_slice, {});
        CHECK(f.services().empty());
        CHECK(f.store.snapshot()->endpoint_count() == 0);
    }
}

TEST_CASE("the end of a list that did not begin is refused", "[services]") {
    Fixture f;
    f.put(cluster_ip_service("ns", "a", "10.96.0.1"));
    CHECK_FALSE(f.store.apply(EndList{Kind::service}));
    CHECK(f.services() == std::vector<std::string>{"a"});
    f.list(Kind::service, {cluster_ip_service("ns", "a", "10.96.0.1")});
    CHECK_FALSE(f.store.apply(EndList{Kind::service}));
}

TEST_CASE("synced means that every kind has been listed", "[services]") {
    HandClock clock;
    for (const bool keep_pods : {false, true}) {
        Store store{{.keep_pods = keep_pods}, clock};
        const auto synced_after = [&](Kind kind) {
            REQUIRE(store.apply(BeginList{kind}));
            CHECK_FALSE(ServiceView{*store.snapshot()}.synced());
            REQUIRE(store.apply(EndList{kind}));
            return ServiceView{*store.snapshot()}.synced();
        };
        CHECK_FALSE(synced_after(Kind::node));
        CHECK_FALSE(synced_after(Kind::endpoint_slice));
        CHECK_FALSE(synced_after(Kind::namespace_));
        CHECK(synced_after(Kind::service) == !keep_pods);
        if (keep_pods) CHECK(synced_after(Kind::pod));
        REQUIRE(store.apply(BeginList{Kind::service}));
        CHECK(ServiceView{*store.snapshot()}.synced());
    }
}

const std::string longest(name_octets_max, 'a');
const std::string too_long(name_octets_max + 1, 'a');

TEST_CASE("limits are kept at the edge, and the error names the object", "[services]") {
    struct Row {
        const char* what;
        Event edge;
        Event beyond;
        const char* named;
    };
    const auto service = [](std::string name) { return headless_service("ns", std::move(name)); };
    const auto changed_slice = [](auto change) {
        EndpointSlice made = slice("ns", "svc", "s", {endpoint("10.0.0.1")});
        change(made);
        return made;
    };
    const auto external = [](const std::string& target) {
        Service made = headless_service("ns", "ext");
        made.external_name = target;
        return made;
    };
    const auto port_named = [](const std::string& name) {
        Service made = headless_service("ns", "svc");
        made.ports.front().name = name;
        return made;
    };
    const auto endpoints = [&](std::size_t count) {
        return changed_slice(
            [&](EndpointSlice& s) { s.endpoints.assign(count, endpoint("10.0.0.1")); });
    };
    const auto addresses = [&](std::size_t count) {
        return changed_slice(
            [&](EndpointSlice& s) { s.endpoints[0].addresses.assign(count, ip("10.0.0.1")); });
    };
    const auto ports = [&](std::size_t count) {
        return changed_slice([&](EndpointSlice& s) { s.ports.assign(count, EndpointPort{}); });
    };
    const auto text = [&](auto member) {
        return [&, member](const std::string& value) {
            return changed_slice([&](EndpointSlice& s) { s.endpoints[0].*member = value; });
        };
    };
    const std::vector<Row> rows = {
        {"name", service(longest), service(too_long), "Service ns/aaa"},
        {"no name", service("a"), service(""), "Service ns/: has no name"},
        {"no namespace", service("a"), headless_service("", "a"), "Service /a: has no namespace"},
        {"namespace", headless_service(longest, "a"), headless_service(too_long, "a"),
         "Service aaa"},
        {"externalName", external(longest), external(too_long), "Service ns/ext: externalName"},
        {"port name", port_named(longest), port_named(too_long), "Service ns/svc: port name"},
        {"slice name", slice("ns", "svc", longest, {}), slice("ns", "svc", too_long, {}),
         "EndpointSlice ns/aaa"},
        {"service of a slice", slice("ns", longest, "s", {}), slice("ns", too_long, "s", {}),
         "EndpointSlice ns/s: service name"},
        {"endpoints", endpoints(1000), endpoints(1001), "EndpointSlice ns/s: more than 1000"},
        {"addresses", addresses(100), addresses(101), "EndpointSlice ns/s: an endpoint with"},
        {"ports", ports(20'000), ports(20'001), "EndpointSlice ns/s: more than 20000"},
        {"hostname", text(&Endpoint::hostname)(longest), text(&Endpoint::hostname)(too_long),
         "EndpointSlice ns/s: hostname"},
        {"pod name", text(&Endpoint::pod_name)(longest), text(&Endpoint::pod_name)(too_long),
         "EndpointSlice ns/s: pod name"},
        {"node name", text(&Endpoint::node_name)(longest), text(&Endpoint::node_name)(too_long),
         "EndpointSlice ns/s: node name"},
        {"zone", text(&Endpoint::zone)(longest), text(&Endpoint::zone)(too_long),
         "EndpointSlice ns/s: zone"},
        {"node", Node{.key = {"", longest}}, Node{.key = {"", too_long}}, "Node aaa"},
        {"namespace object", name_space(longest), name_space(too_long), "Namespace aaa"},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        HandClock clock;
        Store store{{}, clock};
        const Status refused = store.apply(row.beyond);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == Errc::invalid);
        CHECK_THAT(refused.error().text, Catch::StartsWith(row.named));
        CHECK(refused.error().text.size() < 300);
        CHECK_FALSE(store.changed());
        CHECK(store.apply(row.edge));
    }
}

TEST_CASE("names of the greatest length come back whole", "[services]") {
    Fixture f;
    Endpoint long_names = endpoint("10.0.0.1", longest);
    long_names.pod_name = std::string(name_octets_max, 'b');
    f.put(headless_service(longest, longest));
    f.put(slice(longest, longest, "s", {long_names, endpoint("10.0.0.2", "c")}));
    const ServiceEntry* entry = ServiceView{*f.store.snapshot()}.find(longest, longest);
    REQUIRE(entry != nullptr);
    CHECK(entry->endpoints[0].hostname == longest);
    CHECK(entry->endpoints[0].pod_name == long_names.pod_name);
    CHECK(entry->endpoints[1].hostname == "c");
}

TEST_CASE("a refused object keeps its last good state and the others go on", "[services]") {
    Fixture f;
    f.put(headless_service("ns", "a"));
    f.put(slice("ns", "a", "s", {endpoint("10.0.0.1")}));
    Service bad = headless_service("ns", "a");
    bad.external_name = too_long;
    f.put(BeginList{Kind::service});
    CHECK_FALSE(f.store.apply(bad));
    f.put(headless_service("ns", "b"));
    f.put(EndList{Kind::service});
    CHECK(f.services() == std::vector<std::string>{"a", "b"});

    f.put(BeginList{Kind::endpoint_slice});
    CHECK_FALSE(f.store.apply(slice("ns", "a", "s", {endpoint("10.0.0.2", too_long)})));
    f.put(slice("ns", "a", "s2", {endpoint("10.0.0.3")}));
    f.put(EndList{Kind::endpoint_slice});
    const ServiceView view{*f.store.snapshot()};
    CHECK_FALSE(view.by_endpoint(ip("10.0.0.1")).empty());
    CHECK_FALSE(view.by_endpoint(ip("10.0.0.3")).empty());
}

TEST_CASE("the number of Services is bounded", "[services]") {
    HandClock clock;
    Store store{{.services_max = 2}, clock};
    REQUIRE(store.apply(headless_service("ns", "a")));
    REQUIRE(store.apply(headless_service("ns", "b")));
    const Status refused = store.apply(headless_service("ns", "c"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::exhausted);
    CHECK_THAT(refused.error().text, Catch::StartsWith("Service ns/c: "));
    CHECK(store.apply(cluster_ip_service("ns", "b", "10.96.0.1")));
    REQUIRE(store.apply(Remove{Kind::service, {"ns", "a"}}));
    CHECK(store.apply(headless_service("ns", "c")));
    CHECK_FALSE(store.apply(headless_service("ns", "a")));
}

TEST_CASE("the number of slices of one Service is bounded", "[services]") {
    Fixture f;
    for (std::size_t i = 0; i < slices_per_service_max; ++i) {
        f.put(slice("ns", "a", "s" + std::to_string(i), {}));
    }
    const Status refused = f.store.apply(slice("ns", "a", "one-more", {}));
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().text, Catch::StartsWith("EndpointSlice ns/one-more: "));
    CHECK(f.store.apply(slice("ns", "a", "s0", {endpoint("10.0.0.1")})));
    CHECK(f.store.apply(slice("ns", "b", "one-more", {})));
}

}  // namespace
}  // namespace nameplane::services
