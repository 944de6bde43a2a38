#include "kube/slices.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace nameplane::kube {
namespace {

using services::Endpoint;
using services::EndpointPort;
using services::EndpointSlice;
using services::ObjectKey;
using services::Pod;
using services::Service;

/// Endpoints share a slice if they have the same family and resolve the ports alike.
struct Group {
    Family family = Family::ipv4;
    std::vector<EndpointPort> ports;
    friend auto operator<=>(const Group&, const Group&) = default;
};

struct Made {
    EndpointSlice slice;
    bool changed = false;
};

struct ServiceState {
    const Service* service = nullptr;  ///< nullptr: gone, its slices are to be removed
    bool handwritten = false;
    std::vector<Made> made;
};

struct Wanted {
    const Pod* pod;
    Endpoint endpoint;
    bool placed = false;
};

std::string index_key(std::string_view ns, std::string_view label, std::string_view value) {
    std::string key{ns};
    key += '\0';
    key += label;
    key += '\0';
    return key.append(value);
}

bool selects(const services::Labels& selector, const services::Labels& labels) {
    return std::ranges::all_of(selector, [&](const auto& pair) {
        const auto found = labels.find(pair.first);
        return found != labels.end() && found->second == pair.second;
    });
}

bool wants_slices(const ServiceState& state) {
    return state.service != nullptr && !state.handwritten && !state.service->selector.empty() &&
           state.service->type != services::ServiceType::external_name;
}

/// The pod's number for a Service port; 0 if it has no container port of that name.
std::uint16_t resolve(const services::ServicePort& port, const Pod& pod) {
    if (port.target.number != 0) return port.target.number;
    if (port.target.name.empty()) return port.port;
    const auto found = std::ranges::find_if(pod.ports, [&](const services::ContainerPort& each) {
        return each.name == port.target.name && each.protocol == port.protocol;
    });
    return found == pod.ports.end() ? std::uint16_t{0} : found->port;
}

std::vector<EndpointPort> ports_of(const Service& service, const Pod& pod) {
    std::vector<EndpointPort> ports;
    for (const services::ServicePort& port : service.ports)
        if (const std::uint16_t number = resolve(port, pod); number != 0)
            ports.push_back({port.name, port.protocol, number});
    return ports;
}

Endpoint endpoint_of(const Service& service, const Pod& pod, std::string_view zone) {
    Endpoint endpoint;
    const bool named = !pod.hostname.empty() && pod.subdomain == service.key.name;
    if (named) endpoint.hostname = pod.hostname;
    endpoint.node_name = pod.node_name;
    endpoint.zone = zone;
    endpoint.pod_name = pod.key.name;
    endpoint.serving = pod.ready;
    endpoint.terminating = pod.terminating;
    endpoint.ready = service.publish_not_ready || (pod.ready && !pod.terminating);
    return endpoint;
}

/// A slice is labelled like its Service, and with its name.
services::Labels labels_of(const Service& service) {
    services::Labels labels = service.labels;
    labels["kubernetes.io/service-name"] = service.key.name;
    return labels;
}

std::string_view suffix(Family family) {
    return family == Family::ipv4 ? "-ipv4-" : "-ipv6-";
}

}  // namespace

struct SliceMaker::State {
    std::function<std::string_view(std::string_view)> zone_of;
    std::function<bool(const ObjectKey&)> taken;
    std::unordered_map<std::string, std::unordered_set<const Pod*>> pods_by_label;
    std::unordered_map<std::string, std::unordered_set<const Pod*>> pods_by_node;
    /// Services by the first pair of their selector.
    std::unordered_map<std::string, std::set<ObjectKey>> services_by_label;
    std::map<ObjectKey, ServiceState> services;
    std::map<ObjectKey, ObjectKey> owner_of_slice;
    std::set<ObjectKey> dirty;

    void touch_services_of(const Pod& pod) {
        for (const auto& [label, value] : pod.labels) {
            const auto found = services_by_label.find(index_key(pod.key.ns, label, value));
            if (found == services_by_label.end()) continue;
            for (const ObjectKey& key : found->second) {
                const Service* service = services[key].service;
                if (service != nullptr && selects(service->selector, pod.labels)) dirty.insert(key);
            }
        }
    }

    /// Pods that `service` selects, by name.
    std::vector<const Pod*> pods_of(const Service& service) const {
        const std::unordered_set<const Pod*>* fewest = nullptr;
        for (const auto& [label, value] : service.selector) {
            const auto found = pods_by_label.find(index_key(service.key.ns, label, value));
            if (found == pods_by_label.end()) return {};
            if (fewest == nullptr || found->second.size() < fewest->size()) fewest = &found->second;
        }
        std::vector<const Pod*> pods;
        if (fewest == nullptr) return pods;
        std::ranges::copy_if(*fewest, std::back_inserter(pods), [&](const Pod* pod) {
            return !pod->finished && selects(service.selector, pod->labels);
        });
        std::ranges::sort(pods, {}, [](const Pod* pod) -> const ObjectKey& { return pod->key; });
        return pods;
    }

    std::map<Group, std::vector<Wanted>> wanted_of(const Service& service) const {
        std::map<Group, std::vector<Wanted>> wanted;
        for (const Pod* pod : pods_of(service)) {
            Endpoint endpoint = endpoint_of(service, *pod, zone_of(pod->node_name));
            for (const Family family : service.families) {
                // The first address of each family, as the controller takes it.
                const auto ip = std::ranges::find(pod->ips, family, &IpAddress::family);
                if (ip == pod->ips.end()) continue;
                endpoint.addresses = {*ip};
                wanted[{family, ports_of(service, *pod)}].push_back({pod, endpoint});
            }
        }
        return wanted;
    }

    /// Drops from a slice who left and updates who changed.
    static void refresh(Made& made, std::vector<Wanted>* wanted) {
        std::unordered_map<std::string_view, Wanted*> by_name;
        if (wanted != nullptr)
            for (Wanted& each : *wanted) by_name.emplace(each.pod->key.name, &each);
        const auto gone = std::erase_if(made.slice.endpoints, [&](Endpoint& endpoint) {
            const auto found = by_name.find(endpoint.pod_name);
            if (found == by_name.end()) return true;
            found->second->placed = true;
            if (endpoint == found->second->endpoint) return false;
            endpoint = found->second->endpoint;
            made.changed = true;
            return false;
        });
        made.changed = made.changed || gone > 0;
    }

    std::string free_name(const ServiceState& state, Family family) const {
        const ObjectKey& service = state.service->key;
        for (std::size_t number = 1;; ++number) {
            const ObjectKey key{service.ns, service.name + std::string{suffix(family)} +
                                                std::to_string(number)};
            if (!owner_of_slice.contains(key) && !taken(key)) return key.name;
        }
    }

    /// Puts newcomers into slices of their group: those that change anyway, then the fullest with
    /// room, then new ones.
    void place(ServiceState& state, const Group& group, std::vector<Wanted>& wanted) {
        std::vector<std::size_t> room;
        for (std::size_t i = 0; i < state.made.size(); ++i) {
            const EndpointSlice& slice = state.made[i].slice;
            if (slice.family == group.family && slice.ports == group.ports &&
                slice.endpoints.size() < endpoints_per_slice_max)
                room.push_back(i);
        }
        std::ranges::stable_sort(room, [&](std::size_t a, std::size_t b) {
            const Made& left = state.made[a];
            const Made& right = state.made[b];
            if (left.changed != right.changed) return left.changed;
            return left.slice.endpoints.size() > right.slice.endpoints.size();
        });
        std::size_t next = 0;
        for (Wanted& each : wanted) {
            if (each.placed) continue;
            if (next == room.size()) {
                EndpointSlice slice;
                slice.key = {state.service->key.ns, free_name(state, group.family)};
                slice.labels = labels_of(*state.service);
                slice.service = state.service->key.name;
                slice.family = group.family;
                slice.ports = group.ports;
                owner_of_slice.emplace(slice.key, state.service->key);
                room.push_back(state.made.size());
                state.made.push_back({std::move(slice)});
            }
            Made& made = state.made[room[next]];
            made.slice.endpoints.push_back(std::move(each.endpoint));
            made.changed = true;
            if (made.slice.endpoints.size() == endpoints_per_slice_max) ++next;
        }
    }

    void remove_if(ServiceState& state, std::vector<SliceChange>& changes, auto unwanted) {
        std::erase_if(state.made, [&](const Made& made) {
            if (!unwanted(made)) return false;
            owner_of_slice.erase(made.slice.key);
            changes.emplace_back(made.slice.key);
            return true;
        });
    }

    void reconcile(ServiceState& state, std::vector<SliceChange>& removed,
                   std::vector<SliceChange>& put) {
        if (!wants_slices(state))
            return remove_if(state, removed, [](const Made&) { return true; });
        remove_if(state, removed, [&](const Made& made) { return taken(made.slice.key); });
        auto wanted = wanted_of(*state.service);
        for (Made& made : state.made) {
            const auto found = wanted.find({made.slice.family, made.slice.ports});
            refresh(made, found == wanted.end() ? nullptr : &found->second);
            services::Labels labels = labels_of(*state.service);
            if (made.slice.labels == labels) continue;
            made.slice.labels = std::move(labels);
            made.changed = true;
        }
        for (auto& [group, each] : wanted) place(state, group, each);
        remove_if(state, removed, [](const Made& made) { return made.slice.endpoints.empty(); });
        for (Made& made : state.made)
            if (std::exchange(made.changed, false)) put.emplace_back(made.slice);
    }
};

SliceMaker::SliceMaker(std::function<std::string_view(std::string_view)> zone_of,
                       std::function<bool(const ObjectKey&)> taken)
    : state_{std::make_unique<State>()} {
    state_->zone_of = std::move(zone_of);
    state_->taken = std::move(taken);
}
SliceMaker::~SliceMaker() = default;

void SliceMaker::add(const Pod& pod) {
    for (const auto& [label, value] : pod.labels)
        state_->pods_by_label[index_key(pod.key.ns, label, value)].insert(&pod);
    if (!pod.node_name.empty()) state_->pods_by_node[pod.node_name].insert(&pod);
    state_->touch_services_of(pod);
}

void SliceMaker::forget(const Pod& pod) {
    const auto drop = [&](auto& index, const std::string& key) {
        const auto found = index.find(key);
        if (found == index.end()) return;
        found->second.erase(&pod);
        if (found->second.empty()) index.erase(found);
    };
    for (const auto& [label, value] : pod.labels)
        drop(state_->pods_by_label, index_key(pod.key.ns, label, value));
    drop(state_->pods_by_node, pod.node_name);
    state_->touch_services_of(pod);
}

void SliceMaker::add(const Service& service) {
    state_->services[service.key].service = &service;
    state_->dirty.insert(service.key);
    if (service.selector.empty()) return;
    const auto& [label, value] = *service.selector.begin();
    state_->services_by_label[index_key(service.key.ns, label, value)].insert(service.key);
}

void SliceMaker::forget(const Service& service) {
    state_->services[service.key].service = nullptr;
    state_->dirty.insert(service.key);
    if (service.selector.empty()) return;
    const auto& [label, value] = *service.selector.begin();
    const auto found = state_->services_by_label.find(index_key(service.key.ns, label, value));
    if (found == state_->services_by_label.end()) return;
    found->second.erase(service.key);
    if (found->second.empty()) state_->services_by_label.erase(found);
}

void SliceMaker::set_handwritten(const ObjectKey& service, bool handwritten) {
    ServiceState& state = state_->services[service];
    if (std::exchange(state.handwritten, handwritten) != handwritten) state_->dirty.insert(service);
}

void SliceMaker::node_changed(std::string_view node) {
    const auto found = state_->pods_by_node.find(std::string{node});
    if (found == state_->pods_by_node.end()) return;
    for (const Pod* pod : found->second) state_->touch_services_of(*pod);
}

void SliceMaker::name_taken(const ObjectKey& slice) {
    const auto found = state_->owner_of_slice.find(slice);
    if (found != state_->owner_of_slice.end()) state_->dirty.insert(found->second);
}

std::vector<SliceChange> SliceMaker::settle() {
    std::vector<SliceChange> removed;
    std::vector<SliceChange> put;
    for (const ObjectKey& key : std::exchange(state_->dirty, {})) {
        ServiceState& state = state_->services[key];
        state_->reconcile(state, removed, put);
        if (state.service == nullptr && !state.handwritten) state_->services.erase(key);
    }
    removed.insert(removed.end(), std::make_move_iterator(put.begin()),
                   std::make_move_iterator(put.end()));
    return removed;
}

SliceMaker::Count SliceMaker::count(const ObjectKey& service) const {
    Count count;
    const auto found = state_->services.find(service);
    if (found == state_->services.end()) return count;
    for (const Made& made : found->second.made) {
        ++count.slices;
        count.endpoints += made.slice.endpoints.size();
    }
    return count;
}

}  // namespace nameplane::kube
