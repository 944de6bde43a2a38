#include "agent/names_latency.hpp"
#include "services/store.hpp"
#include "support/service_cases.hpp"

#include <catch2/catch.hpp>

#include <cmath>

using namespace nameplane;
using namespace nameplane::agent;
using namespace nameplane::services;
using namespace std::chrono_literals;
using test::HandClock;

namespace {

struct Fixture {
    Fixture() { put(test::headless_service("ns", "db")); }
    void put(Event event) { REQUIRE(store.apply(std::move(event))); }
    /// A slice of `service` that was changed because of something `ago` before now.
    void change(const std::string& service, const std::string& name, const char* address,
                std::chrono::milliseconds ago) {
        EndpointSlice slice = test::slice("ns", service, name, {test::endpoint(address)});
        slice.change_trigger_ns =
            std::chrono::nanoseconds{(clock.wall() - ago).time_since_epoch()}.count();
        put(slice);
    }
    void show(bool listed = true) { latency.shown(store.snapshot(), listed); }
    metrics::Histogram::Reading reading() const {
        const auto families = registry.read();
        REQUIRE(families.size() == 1);
        REQUIRE(families[0].name == "coredns_kubernetes_dns_programming_duration_seconds");
        REQUIRE(families[0].samples.size() == 1);
        REQUIRE(families[0].samples[0].labels ==
                metrics::Labels{{"service_kind", "headless_with_selector"}});
        return families[0].samples[0].histogram;
    }

    HandClock clock;
    metrics::Registry registry{1};
    Store store{{}, clock};
    NamesLatency latency{registry, clock};
};

}  // namespace

TEST_CASE("buckets are those of CoreDNS", "[agent]") {
    const auto bounds = Fixture{}.reading().bounds;
    REQUIRE(bounds.size() == 20);
    for (std::size_t i = 0; i < bounds.size(); ++i) {
        CHECK(bounds[i] == Approx(0.001 * std::pow(2, i)));
    }
}

TEST_CASE("changes count from the first list on, each once", "[agent]") {
    Fixture f;
    f.change("db", "db-1", "10.0.0.1", 1h);  // the saved state
    f.show(false);
    f.change("db", "db-1", "10.0.0.2", 2s);  // the list
    f.show();
    CHECK(f.reading().count == 0);
    f.change("db", "db-1", "10.0.0.3", 250ms);
    f.show();
    CHECK(f.reading().count == 1);
    CHECK(f.reading().sum == Approx(0.25));
    f.clock.turn(1min);
    f.show();
    f.put(test::headless_service("ns", "other"));
    f.show();
    CHECK(f.reading().count == 1);
}

TEST_CASE("a first list that changes nothing is still the first", "[agent]") {
    Fixture f;
    f.change("db", "db-1", "10.0.0.1", 1h);
    f.show(false);
    f.show(true);
    f.change("db", "db-1", "10.0.0.2", 1s);
    f.show(true);
    CHECK(f.reading().count == 1);
}

TEST_CASE("each slice counts for itself", "[agent]") {
    Fixture f;
    f.show();
    f.change("db", "db-1", "10.0.0.1", 1s);
    f.change("db", "db-2", "10.0.0.2", 1s);
    f.show();
    CHECK(f.reading().count == 2);
    f.put(Remove{Kind::endpoint_slice, {"ns", "db-1"}});
    f.show();
    CHECK(f.reading().count == 2);
}

TEST_CASE("only headless Services count, and only what the control plane marked", "[agent]") {
    Fixture f;
    f.put(test::cluster_ip_service("ns", "web", "10.96.0.1"));
    f.show();
    f.change("web", "web-1", "10.0.0.1", 1s);
    f.put(test::slice("ns", "db", "db-1", {test::endpoint("10.0.0.2")}));
    f.show();
    CHECK(f.reading().count == 0);
}

TEST_CASE("a trigger from the future took no time", "[agent]") {
    Fixture f;
    f.show();
    f.change("db", "db-1", "10.0.0.1", -5s);
    f.show();
    CHECK(f.reading().count == 1);
    CHECK(f.reading().sum == 0);
}
