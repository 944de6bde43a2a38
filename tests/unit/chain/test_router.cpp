#include "chain/router.hpp"

#include <catch2/catch.hpp>

#include <source_location>
#include <string>
#include <vector>

using namespace nameplane;
using chain::Router;
using chain::Zone;

namespace {

Result<Router> router_of(const std::vector<std::string>& zones) {
    std::vector<Zone> table;
    for (const std::string& zone : zones) table.push_back({.name = *dns::Name::parse(zone)});
    return Router::make(table);
}

std::string found(const Router& router, const std::string& name) {
    const dns::Name wire = *dns::Name::parse(name);
    const Zone* zone = router.find(wire);
    return zone == nullptr ? "-" : zone->name.to_string();
}

struct Case {
    const char* name;
    const char* zone;
    std::source_location at = std::source_location::current();
};

}  // namespace

TEST_CASE("the longest zone wins") {
    const auto router = router_of({"cluster.local.", "in-addr.arpa.", "10.in-addr.arpa.",
                                   "example.", "deep.er.example.", "a.very.deep.er.example."});
    REQUIRE(router);
    const Case cases[] = {
        {"cluster.local.", "cluster.local."},
        {"kubernetes.default.svc.cluster.local.", "cluster.local."},
        {"local.", "-"},
        {".", "-"},
        {"xcluster.local.", "-"},
        {"cluster.local.x.", "-"},
        {"cluster.localx.", "-"},
        {"4.3.2.10.in-addr.arpa.", "10.in-addr.arpa."},
        {"4.3.2.110.in-addr.arpa.", "in-addr.arpa."},
        {"10.in-addr.arpa.", "10.in-addr.arpa."},
        {"in-addr.arpa.", "in-addr.arpa."},
        {"arpa.", "-"},
        {"er.example.", "example."},
        {"deeper.example.", "example."},
        {"x.deep.er.example.", "deep.er.example."},
        {"very.deep.er.example.", "deep.er.example."},
        {"x.a.very.deep.er.example.", "a.very.deep.er.example."},
        {"a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.example.", "example."},
    };
    for (const Case& row : cases) {
        INFO("row at line " << row.at.line());
        CHECK(found(*router, row.name) == row.zone);
    }
}

TEST_CASE("a dot inside of a label separates nothing") {
    const auto router = router_of({"b.example."});
    REQUIRE(router);
    CHECK(found(*router, "a\\.b.example.") == "-");
    CHECK(found(*router, "a.b.example.") == "b.example.");
}

TEST_CASE("the root catches what no other zone takes, also the root itself") {
    const auto router = router_of({".", "cluster.local."});
    REQUIRE(router);
    CHECK(found(*router, ".") == ".");
    CHECK(found(*router, "www.example.") == ".");
    CHECK(found(*router, "x.cluster.local.") == "cluster.local.");
}

TEST_CASE("no zones, no answer") {
    CHECK(Router{}.find(*dns::Name::parse("a.")) == nullptr);
    const auto router = router_of({});
    REQUIRE(router);
    CHECK(found(*router, "a.example.") == "-");
}

TEST_CASE("a name of 127 labels is looked up to its end") {
    std::string labels;
    for (int i = 0; i < 126; ++i) labels += "a.";
    const auto router = router_of({"b.", labels});
    REQUIRE(router);
    CHECK(found(*router, labels + "b.") == "b.");
    CHECK(found(*router, "x." + labels) == labels);
}

TEST_CASE("many zones are found, each by its own name and from below") {
    std::vector<std::string> zones;
    for (int i = 0; i < 2000; ++i) zones.push_back("zone-" + std::to_string(i) + ".example.");
    const auto router = router_of(zones);
    REQUIRE(router);
    for (const std::string& zone : zones) {
        REQUIRE(found(*router, zone) == zone);
        REQUIRE(found(*router, "a.b." + zone) == zone);
    }
    CHECK(found(*router, "zone-2000.example.") == "-");
}

TEST_CASE("a zone that stands twice is refused") {
    const auto router = router_of({"a.example.", "b.example.", "a.example."});
    REQUIRE_FALSE(router);
    CHECK(router.error() == Error{Errc::conflict, "zone a.example. stands twice"});
}
