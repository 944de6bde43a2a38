#include "services/merge.hpp"

#include "services/selections.hpp"

#include <algorithm>
#include <tuple>

namespace nameplane::services {

namespace {

/// As many as EndpointEntry has room for.
constexpr unsigned selected_bits = (1U << SelectorSet::max) - 1;
constexpr std::uint32_t hints_bits = 0x7fff'ffff;

using PortSet = std::vector<EndpointPort>;

template <class T> void sort_unique(std::vector<T>& values, auto less) {
    std::ranges::sort(values, less);
    const auto same = [&](const T& a, const T& b) { return !less(a, b); };  // values are sorted
    const auto repeated = std::ranges::unique(values, same);
    values.erase(repeated.begin(), repeated.end());
    values.shrink_to_fit();
}

bool hints_less(const EndpointHints& a, const EndpointHints& b) {
    return std::tie(a.zones, a.nodes) < std::tie(b.zones, b.nodes);
}

template <class T> std::size_t index_of(const std::vector<T>& sorted, const T& value, auto less) {
    return static_cast<std::size_t>(std::ranges::lower_bound(sorted, value, less) - sorted.begin());
}

auto identity_of(const EndpointEntry& endpoint) noexcept {
    return std::tie(endpoint.address, endpoint.hostname, endpoint.port_set);
}

/// Sorted by what makes an endpoint one; of equal ones the better stands in front, and the rest
/// makes the choice the same whatever the order of the slices.
bool stands_before(const EndpointEntry& a, const EndpointEntry& b) noexcept {
    if (a.address != b.address) return a.address < b.address;
    if (const auto order = identity_of(a) <=> identity_of(b); order != 0) return order < 0;
    if (a.names_only != b.names_only) return a.names_only == 0;
    if (a.ready != b.ready) return a.ready != 0;
    if (a.serving != b.serving) return a.serving != 0;
    if (a.terminating != b.terminating) return a.terminating == 0;
    return std::tie(a.pod_name, *a.node, *a.zone, a.hints) <
           std::tie(b.pod_name, *b.node, *b.zone, b.hints);
}

EndpointEntry entry_of(const StoredSlice& slice, const StoredEndpoint& stored) noexcept {
    EndpointEntry entry{};
    entry.address = stored.address;
    entry.ready = stored.ready;
    entry.serving = stored.serving;
    entry.terminating = stored.terminating;
    entry.node = &stored.node->text;
    entry.zone = &stored.zone->text;
    entry.selected = slice.selected() & selected_bits;
    entry.names_only = slice.foreign_proxy() || stored.further != 0 ? 1 : 0;
    entry.hostname = slice.hostname(stored);
    entry.pod_name = slice.pod_name(stored);
    return entry;
}

void add_endpoints(ServiceEntry& entry, const StoredSlice& slice) {
    const auto port_set =
        static_cast<std::uint16_t>(index_of(entry.port_sets, slice.ports(), std::less<>{}));
    std::vector<std::uint32_t> hints;
    for (const EndpointHints& of_slice : slice.hints()) {
        hints.push_back(static_cast<std::uint32_t>(index_of(entry.hints, of_slice, hints_less)));
    }
    for (const StoredEndpoint& stored : slice.endpoints()) {
        EndpointEntry& endpoint = entry.endpoints.emplace_back(entry_of(slice, stored));
        endpoint.port_set = port_set;
        endpoint.hints = hints[stored.hints] & hints_bits;
    }
}

/// Sorted, and each once.
void sort_endpoints(std::vector<EndpointEntry>& endpoints, Apart apart) {
    std::ranges::sort(endpoints, [apart](const EndpointEntry& a, const EndpointEntry& b) {
        const bool by_cluster = apart == Apart::cluster && a.address == b.address;
        if (by_cluster && *a.node != *b.node) return *a.node < *b.node;
        return stands_before(a, b);
    });
    const auto same = [apart](const EndpointEntry& a, const EndpointEntry& b) {
        return identity_of(a) == identity_of(b) && (apart == Apart::nothing || *a.node == *b.node);
    };
    // Who asks for one of the selectors sees an endpoint if any of its slices has them.
    for (std::size_t i = 1, first = 0; i < endpoints.size(); ++i) {
        if (same(endpoints[first], endpoints[i])) {
            const unsigned both = endpoints[first].selected | endpoints[i].selected;
            endpoints[first].selected = both & selected_bits;
        } else {
            first = i;
        }
    }
    const auto repeated = std::ranges::unique(endpoints, same);
    endpoints.erase(repeated.begin(), repeated.end());
}

}  // namespace

std::shared_ptr<const ServiceEntry> merge(std::shared_ptr<const Service> service,
                                          std::vector<std::shared_ptr<const StoredSlice>> slices,
                                          Apart apart) {
    auto entry = std::make_shared<ServiceEntry>();
    entry->service = std::move(service);
    entry->hints.emplace_back();
    std::size_t endpoints = 0;
    for (const auto& slice : slices) {
        entry->port_sets.push_back(slice->ports());
        entry->hints.insert(entry->hints.end(), slice->hints().begin(), slice->hints().end());
        entry->change_trigger_ns = std::max(entry->change_trigger_ns, slice->change_trigger_ns());
        endpoints += slice->endpoints().size();
    }
    sort_unique(entry->port_sets, std::less<>{});
    sort_unique(entry->hints, hints_less);
    entry->endpoints.reserve(endpoints);
    for (const auto& slice : slices) add_endpoints(*entry, *slice);
    sort_endpoints(entry->endpoints, apart);
    entry->endpoints.shrink_to_fit();
    entry->slices = std::move(slices);
    entry->slices.shrink_to_fit();
    return entry;
}

bool same_content(const ServiceEntry& a, const ServiceEntry& b) noexcept {
    const auto same = [](const EndpointEntry& x, const EndpointEntry& y) {
        return identity_of(x) == identity_of(y) && x.ready == y.ready && x.serving == y.serving &&
               x.terminating == y.terminating && x.selected == y.selected && x.hints == y.hints &&
               x.names_only == y.names_only && *x.node == *y.node && *x.zone == *y.zone &&
               x.pod_name == y.pod_name;
    };
    return (a.service == b.service || *a.service == *b.service) &&
           a.change_trigger_ns == b.change_trigger_ns && a.port_sets == b.port_sets &&
           a.hints == b.hints && std::ranges::equal(a.endpoints, b.endpoints, same);
}

}  // namespace nameplane::services
