#include "agent/freshness.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::agent;
using namespace std::chrono_literals;
using kube::KindHealth;
using services::Kind;
using Sentences = std::vector<std::string>;

namespace {

constexpr Monotonic now{1000s};
constexpr WallTime wall{1'700'000'000s};
constexpr WallTime saved = wall - 42s;

KindHealth waiting(Kind kind, std::string error = {}) {
    return {.kind = kind, .error = std::move(error)};
}
/// Says something at this moment, but the list is not complete.
KindHealth listing(Kind kind) {
    return {.kind = kind, .last_heard = now};
}
KindHealth current(Kind kind, Monotonic::duration ago = 1s) {
    return {.kind = kind, .listed = true, .current = true, .last_heard = now - ago};
}
KindHealth lost(Kind kind, Monotonic::duration ago, std::string error) {
    return {.kind = kind, .listed = true, .last_heard = now - ago, .error = std::move(error)};
}

struct Row {
    const char* what;
    FreshnessInputs inputs;
    Sentences not_ready;
    Sentences remarks;
    std::optional<std::chrono::seconds> age;
};

constexpr auto service = Kind::service;
constexpr auto slices = Kind::endpoint_slice;

const Row rows[] = {
    {"nothing has begun",
     {},
     {"kubernetes"},
     {"kubernetes: the first list of everything is awaited"},
     std::nullopt},
    {"nothing has begun, but a state was loaded",
     {.saved = saved},
     {"kubernetes"},
     {"kubernetes: serving state of 42 s ago, the first list of everything is awaited"},
     42s},
    {"the first list is awaited",
     {.kinds = {waiting(service), waiting(slices)}},
     {"kubernetes"},
     {"kubernetes: the first list of Service, EndpointSlice is awaited"},
     std::nullopt},
    {"half of it is in",
     {.kinds = {current(service), listing(slices)}},
     {"kubernetes"},
     {"kubernetes: the first list of EndpointSlice is awaited"},
     std::nullopt},
    {"the server is away and there is no state",
     {.kinds = {waiting(service, "list services: refused"), waiting(slices)}},
     {"kubernetes"},
     {"kubernetes: the first list of Service, EndpointSlice is awaited, nothing new from the API "
      "server: list services: refused"},
     std::nullopt},
    {"the server is away and a state was loaded",
     {.kinds = {waiting(service, "list services: refused"), waiting(slices)}, .saved = saved},
     {"kubernetes"},
     {"kubernetes: serving state of 42 s ago, nothing new from the API server: list services: "
      "refused"},
     42s},
    {"a loaded state stays as old as it is while a list comes in",
     {.kinds = {current(service), listing(slices)}, .saved = saved},
     {"kubernetes"},
     {"kubernetes: serving state of 42 s ago, the first list of EndpointSlice is awaited"},
     42s},
    {"of a list that failed the error says why",
     {.kinds = {lost(service, 5s, "watch services: reset"),
                waiting(slices, "list endpointslices: forbidden")},
      .saved = saved},
     {"kubernetes"},
     {"kubernetes: serving state of 42 s ago, nothing new from the API server: list "
      "endpointslices: forbidden",
      "kubernetes: watch services: reset"},
     42s},
    {"what is wrong with several kinds is said once",
     {.kinds = {waiting(service, "list services: refused"),
                waiting(slices, "list endpointslices: refused")}},
     {"kubernetes"},
     {"kubernetes: the first list of Service, EndpointSlice is awaited, nothing new from the API "
      "server: list services: refused"},
     std::nullopt},
    {"what is wrong with each kind is said of each",
     {.kinds = {waiting(service, "list services: forbidden: services"),
                waiting(slices, "list endpointslices: forbidden: endpointslices")}},
     {"kubernetes"},
     {"kubernetes: the first list of Service, EndpointSlice is awaited, nothing new from the API "
      "server: list services: forbidden: services",
      "kubernetes: list endpointslices: forbidden: endpointslices"},
     std::nullopt},
    {"rules of the loaded state do not count",
     {.kinds = {waiting(service), waiting(slices)}, .saved = saved, .rules_in = true},
     {"kubernetes"},
     {"kubernetes: serving state of 42 s ago, the first list of Service, EndpointSlice is awaited"},
     42s},
    {"listed, and its rules are on their way",
     {.kinds = {current(service), current(slices)}, .saved = saved},
     {"rules"},
     {},
     0s},
    {"listed, with rules; what is watched is not old, however long nothing changed",
     {.kinds = {current(service, 300s), current(slices)}, .rules_in = true},
     {},
     {},
     0s},
    {"the server went away",
     {.kinds = {current(service), lost(slices, 90s, "watch endpointslices: timeout")},
      .rules_in = true,
      .was_ready = true},
     {},
     {"kubernetes: serving state of 90 s ago, nothing new from the API server: watch "
      "endpointslices: timeout"},
     90s},
    {"the server went away before the rules were in",
     {.kinds = {lost(service, 9s, "gone"), current(slices)}},
     {"rules"},
     {"kubernetes: serving state of 9 s ago, nothing new from the API server: gone"},
     9s},
    {"a watch that is between two requests is nothing to talk about",
     {.kinds = {current(service), lost(slices, 2s, "")}, .rules_in = true, .was_ready = true},
     {},
     {},
     2s},
    {"an error that is over is nothing to talk about",
     {.kinds =
          {{.kind = service, .listed = true, .current = true, .last_heard = now, .error = "old"}},
      .rules_in = true,
      .was_ready = true},
     {},
     {},
     0s},
    {"once ready, always ready, whatever the rules do",
     {.kinds = {current(service)}, .rules_in = false, .was_ready = true},
     {},
     {},
     0s},
    {"a clock that went back makes nothing younger than now",
     {.kinds = {waiting(service)}, .saved = wall + 5s},
     {"kubernetes"},
     {"kubernetes: serving state of 0 s ago, the first list of Service is awaited"},
     0s},
};

}  // namespace

TEST_CASE("readiness tells the truth about the age of what is served", "[agent]") {
    metrics::Registry registry{1};
    FreshnessMetrics gauges{registry};
    for (const Row& row : rows) {
        INFO(row.what);
        FreshnessInputs inputs = row.inputs;
        inputs.now = now;
        inputs.wall = wall;
        const Freshness freshness = freshness_of(inputs);
        CHECK(freshness.readiness.not_ready == row.not_ready);
        CHECK(freshness.ready() == row.not_ready.empty());
        CHECK(freshness.readiness.remarks == row.remarks);
        CHECK(freshness.age == row.age);
        CHECK(freshness.contact.has_value() == row.age.has_value());
        if (row.age) CHECK(freshness.contact == wall - *row.age);
        gauges.set(freshness);
        const double shown = registry.read().at(0).samples.at(0).value;
        CHECK((row.age ? shown == static_cast<double>(row.age->count()) : std::isinf(shown)));
    }
}

TEST_CASE("a kind that need not be there is waited for by nobody", "[agent]") {
    KindHealth missing = waiting(Kind::service_import, "list serviceimports: no such path (404)");
    missing.optional = true;
    const Freshness all = freshness_of({.kinds = {current(service), current(slices), missing},
                                        .rules_in = true,
                                        .now = now,
                                        .wall = wall});
    CHECK(all.listed);
    CHECK(all.ready());
    CHECK(all.age == 0s);
    CHECK(all.readiness.remarks ==
          Sentences{"kubernetes: list serviceimports: no such path (404)"});
}

TEST_CASE("listed means every kind", "[agent]") {
    CHECK_FALSE(freshness_of({.now = now, .wall = wall}).listed);
    CHECK_FALSE(freshness_of({.kinds = {current(service), listing(slices)}, .now = now}).listed);
    CHECK(freshness_of({.kinds = {current(service), lost(slices, 1h, "away")}, .now = now}).listed);
}
