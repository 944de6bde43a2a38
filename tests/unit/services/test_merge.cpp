#include "services/store.hpp"
#include "support/service_cases.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace nameplane::services {
namespace {

using namespace nameplane::test;

struct Merged {
    HandClock clock;
    Store store{{}, clock};
    std::shared_ptr<const Snapshot> snapshot;
    const ServiceEntry* entry = nullptr;

    explicit Merged(const std::vector<EndpointSlice>& slices) {
        REQUIRE(store.apply(headless_service("ns", "svc")));
        for (const EndpointSlice& slice : slices) REQUIRE(store.apply(slice));
        snapshot = store.snapshot();
        entry = ServiceView{*snapshot}.find("ns", "svc");
        REQUIRE(entry != nullptr);
    }
};

Endpoint with_conditions(bool ready, bool serving, bool terminating, std::string pod) {
    Endpoint made = endpoint("10.0.0.1");
    made.ready = ready;
    made.serving = serving;
    made.terminating = terminating;
    made.pod_name = std::move(pod);
    return made;
}

TEST_CASE("of two copies of an endpoint the better one stays, in either order", "[services]") {
    struct Row {
        const char* why;
        Endpoint better;
        Endpoint worse;
    };
    const std::vector<Row> rows = {
        {"ready", with_conditions(true, false, true, "z"),
         with_conditions(false, true, false, "a")},
        {"serving", with_conditions(false, true, true, "z"),
         with_conditions(false, false, false, "a")},
        {"not terminating", with_conditions(false, true, false, "z"),
         with_conditions(false, true, true, "a")},
        {"else the same one whatever the order", with_conditions(true, true, false, "a"),
         with_conditions(true, true, false, "b")},
    };
    for (const Row& row : rows) {
        for (const bool better_first : {true, false}) {
            INFO(row.why << ", better first: " << better_first);
            const Merged merged{
                {slice("ns", "svc", "s1", {better_first ? row.better : row.worse}),
                 slice("ns", "svc", "s2", {better_first ? row.worse : row.better})}};
            REQUIRE(merged.entry->endpoints.size() == 1);
            CHECK(merged.entry->endpoints[0].pod_name == row.better.pod_name);
            CHECK((merged.entry->endpoints[0].ready != 0) == row.better.ready);
            CHECK((merged.entry->endpoints[0].terminating != 0) == row.better.terminating);
        }
    }
}

TEST_CASE("rules leave out slices of another proxy, and further addresses of an endpoint",
          "[services]") {
    EndpointSlice foreign = slice("ns", "svc", "s1", {endpoint("10.0.0.1"), endpoint("10.0.0.2")});
    foreign.foreign_proxy = true;
    Endpoint wide = endpoint("10.0.0.3");
    wide.addresses.push_back(*IpAddress::parse("10.0.0.4"));
    Endpoint both = endpoint("10.0.0.2");
    both.ready = false;
    EndpointSlice ours = slice("ns", "svc", "s2", {both, wide});
    for (const bool turned : {false, true}) {
        const Merged merged{turned ? std::vector{ours, foreign} : std::vector{foreign, ours}};
        std::string seen;
        for (const EndpointEntry& one : merged.entry->endpoints)
            seen += one.address.to_string() + (one.names_only != 0 ? " names, " : ", ");
        CHECK(seen == "10.0.0.1 names, 10.0.0.2, 10.0.0.3, 10.0.0.4 names, ");
        // What rules know of it is what stands in a slice of theirs.
        CHECK(merged.entry->endpoints[1].ready == 0);
    }
}

TEST_CASE("address, hostname and port set make an endpoint", "[services]") {
    EndpointSlice other_port = slice("ns", "svc", "s2", {endpoint("10.0.0.1")});
    other_port.ports = {{.name = "http", .port = 9090}};
    EndpointSlice same_ports = slice("ns", "svc", "s3", {endpoint("10.0.0.1", "h")});
    same_ports.ports.push_back(same_ports.ports.front());
    const Merged merged{{slice("ns", "svc", "s1", {endpoint("10.0.0.1"), endpoint("10.0.0.1")}),
                         other_port, same_ports,
                         slice("ns", "svc", "s4", {endpoint("10.0.0.1", "h")})}};
    REQUIRE(merged.entry->endpoints.size() == 3);
    REQUIRE(merged.entry->port_sets.size() == 2);
    const auto port_of = [&](std::size_t i) {
        const auto& ports = merged.entry->port_sets[merged.entry->endpoints[i].port_set];
        REQUIRE(ports.size() == 1);
        return ports[0].port;
    };
    CHECK(merged.entry->endpoints[0].hostname.empty());
    CHECK(merged.entry->endpoints[1].hostname.empty());
    CHECK(merged.entry->endpoints[2].hostname == "h");
    CHECK(port_of(0) == 8080);
    CHECK(port_of(1) == 9090);
    CHECK(port_of(2) == 8080);
}

TEST_CASE("ports are sorted by name, protocol and number", "[services]") {
    EndpointSlice made = slice("ns", "svc", "s", {endpoint("10.0.0.1")});
    made.ports = {{.name = "dns", .protocol = Protocol::udp, .port = 53},
                  {.name = "metrics", .port = 9153},
                  {.name = "dns", .protocol = Protocol::tcp, .port = 5353},
                  {.name = "dns", .protocol = Protocol::tcp, .port = 53},
                  {.name = "", .port = 0}};
    const Merged merged{{made}};
    const std::vector<EndpointPort> expected = {
        {.name = "", .port = 0},
        {.name = "dns", .protocol = Protocol::tcp, .port = 53},
        {.name = "dns", .protocol = Protocol::tcp, .port = 5353},
        {.name = "dns", .protocol = Protocol::udp, .port = 53},
        {.name = "metrics", .port = 9153}};
    REQUIRE(merged.entry->port_sets.size() == 1);
    CHECK(merged.entry->port_sets[0] == expected);
}

TEST_CASE("an endpoint keeps all that it said", "[services]") {
    Endpoint told = endpoint("fd00::1", "web-0");
    told.addresses.push_back(ip("10.0.0.7"));
    told.node_name = "node-b";
    told.zone = "zone-1";
    told.pod_name = "web-0-pod";
    told.hint_zones = {"zone-1", "zone-2"};
    Endpoint plain = endpoint("10.0.0.8");
    EndpointSlice first = slice("ns", "svc", "s1", {told, plain});
    first.change_trigger_ns = 5;
    EndpointSlice second = slice("ns", "svc", "s2", {});
    second.change_trigger_ns = 9;
    const Merged merged{{first, second}};

    const ServiceEntry& entry = *merged.entry;
    CHECK(entry.change_trigger_ns == 9);
    REQUIRE(entry.endpoints.size() == 3);
    CHECK(entry.endpoints[0].address == ip("10.0.0.7"));
    CHECK(entry.endpoints[1].address == ip("10.0.0.8"));
    CHECK(entry.endpoints[2].address == ip("fd00::1"));
    for (const std::size_t i : {std::size_t{0}, std::size_t{2}}) {
        CHECK(entry.endpoints[i].hostname == "web-0");
        CHECK(entry.endpoints[i].pod_name == "web-0-pod");
        CHECK(*entry.endpoints[i].node == "node-b");
        CHECK(*entry.endpoints[i].zone == "zone-1");
        CHECK(entry.hints[entry.endpoints[i].hints].zones ==
              std::vector<std::string>{"zone-1", "zone-2"});
    }
    CHECK(entry.endpoints[1].hints == 0);
    CHECK(entry.hints[0] == EndpointHints{});
    CHECK(entry.endpoints[1].pod_name.empty());
}

TEST_CASE("hints of several slices meet in one list", "[services]") {
    const auto hinted = [](const char* address, std::vector<std::string> zones,
                           std::vector<std::string> nodes) {
        Endpoint made = endpoint(address);
        made.hint_zones = std::move(zones);
        made.hint_nodes = std::move(nodes);
        return made;
    };
    const Merged merged{
        {slice("ns", "svc", "s1",
               {hinted("10.0.0.1", {"b"}, {}), hinted("10.0.0.2", {"a"}, {}),
                hinted("10.0.0.3", {}, {"b"})}),
         slice("ns", "svc", "s2", {hinted("10.0.0.4", {"a"}, {}), hinted("10.0.0.5", {}, {})})}};
    const ServiceEntry& entry = *merged.entry;
    CHECK(entry.hints.size() == 4);
    const auto hints_of = [&](std::size_t i) { return entry.hints[entry.endpoints[i].hints]; };
    CHECK(hints_of(0) == EndpointHints{.zones = {"b"}, .nodes = {}});
    CHECK(hints_of(1) == EndpointHints{.zones = {"a"}, .nodes = {}});
    CHECK(hints_of(2) == EndpointHints{.zones = {}, .nodes = {"b"}});
    CHECK(entry.endpoints[3].hints == entry.endpoints[1].hints);
    CHECK(entry.endpoints[4].hints == 0);
}

TEST_CASE("the order in which slices come makes no difference", "[services]") {
    std::vector<EndpointSlice> slices = {
        slice("ns", "svc", "s1", {endpoint("10.0.0.3"), endpoint("10.0.0.1", "b")}),
        slice("ns", "svc", "s2", {endpoint("10.0.0.1", "a", false), endpoint("10.0.0.1")}),
        slice("ns", "svc", "s3", {endpoint("10.0.0.1", "a"), endpoint("fd00::1")})};
    slices[2].ports = {{.name = "admin", .port = 1}};
    std::vector<std::size_t> order = {0, 1, 2};
    do {
        const Merged merged{{slices[order[0]], slices[order[1]], slices[order[2]]}};
        std::string text;
        for (const EndpointEntry& at : merged.entry->endpoints) {
            text += at.address.to_string() + "/" + std::string{at.hostname} + ":" +
                    merged.entry->port_sets[at.port_set][0].name + (at.ready ? " " : "! ");
        }
        CHECK(text == "10.0.0.1/:http 10.0.0.1/a:admin 10.0.0.1/a:http! 10.0.0.1/b:http "
                      "10.0.0.3/:http fd00::1/:admin ");
    } while (std::ranges::next_permutation(order).found);
}

}  // namespace
}  // namespace nameplane::services
