#include "services/stored_slice.hpp"

#include "services/limits.hpp"

#include <algorithm>
#include <cstring>

namespace nameplane::services {

namespace {

std::vector<EndpointPort> sorted_ports(const std::vector<EndpointPort>& ports) {
    std::vector<EndpointPort> sorted = ports;
    std::ranges::sort(sorted);
    const auto repeated = std::ranges::unique(sorted);
    sorted.erase(repeated.begin(), repeated.end());
    sorted.shrink_to_fit();
    return sorted;
}

std::size_t text_octets_of(const EndpointSlice& slice) {
    std::size_t octets = 0;
    for (const Endpoint& endpoint : slice.endpoints) {
        octets += endpoint.hostname.size() + endpoint.pod_name.size();
    }
    return octets;
}

std::size_t address_count_of(const EndpointSlice& slice) {
    std::size_t count = 0;
    for (const Endpoint& endpoint : slice.endpoints) count += endpoint.addresses.size();
    return count;
}

bool same_but_address(const StoredEndpoint& a, const StoredEndpoint& b) noexcept {
    return a.text_at == b.text_at && a.hostname_octets == b.hostname_octets &&
           a.pod_name_octets == b.pod_name_octets && a.ready == b.ready && a.serving == b.serving &&
           a.terminating == b.terminating && a.hints == b.hints && a.node == b.node &&
           a.zone == b.zone;
}

}  // namespace

StoredSlice::StoredSlice(const EndpointSlice& slice, std::shared_ptr<StringPool> pool)
    : pool_{std::move(pool)}, ports_{sorted_ports(slice.ports)},
      hints_(1), text_{std::make_unique<char[]>(text_octets_of(slice))}, family_{slice.family},
      foreign_proxy_{slice.foreign_proxy}, selected_{slice.selected}, change_trigger_ns_{
                                                                          slice.change_trigger_ns} {
    endpoints_.reserve(address_count_of(slice));
    for (const Endpoint& endpoint : slice.endpoints) {
        char* text = text_.get() + text_octets_;
        std::ranges::copy(endpoint.hostname, text);
        std::ranges::copy(endpoint.pod_name, text + endpoint.hostname.size());
        add_endpoint(endpoint, text_octets_);
        text_octets_ +=
            static_cast<std::uint32_t>(endpoint.hostname.size() + endpoint.pod_name.size());
    }
    hints_.shrink_to_fit();
}

StoredSlice::~StoredSlice() {
    for (const StoredEndpoint& endpoint : endpoints_) {
        pool_->release(endpoint.node);
        pool_->release(endpoint.zone);
    }
}

std::uint16_t StoredSlice::add_hints(const Endpoint& endpoint) {
    if (endpoint.hint_zones.empty() && endpoint.hint_nodes.empty()) return 0;
    EndpointHints hints{.zones = endpoint.hint_zones, .nodes = endpoint.hint_nodes};
    const auto known = std::ranges::find(hints_, hints);
    const auto index = static_cast<std::uint16_t>(known - hints_.begin());
    if (known == hints_.end()) hints_.push_back(std::move(hints));
    return index;
}

void StoredSlice::add_endpoint(const Endpoint& endpoint, std::uint32_t text_at) {
    StoredEndpoint stored{};
    stored.ready = endpoint.ready;
    stored.serving = endpoint.serving;
    stored.terminating = endpoint.terminating;
    stored.hostname_octets = static_cast<std::uint8_t>(endpoint.hostname.size());
    stored.pod_name_octets = static_cast<std::uint8_t>(endpoint.pod_name.size());
    stored.text_at = text_at;
    stored.hints = add_hints(endpoint);
    for (const IpAddress& address : endpoint.addresses) {
        stored.address = address;
        stored.node = pool_->acquire(endpoint.node_name);
        stored.zone = pool_->acquire(endpoint.zone);
        endpoints_.push_back(stored);
        stored.further = 1;
    }
}

void StoredSlice::unpack(EndpointSlice& slice) const {
    slice.family = family_;
    slice.foreign_proxy = foreign_proxy_;
    slice.selected = selected_;
    slice.ports = ports_;
    slice.change_trigger_ns = change_trigger_ns_;
    slice.endpoints.resize(endpoints_.size());
    std::size_t count = 0;
    for (const StoredEndpoint& stored : endpoints_) {
        if (stored.further != 0) {
            slice.endpoints[count - 1].addresses.push_back(stored.address);
            continue;
        }
        Endpoint& endpoint = slice.endpoints[count++];
        endpoint.addresses.assign(1, stored.address);
        endpoint.hostname = hostname(stored);
        endpoint.pod_name = pod_name(stored);
        endpoint.node_name = stored.node->text;
        endpoint.zone = stored.zone->text;
        endpoint.ready = stored.ready != 0;
        endpoint.serving = stored.serving != 0;
        endpoint.terminating = stored.terminating != 0;
        endpoint.hint_zones = hints_[stored.hints].zones;
        endpoint.hint_nodes = hints_[stored.hints].nodes;
    }
    slice.endpoints.resize(count);
}

bool StoredSlice::equals(const StoredSlice& other) const noexcept {
    const auto same = [](const StoredEndpoint& a, const StoredEndpoint& b) {
        return a.address == b.address && a.further == b.further && same_but_address(a, b);
    };
    return family_ == other.family_ && foreign_proxy_ == other.foreign_proxy_ &&
           selected_ == other.selected_ && change_trigger_ns_ == other.change_trigger_ns_ &&
           text_octets_ == other.text_octets_ &&
           std::memcmp(text_.get(), other.text_.get(), text_octets_) == 0 &&
           std::ranges::equal(endpoints_, other.endpoints_, same) && ports_ == other.ports_ &&
           hints_ == other.hints_;
}

std::size_t StoredSlice::memory_octets() const noexcept {
    std::size_t octets = sizeof *this + text_octets_;
    octets += endpoints_.capacity() * sizeof(StoredEndpoint);
    octets += hints_.capacity() * sizeof(EndpointHints);
    octets += ports_.capacity() * sizeof(EndpointPort);
    return octets;
}

}  // namespace nameplane::services
