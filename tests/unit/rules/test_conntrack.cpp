#include "rules/conntrack.hpp"

#include <catch2/catch.hpp>

#include <source_location>

using namespace nameplane;
using namespace nameplane::rules;

namespace {

SocketAddress at(std::string_view text) {
    return *SocketAddress::parse(text);
}

FlowTarget udp(std::string_view text) {
    return {services::Protocol::udp, at(text)};
}

FlowTarget sctp(std::string_view text) {
    return {services::Protocol::sctp, at(text)};
}

PortPlan dns(const std::vector<std::string>& endpoints) {
    PortPlan port{.name = "ns/dns:dns",
                  .protocol = services::Protocol::udp,
                  .port = 53,
                  .cluster_ip = *IpAddress::parse("10.96.0.10")};
    for (const std::string& endpoint : endpoints)
        port.cluster_endpoints.push_back(
            {.address = at(endpoint).address, .port = at(endpoint).port});
    port.has_endpoints = !endpoints.empty();
    return port;
}

Plan plan_of(std::vector<PortPlan> ports) {
    Plan plan;
    for (PortPlan& port : ports)
        plan.services.push_back(
            std::make_shared<ServicePlan>(ServicePlan{.ports = {std::move(port)}}));
    return plan;
}

const std::vector<IpAddress> node{*IpAddress::parse("192.168.0.1"), *IpAddress::parse("fd00::1")};

struct Case {
    const char* name;
    std::vector<std::string> before, after;
    bool candidate;
    std::source_location where = std::source_location::current();
};

}  // namespace

TEST_CASE("which changes can leave stale flows") {
    const Case cases[] = {
        {"the first endpoint", {}, {"10.0.0.1:53"}, true},
        {"one more", {"10.0.0.1:53"}, {"10.0.0.1:53", "10.0.0.2:53"}, false},
        {"one less", {"10.0.0.1:53", "10.0.0.2:53"}, {"10.0.0.2:53"}, true},
        {"the last one gone", {"10.0.0.1:53"}, {}, true},
        {"replaced", {"10.0.0.1:53"}, {"10.0.0.2:53"}, true},
        {"same address, other port", {"10.0.0.1:53"}, {"10.0.0.1:54"}, true},
    };
    for (const Case& c : cases) {
        INFO(c.where.file_name() << ":" << c.where.line() << " " << c.name);
        const Plan before = plan_of({dns(c.before)});
        const auto candidates = stale_candidates(&before, plan_of({dns(c.after)}), node);
        CHECK(candidates.size() == (c.candidate ? 1U : 0U));
        if (c.candidate && !candidates.empty()) CHECK(candidates[0].target == udp("10.96.0.10:53"));
    }
}

TEST_CASE("every address of a UDP port is a frontend, and none of TCP") {
    PortPlan port = dns({"10.0.0.1:53"});
    port.external_ips = {*IpAddress::parse("192.0.2.1")};
    port.load_balancer_ips = {*IpAddress::parse("192.0.2.2")};
    port.node_port = 30053;
    PortPlan tcp = port;
    tcp.protocol = services::Protocol::tcp;
    const auto candidates = stale_candidates(nullptr, plan_of({tcp, port}), node);
    REQUIRE(candidates.size() == 4);
    CHECK(candidates[0].target == udp("10.96.0.10:53"));
    CHECK(candidates[1].target == udp("192.0.2.1:53"));
    CHECK(candidates[2].target == udp("192.0.2.2:53"));
    CHECK(candidates[3].target == udp("192.168.0.1:30053"));
    CHECK(candidates[3].endpoints == std::vector{at("10.0.0.1:53")});
}

TEST_CASE("a Service that is the same object, or gone, is passed over") {
    const Plan before = plan_of({dns({"10.0.0.1:53"})});
    Plan after = before;
    CHECK(stale_candidates(&before, after, node).empty());
    after.services.clear();
    CHECK(stale_candidates(&before, after, node).empty());
}

TEST_CASE("an address that is a Service's no more keeps its flows") {
    PortPlan port = dns({"10.0.0.1:53"});
    port.external_ips = {*IpAddress::parse("192.0.2.1")};
    const Plan before = plan_of({port});
    const Plan after = plan_of({dns({"10.0.0.2:53"})});
    const auto candidates = stale_candidates(&before, after, node);
    REQUIRE(candidates.size() == 1);
    CHECK(candidates[0].target == udp("10.96.0.10:53"));
}

TEST_CASE("what terminates but still serves keeps its flows, until it serves no more") {
    const Plan before = plan_of({dns({"10.0.0.1:53", "10.0.0.2:53"})});
    PortPlan draining = dns({"10.0.0.2:53"});
    draining.kept_endpoints = {{.address = *IpAddress::parse("10.0.0.1"), .port = 53}};
    const Plan during = plan_of({draining});
    CHECK(stale_candidates(&before, during, node).empty());
    // As after a start: looked at, and kept.
    const auto all = stale_candidates(nullptr, during, node);
    REQUIRE(all.size() == 1);
    CHECK_FALSE(is_stale(all, udp("10.96.0.10:53"), at("10.0.0.1:53")));
    const auto candidates = stale_candidates(&during, plan_of({dns({"10.0.0.2:53"})}), node);
    CHECK(is_stale(candidates, udp("10.96.0.10:53"), at("10.0.0.1:53")));
    CHECK_FALSE(is_stale(candidates, udp("10.96.0.10:53"), at("10.0.0.2:53")));
}

TEST_CASE("an address that another Service took over keeps the flows of that one") {
    const Plan before = plan_of({dns({"10.0.0.1:53"})});
    PortPlan taken = dns({"10.0.0.2:53"});
    taken.name = "ns/other:dns";
    const auto candidates = stale_candidates(&before, plan_of({taken}), node);
    REQUIRE(candidates.size() == 1);
    CHECK(is_stale(candidates, udp("10.96.0.10:53"), at("10.0.0.1:53")));
    CHECK_FALSE(is_stale(candidates, udp("10.96.0.10:53"), at("10.0.0.2:53")));
}

TEST_CASE("local endpoints count as alive") {
    PortPlan port = dns({"10.0.0.1:53"});
    port.local_endpoints = {{.address = *IpAddress::parse("10.0.0.7"), .port = 53, .local = true}};
    const auto candidates = stale_candidates(nullptr, plan_of({port}), node);
    CHECK_FALSE(is_stale(candidates, udp("10.96.0.10:53"), at("10.0.0.7:53")));
    CHECK_FALSE(is_stale(candidates, udp("10.96.0.10:53"), at("10.0.0.1:53")));
}

TEST_CASE("a flow is stale by destination and by who answers") {
    const std::vector<FlowFrontend> candidates{
        {udp("10.96.0.10:53"), {at("10.0.0.1:53"), at("10.0.0.2:53")}}, {udp("10.96.0.11:53"), {}}};
    CHECK(is_stale(candidates, udp("10.96.0.10:53"), at("10.0.0.3:53")));
    CHECK(is_stale(candidates, udp("10.96.0.10:53"), at("10.96.0.10:53")));  // never translated
    CHECK_FALSE(is_stale(candidates, udp("10.96.0.10:53"), at("10.0.0.2:53")));
    CHECK_FALSE(is_stale(candidates, udp("10.96.0.10:54"), at("10.0.0.3:53")));
    CHECK_FALSE(is_stale(candidates, udp("8.8.8.8:53"), at("8.8.8.8:53")));
    CHECK(is_stale(candidates, udp("10.96.0.11:53"), at("10.0.0.1:53")));
}

TEST_CASE("SCTP ports have frontends of their own, apart from UDP at the same address") {
    PortPlan associations = dns({"10.0.0.7:53"});
    associations.protocol = services::Protocol::sctp;
    const Plan before = plan_of({associations, dns({"10.0.0.1:53"})});
    const auto all = stale_candidates(nullptr, before, node);
    REQUIRE(all.size() == 2);
    CHECK(all[0] == FlowFrontend{udp("10.96.0.10:53"), {at("10.0.0.1:53")}});
    CHECK(all[1] == FlowFrontend{sctp("10.96.0.10:53"), {at("10.0.0.7:53")}});
    CHECK_FALSE(is_stale(all, udp("10.96.0.10:53"), at("10.0.0.1:53")));
    CHECK(is_stale(all, udp("10.96.0.10:53"), at("10.0.0.7:53")));
    CHECK_FALSE(is_stale(all, sctp("10.96.0.10:53"), at("10.0.0.7:53")));
    CHECK(is_stale(all, sctp("10.96.0.10:53"), at("10.0.0.1:53")));
    CHECK_FALSE(is_stale(all, {services::Protocol::tcp, at("10.96.0.10:53")}, at("10.0.0.9:53")));
    // Only what changed is looked for.
    Plan after = before;
    associations.cluster_endpoints.clear();
    after.services[0] = std::make_shared<ServicePlan>(ServicePlan{.ports = {associations}});
    const auto candidates = stale_candidates(&before, after, node);
    REQUIRE(candidates.size() == 1);
    CHECK(candidates[0] == FlowFrontend{sctp("10.96.0.10:53"), {}});
}

TEST_CASE("the kernel is asked for what all candidates have in common") {
    CHECK(common_filter({}) == FlowFilter{});
    const auto filter_of = [](const std::vector<FlowTarget>& targets) {
        std::vector<FlowFrontend> candidates;
        for (const FlowTarget& target : targets) candidates.push_back({target, {}});
        return common_filter(candidates);
    };
    const IpAddress ten = *IpAddress::parse("10.96.0.10");
    CHECK(filter_of({udp("10.96.0.10:53")}) ==
          FlowFilter{.protocol = services::Protocol::udp, .address = ten, .port = 53});
    CHECK(filter_of({udp("10.96.0.10:53"), udp("10.96.0.10:54")}) ==
          FlowFilter{.protocol = services::Protocol::udp, .address = ten, .port = {}});
    CHECK(filter_of({udp("10.96.0.10:53"), udp("10.96.0.11:53")}) ==
          FlowFilter{.protocol = services::Protocol::udp, .address = {}, .port = 53});
    CHECK(filter_of({udp("10.96.0.10:53"), sctp("10.96.0.10:53")}) ==
          FlowFilter{.protocol = {}, .address = ten, .port = 53});
    CHECK(filter_of({udp("10.96.0.10:53"), udp("10.96.0.11:54"), sctp("10.96.0.12:53")}) ==
          FlowFilter{});
}
