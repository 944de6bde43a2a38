#pragma once
// StoredSlice: an EndpointSlice as the store keeps it, one small record for each address. Immutable
// and shared with the ServiceEntry that was merged from it, whose names point in here.

#include "services/model.hpp"
#include "services/string_pool.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/services/entry.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace nameplane::services {

/// One address of one endpoint.
struct StoredEndpoint {
    IpAddress address;
    std::uint8_t ready : 1;
    std::uint8_t serving : 1;
    std::uint8_t terminating : 1;
    std::uint8_t further : 1;  ///< not the first address of its endpoint
    std::uint8_t hostname_octets = 0;
    std::uint8_t pod_name_octets = 0;
    std::uint32_t text_at = 0;  ///< hostname, then pod name, in the text of the slice
    std::uint16_t hints = 0;    ///< index into the hints of the slice
    const PooledString* node = nullptr;
    const PooledString* zone = nullptr;
};

class StoredSlice {
public:
    /// Packs `slice`, which keeps the limits of limits.hpp.
    StoredSlice(const EndpointSlice& slice, std::shared_ptr<StringPool> pool);
    ~StoredSlice();
    StoredSlice(const StoredSlice&) = delete;
    StoredSlice& operator=(const StoredSlice&) = delete;

    /// What it was made from, but for key, labels and what it belongs to: endpoints of the same
    /// order and content, ports sorted. Fills `slice`, whose memory is used again.
    void unpack(EndpointSlice& slice) const;
    /// Whether nothing that anybody reads differs; both from the same pool.
    bool equals(const StoredSlice& other) const noexcept;

    /// Sorted by name, protocol, number; without repetitions.
    const std::vector<EndpointPort>& ports() const noexcept { return ports_; }
    /// [0] is empty.
    const std::vector<EndpointHints>& hints() const noexcept { return hints_; }
    const std::vector<StoredEndpoint>& endpoints() const noexcept { return endpoints_; }
    std::string_view hostname(const StoredEndpoint& endpoint) const noexcept {
        return {text_.get() + endpoint.text_at, endpoint.hostname_octets};
    }
    std::string_view pod_name(const StoredEndpoint& endpoint) const noexcept {
        return {text_.get() + endpoint.text_at + endpoint.hostname_octets,
                endpoint.pod_name_octets};
    }
    Family family() const noexcept { return family_; }
    bool foreign_proxy() const noexcept { return foreign_proxy_; }
    Selected selected() const noexcept { return selected_; }
    std::int64_t change_trigger_ns() const noexcept { return change_trigger_ns_; }
    std::size_t memory_octets() const noexcept;

private:
    std::uint16_t add_hints(const Endpoint& endpoint);
    void add_endpoint(const Endpoint& endpoint, std::uint32_t text_at);

    std::shared_ptr<StringPool> pool_;
    std::vector<EndpointPort> ports_;
    std::vector<EndpointHints> hints_;
    std::vector<StoredEndpoint> endpoints_;
    std::unique_ptr<char[]> text_;
    std::uint32_t text_octets_ = 0;
    Family family_ = Family::ipv4;
    bool foreign_proxy_ = false;
    Selected selected_ = not_judged;
    std::int64_t change_trigger_ns_ = 0;
};

}  // namespace nameplane::services
