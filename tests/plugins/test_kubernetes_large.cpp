// Large Services: nothing quadratic, nothing lost without saying so, and never SERVFAIL.

#include "cluster.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

using namespace nameplane;
using namespace nameplane::test;

namespace {

constexpr const char* large = "large.ns.svc.cluster.local.";

std::string address(unsigned i) {
    return "10." + std::to_string(1 + i / 65536) + "." + std::to_string(i / 256 % 256) + "." +
           std::to_string(i % 256);
}

/// A headless Service with that many endpoints, `hosts` of them with a hostname.
Cluster headless(unsigned endpoints, unsigned hosts) {
    Cluster cluster;
    cluster.ns("ns").put(service("ns/large", {"None"}, {"http/tcp/80"}));
    for (unsigned first = 0; first < endpoints; first += 100) {
        std::vector<std::string> texts;
        for (unsigned i = first; i < std::min(first + 100, endpoints); ++i) {
            texts.push_back(address(i) + (i < hosts ? "=host-" + std::to_string(i) : ""));
        }
        cluster.put(slice("ns/large", "-" + std::to_string(first), texts, {"http/tcp/8080"}));
    }
    cluster.synced();
    return cluster;
}

}  // namespace

TEST_CASE("kubernetes: a headless Service with 1,000 endpoints") {
    Cluster cluster = headless(1000, 500);
    const Example example{{}, cluster.snapshot()};
    const Answered all = example.asker().ask(large, "A", {.tcp = true});
    CHECK(all.message.answers.size() == 1000);
    CHECK(std::set<std::string>(all.message.answers.begin(), all.message.answers.end()).size() ==
          1000);
    CHECK_FALSE(all.message.truncated);

    const Answered srv = example.asker().ask(large, "SRV", {.tcp = true});
    CHECK(srv.message.rcode == 0);
    CHECK(srv.message.answers.size() > 900);
    CHECK(std::set<std::string>(srv.message.answers.begin(), srv.message.answers.end()).size() ==
          srv.message.answers.size());
    CHECK(srv.message.answers.front().find(" 0 1 8080 ") != std::string::npos);

    const Answered plain = example.asker().ask(large, "A");
    CHECK(plain.message.truncated);
    CHECK(plain.octets <= 512);
    CHECK(plain.message.answers.size() >= 25);
    const Answered edns = example.asker().ask(large, "A", {.edns_size = 1232});
    CHECK(edns.message.truncated);
    CHECK(edns.octets <= 1232);
    CHECK(edns.octets > 1200);

    for (const unsigned i : {0U, 1U, 499U}) {
        const std::string name = "host-" + std::to_string(i) + "." + large;
        example.check({{name, "A", records({"@ 5 IN A " + address(i)})}});
    }
    std::string last = address(999);
    std::ranges::replace(last, '.', '-');
    example.check({{last + "." + large, "A", records({"@ 5 IN A " + address(999)})}});
}

TEST_CASE("kubernetes: more endpoints than a message or the arena holds") {
    Cluster cluster = headless(6000, 3000);
    const Example example{{}, cluster.snapshot()};
    for (const char* type : {"A", "SRV"}) {
        for (const std::size_t arena : {std::size_t{1} << 14U, std::size_t{1} << 16U,
                                        std::size_t{1} << 19U, std::size_t{1} << 22U}) {
            INFO(type << " with an arena of " << arena);
            const Answered answered =
                example.asker().ask(large, type, {.tcp = true, .arena_octets = arena});
            CHECK(answered.message.rcode == 0);
            CHECK(answered.message.truncated);
            CHECK(answered.message.answers.size() > std::min<std::size_t>(arena / 1000, 1000));
        }
    }
}

TEST_CASE("kubernetes: we are an endpoint of very many Services") {
    Cluster cluster;
    cluster.ns("ns");
    for (int i = 0; i < 300; ++i) {
        const std::string key = "ns/svc-" + std::to_string(i);
        cluster.put(service(key, {address(static_cast<unsigned>(i))}, {"http/tcp/80"}));
        cluster.put(slice(key, "-1", {"192.0.2.1"}, {"http/tcp/80"}));
    }
    cluster.synced();
    const Example example{
        {.zones = {"cluster.local.", "in-addr.arpa."}, .own_addresses = {"192.0.2.1"}},
        cluster.snapshot()};
    const Answered ns = example.asker().ask("cluster.local.", "NS", {.tcp = true});
    CHECK(ns.message.answers.size() == 64);
    CHECK(ns.message.additionals.size() == 64);
    const Answered addresses = example.asker().ask("ns.dns.cluster.local.", "A", {.tcp = true});
    CHECK(addresses.message.answers.size() == 64);
    const Answered ptr = example.asker().ask("1.2.0.192.in-addr.arpa.", "PTR", {.tcp = true});
    CHECK(ptr.message.answers.size() == 300);
}

TEST_CASE("kubernetes: a Service with very many ports") {
    Cluster cluster;
    std::vector<std::string> ports;
    for (int i = 1; i <= 900; ++i) {
        ports.push_back("p" + std::to_string(i) + "/tcp/" + std::to_string(i));
        ports.push_back("q" + std::to_string(i) + "/udp/" + std::to_string(i));
    }
    cluster.ns("ns").put(service("ns/large", {"10.0.0.1"}, ports)).synced();
    const Example example{{}, cluster.snapshot()};
    const Answered srv = example.asker().ask(large, "SRV", {.tcp = true});
    CHECK(srv.message.answers.size() == 900);
    CHECK(srv.message.additionals == Lines{std::string{large} + " 5 IN A 10.0.0.1"});
    example.check({{std::string{"_q900._udp."} + large, "SRV",
                    records({"@ 5 IN SRV 0 100 900 " + std::string{large}},
                            {std::string{large} + " 5 IN A 10.0.0.1"})}});
}
