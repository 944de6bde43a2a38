#include "agent/proxy_health.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::agent;
using namespace std::chrono_literals;

namespace {

ProxyHealthFacts applied_once() {
    ProxyHealthFacts facts;
    facts.now = Monotonic{100s};
    facts.wall = WallTime{1'700'000'000s + 250ms};
    facts.sync.emplace();
    facts.sync->families = {
        {.family = Family::ipv4, .last_success = Monotonic{90s}, .waiting_since = {}, .writer = {}},
        {.family = Family::ipv6,
         .last_success = Monotonic{80s},
         .waiting_since = {},
         .writer = {}}};
    return facts;
}

}  // namespace

TEST_CASE("whoever has nothing to do yet is healthy") {
    ProxyHealthFacts facts;
    facts.wall = WallTime{1'700'000'000s};
    CHECK(healthz(facts).status == 200);
    CHECK(healthz(facts).body ==
          "{\"lastUpdated\":\"2023-11-14T22:13:20Z\",\"currentTime\":\"2023-11-14T22:13:20Z\","
          "\"nodeEligible\":true,\"healthy\":true}");
    facts.sync.emplace();
    facts.sync->families = {
        {.family = Family::ipv4, .last_success = {}, .waiting_since = Monotonic{0s}, .writer = {}}};
    facts.now = Monotonic{59s};
    CHECK(livez(facts).status == 200);
}

TEST_CASE("rules that never come in are stale, too") {
    ProxyHealthFacts facts;
    facts.wall = WallTime{1'700'000'000s};
    facts.now = Monotonic{61s};
    facts.sync.emplace();
    facts.sync->families = {
        {.family = Family::ipv4, .last_success = {}, .waiting_since = Monotonic{0s}, .writer = {}}};
    CHECK(livez(facts).status == 503);
    CHECK(livez(facts).body ==
          "{\"lastUpdated\":\"0001-01-01T00:00:00Z\",\"currentTime\":\"2023-11-14T22:13:20Z\","
          "\"healthy\":false,\"status\":{\"IPv4\":{\"lastUpdated\":\"0001-01-01T00:00:00Z\","
          "\"healthy\":false}}}");
}

TEST_CASE("a change that waits for too long makes its family unhealthy") {
    ProxyHealthFacts facts = applied_once();
    CHECK(
        livez(facts).body ==
        "{\"lastUpdated\":\"2023-11-14T22:13:20.25Z\",\"currentTime\":\"2023-11-14T22:13:20.25Z\","
        "\"healthy\":true,\"status\":{\"IPv4\":{\"lastUpdated\":\"2023-11-14T22:13:10.25Z\","
        "\"healthy\":true},\"IPv6\":{\"lastUpdated\":\"2023-11-14T22:13:00.25Z\",\"healthy\":true}}"
        "}");
    facts.stale_after = 40s;
    facts.sync->families[1].waiting_since = Monotonic{60s + 1ms};
    CHECK(livez(facts).status == 200);
    facts.sync->families[1].waiting_since = Monotonic{60s};
    CHECK(healthz(facts).status == 503);
    CHECK(livez(facts).status == 503);
    CHECK(
        livez(facts).body ==
        "{\"lastUpdated\":\"2023-11-14T22:13:10.25Z\",\"currentTime\":\"2023-11-14T22:13:20.25Z\","
        "\"healthy\":false,\"status\":{\"IPv4\":{\"lastUpdated\":\"2023-11-14T22:13:10.25Z\","
        "\"healthy\":true},\"IPv6\":{\"lastUpdated\":\"2023-11-14T22:13:00.25Z\",\"healthy\":"
        "false}}}");
}

TEST_CASE("a node that goes is unhealthy for load balancers, not for the kubelet") {
    ProxyHealthFacts facts = applied_once();
    facts.node_eligible = false;
    CHECK(healthz(facts).status == 503);
    CHECK(healthz(facts).body.find("\"nodeEligible\":false,\"healthy\":true") != std::string::npos);
    CHECK(livez(facts).status == 200);
    CHECK(livez(facts).body.find("nodeEligible") == std::string::npos);
}
