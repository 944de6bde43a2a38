// Readers look up while the writer publishes. Worth most under the thread sanitizer.

#include "base/published.hpp"
#include "services/delta.hpp"
#include "services/gate.hpp"
#include "services/store.hpp"
#include "support/service_cases.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace nameplane::services {
namespace {

using namespace nameplane::test;

constexpr std::size_t service_count = 50;
constexpr std::size_t rounds = 400;

std::string name_of(std::size_t i) {
    return "svc" + std::to_string(i % service_count);
}

/// In each snapshot all Services have the same port, and one endpoint whose hostname and node say
/// it, too.
void put_round(Store& store, std::size_t round) {
    for (std::size_t i = 0; i < service_count; ++i) {
        Service service = headless_service("ns", name_of(i));
        service.ports[0].port = static_cast<std::uint16_t>(round);
        REQUIRE(store.apply(std::move(service)));
        Endpoint made = endpoint("10.0.0.1", "h" + std::to_string(round));
        made.addresses = {IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(i))};
        made.node_name = "node-" + std::to_string(round);
        REQUIRE(store.apply(slice("ns", name_of(i), "slice" + std::to_string(i), {made})));
    }
}

/// Whether everything in the snapshot is of one round; `round` is it.
bool is_whole(const ServiceView& view, std::size_t& round) {
    const ServiceEntry* first = view.find("ns", name_of(0));
    if (first == nullptr) return true;
    round = first->service->ports[0].port;
    const std::string number = std::to_string(round);
    for (std::size_t i = 0; i < service_count; ++i) {
        const ServiceEntry* entry = view.find("ns", name_of(i));
        if (entry == nullptr || entry->service->ports[0].port != round) return false;
        const EndpointEntry& endpoint = entry->endpoints.at(0);
        if (endpoint.hostname != "h" + number || *endpoint.node != "node-" + number) return false;
        if (view.by_endpoint(endpoint.address).begin()->service != entry) return false;
    }
    return true;
}

TEST_CASE("readers see whole snapshots, in order, while the writer publishes",
          "[services][threads]") {
    HandClock clock;
    Store store{{}, clock};
    Gate gate{false, std::chrono::milliseconds{0}, clock};
    std::atomic<std::size_t> broken{0};
    std::atomic<bool> finished{false};
    std::vector<std::size_t> last_seen(3, 0);
    std::vector<std::thread> threads;
    for (std::size_t& seen : last_seen) {
        threads.emplace_back([&] {
            Reader<Snapshot> reader{gate.published()};
            bool last = false;
            while (!last) {
                last = finished.load();
                std::size_t round = 0;
                if (!is_whole(ServiceView{reader.refresh()}, round) || round < seen) ++broken;
                seen = round;
                const auto pinned = reader.pin();
                reader.refresh();
                if (!is_whole(ServiceView{*pinned}, round) || round != seen) ++broken;
            }
        });
    }
    // A thread that holds snapshots longer and compares them, like the one that writes rules.
    threads.emplace_back([&] {
        std::shared_ptr<const Snapshot> old = gate.published().newest();
        while (!finished.load()) {
            auto next = gate.published().newest();
            for_each_changed(*old, *next, [&](const ServiceEntry*, const ServiceEntry* after) {
                if (after == nullptr) ++broken;
            });
            old = std::move(next);
        }
    });
    for (std::size_t round = 1; round <= rounds; ++round) {
        put_round(store, round);
        gate.offer(store.snapshot());
        gate.sweep();
    }
    finished = true;
    for (std::thread& thread : threads) thread.join();
    CHECK(broken == 0);
    for (const std::size_t seen : last_seen) CHECK(seen == rounds);
    gate.sweep();
    CHECK(gate.published().kept() == 1);
}

TEST_CASE("a snapshot that another thread holds last is freed by the store",
          "[services][threads]") {
    HandClock clock;
    Store store{{}, clock};
    put_round(store, 1);
    auto handed = store.snapshot();
    const std::weak_ptr<const Service> watched =
        ServiceView{*handed}.find("ns", name_of(0))->service;
    put_round(store, 2);
    store.snapshot();
    std::thread{[mine = std::move(handed)]() mutable { mine.reset(); }}.join();
    CHECK_FALSE(watched.expired());
    store.sweep();
    CHECK(watched.expired());
}

}  // namespace
}  // namespace nameplane::services
