#include "services/store.hpp"

#include "services/catalog.hpp"
#include "services/contents.hpp"
#include "services/data.hpp"
#include "services/limits.hpp"
#include "services/shelf.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <set>

namespace nameplane::services {

namespace {

/// Where we are in listing one kind.
struct Listing {
    std::uint32_t round = 0;  ///< of the newest list; objects remember who named them last
    bool open = false;
    bool synced = false;
};

/// What there is to know of a Namespace besides that it is there.
struct NamespaceFacts {
    Selected selected = 0;
    friend bool operator==(const NamespaceFacts&, const NamespaceFacts&) = default;
};

Selected judged(const SelectorSet& selectors, Selected before, const Labels& labels) {
    return before != not_judged ? before : selectors.judge(labels);
}

/// A ServiceImport is kept like a Service.
Service service_of(ServiceImport&& import) {
    Service service;
    service.key = std::move(import.key);
    service.selected = 0;
    service.headless = import.headless;
    service.cluster_ips = std::move(import.ips);
    service.ports = std::move(import.ports);
    return service;
}

/// The slice as one of its ServiceImport: what it says of nodes gives way to its cluster.
EndpointSlice slice_of_import(const EndpointSlice& slice) {
    EndpointSlice of_import = slice;
    of_import.service = slice.import;
    for (Endpoint& endpoint : of_import.endpoints) endpoint.node_name = slice.cluster;
    return of_import;
}

}  // namespace

struct Store::State {
    State(StoreOptions given, const Clock& c)
        : options{std::move(given)}, clock{&c}, catalog{options.services_max},
          imports{options.services_max, Apart::cluster} {}

    Status apply(BeginList event);
    Status apply(EndList event);
    Status apply(const Remove& event);
    Status apply(const Keep& event);
    Status apply(Service&& service);
    Status apply(EndpointSlice&& slice);
    Status apply(Pod&& pod);
    Status apply(Node&& node);
    Status apply(const Namespace& ns);
    Status apply(ServiceImport&& import);
    Status apply(ServiceCidr&& cidr);

    Listing& listing(Kind kind) noexcept { return listings[static_cast<std::size_t>(kind)]; }
    std::uint32_t round(Kind kind) noexcept { return listing(kind).round; }
    bool synced() noexcept;
    bool imports_synced() noexcept { return listing(Kind::service_import).synced; }
    Status noted(const Result<bool>& seen);
    void note(bool seen);
    bool remove_unnamed(Kind kind);
    bool changed() const noexcept;
    /// Each brings its part of `data` up to date and says whether anything differed.
    bool publish(Snapshot::Data& data);
    bool publish_namespaces(Snapshot::Data& data);
    bool publish_pods(Snapshot::Data& data);
    bool publish_nodes(Snapshot::Data& data);
    bool publish_service_cidrs(Snapshot::Data& data);

    StoreOptions options;
    const Clock* clock;
    std::array<Listing, kind_count> listings{};
    Catalog catalog;
    Catalog imports;
    Shelf<NamespaceFacts> namespaces;
    Shelf<LivePod> pods;
    Shelf<Node> nodes;
    Shelf<ServiceCidr> service_cidrs;
    std::uint32_t changed_at_s = 0;  ///< Unix time of the newest change that may be seen
    /// What snapshot() gave last.
    std::shared_ptr<const Snapshot> newest = Snapshot::empty();
    /// Every snapshot that somebody may still hold, so that it is freed here. Others hold them by
    /// handles with a count of their own, and may therefore wait to be the last holder as well.
    std::vector<std::shared_ptr<const Snapshot>> kept;
};

bool Store::State::synced() noexcept {
    return listing(Kind::service).synced && listing(Kind::endpoint_slice).synced &&
           (!options.needs_namespaces || listing(Kind::namespace_).synced) &&
           (!options.keep_pods || listing(Kind::pod).synced) &&
           (!options.needs_node || listing(Kind::node).synced);
}

void Store::State::note(bool seen) {
    if (!seen) return;
    const auto now = clock->wall().time_since_epoch();
    changed_at_s =
        static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

Status Store::State::noted(const Result<bool>& seen) {
    if (!seen) return seen.error();
    note(*seen);
    return {};
}

Status Store::State::apply(BeginList event) {
    Listing& list = listing(event.kind);
    ++list.round;
    list.open = true;
    return {};
}

Status Store::State::apply(EndList event) {
    Listing& list = listing(event.kind);
    if (!list.open) {
        return Error{Errc::invalid,
                     std::string{to_string(event.kind)} + ": the end of a list that did not begin"};
    }
    list.open = false;
    list.synced = true;
    note(remove_unnamed(event.kind));
    return {};
}

bool Store::State::remove_unnamed(Kind kind) {
    switch (kind) {
    case Kind::service: return catalog.remove_unnamed_services(round(kind));
    case Kind::endpoint_slice: {
        const bool seen = catalog.remove_unnamed_slices(round(kind));
        return imports.remove_unnamed_slices(round(kind)) || seen;
    }
    case Kind::service_import: return imports.remove_unnamed_services(round(kind));
    case Kind::pod: return pods.remove_unnamed(round(kind));
    case Kind::node: return nodes.remove_unnamed(round(kind));
    case Kind::namespace_: return namespaces.remove_unnamed(round(kind));
    case Kind::service_cidr: return service_cidrs.remove_unnamed(round(kind));
    }
    return false;
}

Status Store::State::apply(const Remove& event) {
    switch (event.kind) {
    case Kind::service: note(catalog.remove_service(event.key)); break;
    case Kind::endpoint_slice:
        note(catalog.remove_slice(event.key));
        note(imports.remove_slice(event.key));
        break;
    case Kind::service_import: note(imports.remove_service(event.key)); break;
    case Kind::pod: note(pods.remove(event.key)); break;
    case Kind::node: note(nodes.remove(event.key)); break;
    case Kind::namespace_: note(namespaces.remove(event.key)); break;
    case Kind::service_cidr: note(service_cidrs.remove(event.key)); break;
    }
    return {};
}

Status Store::State::apply(const Keep& event) {
    const std::uint32_t at = round(event.kind);
    switch (event.kind) {
    case Kind::service: catalog.keep_service(event.key, at); break;
    case Kind::endpoint_slice:
        catalog.keep_slice(event.key, at);
        imports.keep_slice(event.key, at);
        break;
    case Kind::service_import: imports.keep_service(event.key, at); break;
    case Kind::pod: pods.keep(event.key, at); break;
    case Kind::node: nodes.keep(event.key, at); break;
    case Kind::namespace_: namespaces.keep(event.key, at); break;
    case Kind::service_cidr: service_cidrs.keep(event.key, at); break;
    }
    return {};
}

// A refused object that was known before keeps its last good state, also at the end of a list.

Status Store::State::apply(Service&& service) {
    const std::uint32_t at = round(Kind::service);
    if (Status status = check_limits(service); !status) {
        catalog.keep_service(service.key, at);
        return status;
    }
    service.selected = judged(options.selections.objects, service.selected, service.labels);
    return noted(catalog.put(std::move(service), at));
}

Status Store::State::apply(EndpointSlice&& slice) {
    const std::uint32_t at = round(Kind::endpoint_slice);
    if (Status status = check_limits(slice); !status) {
        catalog.keep_slice(slice.key, at);
        imports.keep_slice(slice.key, at);
        return status;
    }
    slice.selected = judged(options.selections.objects, slice.selected, slice.labels);
    if (!options.keep_imports) return noted(catalog.put(slice, at));
    const Status of_import = noted(slice.import.empty() ? imports.remove_slice(slice.key)
                                                        : imports.put(slice_of_import(slice), at));
    const Status of_service = noted(catalog.put(slice, at));
    return of_service ? of_import : of_service;
}

Status Store::State::apply(ServiceImport&& import) {
    if (!options.keep_imports) return {};
    const std::uint32_t at = round(Kind::service_import);
    if (Status status = check_limits(import); !status) {
        imports.keep_service(import.key, at);
        return status;
    }
    return noted(imports.put(service_of(std::move(import)), at));
}

Status Store::State::apply(Pod&& pod) {
    if (!options.keep_pods) return {};
    if (Status status = check_limits(pod); !status) return status;
    if (pod.finished || pod.terminating || pod.ips.empty()) {
        note(pods.remove(pod.key));
        return {};
    }
    LivePod live{.ns = pod.key.ns,
                 .ips = std::move(pod.ips),
                 .details = {},
                 .selected = judged(options.selections.objects, pod.selected, pod.labels)};
    if (options.pod_details) {
        live.details = std::make_unique<const LivePod::Details>(
            LivePod::Details{pod.key.name, std::move(pod.labels)});
    }
    note(pods.put(pod.key, std::move(live), round(Kind::pod)));
    return {};
}

Status Store::State::apply(Node&& node) {
    if (Status status = check_limits(node); !status) return status;
    const ObjectKey key = node.key;
    note(nodes.put(key, std::move(node), round(Kind::node)));
    return {};
}

Status Store::State::apply(const Namespace& ns) {
    if (Status status = check_limits(ns); !status) return status;
    const Selected selected = judged(options.selections.namespaces, ns.selected, ns.labels);
    note(namespaces.put(ns.key, {selected}, round(Kind::namespace_)));
    return {};
}

Status Store::State::apply(ServiceCidr&& cidr) {
    if (Status status = check_limits(cidr); !status) return status;
    const ObjectKey key = cidr.key;
    note(service_cidrs.put(key, std::move(cidr), round(Kind::service_cidr)));
    return {};
}

bool Store::State::changed() const noexcept {
    return catalog.changed() || imports.changed() || namespaces.changed() || pods.changed() ||
           nodes.changed() || service_cidrs.changed();
}

bool Store::State::publish(Snapshot::Data& data) {
    const std::vector<EntryChange> changes = catalog.publish();
    data.apply(changes);
    const std::vector<EntryChange> import_changes = imports.publish();
    data.imports.apply(import_changes);
    bool any = !changes.empty() || !import_changes.empty();
    any |= publish_namespaces(data);
    any |= publish_pods(data);
    any |= publish_nodes(data);
    any |= publish_service_cidrs(data);
    const bool was_synced = std::exchange(data.synced, synced());
    const bool were_imports = std::exchange(data.imports_synced, imports_synced());
    return any || was_synced != data.synced || were_imports != data.imports_synced;
}

bool Store::State::publish_namespaces(Snapshot::Data& data) {
    std::vector<NamespaceRecord> removed;
    std::vector<NamespaceRecord> added;
    namespaces.publish([&](const ObjectKey& key, const auto& before, const auto& after) {
        const auto name = std::make_shared<const std::string>(key.name);
        if (before != nullptr) removed.push_back({name_hash(key.name), name, before->selected});
        if (after != nullptr) added.push_back({name_hash(key.name), name, after->selected});
    });
    data.namespaces = data.namespaces.edited(
        removed, added,
        [](const NamespaceRecord& a, const NamespaceRecord& b) { return *a.name < *b.name; });
    return !removed.empty() || !added.empty();
}

bool Store::State::publish_pods(Snapshot::Data& data) {
    std::vector<PodRecord> removed;
    std::vector<PodRecord> added;
    pods.publish([&](const ObjectKey&, const auto& before, const auto& after) {
        const auto put = [&](const auto& pod, std::vector<PodRecord>& list) {
            if (pod == nullptr) return;
            for (const IpAddress& ip : pod->ips) list.push_back({ip, pod});
        };
        put(before, removed);
        put(after, added);
    });
    data.pods = data.pods.edited(removed, added, [](const PodRecord& a, const PodRecord& b) {
        return a.address < b.address;
    });
    return !removed.empty() || !added.empty();
}

bool Store::State::publish_nodes(Snapshot::Data& data) {
    std::vector<NodeRecord> removed;
    std::vector<NodeRecord> added;
    nodes.publish([&](const ObjectKey& key, const auto& before, const auto& after) {
        const std::uint64_t hash = name_hash(key.name);
        if (before != nullptr) removed.push_back({hash, before});
        if (after != nullptr) added.push_back({hash, after});
    });
    data.nodes = data.nodes.edited(removed, added, [](const NodeRecord& a, const NodeRecord& b) {
        return a.node->key.name < b.node->key.name;
    });
    return !removed.empty() || !added.empty();
}

bool Store::State::publish_service_cidrs(Snapshot::Data& data) {
    bool any = false;
    service_cidrs.publish([&](const auto&...) { any = true; });
    if (!any) return false;
    std::set<Cidr> all;
    service_cidrs.for_each([&](const ObjectKey&, const auto& object) {
        all.insert(object->cidrs.begin(), object->cidrs.end());
    });
    auto list = std::make_shared<const std::vector<Cidr>>(all.begin(), all.end());
    const bool same = data.service_cidrs ? *data.service_cidrs == *list : list->empty();
    if (!same) data.service_cidrs = std::move(list);
    return !same;
}

Contents Store::contents() const {
    const State& state = *state_;
    Contents all;
    const auto add_list = [&](Kind kind) {
        const bool synced = state.listings[static_cast<std::size_t>(kind)].synced;
        if (synced) all.lists.push_back(kind);
        return synced;
    };
    if (add_list(Kind::namespace_)) {
        state.namespaces.for_each([&](const ObjectKey& key, const auto& facts) {
            all.namespaces.push_back({.key = key, .labels = {}, .selected = facts->selected});
        });
    }
    if (add_list(Kind::node)) {
        state.nodes.for_each(
            [&](const ObjectKey&, const auto& node) { all.nodes.push_back(node); });
    }
    if (add_list(Kind::pod)) {
        state.pods.for_each([&](const ObjectKey& key, const auto& live) {
            Pod pod;
            pod.key = key;
            pod.ips = live->ips;
            pod.selected = live->selected;
            if (live->details != nullptr) pod.labels = live->details->labels;
            all.pods.push_back(std::move(pod));
        });
    }
    const bool services = add_list(Kind::service);
    const bool slices = add_list(Kind::endpoint_slice);
    if (services || slices) state.catalog.add_to(all);
    if (add_list(Kind::service_import)) state.imports.add_imports_to(all);
    if (add_list(Kind::service_cidr)) {
        state.service_cidrs.for_each(
            [&](const ObjectKey&, const auto& cidr) { all.service_cidrs.push_back(cidr); });
    }
    return all;
}

Store::Store(StoreOptions options, const Clock& clock)
    : state_{std::make_unique<State>(std::move(options), clock)} {}

Store::~Store() = default;

Status Store::apply(Event event) {
    return std::visit([&](auto& object) { return state_->apply(std::move(object)); }, event);
}

bool Store::changed() const noexcept {
    const Snapshot::Data& newest = state_->newest->data();
    return state_->changed() || state_->synced() != newest.synced ||
           state_->imports_synced() != newest.imports_synced;
}

void Store::sweep() {
    std::erase_if(state_->kept, [](const auto& snapshot) { return snapshot.use_count() == 1; });
}

namespace {

/// Another owner of the snapshot, with its own count: when that count is down to none, `kept` is
/// the last.
std::shared_ptr<const Snapshot> handle_of(const std::shared_ptr<const Snapshot>& kept) {
    return {kept.get(), [kept](const Snapshot*) {}};
}

}  // namespace

std::shared_ptr<const Snapshot> Store::snapshot() {
    State& state = *state_;
    sweep();
    if (!changed()) return state.newest;
    auto data = std::make_unique<Snapshot::Data>(state.newest->data());
    if (!state.publish(*data)) return state.newest;
    data->version += snapshot_version_step;
    data->serial = state.changed_at_s;
    state.newest =
        handle_of(state.kept.emplace_back(std::make_shared<const Snapshot>(std::move(data))));
    return state.newest;
}

}  // namespace nameplane::services
