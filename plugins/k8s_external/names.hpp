#pragma once
// names: what a name in a zone for the outside stands for. Its grammar is shorter than the one
// inside: ns, service.ns, endpoint.service.ns, _port._proto.service.ns, and the names that a zone
// needs for itself.

#include "plugins/kubernetes/locate.hpp"
#include "plugins/kubernetes/settings.hpp"
#include <nameplane/base/arena.hpp>
#include <nameplane/base/ip.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/services/view.hpp>

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace nameplane::plugins::k8s_external {

struct Zone {
    kubernetes::Zone whole;  ///< its mname is ns1.<apex>
    dns::Name apex;          ///< "dns" in front of the zone

    /// Nothing if the names do not fit. `apex` is relative to `name`.
    static std::optional<Zone> make(const dns::Name& name, std::string_view apex);
};

struct Settings {
    kubernetes::Settings objects;  ///< as the plugin kubernetes has them, with our ttl
    std::vector<Zone> zones;       ///< longest first
    dns::Name primary;             ///< what PTR records name
    bool headless = false;

    const Zone* zone_of(dns::NameView name) const noexcept;
};

/// Kinds that come back: name_error, nothing, apex, name_server, cluster_ip (a Service by its
/// external addresses and hosts), endpoints, reverse_service, elsewhere.
kubernetes::Found locate(const Settings& settings, const Zone& zone, dns::NameView name,
                         const services::ServiceView& services) noexcept;

/// The addresses from outside of a Service, each once, in the arena: external ones, then those of
/// its load balancer. Empty also when the arena is full.
std::span<const IpAddress> external_addresses(const services::ServiceEntry& entry,
                                              Arena& arena) noexcept;

/// The addresses from outside of the Services that this machine is an endpoint of; its own, if it
/// is none's.
std::span<const IpAddress> server_addresses(const Settings& settings,
                                            const services::ServiceView& services,
                                            Arena& arena) noexcept;

}  // namespace nameplane::plugins::k8s_external
