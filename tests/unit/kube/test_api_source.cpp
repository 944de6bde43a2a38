// The source as a whole: what it asks for, how healthy it says it is, what it counts.
#include "kube/api_source.hpp"
#include "support/fake_api.hpp"
#include "support/stderr_of.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <stop_token>
#include <thread>

using namespace nameplane;
using namespace nameplane::kube;
using namespace std::chrono_literals;
using services::Kind;
using tests::FakeApi;
using tests::FakeTime;

namespace {

struct World {
    explicit World(ApiSourceOptions options)
        : source{std::move(options),
                 api,
                 loop,
                 registry,
                 time,
                 [this](services::Event event) { events.push_back(std::move(event)); },
                 [this] { ++settled; },
                 [] { return 0.5; }} {
        source.start();
    }

    std::shared_ptr<FakeApi::Call> call(std::string_view path) const {
        for (const auto& call : api.calls())
            if (call->has(path)) return call;
        FAIL("nobody asked for " << path);
        return nullptr;
    }
    KindHealth health(Kind kind) const {
        for (const KindHealth& each : source.health())
            if (each.kind == kind) return each;
        FAIL("no such kind");
        return {};
    }
    double value(std::string_view name, metrics::Labels labels) const {
        std::ranges::sort(labels);
        for (const auto& family : registry.read()) {
            if (family.name != name) continue;
            for (auto sample : family.samples) {
                std::ranges::sort(sample.labels);
                if (sample.labels == labels)
                    return family.kind == metrics::Kind::histogram
                               ? static_cast<double>(sample.histogram.count)
                               : sample.value;
            }
        }
        return -1;
    }

    FakeTime time;
    FakeApi api;
    net::Loop loop;
    metrics::Registry registry{1};
    std::vector<services::Event> events;
    std::size_t settled = 0;
    ApiSource source;
};

constexpr std::string_view end_of_list =
    R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"5","annotations":{"k8s.io/initial-events-end":"true"}}}})";

}  // namespace

TEST_CASE("what is asked for is what is needed") {
    struct Case {
        std::string_view name;
        ApiSourceOptions options;
        std::vector<std::string> paths;      ///< in this order
        std::vector<std::string> selectors;  ///< "" for none
    };
    const std::string headless = "%21service.kubernetes.io%2Fheadless";
    const std::string ours = "%21service.kubernetes.io%2Fservice-proxy-name%2C" + headless;
    const Case test = GENERATE_REF(values<Case>({
        {"all",
         {},
         {"/api/v1/namespaces", "/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices"},
         {"", "", ""}},
        {"own node and pods",
         {.node_name = "node-1", .pods = true},
         {"/api/v1/namespaces", "/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices",
          "/api/v1/nodes", "/api/v1/pods"},
         {"", "", "", "fieldSelector=metadata.name%3Dnode-1",
          "fieldSelector=status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed"}},
        {"nothing of other proxies",
         {.foreign_proxy = false},
         {"/api/v1/namespaces", "/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices"},
         {"", "labelSelector=" + ours, "labelSelector=" + ours}},
        {"no headless slices",
         {.headless_slices = false},
         {"/api/v1/namespaces", "/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices"},
         {"", "", "labelSelector=" + headless}},
        {"neither",
         {.headless_slices = false, .foreign_proxy = false},
         {"/api/v1/namespaces", "/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices"},
         {"", "labelSelector=" + ours, "labelSelector=" + ours}},
    }));
    CAPTURE(test.name);
    const World world{test.options};
    REQUIRE(world.api.calls().size() == test.paths.size());
    for (std::size_t i = 0; i < test.paths.size(); ++i) {
        const std::string& target = world.api.calls()[i]->request.target;
        CAPTURE(target);
        CHECK(target.starts_with(test.paths[i] + "?watch=1&sendInitialEvents=true"));
        const std::size_t selector = target.find("Selector=");
        CHECK((selector == std::string::npos) == test.selectors[i].empty());
        CHECK(target.ends_with(test.selectors[i]));
    }
}

TEST_CASE("ServiceImports are asked for only with the option, and need not be there") {
    World world{{.imports = true}};
    REQUIRE(world.api.calls().size() == 4);
    const auto call = world.call("/serviceimports");
    CHECK(call->request.target.starts_with(
        "/apis/multicluster.x-k8s.io/v1alpha1/serviceimports?watch=1"));
    CHECK(world.health(Kind::service_import).optional);
    CHECK_FALSE(world.health(Kind::service).optional);
}

TEST_CASE("ServiceCIDRs are asked for where rules want them; a server without them is told once") {
    CHECK(World{{}}.api.calls().size() == 3);
    World world{{.service_cidrs = true}};
    REQUIRE(world.api.calls().size() == 4);
    const std::string path = "/apis/networking.k8s.io/v1/servicecidrs";
    CHECK(world.call("/servicecidrs")->request.target.starts_with(path + "?watch=1"));
    CHECK(world.health(Kind::service_cidr).optional);
    const std::string printed =
        test::stderr_of([&] { world.api.fail(world.call("/servicecidrs"), 404); });
    const std::size_t at = printed.find("api.optional_list_failed");
    REQUIRE(at != std::string::npos);
    CHECK(printed.find("api.", at + 1) == std::string::npos);
    CHECK(printed.find("ServiceCIDR") != std::string::npos);
    CHECK_FALSE(world.health(Kind::service_cidr).error.empty());
    // The others go on.
    CHECK(world.health(Kind::service).error.empty());
    CHECK(world.api.calls().size() == 3);
}

TEST_CASE("the jitter of several kinds comes from one sequence") {
    FakeTime time;
    FakeApi api;
    net::Loop loop;
    metrics::Registry registry{1};
    ApiSource source{{},    api,
                     loop,  registry,
                     time,  [](const services::Event&) {},
                     [] {}, [n = 0.0]() mutable { return n += 0.1; }};
    source.start();
    CHECK(api.calls()[0]->has("timeoutSeconds=330"));
    CHECK(api.calls()[1]->has("timeoutSeconds=360"));
    CHECK(api.calls()[2]->has("timeoutSeconds=390"));
}

TEST_CASE("health says what is listed, current and wrong") {
    World world{{}};
    KindHealth health = world.health(Kind::service);
    CHECK_FALSE(health.listed);
    CHECK_FALSE(health.current);
    CHECK_FALSE(health.last_heard);

    world.api.cut(world.call("/services"), 0);
    health = world.health(Kind::service);
    CHECK(health.error == "watch services: the connection was cut");
    CHECK_FALSE(health.last_heard);
    CHECK(world.health(Kind::namespace_).error.empty());

    world.api.body(world.call("/namespaces"), end_of_list);
    health = world.health(Kind::namespace_);
    CHECK(health.listed);
    CHECK(health.current);
    CHECK(health.last_heard == world.time.now());
    CHECK(world.settled == 1);

    world.time.advance(1min);
    world.api.body(world.call("/namespaces"), "\n");
    CHECK(world.health(Kind::namespace_).last_heard == world.time.now());
    world.api.body(world.call("/namespaces"),
                   R"({"type":"ERROR","object":{"code":410,"message":"too old"}})");
    health = world.health(Kind::namespace_);
    CHECK(health.listed);
    CHECK_FALSE(health.current);
    CHECK(health.error == "watch namespaces: too old");
}

TEST_CASE("health is told to other threads while events come") {
    World world{{}};
    const std::jthread reader{[&](const std::stop_token& stop) {
        while (!stop.stop_requested())
            for (const KindHealth& health : world.source.health())
                if (health.current && !(health.listed && health.last_heard)) std::abort();
    }};
    const auto call = world.call("/namespaces");
    for (int i = 0; i < 2000; ++i) {
        world.time.advance(1ms);
        world.api.body(call, end_of_list);
    }
    CHECK(world.health(Kind::namespace_).last_heard == world.time.now());
}

TEST_CASE("events, lists and refusals are counted") {
    World world{{}};
    const auto call = world.call("/services");
    world.api.body(call, R"({"type":"ADDED","object":{"metadata":{"name":"a"}}})");
    world.api.body(call, end_of_list);
    world.api.body(call,
                   R"({"type":"DELETED","object":{"metadata":{"name":"a","namespace":"b"}}})");
    const auto count = [&](const char* event) {
        return world.value("nameplane_api_events_total", {{"kind", "Service"}, {"event", event}});
    };
    CHECK(count("added") == 1);
    CHECK(count("bookmark") == 1);
    CHECK(count("deleted") == 1);
    CHECK(count("modified") == 0);
    CHECK(count("error") == 0);
    const metrics::Labels kind{{"kind", "Service"}};
    CHECK(world.value("nameplane_api_objects_refused_total", kind) == 1);
    CHECK(world.value("nameplane_api_list_duration_seconds", kind) == 1);
    world.time.advance(5min);
    world.api.end(call);
    CHECK(world.value("nameplane_api_watch_restarts_total", kind) == 1);
    world.api.fail(world.call("/services"), 410);
    CHECK(world.value("nameplane_api_relists_total",
                      {{"kind", "Service"}, {"reason", "expired"}}) == 1);
    REQUIRE(world.events.size() == 4);
    CHECK(std::holds_alternative<services::BeginList>(world.events[0]));
    CHECK(std::holds_alternative<services::Keep>(world.events[1]));
    CHECK(std::holds_alternative<services::EndList>(world.events[2]));
    CHECK(std::holds_alternative<services::Remove>(world.events[3]));
}
