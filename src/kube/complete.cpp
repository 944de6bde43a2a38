#include "kube/complete.hpp"

#include "kube/slices.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace nameplane::kube {
namespace {

using services::EndpointSlice;
using services::Event;
using services::Kind;
using services::Namespace;
using services::Node;
using services::ObjectKey;
using services::Pod;
using services::Remove;
using services::Service;
using services::ServiceCidr;
using services::ServiceImport;

constexpr std::string_view zone_label = "topology.kubernetes.io/zone";
/// What an API server puts on every Namespace.
constexpr std::string_view name_label = "kubernetes.io/metadata.name";
constexpr std::array always_there{"default", "kube-system", "kube-public", "kube-node-lease"};

std::string_view zone_of(const Node& node) {
    const auto found = node.labels.find(zone_label);
    return found == node.labels.end() ? std::string_view{} : std::string_view{found->second};
}

}  // namespace

struct Completer::State {
    AllocateOptions options;
    Memory memory;

    std::map<ObjectKey, ServiceSource> sources;
    std::map<ObjectKey, Service> completed;
    std::map<ObjectKey, EndpointSlice> slices;  ///< written by hand
    std::map<ObjectKey, std::size_t> slices_of;
    std::map<ObjectKey, Pod> pods;
    std::map<std::string, Node, std::less<>> nodes;
    std::map<std::string, Namespace, std::less<>> namespaces;  ///< written by hand
    std::map<ObjectKey, ServiceImport> imports;
    std::map<ObjectKey, ServiceCidr> service_cidrs;
    std::map<std::string, std::size_t, std::less<>> objects_in;
    std::map<ObjectKey, SliceMaker::Count> counts;
    std::set<ObjectKey> assumed_ready;

    /// What was touched since the last settle(), and whether it was out before.
    std::map<ObjectId, bool> touched;
    bool services_touched = false;
    std::size_t assumed_before = 0;
    std::vector<std::string> problems;
    std::set<Choice> chosen;
    SliceMaker maker{[this](std::string_view node) -> std::string_view {
                         const auto found = nodes.find(node);
                         return found == nodes.end() ? std::string_view{} : zone_of(found->second);
                     },
                     [this](const ObjectKey& key) { return slices.contains(key); }};

    void touch(Kind kind, const ObjectKey& key, bool existed) {
        touched.try_emplace(ObjectId{kind, key}, existed);
    }
    void enter(const std::string& ns) {
        if (++objects_in[ns] == 1) touch_namespace(ns, false);
    }
    void leave(const std::string& ns) {
        const auto found = objects_in.find(ns);
        if (found == objects_in.end() || --found->second > 0) return;
        objects_in.erase(found);
        touch_namespace(ns, true);
    }
    void touch_namespace(const std::string& ns, bool existed) {
        if (!namespaces.contains(ns)) touch(Kind::namespace_, {"", ns}, existed);
    }

    void put(ServiceSource source);
    void put(EndpointSlice slice);
    void put(PodSource source);
    void put(Node node);
    void put(Namespace ns);
    void put(ServiceImport import);
    void put(ServiceCidr cidr);
    void remove_service(const ObjectKey& key);
    void remove_slice(const ObjectKey& key);
    void remove_pod(const ObjectKey& key);
    void remove_node(const ObjectKey& key);
    void remove_namespace(const ObjectKey& key);
    void remove_import(const ObjectKey& key);
    void remove_service_cidr(const ObjectKey& key);
    void belong(const EndpointSlice& slice, bool comes);

    void settle_services(bool forget, Outcome& outcome);
    void put_completed(const ObjectKey& key, Service service);
    void drop_completed(const ObjectKey& key);
    void settle_slices(Outcome& outcome, std::vector<Event>& puts);
    void count_slices(Outcome& outcome, const std::set<ObjectKey>& owners);
    void settle_touched(Outcome& outcome, std::vector<Event>& puts) const;
    std::optional<Event> now(const ObjectId& id) const;
};

void Completer::State::put(ServiceSource source) {
    const ObjectKey key = source.service.key;
    const auto [at, fresh] = sources.try_emplace(key);
    if (fresh) enter(key.ns);
    const bool same = !fresh && at->second.service == source.service &&
                      at->second.family_policy == source.family_policy &&
                      at->second.allocate_node_ports == source.allocate_node_ports;
    const bool same_place = at->second.file == source.file && at->second.line == source.line;
    at->second = std::move(source);
    // The place counts only for messages; there are none without a problem.
    services_touched = services_touched || !same || (!same_place && !problems.empty());
}

void Completer::State::remove_service(const ObjectKey& key) {
    if (sources.erase(key) == 0) return;
    leave(key.ns);
    services_touched = true;
}

/// Counts hand-written slices by Service.
void Completer::State::belong(const EndpointSlice& slice, bool comes) {
    if (slice.service.empty()) return;
    const ObjectKey service{slice.key.ns, slice.service};
    std::size_t& count = slices_of[service];
    count = comes ? count + 1 : count - 1;
    maker.set_handwritten(service, count > 0);
    if (count == 0) slices_of.erase(service);
}

void Completer::State::put(EndpointSlice slice) {
    const ObjectKey key = slice.key;
    const auto [at, fresh] = slices.try_emplace(key);
    if (fresh) enter(key.ns);
    if (!fresh && at->second == slice) return;
    touch(Kind::endpoint_slice, key, !fresh);
    belong(slice, true);
    if (!fresh) belong(at->second, false);
    at->second = std::move(slice);
    if (fresh) maker.name_taken(key);
}

void Completer::State::remove_slice(const ObjectKey& key) {
    const auto found = slices.find(key);
    if (found == slices.end()) return;
    belong(found->second, false);
    slices.erase(found);
    touch(Kind::endpoint_slice, key, true);
    leave(key.ns);
}

void Completer::State::put(PodSource source) {
    const ObjectKey key = source.pod.key;
    if (source.assumed_ready)
        assumed_ready.insert(key);
    else
        assumed_ready.erase(key);
    const auto [at, fresh] = pods.try_emplace(key);
    if (fresh) enter(key.ns);
    if (!fresh && at->second == source.pod) return;
    touch(Kind::pod, key, !fresh);
    if (!fresh) maker.forget(at->second);
    at->second = std::move(source.pod);
    maker.add(at->second);
}

void Completer::State::remove_pod(const ObjectKey& key) {
    const auto found = pods.find(key);
    if (found == pods.end()) return;
    maker.forget(found->second);
    pods.erase(found);
    assumed_ready.erase(key);
    touch(Kind::pod, key, true);
    leave(key.ns);
}

void Completer::State::put(Node node) {
    const ObjectKey key = node.key;
    const auto [at, fresh] = nodes.try_emplace(key.name);
    if (!fresh && at->second == node) return;
    touch(Kind::node, key, !fresh);
    const bool moved = zone_of(at->second) != zone_of(node);
    at->second = std::move(node);
    if (moved) maker.node_changed(key.name);
}

void Completer::State::remove_node(const ObjectKey& key) {
    if (nodes.erase(key.name) == 0) return;
    touch(Kind::node, key, true);
    maker.node_changed(key.name);
}

void Completer::State::put(Namespace ns) {
    const ObjectKey key = ns.key;
    const bool existed = namespaces.contains(key.name) || objects_in.contains(key.name);
    const auto [at, fresh] = namespaces.try_emplace(key.name);
    if (!fresh && at->second == ns) return;
    touch(Kind::namespace_, key, existed);
    at->second = std::move(ns);
}

void Completer::State::remove_namespace(const ObjectKey& key) {
    if (namespaces.erase(key.name) > 0) touch(Kind::namespace_, key, true);
}

void Completer::State::put(ServiceImport import) {
    const ObjectKey key = import.key;
    const auto [at, fresh] = imports.try_emplace(key);
    if (fresh) enter(key.ns);
    if (!fresh && at->second == import) return;
    touch(Kind::service_import, key, !fresh);
    at->second = std::move(import);
}

void Completer::State::remove_import(const ObjectKey& key) {
    if (imports.erase(key) == 0) return;
    touch(Kind::service_import, key, true);
    leave(key.ns);
}

void Completer::State::put(ServiceCidr cidr) {
    const ObjectKey key = cidr.key;
    const auto [at, fresh] = service_cidrs.try_emplace(key);
    if (!fresh && at->second == cidr) return;
    touch(Kind::service_cidr, key, !fresh);
    at->second = std::move(cidr);
}

void Completer::State::remove_service_cidr(const ObjectKey& key) {
    if (service_cidrs.erase(key) > 0) touch(Kind::service_cidr, key, true);
}

void Completer::State::put_completed(const ObjectKey& key, Service service) {
    const auto [at, fresh] = completed.try_emplace(key);
    if (!fresh && at->second == service) return;
    touch(Kind::service, key, !fresh);
    if (!fresh) maker.forget(at->second);
    at->second = std::move(service);
    maker.add(at->second);
}

void Completer::State::drop_completed(const ObjectKey& key) {
    const auto found = completed.find(key);
    maker.forget(found->second);
    completed.erase(found);
    counts.erase(key);
    touch(Kind::service, key, true);
}

void Completer::State::settle_services(bool forget, Outcome& outcome) {
    if (!std::exchange(services_touched, false)) return;
    Allocation allocation = allocate(sources, memory, options);
    problems = std::move(allocation.problems);
    const std::set<ObjectKey> kept{allocation.kept.begin(), allocation.kept.end()};
    std::vector<ObjectKey> gone;
    for (const auto& [key, service] : completed)
        if (!allocation.services.contains(key) && !kept.contains(key)) gone.push_back(key);
    for (const ObjectKey& key : gone) drop_completed(key);
    for (auto& [key, service] : allocation.services) put_completed(key, std::move(service));
    if (!forget)
        for (auto& [key, given] : memory)
            if (!sources.contains(key)) allocation.memory.try_emplace(key, std::move(given));
    memory = std::move(allocation.memory);
    std::set<Choice> choices{allocation.choices.begin(), allocation.choices.end()};
    std::ranges::set_difference(choices, chosen, std::back_inserter(outcome.choices));
    chosen = std::move(choices);
}

void Completer::State::settle_slices(Outcome& outcome, std::vector<Event>& puts) {
    std::set<ObjectKey> owners;
    for (SliceChange& change : maker.settle()) {
        if (auto* slice = std::get_if<EndpointSlice>(&change)) {
            owners.insert({slice->key.ns, slice->service});
            puts.emplace_back(std::move(*slice));
        } else {
            outcome.events.emplace_back(Remove{Kind::endpoint_slice, std::get<ObjectKey>(change)});
        }
    }
    count_slices(outcome, owners);
}

/// Says how many slices a Service has when their number changes, not at every change of a Pod.
void Completer::State::count_slices(Outcome& outcome, const std::set<ObjectKey>& owners) {
    for (const ObjectKey& owner : owners) {
        const SliceMaker::Count count = maker.count(owner);
        SliceMaker::Count& before = counts[owner];
        if (before.slices != count.slices)
            outcome.choices.push_back({to_string(ObjectId{Kind::service, owner}),
                                       std::to_string(count.slices) + " EndpointSlices of " +
                                           std::to_string(count.endpoints) +
                                           " endpoints from Pods"});
        before = count;
    }
}

std::optional<Event> Completer::State::now(const ObjectId& id) const {
    const auto in = [&](const auto& map, const auto& key) -> std::optional<Event> {
        const auto found = map.find(key);
        if (found == map.end()) return std::nullopt;
        return Event{found->second};
    };
    switch (id.kind) {
    case Kind::service: return in(completed, id.key);
    case Kind::endpoint_slice: return in(slices, id.key);
    case Kind::pod: return in(pods, id.key);
    case Kind::node: return in(nodes, id.key.name);
    case Kind::service_import: return in(imports, id.key);
    case Kind::service_cidr: return in(service_cidrs, id.key);
    case Kind::namespace_: break;
    }
    const auto written = namespaces.find(id.key.name);
    if (written == namespaces.end() && !objects_in.contains(id.key.name)) return std::nullopt;
    Namespace ns = written == namespaces.end() ? Namespace{.key = id.key} : written->second;
    ns.labels.try_emplace(std::string{name_label}, id.key.name);
    return ns;
}

void Completer::State::settle_touched(Outcome& outcome, std::vector<Event>& puts) const {
    std::vector<Event> removals;
    for (const auto& [id, existed] : touched) {
        if (auto event = now(id))
            puts.push_back(std::move(*event));
        else if (existed)
            removals.emplace_back(Remove{id.kind, id.key});
    }
    std::ranges::stable_partition(removals, [](const Event& event) {
        return std::get<Remove>(event).kind == Kind::endpoint_slice;
    });
    outcome.events.insert(outcome.events.end(), std::make_move_iterator(removals.begin()),
                          std::make_move_iterator(removals.end()));
}

Completer::Completer(AllocateOptions options, Memory memory) : state_{std::make_unique<State>()} {
    state_->options = std::move(options);
    state_->memory = std::move(memory);
    for (const char* name : always_there) state_->enter(name);
}
Completer::~Completer() = default;

void Completer::put(Source source) {
    std::visit([this](auto& object) { state_->put(std::move(object)); }, source);
}

void Completer::remove(const ObjectId& id) {
    switch (id.kind) {
    case Kind::service: return state_->remove_service(id.key);
    case Kind::endpoint_slice: return state_->remove_slice(id.key);
    case Kind::pod: return state_->remove_pod(id.key);
    case Kind::node: return state_->remove_node(id.key);
    case Kind::namespace_: return state_->remove_namespace(id.key);
    case Kind::service_import: return state_->remove_import(id.key);
    case Kind::service_cidr: return state_->remove_service_cidr(id.key);
    }
}

Completer::Outcome Completer::settle(bool forget) {
    State& s = *state_;
    Outcome outcome;
    std::vector<Event> puts;
    s.settle_services(forget, outcome);
    s.settle_slices(outcome, puts);
    s.settle_touched(outcome, puts);
    s.touched.clear();
    outcome.events.insert(outcome.events.end(), std::make_move_iterator(puts.begin()),
                          std::make_move_iterator(puts.end()));
    outcome.problems = s.problems;
    if (s.assumed_ready.size() > s.assumed_before)
        outcome.choices.push_back({"Pods", std::to_string(s.assumed_ready.size()) +
                                               " with an address but no conditions: ready"});
    s.assumed_before = s.assumed_ready.size();
    return outcome;
}

const Memory& Completer::memory() const noexcept {
    return state_->memory;
}

}  // namespace nameplane::kube
