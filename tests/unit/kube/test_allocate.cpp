// Addresses and ports for Services: stable, fair and clear when they clash.
#include "kube/allocate.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <set>

using namespace nameplane;
using namespace nameplane::kube;
using services::ObjectKey;
using services::Protocol;
using services::Service;
using services::ServiceType;

namespace {

using Sources = std::map<ObjectKey, ServiceSource>;

ServiceSource source_of(std::string name, ServiceType type = ServiceType::cluster_ip) {
    ServiceSource source;
    source.service.key = {"ns", std::move(name)};
    source.service.type = type;
    source.service.ports = {{.name = "http", .port = 80}};
    source.file = source.service.key.name + ".yaml";
    source.line = 1;
    return source;
}

Sources sources_of(std::vector<ServiceSource> list) {
    Sources sources;
    for (ServiceSource& source : list) {
        const ObjectKey key = source.service.key;
        sources.emplace(key, std::move(source));
    }
    return sources;
}

AllocateOptions options_of(std::vector<std::string> cidrs = {"10.96.0.0/16"}) {
    AllocateOptions options;
    for (const std::string& cidr : cidrs) options.service_cidrs.push_back(*Cidr::parse(cidr));
    return options;
}

std::string ips_of(const Allocation& allocation, std::string_view name) {
    const auto found = allocation.services.find({"ns", std::string{name}});
    if (found == allocation.services.end()) return "refused";
    std::string text;
    for (const IpAddress& ip : found->second.cluster_ips)
        text += (text.empty() ? "" : " ") + ip.to_string();
    return text;
}

IpAddress ip(std::string_view text) {
    return *IpAddress::parse(text);
}

}  // namespace

TEST_CASE("a Service without an address gets one inside the range, always the same") {
    const auto options = options_of();
    const Sources alone = sources_of({source_of("web")});
    const Allocation first = allocate(alone, {}, options);
    REQUIRE(first.problems.empty());
    const IpAddress given = first.services.at({"ns", "web"}).cluster_ips.at(0);
    CHECK(options.service_cidrs[0].contains(given));
    // Not in the lower 256, which are left for addresses chosen by hand.
    CHECK(given > ip("10.96.1.0"));
    CHECK(first.choices ==
          std::vector<Choice>{{"Service ns/web", "clusterIP " + given.to_string()}});
    CHECK(allocate(alone, {}, options).services == first.services);
    CHECK(allocate(alone, first.memory, options).services == first.services);
}

TEST_CASE("which Services want addresses, and of which families") {
    struct Case {
        const char* what;
        ServiceType type;
        bool headless;
        FamilyPolicy policy;
        std::vector<Family> families;
        std::vector<std::string> written;
        bool dual;
        std::string pattern;  ///< "4": an IPv4 address given, "46", "" none, "refused"
    };
    using enum ServiceType;
    using enum FamilyPolicy;
    constexpr Family v4 = Family::ipv4;
    constexpr Family v6 = Family::ipv6;
    const std::vector<Case> cases{
        {"ClusterIP", cluster_ip, false, unset, {}, {}, false, "4"},
        {"NodePort", node_port, false, unset, {}, {}, false, "4"},
        {"LoadBalancer", load_balancer, false, unset, {}, {}, false, "4"},
        {"headless", cluster_ip, true, unset, {}, {}, false, ""},
        {"ExternalName", external_name, false, unset, {}, {}, false, ""},
        {"first family of the cluster", cluster_ip, false, unset, {}, {}, true, "4"},
        {"single", cluster_ip, false, single, {}, {}, true, "4"},
        {"single, IPv6", cluster_ip, false, single, {v6}, {}, true, "6"},
        {"prefer dual in a single cluster", cluster_ip, false, prefer_dual, {}, {}, false, "4"},
        {"prefer dual", cluster_ip, false, prefer_dual, {}, {}, true, "46"},
        {"prefer dual, IPv6 first", cluster_ip, false, prefer_dual, {v6}, {}, true, "64"},
        {"require dual", cluster_ip, false, require_dual, {v6, v4}, {}, true, "64"},
        {"require dual in a single cluster",
         cluster_ip,
         false,
         require_dual,
         {},
         {},
         false,
         "refused"},
        {"IPv6 in an IPv4 cluster", cluster_ip, false, unset, {v6}, {}, false, "refused"},
        {"single with two families", cluster_ip, false, single, {v4, v6}, {}, true, "refused"},
        {"one written, the other given",
         cluster_ip,
         false,
         prefer_dual,
         {},
         {"fd00::9"},
         true,
         "64"},
        {"written outside of the range", cluster_ip, false, unset, {}, {"172.20.0.1"}, false, "4"},
        {"the network's own address",
         cluster_ip,
         false,
         unset,
         {},
         {"10.96.0.0"},
         false,
         "refused"},
        {"the broadcast address",
         cluster_ip,
         false,
         unset,
         {},
         {"10.96.255.255"},
         false,
         "refused"},
    };
    for (const Case& row : cases) {
        CAPTURE(row.what);
        ServiceSource source = source_of("web", row.type);
        source.service.headless = row.headless;
        source.family_policy = row.policy;
        source.service.dual_stack = row.policy == prefer_dual || row.policy == require_dual;
        source.service.families = row.families;
        for (const std::string& text : row.written) source.service.cluster_ips.push_back(ip(text));
        const auto options = row.dual ? options_of({"10.96.0.0/16", "fd00::/112"}) : options_of();
        const Allocation allocation = allocate(sources_of({source}), {}, options);
        if (row.pattern == "refused") {
            CHECK(ips_of(allocation, "web") == "refused");
            REQUIRE(allocation.problems.size() == 1);
            CHECK_THAT(allocation.problems[0], Catch::StartsWith("web.yaml:1: Service ns/web: ") &&
                                                   Catch::Contains("expected"));
            continue;
        }
        CHECK(allocation.problems.empty());
        std::string pattern;
        for (const IpAddress& each : allocation.services.at({"ns", "web"}).cluster_ips)
            pattern += each.is_v4() ? '4' : '6';
        CHECK(pattern == row.pattern);
        for (const std::string& text : row.written)
            CHECK_THAT(ips_of(allocation, "web"), Catch::Contains(text));
    }
}

TEST_CASE("a full range: every usable address is given once, then a clear error") {
    const auto options = options_of({"10.96.0.0/30"});
    const Allocation allocation =
        allocate(sources_of({source_of("a"), source_of("b"), source_of("c")}), {}, options);
    CHECK(std::set{ips_of(allocation, "a"), ips_of(allocation, "b")} ==
          std::set<std::string>{"10.96.0.1", "10.96.0.2"});
    CHECK(ips_of(allocation, "c") == "refused");
    CHECK(allocation.problems ==
          std::vector<std::string>{"c.yaml:1: Service ns/c: no address left in 10.96.0.0/30, "
                                   "expected a larger service_cidr or fewer Services"});
    for (const char* none : {"10.96.0.0/31", "10.96.0.0/32"})
        CHECK(allocate(sources_of({source_of("a")}), {}, options_of({none})).problems.size() == 1);
    // IPv6 has no broadcast: three of the four.
    const Allocation six =
        allocate(sources_of({source_of("a"), source_of("b"), source_of("c"), source_of("d")}), {},
                 options_of({"fd00::/126"}));
    CHECK(six.services.size() == 3);
    CHECK(six.problems.size() == 1);
}

TEST_CASE("a whole /24 is given without a double, network and broadcast left out") {
    Sources sources;
    for (int i = 0; i < 254; ++i) {
        ServiceSource source = source_of("s" + std::to_string(i));
        sources.emplace(source.service.key, source);
    }
    const Allocation allocation = allocate(sources, {}, options_of({"10.1.2.0/24"}));
    CHECK(allocation.problems.empty());
    std::set<IpAddress> given;
    for (const auto& [key, service] : allocation.services) given.insert(service.cluster_ips.at(0));
    CHECK(given.size() == 254);
    CHECK(*given.begin() == ip("10.1.2.1"));
    CHECK(*given.rbegin() == ip("10.1.2.254"));
}

TEST_CASE("two that write the same address: the one before keeps it, else the first by name") {
    ServiceSource a = source_of("a");
    ServiceSource b = source_of("b");
    a.service.cluster_ips = b.service.cluster_ips = {ip("10.96.0.10")};
    const auto options = options_of();

    const Allocation fresh = allocate(sources_of({a, b}), {}, options);
    CHECK(ips_of(fresh, "a") == "10.96.0.10");
    CHECK(fresh.problems ==
          std::vector<std::string>{"b.yaml:1: Service ns/b: clusterIP 10.96.0.10 is taken by "
                                   "Service ns/a (a.yaml:1), expected one that is free"});

    const Allocation b_alone = allocate(sources_of({b}), {}, options);
    const Allocation later = allocate(sources_of({a, b}), b_alone.memory, options);
    CHECK(ips_of(later, "b") == "10.96.0.10");
    CHECK(ips_of(later, "a") == "refused");
}

TEST_CASE("a written address wins over one only hashed to, but not over one that was given") {
    const auto options = options_of();
    const Allocation alone = allocate(sources_of({source_of("auto")}), {}, options);
    ServiceSource claim = source_of("zz");
    claim.service.cluster_ips = alone.services.at({"ns", "auto"}).cluster_ips;
    const Sources both = sources_of({source_of("auto"), claim});

    const Allocation fresh = allocate(both, {}, options);
    CHECK(fresh.problems.empty());
    CHECK(ips_of(fresh, "zz") == ips_of(alone, "auto"));
    CHECK(ips_of(fresh, "auto") != ips_of(alone, "auto"));

    const Allocation later = allocate(both, alone.memory, options);
    CHECK(ips_of(later, "auto") == ips_of(alone, "auto"));
    CHECK(ips_of(later, "zz") == "refused");
}

TEST_CASE("a refused Service keeps what it held; nobody else gets it") {
    const auto options = options_of({"10.96.0.0/29"});
    const Allocation before = allocate(sources_of({source_of("a"), source_of("b")}), {}, options);
    ServiceSource b = source_of("b");
    b.service.cluster_ips = before.services.at({"ns", "a"}).cluster_ips;
    Sources more = sources_of({source_of("a"), b});
    for (int i = 0; i < 6; ++i) {
        ServiceSource source = source_of("s" + std::to_string(i));
        more.emplace(source.service.key, source);
    }
    const Allocation after = allocate(more, before.memory, options);
    CHECK(after.kept == std::vector<ObjectKey>{{"ns", "b"}});
    const IpAddress held = before.services.at({"ns", "b"}).cluster_ips.at(0);
    for (const auto& [key, service] : after.services) CHECK(service.cluster_ips.at(0) != held);
    CHECK(after.services.size() == 5);  // six usable, one of them held back for b
    CHECK(after.memory.at({"ns", "b"}).addresses == std::vector{held});
}

TEST_CASE("two Services exchange written addresses in one step") {
    const auto options = options_of();
    ServiceSource a = source_of("a");
    ServiceSource b = source_of("b");
    a.service.cluster_ips = {ip("10.96.0.1")};
    b.service.cluster_ips = {ip("10.96.0.2")};
    const Allocation before = allocate(sources_of({a, b}), {}, options);
    std::swap(a.service.cluster_ips, b.service.cluster_ips);
    const Allocation after = allocate(sources_of({a, b}), before.memory, options);
    CHECK(after.problems.empty());
    CHECK(ips_of(after, "a") == "10.96.0.2");
}

TEST_CASE("with a memory, no Service ever moves when others come and go") {
    // A range so tight that hashes collide all the time.
    const auto options = options_of({"10.96.0.0/26"});
    std::minstd_rand random{7};
    Memory memory;
    std::map<ObjectKey, Service> before;
    Sources sources;
    for (int step = 0; step < 500; ++step) {
        const ServiceSource source = source_of("s" + std::to_string(random() % 60));
        if (sources.erase(source.service.key) == 0) sources.emplace(source.service.key, source);
        Allocation now = allocate(sources, memory, options);
        REQUIRE(now.problems.empty());
        std::set<IpAddress> given;
        for (const auto& [key, service] : now.services) {
            REQUIRE(given.insert(service.cluster_ips.at(0)).second);
            if (const auto old = before.find(key); old != before.end())
                REQUIRE(old->second.cluster_ips == service.cluster_ips);
        }
        memory = std::move(now.memory);
        before = std::move(now.services);
    }
}

TEST_CASE("node ports") {
    const auto options = options_of();
    SECTION("given from the range, one number for both protocols of a port") {
        ServiceSource source = source_of("dns", ServiceType::node_port);
        source.service.ports = {{.name = "u", .protocol = Protocol::udp, .port = 53},
                                {.name = "t", .protocol = Protocol::tcp, .port = 53},
                                {.name = "m", .protocol = Protocol::tcp, .port = 9153}};
        const Allocation allocation = allocate(sources_of({source}), {}, options);
        const auto& ports = allocation.services.at({"ns", "dns"}).ports;
        CHECK(ports[0].node_port == ports[1].node_port);
        CHECK(ports[2].node_port != ports[0].node_port);
        for (const auto& port : ports) CHECK((port.node_port >= 30000 && port.node_port <= 32767));
        CHECK(allocate(sources_of({source}), {}, options).services == allocation.services);
    }
    SECTION("not for ClusterIP, and for LoadBalancer unless switched off") {
        ServiceSource balancer = source_of("lb", ServiceType::load_balancer);
        ServiceSource without = source_of("none", ServiceType::load_balancer);
        without.allocate_node_ports = false;
        ServiceSource written = source_of("written", ServiceType::load_balancer);
        written.allocate_node_ports = false;
        written.service.ports[0].node_port = 31111;
        const Allocation allocation =
            allocate(sources_of({source_of("c"), balancer, without, written}), {}, options);
        const auto node_port = [&](const char* name) {
            return allocation.services.at({"ns", name}).ports[0].node_port;
        };
        CHECK(node_port("c") == 0);
        CHECK(node_port("lb") != 0);
        CHECK(node_port("none") == 0);
        CHECK(node_port("written") == 31111);
    }
    SECTION("a clash is one per protocol and names both") {
        ServiceSource a = source_of("a", ServiceType::node_port);
        ServiceSource b = source_of("b", ServiceType::node_port);
        ServiceSource u = source_of("u", ServiceType::node_port);
        u.service.ports[0].protocol = Protocol::udp;
        for (ServiceSource* each : {&a, &b, &u}) each->service.ports[0].node_port = 30080;
        const Allocation allocation = allocate(sources_of({a, b, u}), {}, options);
        CHECK(allocation.services.contains({"ns", "u"}));
        CHECK(allocation.problems ==
              std::vector<std::string>{"b.yaml:1: Service ns/b: node port 30080/TCP is taken by "
                                       "Service ns/a (a.yaml:1), expected one that is free"});
    }
    SECTION("a full range") {
        AllocateOptions tight = options;
        tight.node_ports = {30000, 30000};
        const Allocation allocation = allocate(sources_of({source_of("a", ServiceType::node_port),
                                                           source_of("b", ServiceType::node_port)}),
                                               {}, tight);
        CHECK(allocation.services.size() == 1);
        CHECK(allocation.problems ==
              std::vector<std::string>{"b.yaml:1: Service ns/b: no TCP node port left in "
                                       "30000-30000, expected a larger range or fewer Services"});
    }
    SECTION("a health check port for externalTrafficPolicy Local of a LoadBalancer") {
        ServiceSource source = source_of("lb", ServiceType::load_balancer);
        source.service.external_policy = services::TrafficPolicy::local;
        const Allocation allocation = allocate(sources_of({source}), {}, options);
        const Service& service = allocation.services.at({"ns", "lb"});
        CHECK(service.health_check_node_port >= 30000);
        CHECK(service.health_check_node_port != service.ports[0].node_port);
        CHECK(allocation.choices.size() == 3);
        source.service.type = ServiceType::node_port;
        CHECK(allocate(sources_of({source}), {}, options)
                  .services.at({"ns", "lb"})
                  .health_check_node_port == 0);
    }
}

TEST_CASE("targetPort defaults to port") {
    const Allocation allocation = allocate(sources_of({source_of("a")}), {}, options_of());
    CHECK(allocation.services.at({"ns", "a"}).ports[0].target.number == 80);
}
