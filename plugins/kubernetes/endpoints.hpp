#pragma once
// The names of endpoints, and which endpoints and ports of a Service a request means.

#include "plugins/kubernetes/request.hpp"
#include "plugins/kubernetes/settings.hpp"
#include "services/model.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/services/entry.hpp>
#include <nameplane/services/head.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace nameplane::plugins::kubernetes {

/// Room for one label.
using LabelText = std::array<char, dns::label_octets_max>;

/// The address as a label, dots and colons made dashes: "10-0-0-1", "fd00--1". A dash at the end
/// gets a zero behind it ("fd00--0"), since a host name must not end in a dash.
std::string_view dashed(const IpAddress& address, LabelText& room) noexcept;
/// The reverse of dashed(); nothing for any other text, another spelling of an address included.
std::optional<IpAddress> parse_dashed(std::string_view label) noexcept;
/// The address that a pod's label stands for: with three single dashes IPv4, else IPv6, in any
/// spelling.
std::optional<IpAddress> parse_pod_label(std::string_view label) noexcept;

/// The label of `endpoint` in front of its Service: its hostname, else (if so set) its pod's name
/// if that is a label, else its address.
std::string_view endpoint_label(const Settings& settings, const services::EndpointEntry& endpoint,
                                LabelText& room) noexcept;

/// Which ports a request means; all, where it names none.
class PortFilter {
public:
    explicit PortFilter(const Request& request) noexcept
        : name_{request.port}, protocol_{request.protocol} {}

    bool all() const noexcept { return name_.empty() && protocol_.empty(); }
    bool matches(std::string_view name, services::Protocol protocol) const noexcept;
    /// Whether any port of a Service with an address of its own matches. A Service without ports
    /// counts as having one without name and number, see count().
    bool any(const services::ServiceHead& service) const noexcept;
    /// How many of `ports` match. An empty list counts as one port without name and number.
    template <class Port> std::size_t count(std::span<const Port> ports) const noexcept {
        if (ports.empty()) return all() ? 1 : 0;
        if (all()) return ports.size();
        std::size_t matching = 0;
        for (const Port& port : ports) matching += matches(port.name, port.protocol) ? 1U : 0U;
        return matching;
    }

private:
    std::string_view name_;
    std::string_view protocol_;
};

/// Whether the labels of `topology` (Request) are the zone `name`, case ignored.
bool is_topology(std::string_view topology, std::string_view name) noexcept;

/// Which endpoints of a Service a request means: ready and selected ones, with the label that it
/// names (all, where it names none), in the topology zone that it names, and at least one port that
/// it means. In a zone of several clusters a label means an endpoint of the cluster that it names.
class EndpointFilter {
public:
    EndpointFilter(const Settings& settings, const Zone& zone, const Request& request) noexcept
        : settings_{&settings}, ports_{request}, label_{request.endpoint},
          cluster_{request.cluster}, topology_{request.topology},
          by_cluster_{zone.multicluster}, address_{parse_dashed(request.endpoint)} {}

    const PortFilter& ports() const noexcept { return ports_; }
    bool matches(const services::ServiceEntry& entry,
                 const services::EndpointEntry& endpoint) const noexcept {
        return endpoint.ready && settings_->selects(endpoint.selected) &&
               (label_.empty() || has_label(endpoint)) &&
               (topology_.empty() || is_topology(topology_, *endpoint.zone)) &&
               (ports_.all() || ports_.count(ports_of(entry, endpoint)) > 0);
    }
    static std::span<const services::EndpointPort>
    ports_of(const services::ServiceEntry& entry,
             const services::EndpointEntry& endpoint) noexcept {
        return entry.port_sets[endpoint.port_set];
    }

private:
    bool has_label(const services::EndpointEntry& endpoint) const noexcept;

    const Settings* settings_;
    PortFilter ports_;
    std::string_view label_;
    std::string_view cluster_;
    std::string_view topology_;
    bool by_cluster_;
    std::optional<IpAddress> address_;
};

/// Equal, ASCII case ignored.
bool same_label(std::string_view a, std::string_view b) noexcept;

}  // namespace nameplane::plugins::kubernetes
