// What snapshots share, and that what they share ends with the last of them.

#include "services/data.hpp"
#include "services/delta.hpp"
#include "services/store.hpp"
#include "services/stored_slice.hpp"
#include "services/string_pool.hpp"
#include "support/service_cases.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace nameplane::services {
namespace {

using namespace nameplane::test;

constexpr std::size_t service_count = 1000;

IpAddress numbered(std::uint8_t net, std::size_t i) {
    return IpAddress::v4(10, net, static_cast<std::uint8_t>(i / 256), static_cast<std::uint8_t>(i));
}

EndpointSlice numbered_slice(std::size_t i) {
    Endpoint first = endpoint("10.0.0.0");
    Endpoint second = endpoint("10.0.0.0");
    first.addresses = {numbered(1, i)};
    second.addresses = {numbered(2, i)};
    return slice("ns", "svc" + std::to_string(i), "slice" + std::to_string(i), {first, second});
}

struct Fixture {
    HandClock clock;
    Store store{{}, clock};
    std::shared_ptr<const Snapshot> before;

    Fixture() {
        for (std::size_t i = 0; i < service_count; ++i) {
            Service service = cluster_ip_service("ns", "svc" + std::to_string(i), "10.96.0.1");
            service.cluster_ips = {numbered(96, i)};
            put(std::move(service));
            put(numbered_slice(i));
        }
        before = store.snapshot();
    }
    void put(Event event) { REQUIRE(store.apply(std::move(event))); }
};

std::size_t chunks_differing(const Snapshot& a, const Snapshot& b) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < a.data().slots.chunk_count(); ++i) {
        count += a.data().slots.chunk(i) != b.data().slots.chunk(i) ? 1 : 0;
    }
    return count;
}

struct Copied {
    std::size_t chunks, names, cluster_ips, endpoints;
    friend bool operator==(const Copied&, const Copied&) = default;
};

Copied copied(const Snapshot& a, const Snapshot& b) {
    return {chunks_differing(a, b), a.data().names.shards_differing(b.data().names),
            a.data().cluster_ips.shards_differing(b.data().cluster_ips),
            a.data().endpoints.shards_differing(b.data().endpoints)};
}

TEST_CASE("a change copies the shards it touches and no others", "[services]") {
    Fixture f;
    const auto changed = [&](Event event) {
        f.put(std::move(event));
        return copied(*f.before, *f.store.snapshot());
    };
    SECTION("an endpoint that is ready no longer: one chunk of slots") {
        EndpointSlice slice = numbered_slice(7);
        slice.endpoints[0].ready = false;
        CHECK(changed(slice) == Copied{1, 0, 0, 0});
    }
    SECTION("an endpoint more: one shard of addresses, too") {
        EndpointSlice slice = numbered_slice(7);
        slice.endpoints.push_back(endpoint("10.3.0.1"));
        CHECK(changed(slice) == Copied{1, 0, 0, 1});
    }
    SECTION("a new Service: its name and its cluster IP") {
        CHECK(changed(cluster_ip_service("ns", "new", "10.97.0.1")) == Copied{1, 1, 1, 0});
    }
    SECTION("a namespace: nothing of Services") {
        CHECK(changed(name_space("ns")) == Copied{0, 0, 0, 0});
    }
    // Everything that is not copied is the very same.
    const auto after = f.store.snapshot();
    CHECK(ServiceView{*after}.find("ns", "svc500") == ServiceView{*f.before}.find("ns", "svc500"));
}

TEST_CASE("the delta names each Service that differs, once", "[services][delta]") {
    Fixture f;
    f.put(Remove{Kind::service, {"ns", "svc1"}});
    f.put(cluster_ip_service("ns", "svc2", "10.97.0.2"));
    f.put(cluster_ip_service("ns", "new", "10.97.0.3"));
    const auto after = f.store.snapshot();
    std::vector<std::string> visited;
    const auto visit = [&](const ServiceEntry* was, const ServiceEntry* is) {
        visited.push_back((was != nullptr ? was->service->key.name : "-") + ">" +
                          (is != nullptr ? is->service->key.name : "-"));
    };
    for_each_changed(*f.before, *after, visit);
    std::ranges::sort(visited);
    CHECK(visited == std::vector<std::string>{"->new", "svc1>-", "svc2>svc2"});

    visited.clear();
    for_each_changed(*after, *after, visit);
    CHECK(visited.empty());
    for_each_changed(*Snapshot::empty(), *after, visit);
    CHECK(visited.size() == service_count);
    for_each_changed(*after, *Snapshot::empty(), visit);
    CHECK(visited.size() == 2 * service_count);
}

TEST_CASE("a Service in another one's slot is not taken for it", "[services][delta]") {
    HandClock clock;
    Store store{{}, clock};
    const auto after = [&](std::vector<Event> events) {
        for (Event& event : events) REQUIRE(store.apply(std::move(event)));
        return store.snapshot();
    };
    const auto changes = [](const Snapshot& was, const Snapshot& is) {
        std::vector<std::string> visited;
        for_each_changed(was, is, [&](const ServiceEntry* old, const ServiceEntry* now) {
            visited.push_back((old != nullptr ? old->service->key.name : "-") + ">" +
                              (now != nullptr ? now->service->key.name : "-"));
        });
        std::ranges::sort(visited);
        return visited;
    };
    const auto a_b = after({headless_service("ns", "a"), headless_service("ns", "b")});
    after({Remove{Kind::service, {"ns", "a"}}});
    const auto c_b = after({headless_service("ns", "c")});
    CHECK(changes(*a_b, *c_b) == std::vector<std::string>{"->c", "a>-"});
    // a comes back in a slot behind the one it had.
    const auto c_b_a = after({headless_service("ns", "a")});
    CHECK(changes(*a_b, *c_b_a) == std::vector<std::string>{"->c", "a>a"});
    CHECK(changes(*c_b_a, *a_b) == std::vector<std::string>{"a>a", "c>-"});
}

TEST_CASE("an old snapshot stays as it was", "[services]") {
    Fixture f;
    for (std::size_t i = 0; i < service_count; ++i) {
        f.put(Remove{Kind::service, {"ns", "svc" + std::to_string(i)}});
        f.put(Remove{Kind::endpoint_slice, {"ns", "slice" + std::to_string(i)}});
    }
    CHECK(f.store.snapshot()->service_count() == 0);
    const ServiceView old{*f.before};
    const ServiceEntry* entry = old.find("ns", "svc999");
    REQUIRE(entry != nullptr);
    CHECK(*entry->endpoints[1].node == "node-a");
    CHECK(old.by_cluster_ip(numbered(96, 999)) == entry);
    CHECK(old.by_endpoint(numbered(2, 999)).begin()->service == entry);
}

TEST_CASE("the store keeps a snapshot until it is the last to hold it", "[services]") {
    Fixture f;
    const std::weak_ptr<const Service> old = ServiceView{*f.before}.find("ns", "svc7")->service;
    f.put(Remove{Kind::service, {"ns", "svc7"}});
    f.store.snapshot();
    f.before.reset();
    // Held nowhere else, and freed only now.
    CHECK_FALSE(old.expired());
    f.store.sweep();
    CHECK(old.expired());
}

TEST_CASE("pooled strings are one, and go when nobody uses them", "[services]") {
    StringPool pool;
    const PooledString* a = pool.acquire("node-a");
    CHECK(pool.acquire("node-a") == a);
    CHECK(a->text == "node-a");
    for (int i = 0; i < 10'000; ++i) pool.release(pool.acquire("passing-" + std::to_string(i)));
    CHECK(pool.size() <= 1 + StringPool::idle_strings_max + 2);
    pool.release(a);
    CHECK(pool.acquire("node-a") == a);
    CHECK(a->text == "node-a");
}

TEST_CASE("a slice gives its strings back", "[services]") {
    const auto pool = std::make_shared<StringPool>();
    for (int i = 0; i < 1000; ++i) {
        Endpoint made = endpoint("10.0.0.1");
        made.node_name = "node-" + std::to_string(i);
        made.zone = "zone-" + std::to_string(i);
        const StoredSlice stored{slice("ns", "svc", "s", {made}), pool};
        REQUIRE(stored.endpoints()[0].node->text == made.node_name);
        REQUIRE(stored.endpoints()[0].zone->text == made.zone);
    }
    CHECK(pool->size() <= StringPool::idle_strings_max + 4);
}

TEST_CASE("a stored slice differs in whatever the slice differs in", "[services]") {
    const auto pool = std::make_shared<StringPool>();
    EndpointSlice given =
        slice("ns", "svc", "s", {endpoint("10.0.0.1", "ab"), endpoint("fd00::1")});
    given.endpoints[0].pod_name = "c";
    const StoredSlice stored{given, pool};
    CHECK(stored.equals(StoredSlice{given, pool}));
    const std::vector<std::pair<const char*, void (*)(EndpointSlice&)>> rows = {
        {"address", [](EndpointSlice& s) { s.endpoints[1].addresses[0] = ip("fd00::2"); }},
        {"more addresses",
         [](EndpointSlice& s) { s.endpoints[1].addresses.push_back(ip("fd00::2")); }},
        {"hostname and pod name",
         [](EndpointSlice& s) {
             s.endpoints[0].hostname = "a";
             s.endpoints[0].pod_name = "bc";
         }},
        {"pod name", [](EndpointSlice& s) { s.endpoints[0].pod_name = "d"; }},
        {"node", [](EndpointSlice& s) { s.endpoints[0].node_name = "node-b"; }},
        {"zone", [](EndpointSlice& s) { s.endpoints[0].zone = "z"; }},
        {"ready", [](EndpointSlice& s) { s.endpoints[0].ready = false; }},
        {"serving", [](EndpointSlice& s) { s.endpoints[0].serving = false; }},
        {"terminating", [](EndpointSlice& s) { s.endpoints[0].terminating = true; }},
        {"zone hint", [](EndpointSlice& s) { s.endpoints[0].hint_zones = {"z"}; }},
        {"node hint", [](EndpointSlice& s) { s.endpoints[0].hint_nodes = {"n"}; }},
        {"port", [](EndpointSlice& s) { s.ports[0].port = 1; }},
        {"protocol", [](EndpointSlice& s) { s.ports[0].protocol = Protocol::sctp; }},
        {"change trigger", [](EndpointSlice& s) { s.change_trigger_ns = 1; }},
        {"an endpoint less", [](EndpointSlice& s) { s.endpoints.pop_back(); }},
    };
    for (const auto& [what, change] : rows) {
        INFO(what);
        EndpointSlice other = given;
        change(other);
        CHECK_FALSE(stored.equals(StoredSlice{other, pool}));
    }
}

}  // namespace
}  // namespace nameplane::services
