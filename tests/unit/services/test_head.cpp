// A head says what its Service says, whether it holds it itself or reads it from the entry.

#include "services/store.hpp"
#include "support/service_cases.hpp"
#include <nameplane/services/entry.hpp>
#include <nameplane/services/head.hpp>

#include <catch2/catch.hpp>

#include <source_location>
#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::services;
using namespace nameplane::test;

namespace {

struct Case {
    const char* what;
    ObjectKey key;
    std::vector<IpAddress> cluster_ips;
    std::vector<ServicePort> ports;
    ServiceType type = ServiceType::cluster_ip;
    bool headless = false;
    std::source_location at = std::source_location::current();
};

Service service_of(const Case& row) {
    Service service;
    service.key = row.key;
    service.type = row.type;
    service.headless = row.headless;
    service.cluster_ips = row.cluster_ips;
    service.ports = row.ports;
    return service;
}

std::string octets(std::size_t count) {
    return std::string(count, 'a');
}

void check_ports(const ServiceHead& head, const std::vector<ServicePort>& ports) {
    REQUIRE(head.port_count() == ports.size());
    for (std::size_t i = 0; i < ports.size(); ++i) {
        CHECK(head.port(i).name == ports[i].name);
        CHECK(head.port(i).protocol == ports[i].protocol);
        CHECK(head.port(i).number == ports[i].port);
    }
}

}  // namespace

TEST_CASE("a head says what its Service says", "[services]") {
    const ServicePort http{.name = "http", .port = 80};
    const ServicePort dns{.name = "dns", .protocol = Protocol::udp, .port = 53};
    const Case cases[] = {
        {"an ordinary one", {"default", "web"}, {ip("10.96.0.1")}, {http}},
        {"nothing but a key", {"n", "s"}, {}, {}},
        {"headless", {"default", "db"}, {}, {dns}, ServiceType::cluster_ip, true},
        {"another type", {"a", "b"}, {ip("10.96.0.1")}, {dns}, ServiceType::load_balancer},
        {"a key that just fits", {octets(20), octets(22)}, {}, {}},
        {"a key one octet longer", {octets(20), octets(23)}, {}, {}},
        {"the longest key", {octets(63), octets(63)}, {}, {}},
        {"a name so long that a count in eight bits means something else",
         {"n", octets(253)},
         {},
         {}},
        {"two addresses", {"a", "b"}, {ip("10.96.0.1"), ip("fd00::1")}, {}},
        {"three addresses", {"a", "b"}, {ip("10.0.0.1"), ip("fd00::1"), ip("fd00::2")}, {}},
        {"an unnamed port", {"a", "b"}, {}, {{.port = 443}}},
        {"a port's name that just fits", {"a", "b"}, {}, {{.name = octets(15), .port = 1}}},
        {"a port's name one octet longer", {"a", "b"}, {}, {{.name = octets(16), .port = 65535}}},
        {"two ports", {"a", "b"}, {}, {http, dns}},
        {"many ports", {"a", "b"}, {}, std::vector<ServicePort>(300, dns)},
    };
    for (const Case& row : cases) {
        INFO("row at line " << row.at.line() << ": " << row.what);
        auto entry = std::make_shared<ServiceEntry>();
        entry->service = std::make_shared<const Service>(service_of(row));
        const ServiceHead head{entry};
        CHECK(head.entry() == entry);
        CHECK(head.type() == row.type);
        CHECK(head.headless() == row.headless);
        CHECK(std::ranges::equal(head.cluster_ips(), row.cluster_ips));
        check_ports(head, row.ports);

        const auto& [ns, name] = row.key;
        CHECK(head.is(ns, name));
        CHECK_FALSE(head.is(name + ns, ""));
        CHECK_FALSE(head.is(ns, name + "a"));
        CHECK_FALSE(head.is(ns + name.substr(0, 1), name.substr(1)));
        CHECK_FALSE(head.is(ns, std::string(name.size(), 'z')));
        CHECK_FALSE(head.is(std::string(ns.size(), 'z'), name));
    }
}

TEST_CASE("heads are found where entries are, and follow their changes", "[services]") {
    const HandClock clock;
    Store store{{}, clock};
    const ServiceView nothing;
    CHECK(nothing.find_head("default", "web") == nullptr);

    for (int i = 0; i < 200; ++i) {
        REQUIRE(store.apply(cluster_ip_service("default", "web" + std::to_string(i), "10.96.0.1")));
    }
    const auto first = store.snapshot();
    REQUIRE(store.apply(cluster_ip_service("default", "web7", "10.96.0.7")));
    REQUIRE(store.apply(Remove{Kind::service, {"default", "web8"}}));
    const auto second = store.snapshot();

    for (int i = 0; i < 200; ++i) {
        const std::string name = "web" + std::to_string(i);
        INFO(name);
        for (const auto& snapshot : {first, second}) {
            const ServiceView view{*snapshot};
            const ServiceHead* const head = view.find_head("default", name);
            const ServiceEntry* const entry = view.find("default", name);
            REQUIRE((head == nullptr) == (entry == nullptr));
            CHECK((head == nullptr || head->entry().get() == entry));
        }
    }
    const auto address = [](const auto& snapshot, const char* name) {
        return ServiceView{*snapshot}.find_head("default", name)->cluster_ips()[0].to_string();
    };
    CHECK(address(first, "web7") == "10.96.0.1");
    CHECK(address(second, "web7") == "10.96.0.7");
    CHECK(ServiceView{*first}.find_head("default", "web8") != nullptr);
    CHECK(ServiceView{*second}.find_head("default", "web8") == nullptr);
}

TEST_CASE("any hash may be expected, of a Service or not", "[services]") {
    const HandClock clock;
    Store store{{}, clock};
    REQUIRE(store.apply(cluster_ip_service("default", "web", "10.96.0.1")));
    REQUIRE(store.apply(headless_service("default", "db")));
    const auto empty = Snapshot::empty();
    const auto full = store.snapshot();
    const std::uint64_t hashes[] = {ServiceView::hash_of("default", "web"),
                                    ServiceView::hash_of("default", "db"),
                                    ServiceView::hash_of("default", "other"),
                                    ServiceView::hash_of("", ""),
                                    1,
                                    ~std::uint64_t{0}};
    for (const ServiceView& view : {ServiceView{}, ServiceView{*empty}, ServiceView{*full}}) {
        for (const std::uint64_t hash : hashes) {
            CHECK(hash != 0);
            for (unsigned step = 0; step < ServiceView::expect_steps; ++step) {
                view.expect(hash, step);
            }
        }
    }
    CHECK(ServiceView::hash_of("a", "b") != ServiceView::hash_of("b", "a"));
    CHECK(ServiceView{*full}.find("default", "web") != nullptr);
}
