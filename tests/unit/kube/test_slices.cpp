// EndpointSlices from Pods, through the completer, as the events a consumer sees.
#include "kube/complete.hpp"
#include "kube/slices.hpp"
#include "support.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <set>

using namespace nameplane;
using namespace nameplane::kube;
using namespace nameplane::kube::testing;
using services::Endpoint;
using services::EndpointPort;
using services::EndpointSlice;
using services::Event;
using services::Kind;
using services::ObjectKey;
using services::Pod;
using services::Protocol;
using services::Remove;

namespace {

AllocateOptions options_of() {
    return {.service_cidrs = {*Cidr::parse("10.96.0.0/16"), *Cidr::parse("fd00::/112")}};
}

ServiceSource service_of(std::string name) {
    ServiceSource source;
    source.service.key = {"ns", std::move(name)};
    source.service.ports = {{.name = "http", .port = 80, .target = {.name = "web"}}};
    source.service.selector = {{"app", source.service.key.name}};
    return source;
}

PodSource pod_of(int number, std::string app = "a") {
    Pod pod;
    pod.key = {"ns", "p" + std::to_string(number)};
    pod.labels = {{"app", std::move(app)}, {"other", "x"}};
    pod.ips = {IpAddress::v4(10, 1, static_cast<std::uint8_t>(number / 250),
                             static_cast<std::uint8_t>(number % 250 + 1))};
    pod.node_name = "node-1";
    pod.ports = {{"web", Protocol::tcp, 8080}};
    pod.ready = true;
    return {pod};
}

/// A completer with the slices a consumer would hold after its events.
class World {
public:
    World() { settle(); }
    void put(Source source) { completer_.put(std::move(source)); }
    void remove_pod(int number) {
        completer_.remove({Kind::pod, {"ns", "p" + std::to_string(number)}});
    }
    void remove(const ObjectId& id) { completer_.remove(id); }

    /// Applies what differs; returns the slices that were put or removed.
    std::set<std::string> settle() {
        std::set<std::string> touched;
        for (const Event& event : completer_.settle(true).events) {
            if (const auto* slice = std::get_if<EndpointSlice>(&event)) {
                touched.insert(slice->key.name);
                slices[slice->key.name] = *slice;
            }
            const auto* gone = std::get_if<Remove>(&event);
            if (gone == nullptr || gone->kind != Kind::endpoint_slice) continue;
            touched.insert(gone->key.name);
            CHECK(slices.erase(gone->key.name) == 1);
        }
        return touched;
    }
    std::size_t endpoints() const {
        std::size_t count = 0;
        for (const auto& [name, slice] : slices) count += slice.endpoints.size();
        return count;
    }

    std::map<std::string, EndpointSlice> slices;

private:
    Completer completer_{options_of(), {}};
};

}  // namespace

TEST_CASE("a thousand Pods make ten slices of a hundred; a change of one touches one") {
    World world;
    world.put(service_of("a"));
    for (int i = 0; i < 1000; ++i) world.put(pod_of(i));
    world.settle();
    CHECK(world.slices.size() == 10);
    for (const auto& [name, slice] : world.slices) CHECK(slice.endpoints.size() == 100);

    PodSource changed = pod_of(500);
    changed.pod.ready = false;
    world.put(changed);
    CHECK(world.settle().size() == 1);
    world.remove_pod(123);
    CHECK(world.settle().size() == 1);
    world.put(pod_of(1500));  // into the room that 123 left
    CHECK(world.settle().size() == 1);
    CHECK(world.slices.size() == 10);
    world.put(pod_of(1501));
    CHECK(world.settle().size() == 1);
    CHECK(world.slices.size() == 11);
    world.put(pod_of(1501));
    CHECK(world.settle().empty());
}

TEST_CASE("whatever comes and goes, slices are the Pods, at most a hundred, changed sparingly") {
    std::minstd_rand random{20};
    World world;
    world.put(service_of("a"));
    std::map<int, bool> pods;  // number: ready
    for (int step = 0; step < 400; ++step) {
        const std::size_t changes = 1 + random() % 5;
        std::set<int> changed;
        for (std::size_t i = 0; i < changes; ++i) {
            const int number = static_cast<int>(random() % 600);
            changed.insert(number);
            const auto found = pods.find(number);
            const bool remove = found != pods.end() && random() % 3 == 0;
            if (remove) {
                pods.erase(found);
                world.remove_pod(number);
                continue;
            }
            const bool ready = random() % 2 == 0;
            pods[number] = ready;
            PodSource pod = pod_of(number);
            pod.pod.ready = ready;
            world.put(pod);
        }
        const auto before = world.slices;
        const auto touched = world.settle();
        REQUIRE(touched.size() <= 2 * changed.size());
        std::map<int, bool> seen;
        for (const auto& [name, slice] : world.slices) {
            REQUIRE(slice.endpoints.size() <= endpoints_per_slice_max);
            REQUIRE_FALSE(slice.endpoints.empty());
            if (!touched.contains(name)) REQUIRE(before.at(name) == slice);
            for (const Endpoint& endpoint : slice.endpoints)
                REQUIRE(
                    seen.emplace(std::stoi(endpoint.pod_name.substr(1)), endpoint.ready).second);
        }
        REQUIRE(seen == pods);
    }
    CHECK(world.slices.size() > 3);
}

TEST_CASE("what an endpoint says of its Pod") {
    struct Case {
        const char* what;
        bool ready, terminating, finished, publish;
        const char* expected;  ///< of ready, serving, terminating; "" for no endpoint
    };
    const std::vector<Case> cases{
        {"ready", true, false, false, false, "rs"},
        {"not ready", false, false, false, false, ""},
        {"ready, going", true, true, false, false, "st"},
        {"not ready, going", false, true, false, false, "t"},
        {"finished", true, false, true, false, "none"},
        {"not ready, but published", false, false, false, true, "r"},
        {"going, but published", true, true, false, true, "rst"},
        {"finished, though published", true, false, true, true, "none"},
    };
    for (const Case& row : cases) {
        CAPTURE(row.what);
        World world;
        ServiceSource service = service_of("a");
        service.service.publish_not_ready = row.publish;
        world.put(service);
        PodSource pod = pod_of(1);
        pod.pod.ready = row.ready;
        pod.pod.terminating = row.terminating;
        pod.pod.finished = row.finished;
        world.put(pod);
        world.settle();
        if (std::string_view{row.expected} == "none") {
            CHECK(world.slices.empty());
            continue;
        }
        REQUIRE(world.endpoints() == 1);
        const Endpoint& endpoint = world.slices.begin()->second.endpoints[0];
        std::string seen;
        if (endpoint.ready) seen += 'r';
        if (endpoint.serving) seen += 's';
        if (endpoint.terminating) seen += 't';
        CHECK(seen == row.expected);
        CHECK(endpoint.pod_name == "p1");
        CHECK(endpoint.node_name == "node-1");
    }
}

TEST_CASE("a Pod without an address is no endpoint until it has one") {
    World world;
    world.put(service_of("a"));
    PodSource pod = pod_of(1);
    pod.pod.ips.clear();
    world.put(pod);
    CHECK(world.settle().empty());
    world.put(pod_of(1));
    CHECK(world.settle().size() == 1);
}

TEST_CASE(
    "named target ports are looked up in each Pod; Pods that differ get slices of their own") {
    World world;
    ServiceSource service = service_of("a");
    service.service.ports.push_back(
        {.name = "dns", .protocol = Protocol::udp, .port = 53, .target = {.number = 5353}});
    world.put(service);
    world.put(pod_of(1));
    PodSource other = pod_of(2);
    other.pod.ports[0].port = 9090;
    world.put(other);
    PodSource without = pod_of(3);
    without.pod.ports[0].protocol = Protocol::udp;  // the name fits, the protocol does not
    world.put(without);
    world.settle();
    std::set<std::pair<std::vector<EndpointPort>, std::string>> seen;
    for (const auto& [name, slice] : world.slices) {
        REQUIRE(slice.endpoints.size() == 1);
        seen.emplace(slice.ports, slice.endpoints[0].pod_name);
    }
    const EndpointPort dns{"dns", Protocol::udp, 5353};
    CHECK(seen == std::set<std::pair<std::vector<EndpointPort>, std::string>>{
                      {{{"http", Protocol::tcp, 8080}, dns}, "p1"},
                      {{{"http", Protocol::tcp, 9090}, dns}, "p2"},
                      {{dns}, "p3"}});
}

TEST_CASE("hostname only where the Pod's subdomain is the Service") {
    World world;
    world.put(service_of("a"));
    PodSource pod = pod_of(1);
    pod.pod.hostname = "first";
    pod.pod.subdomain = "a";
    world.put(pod);
    PodSource other = pod_of(2);
    other.pod.hostname = "second";
    other.pod.subdomain = "b";
    world.put(other);
    world.settle();
    const auto& endpoints = world.slices.begin()->second.endpoints;
    REQUIRE(endpoints.size() == 2);
    CHECK(endpoints[0].hostname == "first");
    CHECK(endpoints[1].hostname.empty());
}

TEST_CASE("the zone is that of the Node, and follows it") {
    World world;
    world.put(service_of("a"));
    world.put(pod_of(1));
    world.settle();
    const auto zone = [&] { return world.slices.begin()->second.endpoints.at(0).zone; };
    CHECK(zone().empty());
    services::Node node{.key = {"", "node-1"}, .labels = {{"topology.kubernetes.io/zone", "z1"}}};
    world.put(node);
    CHECK(world.settle().size() == 1);
    CHECK(zone() == "z1");
    node.labels["topology.kubernetes.io/zone"] = "z2";
    world.put(node);
    world.settle();
    CHECK(zone() == "z2");
    world.remove({Kind::node, {"", "node-1"}});
    world.settle();
    CHECK(zone().empty());
}

TEST_CASE("dual stack: slices for each family, and only for those the Service has") {
    World world;
    ServiceSource dual = service_of("a");
    dual.service.dual_stack = true;
    dual.family_policy = FamilyPolicy::require_dual;
    world.put(dual);
    ServiceSource single = service_of("b");
    world.put(single);
    for (const char* app : {"a", "b"}) {
        PodSource pod = pod_of(app[0], app);
        pod.pod.ips.push_back(*IpAddress::parse("fd00:1::1"));
        world.put(pod);
    }
    world.settle();
    std::set<std::string> names;
    for (const auto& [name, slice] : world.slices) {
        names.insert(name);
        REQUIRE(slice.endpoints.size() == 1);
        REQUIRE(slice.endpoints[0].addresses.size() == 1);
        CHECK(slice.endpoints[0].addresses[0].family() == slice.family);
    }
    CHECK(names == std::set<std::string>{"a-ipv4-1", "a-ipv6-1", "b-ipv4-1"});
}

TEST_CASE("which Services get slices at all") {
    World world;
    ServiceSource manual = service_of("manual");
    ServiceSource bare = service_of("bare");
    bare.service.selector.clear();
    ServiceSource external = service_of("external");
    external.service.type = services::ServiceType::external_name;
    ServiceSource headless = service_of("headless");
    headless.service.headless = true;
    headless.service.ports.clear();
    for (const ServiceSource& each : {manual, bare, external, headless}) world.put(each);
    int number = 0;
    for (const char* app : {"manual", "bare", "external", "headless"})
        world.put(pod_of(++number, app));
    world.put(EndpointSlice{.key = {"ns", "by-hand"}, .service = "manual"});
    world.settle();
    CHECK(world.slices.size() == 2);
    CHECK(world.slices.contains("by-hand"));
    CHECK(world.slices.at("headless-ipv4-1").ports.empty());

    // Without the hand-written one, slices are made; with it again, they go.
    world.remove({Kind::endpoint_slice, {"ns", "by-hand"}});
    CHECK(world.settle() == std::set<std::string>{"by-hand", "manual-ipv4-1"});
    world.put(EndpointSlice{.key = {"ns", "by-hand"}, .service = "manual"});
    CHECK(world.settle() == std::set<std::string>{"by-hand", "manual-ipv4-1"});
    CHECK_FALSE(world.slices.contains("manual-ipv4-1"));
}

TEST_CASE("a slice written by hand may take the name of one that was made") {
    World world;
    world.put(service_of("a"));
    world.put(pod_of(1));
    world.settle();
    REQUIRE(world.slices.contains("a-ipv4-1"));
    world.put(EndpointSlice{.key = {"ns", "a-ipv4-1"}, .service = "b"});
    world.settle();
    CHECK(world.slices.at("a-ipv4-1").service == "b");
    CHECK(world.slices.at("a-ipv4-2").service == "a");
}

TEST_CASE("a Service that changes its selector, its ports or goes") {
    World world;
    world.put(service_of("a"));
    world.put(pod_of(1, "a"));
    world.put(pod_of(2, "b"));
    world.settle();
    ServiceSource changed = service_of("a");
    changed.service.selector = {{"app", "b"}};
    world.put(changed);
    world.settle();
    REQUIRE(world.endpoints() == 1);
    CHECK(world.slices.begin()->second.endpoints[0].pod_name == "p2");
    changed.service.ports[0].target = {.number = 1234};
    world.put(changed);
    world.settle();
    REQUIRE(world.slices.size() == 1);
    CHECK(world.slices.begin()->second.ports[0].port == 1234);
    // All pairs of the selector count, not just one.
    changed.service.selector["other"] = "y";
    world.put(changed);
    world.settle();
    CHECK(world.slices.empty());
    changed.service.selector["other"] = "x";
    world.put(changed);
    world.settle();
    CHECK(world.slices.size() == 1);
    world.remove({Kind::service, {"ns", "a"}});
    world.settle();
    CHECK(world.slices.empty());
}

TEST_CASE("Namespaces are there with their objects, and four always") {
    Completer completer{options_of(), {}};
    const auto names = [&] {
        std::set<std::string> seen;
        for (const Event& event : completer.settle(true).events) {
            if (const auto* ns = std::get_if<services::Namespace>(&event))
                seen.insert(ns->key.name);
            if (const auto* gone = std::get_if<Remove>(&event);
                gone && gone->kind == Kind::namespace_)
                seen.insert("-" + gone->key.name);
        }
        return seen;
    };
    using Names = std::set<std::string>;
    CHECK(names() == Names{"default", "kube-node-lease", "kube-public", "kube-system"});
    completer.put(pod_of(1));
    CHECK(names() == Names{"ns"});
    completer.put(services::Namespace{.key = {"", "ns"}, .labels = {{"a", "b"}}});
    CHECK(names() == Names{"ns"});
    completer.remove({Kind::pod, {"ns", "p1"}});
    CHECK(names().empty());
    completer.remove({Kind::namespace_, {"", "ns"}});
    CHECK(names() == Names{"-ns"});
    completer.put(services::Namespace{.key = {"", "default"}, .labels = {{"a", "b"}}});
    CHECK(names() == Names{"default"});
    completer.remove({Kind::namespace_, {"", "default"}});
    CHECK(names() == Names{"default"});
}

TEST_CASE("ServiceCIDRs of manifests come, change and go") {
    Completer completer{options_of(), {}};
    const auto told = [&] {
        std::vector<std::string> seen;
        for (const Event& event : completer.settle(true).events) {
            if (const auto* cidr = std::get_if<services::ServiceCidr>(&event))
                seen.push_back(cidr->key.name + " " + cidr->cidrs.at(0).to_string());
            if (const auto* gone = std::get_if<Remove>(&event);
                gone && gone->kind == Kind::service_cidr)
                seen.push_back("-" + gone->key.name);
        }
        return seen;
    };
    using Told = std::vector<std::string>;
    const auto object = [](const char* network) {
        return services::ServiceCidr{.key = {"", "more"}, .cidrs = {*Cidr::parse(network)}};
    };
    CHECK(told().empty());
    completer.put(object("10.97.0.0/16"));
    CHECK(told() == Told{"more 10.97.0.0/16"});
    completer.put(object("10.97.0.0/16"));
    CHECK(told().empty());
    completer.put(object("10.98.0.0/16"));
    CHECK(told() == Told{"more 10.98.0.0/16"});
    completer.remove({Kind::service_cidr, {"", "more"}});
    CHECK(told() == Told{"-more"});
    completer.remove({Kind::service_cidr, {"", "more"}});
    CHECK(told().empty());
}
