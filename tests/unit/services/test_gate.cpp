#include "services/gate.hpp"
#include "services/store.hpp"
#include "support/service_cases.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace nameplane::services {
namespace {

using namespace nameplane::test;
using std::chrono::milliseconds;

/// A store whose snapshots go through a gate, and what a DNS worker sees behind it.
struct Fixture {
    HandClock clock;
    Store store{{}, clock};
    Gate gate;

    explicit Fixture(bool rules = true) : gate{rules, milliseconds{1000}, clock} {}

    void put(Event event) { REQUIRE(store.apply(std::move(event))); }
    /// Applies the events and offers the snapshot; its version.
    std::uint64_t offer(std::vector<Event> events) {
        for (Event& event : events) put(std::move(event));
        const auto snapshot = store.snapshot();
        gate.offer(snapshot);
        return snapshot->version();
    }
    /// Offers, and the rules are in.
    void settle(std::vector<Event> events) { gate.applied(offer(std::move(events))); }

    ServiceView seen() {
        shown = gate.published().newest();
        return ServiceView{*shown};
    }
    bool sees(std::string_view name) { return seen().find("ns", name) != nullptr; }
    std::string cluster_ip_of(std::string_view name) {
        const ServiceEntry* entry = seen().find("ns", name);
        return entry == nullptr ? "none" : entry->service->cluster_ips.at(0).to_string();
    }
    std::size_t endpoints_of(std::string_view name) {
        return seen().find("ns", name)->endpoints.size();
    }
    std::shared_ptr<const Snapshot> shown;
};

Service web(std::string_view address = "10.96.0.1") {
    return cluster_ip_service("ns", "web", address);
}
EndpointSlice web_slice(std::vector<Endpoint> endpoints) {
    return slice("ns", "web", "web-1", std::move(endpoints));
}

TEST_CASE("without rules every snapshot is published at once", "[services][gate]") {
    Fixture f{false};
    f.offer({web()});
    CHECK(f.sees("web"));
    CHECK_FALSE(f.gate.held());
    CHECK(f.gate.published().newest() == f.store.snapshot());
    CHECK(f.gate.overtaken() == 0);
}

TEST_CASE("a new name waits for its rules", "[services][gate]") {
    Fixture f;
    const std::uint64_t version = f.offer({web()});
    CHECK(f.gate.held());
    CHECK_FALSE(f.sees("web"));

    SECTION("and comes with them") {
        f.gate.applied(version);
        CHECK(f.sees("web"));
        CHECK_FALSE(f.gate.held());
        CHECK(f.gate.published().newest() == f.store.snapshot());
        f.clock.turn(milliseconds{5000});
        f.gate.tick();
        CHECK(f.gate.overtaken() == 0);
    }
    SECTION("but not with older ones") {
        f.gate.applied(version - 1);
        CHECK_FALSE(f.sees("web"));
    }
    SECTION("but no longer than it was told, which is counted") {
        f.clock.turn(milliseconds{999});
        f.gate.tick();
        CHECK_FALSE(f.sees("web"));
        CHECK(f.gate.overtaken() == 0);
        f.clock.turn(milliseconds{1});
        f.gate.tick();
        CHECK(f.sees("web"));
        CHECK_FALSE(f.gate.held());
        CHECK(f.gate.overtaken() == 1);
        f.gate.tick();
        CHECK(f.gate.overtaken() == 1);
    }
    SECTION("which may be there before it") {
        f.gate.applied(version + snapshot_version_step);
        CHECK(f.sees("web"));
        f.offer({cluster_ip_service("ns", "b", "10.96.0.2")});
        CHECK(f.sees("b"));
        CHECK_FALSE(f.gate.held());
    }
}

TEST_CASE("each snapshot waits on its own", "[services][gate]") {
    Fixture f;
    const std::uint64_t first = f.offer({cluster_ip_service("ns", "a", "10.96.0.1")});
    f.clock.turn(milliseconds{600});
    f.offer({cluster_ip_service("ns", "b", "10.96.0.2")});

    SECTION("the rules of the first let out the first") {
        f.gate.applied(first);
        CHECK(f.sees("a"));
        CHECK_FALSE(f.sees("b"));
        CHECK(f.gate.held());
    }
    SECTION("the first has waited long enough before the second has") {
        f.clock.turn(milliseconds{400});
        f.gate.tick();
        CHECK(f.sees("a"));
        CHECK_FALSE(f.sees("b"));
        f.clock.turn(milliseconds{600});
        f.gate.tick();
        CHECK(f.sees("b"));
        CHECK(f.gate.overtaken() == 2);
    }
}

TEST_CASE("what needs no rule waits for nothing", "[services][gate]") {
    struct Row {
        const char* what;
        Event event;
        std::function<bool(Fixture&)> is_seen;
    };
    const auto without_family = [](Service service) {
        service.cluster_ips.clear();
        return service;
    };
    Service external = without_family(cluster_ip_service("ns", "ext", "10.96.0.9"));
    external.type = ServiceType::external_name;
    external.external_name = "example.org";
    const auto endpoints_are = [](std::string_view name, std::size_t count) {
        return [name, count](Fixture& f) { return f.endpoints_of(name) == count; };
    };
    const std::vector<Row> rows = {
        {"a Service gone", Remove{Kind::service, {"ns", "old"}},
         [](Fixture& f) { return !f.sees("old"); }},
        {"its address with it", Remove{Kind::service, {"ns", "old"}},
         [](Fixture& f) { return f.seen().by_cluster_ip(ip("10.96.0.5")) == nullptr; }},
        {"its endpoint's address, too", Remove{Kind::service, {"ns", "old"}},
         [](Fixture& f) { return f.seen().by_endpoint(ip("10.0.0.5")).empty(); }},
        {"a headless endpoint gone", slice("ns", "db", "db-1", {endpoint("10.0.0.7", "db-0")}),
         endpoints_are("db", 1)},
        {"a headless endpoint more", slice("ns", "db", "db-2", {endpoint("10.0.0.9", "db-2")}),
         endpoints_are("db", 3)},
        {"a new headless Service", headless_service("ns", "new"),
         [](Fixture& f) { return f.sees("new"); }},
        {"a new ExternalName", external, [](Fixture& f) { return f.sees("ext"); }},
        {"an endpoint gone", slice("ns", "old", "old-1", {endpoint("10.0.0.5")}),
         endpoints_are("old", 1)},
        {"the last endpoint gone", Remove{Kind::endpoint_slice, {"ns", "old-1"}},
         [](Fixture& f) { return f.seen().by_endpoint(ip("10.0.0.5")).empty(); }},
        {"an endpoint no longer ready",
         slice("ns", "old", "old-1", {endpoint("10.0.0.5", "", false), endpoint("10.0.0.6")}),
         [](Fixture& f) { return !f.seen().find("ns", "old")->endpoints[0].ready; }},
        {"a ClusterIP Service that became headless", headless_service("ns", "old"),
         [](Fixture& f) { return f.seen().find("ns", "old")->service->headless; }},
        {"a namespace gone", Remove{Kind::namespace_, {"", "ns"}},
         [](Fixture& f) { return !f.seen().has_namespace("ns"); }},
    };
    for (const Row& row : rows) {
        for (const bool with_new_name : {false, true}) {
            INFO(row.what << (with_new_name ? ", beside a new name" : ", alone"));
            Fixture f;
            f.settle({cluster_ip_service("ns", "old", "10.96.0.5"), headless_service("ns", "db"),
                      name_space("ns"),
                      slice("ns", "old", "old-1", {endpoint("10.0.0.5"), endpoint("10.0.0.6")}),
                      slice("ns", "db", "db-1",
                            {endpoint("10.0.0.7", "db-0"), endpoint("10.0.0.8", "db-1")})});
            const std::uint64_t before = f.seen().version();
            REQUIRE_FALSE(row.is_seen(f));
            std::vector<Event> events = {row.event};
            if (with_new_name) events.push_back(web());
            const std::uint64_t offered = f.offer(events);
            CHECK(row.is_seen(f));
            CHECK(f.gate.held() == with_new_name);
            CHECK_FALSE(f.sees("web"));
            CHECK(f.seen().version() > before);
            CHECK((f.seen().version() < offered) == with_new_name);
            CHECK(f.gate.overtaken() == 0);
            f.gate.applied(offered);
            CHECK(f.sees("web") == with_new_name);
            CHECK(row.is_seen(f));
        }
    }
}

TEST_CASE("what needs rules stays as it was until they are in", "[services][gate]") {
    struct Row {
        const char* what;
        Event event;
    };
    Service two_ports = web();
    two_ports.ports.push_back({.name = "https", .port = 443});
    EndpointSlice other_port = web_slice({endpoint("10.0.0.1", "", false), endpoint("10.0.0.2")});
    other_port.ports = {{.name = "http", .port = 9090}};
    const std::vector<Row> rows = {
        {"another address", web("10.96.0.2")},
        {"another port", two_ports},
        {"another endpoint",
         web_slice({endpoint("10.0.0.1", "", false), endpoint("10.0.0.2"), endpoint("10.0.0.3")})},
        {"one endpoint for another", web_slice({endpoint("10.0.0.3"), endpoint("10.0.0.2")})},
        {"an endpoint that became ready", web_slice({endpoint("10.0.0.1"), endpoint("10.0.0.2")})},
        {"another port of the endpoints", other_port},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        Fixture f;
        f.settle({web(), web_slice({endpoint("10.0.0.1", "", false), endpoint("10.0.0.2")})});
        const auto before = f.gate.published().newest();
        const std::uint64_t offered = f.offer({row.event});
        CHECK(f.gate.held());
        CHECK(f.gate.published().newest() == before);
        f.gate.applied(offered);
        CHECK(f.gate.published().newest() == f.store.snapshot());
    }
    Fixture f;
    f.settle({headless_service("ns", "web")});
    f.offer({web()});
    CHECK(f.seen().find("ns", "web")->service->headless);
}

TEST_CASE("what is gone does not come back with an older snapshot", "[services][gate]") {
    Fixture f;
    f.settle({cluster_ip_service("ns", "old", "10.96.0.5")});
    const std::uint64_t first = f.offer({cluster_ip_service("ns", "a", "10.96.0.1")});
    const std::uint64_t second =
        f.offer({Remove{Kind::service, {"ns", "old"}}, cluster_ip_service("ns", "b", "10.96.0.2")});
    CHECK_FALSE(f.sees("old"));
    f.gate.applied(first);
    CHECK_FALSE(f.sees("old"));
    CHECK(f.sees("a"));
    CHECK_FALSE(f.sees("b"));
    f.gate.applied(second);
    CHECK_FALSE(f.sees("old"));
    CHECK(f.sees("b"));
}

TEST_CASE("a name that came and went while it was held never shows", "[services][gate]") {
    Fixture f;
    f.settle({cluster_ip_service("ns", "old", "10.96.0.5")});
    f.offer({web()});
    f.offer({Remove{Kind::service, {"ns", "web"}}});
    CHECK_FALSE(f.sees("web"));
    CHECK_FALSE(f.gate.held());
    CHECK(f.gate.published().newest() == f.store.snapshot());
}

TEST_CASE("an address that passes to a new Service belongs to nobody meanwhile",
          "[services][gate]") {
    Fixture f;
    f.settle({cluster_ip_service("ns", "old", "10.96.0.5")});
    const std::uint64_t offered = f.offer(
        {Remove{Kind::service, {"ns", "old"}}, cluster_ip_service("ns", "new", "10.96.0.5")});
    CHECK(f.seen().by_cluster_ip(ip("10.96.0.5")) == nullptr);
    f.gate.applied(offered);
    CHECK(f.seen().by_cluster_ip(ip("10.96.0.5"))->service->key.name == "new");
}

TEST_CASE("the first list counts as complete only with its Services", "[services][gate]") {
    Fixture f;
    const auto lists = [](std::vector<Event> services) {
        std::vector<Event> events = {BeginList{Kind::namespace_}, EndList{Kind::namespace_},
                                     BeginList{Kind::endpoint_slice}, EndList{Kind::endpoint_slice},
                                     BeginList{Kind::service}};
        events.insert(events.end(), services.begin(), services.end());
        events.emplace_back(EndList{Kind::service});
        return events;
    };
    SECTION("that have rules") {
        const std::uint64_t version = f.offer(lists({web(), headless_service("ns", "db")}));
        CHECK(f.sees("db"));
        CHECK_FALSE(f.seen().synced());
        f.gate.applied(version);
        CHECK(f.seen().synced());
    }
    SECTION("that have none") {
        f.offer(lists({headless_service("ns", "db")}));
        CHECK(f.seen().synced());
    }
}

TEST_CASE("more snapshots than the gate keeps: the newest still comes in time",
          "[services][gate]") {
    Fixture f;
    std::uint64_t newest = 0;
    std::uint64_t seen = f.seen().version();
    for (std::size_t i = 0; i < Gate::held_max + 10; ++i) {
        newest = f.offer({cluster_ip_service("ns", "s" + std::to_string(i), "10.96.0.1"),
                          headless_service("ns", "h" + std::to_string(i))});
        CHECK(f.sees("h" + std::to_string(i)));
        CHECK(f.seen().version() > seen);
        seen = f.seen().version();
    }
    CHECK_FALSE(f.sees("s0"));
    f.clock.turn(milliseconds{1000});
    f.gate.tick();
    CHECK(f.sees("s" + std::to_string(Gate::held_max + 9)));
    CHECK(f.seen().version() == newest);
}

TEST_CASE("versions grow with each release of a full gate", "[services][gate]") {
    Fixture f;
    std::vector<std::uint64_t> offered;
    for (std::size_t i = 0; i < Gate::held_max; ++i) {
        offered.push_back(
            f.offer({cluster_ip_service("ns", "s" + std::to_string(i), "10.96.0.1")}));
    }
    std::uint64_t seen = f.seen().version();
    for (std::size_t i = 0; i < offered.size(); ++i) {
        f.gate.applied(offered[i]);
        CHECK(f.sees("s" + std::to_string(i)));
        CHECK(f.seen().version() > seen);
        seen = f.seen().version();
    }
    CHECK_FALSE(f.gate.held());
}

TEST_CASE("the same snapshot again is no news", "[services][gate]") {
    Fixture f;
    f.offer({web()});
    const std::uint64_t generation = f.gate.published().generation();
    f.gate.offer(f.store.snapshot());
    f.clock.turn(milliseconds{1000});
    f.gate.tick();
    f.gate.offer(f.store.snapshot());
    CHECK(f.gate.published().generation() == generation + 1);
    CHECK(f.gate.overtaken() == 1);
    CHECK_FALSE(f.gate.held());
}

}  // namespace
}  // namespace nameplane::services
