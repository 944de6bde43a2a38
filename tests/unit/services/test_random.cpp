// Ten thousand random events against a model that keeps plain lists and looks through all of them.

#include "services/delta.hpp"
#include "services/store.hpp"
#include "support/service_cases.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace nameplane::services {
namespace {

using namespace nameplane::test;

/// One endpoint of a Service written out: what makes it one, and all that is said about it.
struct Line {
    std::string address, hostname, ports;
    int rank = 0;  ///< smaller is better
    std::string rest;
    auto identity() const { return std::tie(address, hostname, ports); }
};

std::string text_of(const std::vector<EndpointPort>& given) {
    const std::set<EndpointPort> sorted{given.begin(), given.end()};
    std::string text;
    for (const EndpointPort& port : sorted) {
        text += port.name + "/" + std::string{to_string(port.protocol)} + "/" +
                std::to_string(port.port) + ",";
    }
    return text;
}

std::string text_of(const std::vector<std::string>& zones, const std::vector<std::string>& nodes) {
    std::string text;
    for (const std::string& zone : zones) text += zone + ",";
    text += ";";
    for (const std::string& node : nodes) text += node + ",";
    return text;
}

std::string conditions(bool ready, bool serving, bool terminating) {
    return std::string(ready ? "r" : "-") + (serving ? "s" : "-") + (terminating ? "t" : "-");
}

using Text = std::set<std::string>;

struct Model {
    std::map<ObjectKey, Service> services;
    std::map<ObjectKey, EndpointSlice> slices;
    std::map<ObjectKey, Pod> pods;
    std::map<ObjectKey, Node> nodes;
    std::set<std::string> namespaces;

    /// The endpoints of a Service as sorted text, the better of two copies only.
    Text endpoints(const ObjectKey& service) const {
        std::map<std::string, std::pair<int, std::set<std::string>>> best;
        for (const auto& [key, slice] : slices) {
            if (key.ns != service.ns || slice.service != service.name) continue;
            for (const Endpoint& endpoint : slice.endpoints) {
                for (const IpAddress& address : endpoint.addresses) {
                    add(best, slice, endpoint, address);
                }
            }
        }
        Text text;
        // Copies that are equally good may differ in the rest; the generator lets them not.
        for (const auto& [identity, copies] : best) {
            REQUIRE(copies.second.size() == 1);
            text.insert(identity + " " + *copies.second.begin());
        }
        return text;
    }
    static void add(std::map<std::string, std::pair<int, std::set<std::string>>>& best,
                    const EndpointSlice& slice, const Endpoint& endpoint,
                    const IpAddress& address) {
        const std::string identity =
            address.to_string() + "|" + endpoint.hostname + "|" + text_of(slice.ports);
        const int rank =
            (endpoint.ready ? 0 : 4) + (endpoint.serving ? 0 : 2) + (endpoint.terminating ? 1 : 0);
        const std::string rest =
            conditions(endpoint.ready, endpoint.serving, endpoint.terminating) + " " +
            endpoint.node_name + " " + endpoint.zone + " " + endpoint.pod_name + " " +
            text_of(endpoint.hint_zones, endpoint.hint_nodes);
        auto [at, is_new] = best.try_emplace(identity, rank, std::set<std::string>{});
        if (rank > at->second.first) return;
        if (rank < at->second.first) at->second = {rank, {}};
        at->second.second.insert(rest);
    }
};

Text endpoints_of(const ServiceEntry& entry) {
    Text text;
    for (const EndpointEntry& at : entry.endpoints) {
        const EndpointHints& hints = entry.hints[at.hints];
        text.insert(at.address.to_string() + "|" + std::string{at.hostname} + "|" +
                    text_of(entry.port_sets[at.port_set]) + " " +
                    conditions(at.ready, at.serving, at.terminating) + " " + *at.node + " " +
                    *at.zone + " " + std::string{at.pod_name} + " " +
                    text_of(hints.zones, hints.nodes));
    }
    CHECK(text.size() == entry.endpoints.size());
    return text;
}

/// Makes events in a world so small that they meet all the time, and notes them in the model.
class World {
public:
    explicit World(unsigned seed) : random_{seed} {}

    Model model;

    std::size_t pick(std::size_t count) { return random_() % count; }
    bool chance(std::size_t one_in) { return pick(one_in) == 0; }
    IpAddress endpoint_address(std::size_t i) {
        return i % 3 == 0 ? ip("fd00::" + std::to_string(i)) : ip("10.0.0." + std::to_string(i));
    }
    IpAddress cluster_address(std::size_t i) {
        return i % 3 == 0 ? ip("fd96::" + std::to_string(i)) : ip("10.96.0." + std::to_string(i));
    }
    ObjectKey service_key() {
        return {"ns" + std::to_string(pick(3)), "svc" + std::to_string(pick(40))};
    }

    /// One event, or a whole list, of a random kind.
    std::vector<Event> next() {
        const std::size_t dice = pick(1000);
        if (dice < 4) return relist_services();
        if (dice < 8) return relist_slices();
        if (dice < 10) return relist_rest();
        if (dice < 250) return {put_service()};
        if (dice < 330) return {remove(Kind::service, model.services, service_key())};
        if (dice < 700) return {put_slice()};
        if (dice < 780) return {remove(Kind::endpoint_slice, model.slices, slice_key())};
        if (dice < 880) return {put_pod()};
        if (dice < 910) return {remove(Kind::pod, model.pods, pod_key())};
        if (dice < 940) return {put_node()};
        if (dice < 950) return {remove(Kind::node, model.nodes, node_key())};
        return {change_namespace()};
    }

private:
    ObjectKey slice_key() {
        return {"ns" + std::to_string(pick(3)), "sl" + std::to_string(pick(80))};
    }
    ObjectKey pod_key() {
        return {"ns" + std::to_string(pick(3)), "pod" + std::to_string(pick(30))};
    }
    ObjectKey node_key() { return {"", "node" + std::to_string(pick(9))}; }

    Service make_service() {
        Service made;
        made.key = service_key();
        made.headless = chance(3);
        for (std::size_t i = pick(3); !made.headless && i > 0; --i) {
            made.cluster_ips.push_back(cluster_address(pick(50)));
        }
        made.ports = {{.name = "http", .port = static_cast<std::uint16_t>(80 + pick(2))}};
        return made;
    }
    Event put_service() {
        Service made = make_service();
        model.services[made.key] = made;
        made.labels = {{"drawn", std::to_string(pick(5))}};
        return made;
    }
    Endpoint make_endpoint() {
        const std::size_t at = pick(60);
        Endpoint made;
        made.addresses = {endpoint_address(at)};
        if (chance(6)) made.addresses.push_back(endpoint_address(pick(60)));
        // What is not part of an endpoint's identity follows from its first address, so that
        // copies of one rank are equal.
        if (made.addresses.size() == 2) made.hostname = "both" + std::to_string(at);
        if (chance(4)) made.hostname += "h" + std::to_string(pick(2));
        made.node_name = "node" + std::to_string(at % 9);
        made.zone = at % 5 == 0 ? "" : "zone" + std::to_string(at % 3);
        made.pod_name = "pod-of-some-length-" + std::to_string(at);
        if (at % 4 == 0) made.hint_zones = {"zone" + std::to_string(at % 3)};
        made.ready = !chance(3);
        made.serving = !chance(3);
        made.terminating = chance(3);
        return made;
    }
    EndpointSlice make_slice() {
        EndpointSlice made;
        made.key = slice_key();
        made.service = chance(20) ? "" : "svc" + std::to_string(pick(40));
        made.ports = {{.name = "http", .port = static_cast<std::uint16_t>(8080 + pick(2))}};
        if (chance(3))
            made.ports.insert(made.ports.begin(),
                              {.name = "udp", .protocol = Protocol::udp, .port = 1});
        for (std::size_t i = pick(8); i > 0; --i) made.endpoints.push_back(make_endpoint());
        return made;
    }
    Event put_slice() {
        EndpointSlice made = make_slice();
        if (made.service.empty()) {
            model.slices.erase(made.key);
        } else {
            model.slices[made.key] = made;
        }
        return made;
    }
    Event put_pod() {
        Pod made{.key = pod_key(), .ips = {endpoint_address(pick(60))}};
        made.finished = chance(8);
        made.terminating = chance(8);
        model.pods[made.key] = made;
        return made;
    }
    Event put_node() {
        Node made{.key = node_key(), .labels = {{"zone", std::to_string(pick(3))}}};
        model.nodes[made.key] = made;
        return made;
    }
    Event change_namespace() {
        const std::string name = "ns" + std::to_string(pick(5));
        if (chance(3)) {
            model.namespaces.erase(name);
            return Remove{Kind::namespace_, {"", name}};
        }
        model.namespaces.insert(name);
        return name_space(name);
    }
    template <class Objects> Event remove(Kind kind, Objects& objects, ObjectKey key) {
        objects.erase(key);
        return Remove{kind, std::move(key)};
    }
    /// A list that leaves out some of what there is.
    template <class Objects> std::vector<Event> relist(Kind kind, Objects& objects) {
        std::vector<Event> events = {BeginList{kind}};
        std::erase_if(objects, [&](const auto&) { return chance(4); });
        for (const auto& [key, object] : objects) events.emplace_back(object);
        events.emplace_back(EndList{kind});
        return events;
    }
    std::vector<Event> relist_services() { return relist(Kind::service, model.services); }
    std::vector<Event> relist_slices() { return relist(Kind::endpoint_slice, model.slices); }
    std::vector<Event> relist_rest() {
        std::vector<Event> events = relist(Kind::pod, model.pods);
        std::ranges::copy(relist(Kind::node, model.nodes), std::back_inserter(events));
        events.emplace_back(BeginList{Kind::namespace_});
        std::erase_if(model.namespaces, [&](const auto&) { return chance(4); });
        for (const std::string& name : model.namespaces) events.emplace_back(name_space(name));
        events.emplace_back(EndList{Kind::namespace_});
        return events;
    }

    std::mt19937 random_;
};

void compare_services(const Model& model, const Snapshot& snapshot) {
    const ServiceView view{snapshot};
    CHECK(snapshot.service_count() == model.services.size());
    std::size_t endpoints = 0;
    for (const auto& [key, service] : model.services) {
        INFO("Service " << key.ns << "/" << key.name);
        const ServiceEntry* entry = view.find(key.ns, key.name);
        REQUIRE(entry != nullptr);
        Service judged = service;
        judged.selected = 0;
        CHECK(*entry->service == judged);
        const Text expected = model.endpoints(key);
        CHECK(endpoints_of(*entry) == expected);
        endpoints += expected.size();
    }
    CHECK(snapshot.endpoint_count() == endpoints);
    std::set<ObjectKey> visited;
    snapshot.for_each([&](const ServiceEntry& entry) { visited.insert(entry.service->key); });
    CHECK(visited.size() == model.services.size());
    for (std::size_t ns = 0; ns < 3; ++ns) {
        for (std::size_t i = 0; i < 40; ++i) {
            const ObjectKey key{"ns" + std::to_string(ns), "svc" + std::to_string(i)};
            CHECK((view.find(key.ns, key.name) != nullptr) == model.services.contains(key));
        }
    }
}

void compare_addresses(World& world, const Snapshot& snapshot) {
    const ServiceView view{snapshot};
    for (std::size_t i = 0; i < 50; ++i) {
        const IpAddress address = world.cluster_address(i);
        const ServiceEntry* expected = nullptr;
        for (const auto& [key, service] : world.model.services) {  // in the order of keys
            if (expected == nullptr && std::ranges::count(service.cluster_ips, address) > 0) {
                expected = view.find(key.ns, key.name);
            }
        }
        CHECK(view.by_cluster_ip(address) == expected);
    }
    for (std::size_t i = 0; i < 60; ++i) {
        const IpAddress address = world.endpoint_address(i);
        std::vector<EndpointOf> expected;
        for (const auto& [key, service] : world.model.services) {
            const ServiceEntry* entry = view.find(key.ns, key.name);
            for (std::uint32_t e = 0; e < entry->endpoints.size(); ++e) {
                if (entry->endpoints[e].address == address) expected.push_back({entry, e});
            }
        }
        const EndpointRange range = view.by_endpoint(address);
        CHECK(std::vector<EndpointOf>(range.begin(), range.end()) == expected);
        for (std::size_t ns = 0; ns < 3; ++ns) {
            const std::string name = "ns" + std::to_string(ns);
            const bool has = std::ranges::any_of(world.model.pods, [&](const auto& item) {
                const Pod& pod = item.second;
                return pod.key.ns == name && pod.ips[0] == address && !pod.finished &&
                       !pod.terminating;
            });
            CHECK(view.has_pod(name, address) == has);
        }
    }
}

void compare_rest(const Model& model, const Snapshot& snapshot) {
    for (std::size_t i = 0; i < 9; ++i) {
        const std::string name = "node" + std::to_string(i);
        const auto at = model.nodes.find(ObjectKey{"", name});
        const Node* node = snapshot.node(name);
        REQUIRE((node != nullptr) == (at != model.nodes.end()));
        if (node != nullptr) CHECK(*node == at->second);
    }
    for (std::size_t i = 0; i < 5; ++i) {
        const std::string name = "ns" + std::to_string(i);
        CHECK(ServiceView{snapshot}.has_namespace(name) == model.namespaces.contains(name));
    }
}

/// What for_each_changed() says must be what one finds by looking at each Service twice.
void compare_delta(const Snapshot& before, const Snapshot& after) {
    std::map<ObjectKey, std::pair<const ServiceEntry*, const ServiceEntry*>> expected;
    const auto note = [&](const ServiceEntry& entry) {
        const ObjectKey& key = entry.service->key;
        const auto pair = std::pair{ServiceView{before}.find(key.ns, key.name),
                                    ServiceView{after}.find(key.ns, key.name)};
        if (pair.first != pair.second) expected[key] = pair;
    };
    before.for_each(note);
    after.for_each(note);
    std::size_t visits = 0;
    for_each_changed(before, after, [&](const ServiceEntry* was, const ServiceEntry* is) {
        ++visits;
        REQUIRE((was != nullptr || is != nullptr));
        const ObjectKey& key = (was != nullptr ? was : is)->service->key;
        CHECK(expected[key] == std::pair{was, is});
    });
    CHECK(visits == expected.size());
}

/// What the store gives away fills another store with the same, and changes nothing in this one.
void compare_contents(World& world, Store& store, const HandClock& clock) {
    const Contents contents = store.contents();
    if (contents.lists.size() != 5) return;  // some kind has not been listed so far
    const auto before = store.snapshot();
    Store copy{{.keep_pods = true}, clock};
    contents.for_each([&](const auto& said) {
        REQUIRE(copy.apply(Event{said}));
        REQUIRE(store.apply(Event{said}));
    });
    CHECK(store.snapshot() == before);
    const auto copied = copy.snapshot();
    compare_services(world.model, *copied);
    compare_addresses(world, *copied);
    compare_rest(world.model, *copied);
}

TEST_CASE("ten thousand random events leave what a naive model has", "[services][random]") {
    const unsigned seed = GENERATE(1U, 20U, 300U);
    INFO("seed " << seed);
    HandClock clock;
    Store store{{.keep_pods = true}, clock};
    World world{seed};
    std::vector<std::shared_ptr<const Snapshot>> kept = {store.snapshot()};
    std::vector<Model> models = {world.model};
    for (std::size_t event = 1; event <= 10'000; ++event) {
        for (Event& next : world.next()) REQUIRE(store.apply(std::move(next)));
        if (world.chance(5)) {
            const auto snapshot = store.snapshot();
            compare_delta(*kept.back(), *snapshot);
            if (event % 20 == 0) kept.back() = snapshot;
        }
        if (event % 1000 == 0) {
            const auto snapshot = store.snapshot();
            compare_services(world.model, *snapshot);
            compare_addresses(world, *snapshot);
            compare_rest(world.model, *snapshot);
            compare_contents(world, store, clock);
            kept.push_back(snapshot);
            models.push_back(world.model);
        }
    }
    // Old snapshots are what they were: the last ones were taken with their models.
    compare_delta(*kept.front(), *kept.back());
    compare_services(models.back(), *kept.back());
    CHECK(kept.back()->memory_octets() > 0);
}

}  // namespace
}  // namespace nameplane::services
