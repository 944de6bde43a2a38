#include "rules/sync_progress.hpp"
#include "services/store.hpp"

#include <catch2/catch.hpp>

#include <array>

using namespace nameplane;
using namespace nameplane::rules;
using namespace std::chrono_literals;

namespace {

constexpr std::array families{Family::ipv4, Family::ipv6};

struct Bench {
    SystemClock clock;
    metrics::Registry registry{1};
    services::Store store{services::StoreOptions{}, clock};
    SyncProgress progress{families, registry};

    void add(const std::string& name, bool headless = false) {
        services::Service service;
        service.key = {"ns", name};
        service.headless = headless;
        service.cluster_ips = {IpAddress::v4(10, 96, 0, 1)};
        REQUIRE(store.apply(services::Event{service}));
    }
    void change(const std::string& service, const std::string& name, std::uint8_t last_octet) {
        services::EndpointSlice slice;
        slice.key = {"ns", name};
        slice.service = service;
        slice.endpoints.resize(1);
        slice.endpoints[0].addresses = {IpAddress::v4(10, 0, 0, last_octet)};
        REQUIRE(store.apply(services::Event{slice}));
    }
    auto offer(std::chrono::seconds at) {
        auto snapshot = store.snapshot();
        progress.offered(snapshot, Monotonic{at}, WallTime{at});
        return snapshot;
    }
    void apply(Family family, const services::Snapshot& snapshot, std::chrono::seconds at) {
        progress.applied(family, snapshot.version(), "fake", Monotonic{at}, WallTime{at});
    }
    const FamilyHealth& of(Family family) const {
        return progress.families()[family == Family::ipv4 ? 0 : 1];
    }
    double value(std::string_view name, const std::string& label = {}) const {
        for (const auto& family : registry.read()) {
            if (family.name != "kubeproxy_sync_proxy_rules_" + std::string{name}) continue;
            for (const auto& sample : family.samples) {
                if (label.empty() || sample.labels.at(0).second == label) return sample.value;
            }
        }
        return -1;
    }
};

}  // namespace

TEST_CASE("a family waits from the first change that is not in until all of them are") {
    Bench bench;
    CHECK_FALSE(bench.of(Family::ipv4).waiting_since.has_value());
    bench.add("one");
    const auto first = bench.offer(10s);
    bench.add("two");
    const auto second = bench.offer(20s);
    CHECK(bench.of(Family::ipv4).waiting_since == Monotonic{10s});
    bench.apply(Family::ipv4, *first, 25s);
    // The second has waited since it came.
    CHECK(bench.of(Family::ipv4).waiting_since == Monotonic{20s});
    CHECK(bench.of(Family::ipv4).last_success == Monotonic{25s});
    CHECK(bench.of(Family::ipv6).waiting_since == Monotonic{10s});
    CHECK_FALSE(bench.of(Family::ipv6).last_success.has_value());
    bench.apply(Family::ipv4, *second, 30s);
    CHECK_FALSE(bench.of(Family::ipv4).waiting_since.has_value());
    CHECK(bench.of(Family::ipv4).writer == "fake");
    CHECK(bench.value("last_queued_timestamp_seconds", "IPv6") == 20);
    CHECK(bench.value("last_timestamp_seconds", "IPv4") == 30);
    CHECK(bench.value("last_timestamp_seconds", "IPv6") == 0);
}

TEST_CASE("what is found wrong and cannot be mended waits, too") {
    Bench bench;
    bench.apply(Family::ipv4, *bench.offer(1s), 2s);
    bench.progress.refused(Family::ipv4, Monotonic{5s});
    bench.progress.refused(Family::ipv4, Monotonic{9s});
    CHECK(bench.of(Family::ipv4).waiting_since == Monotonic{5s});
}

TEST_CASE("changes are counted, and pend until all families have them") {
    Bench bench;
    bench.add("one");
    bench.add("headless", true);
    bench.change("one", "one-1", 1);
    bench.change("one", "one-2", 2);
    bench.change("headless", "headless-1", 3);
    const auto first = bench.offer(1s);
    CHECK(bench.value("service_changes_total") == 1);
    CHECK(bench.value("endpoint_changes_total") == 2);
    CHECK(bench.value("service_changes_pending") == 1);
    CHECK(bench.value("endpoint_changes_pending") == 2);
    bench.change("one", "one-2", 4);
    const auto second = bench.offer(2s);
    CHECK(bench.value("endpoint_changes_total") == 3);
    CHECK(bench.value("endpoint_changes_pending") == 2);
    bench.progress.settled(first);
    CHECK(bench.value("service_changes_pending") == 0);
    CHECK(bench.value("endpoint_changes_pending") == 1);
    bench.progress.settled(second);
    CHECK(bench.value("endpoint_changes_pending") == 0);
    REQUIRE(bench.store.apply(
        services::Event{services::Remove{services::Kind::service, {"ns", "one"}}}));
    bench.offer(3s);
    CHECK(bench.value("service_changes_total") == 2);
}
