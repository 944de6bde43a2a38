#pragma once
// Settings: what a server block told the plugin, with all that can be made from it before the
// first query. Built on the control thread, then read by all workers.

#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/dns/record.hpp>
#include <nameplane/dns/types.hpp>
#include <nameplane/services/view.hpp>
#include <nameplane/zones.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane {
class Options;
struct Setup;
}  // namespace nameplane

namespace nameplane::plugins::kubernetes {

/// Which names 1-2-3-4.ns.pod exist.
enum class PodMode : std::uint8_t {
    disabled,  ///< none
    insecure,  ///< every address, in a namespace that exists
    verified,  ///< those of pods of that namespace
};

/// One of our zones and the names that its SOA needs.
struct Zone {
    dns::Name name;
    dns::Name mname;             ///< ns.dns.<zone>
    dns::Name rname;             ///< hostmaster.<zone>
    bool holds_reverse = false;  ///< reverse names may lie in it
    bool multicluster = false;   ///< its Services are the ServiceImports

    /// Nothing if the zone is too long to have names below it.
    static std::optional<Zone> make(const dns::Name& name);
};

struct Settings {
    std::vector<Zone> zones;  ///< longest first
    dns::Name primary;        ///< the first one that is no reverse zone: what PTR records name
    dns::Ttl ttl = 5;
    dns::Ttl soa_ttl_max = 300;  ///< a longer `ttl` is for the other records
    PodMode pods = PodMode::disabled;
    std::vector<std::string> namespaces;  ///< sorted; empty: all
    std::uint8_t selected = 0;            ///< bit of `labels` among the selections; 0: no matter
    std::uint8_t namespace_selected = 0;  ///< likewise, of `namespace_labels`
    bool zonal = false;
    bool noendpoints = false;
    bool endpoint_pod_names = false;
    bool ignore_empty_service = false;
    bool headless_elsewhere = false;  ///< names of headless Services belong to the next plugin
    Fallthrough fallthrough;
    std::vector<IpAddress> own_addresses;
    std::vector<dns::Name> host_domains;  ///< the host's search list, with PodMode::verified

    /// What `given`, options of the plugin kubernetes, say of which objects there are and how
    /// endpoints are named; zones and ttl are left as they are.
    static Result<Settings> of_objects(const Options& given, const Setup& setup);

    /// The longest zone that holds `name`, or nullptr.
    const Zone* zone_of(dns::NameView name) const noexcept;
    /// Whether the option `namespaces` names `ns`, or none.
    bool names(std::string_view ns) const noexcept;
    /// Whether we speak of `ns`, which exists.
    bool shows(std::string_view ns, const services::ServiceView& services) const noexcept;
    /// Whether `ns` exists and we speak of it.
    bool exposes(std::string_view ns, const services::ServiceView& services) const noexcept;
    /// Whether `bits` of a Service, endpoint or Pod have that of `labels`.
    bool selects(std::uint8_t bits) const noexcept { return (bits & selected) == selected; }
    /// A record as we give it.
    dns::Record record(dns::NameView owner, dns::Type type, dns::Rdata data) const noexcept {
        return {.owner = owner, .type = type, .klass = dns::Class::in, .ttl = ttl, .data = data};
    }
};

}  // namespace nameplane::plugins::kubernetes
