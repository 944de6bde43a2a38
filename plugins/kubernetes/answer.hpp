#pragma once
// Answer: the records of a name that exists, for one query. Owners and targets are views into the
// query's name, the snapshot, the configuration and the arena; names that occur twice are the same
// view, so that the encoder can point at the first.

#include "plugins/kubernetes/locate.hpp"
#include "plugins/kubernetes/settings.hpp"
#include <nameplane/dns/record.hpp>
#include <nameplane/query.hpp>
#include <nameplane/reply.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nameplane::plugins::kubernetes {

/// CNAMEs that are followed for one query.
inline constexpr std::size_t cname_chain_max = 10;

inline constexpr std::size_t message_octets_max = 65535;
/// An A record behind a compressed owner.
inline constexpr std::size_t address_record_octets_min = 16;

/// Names of hosts, as they were written.
using Hosts = std::span<const std::string>;

/// Lives for one ask(). Nothing here allocates but from the query's arena.
class Answer {
public:
    Answer(const Settings& settings, const Zone& zone, Query& query, Reply& reply) noexcept
        : settings_{settings}, zone_{zone}, query_{query}, reply_{reply} {}

    /// Adds what `found`, which is the query's name, has of the query's type: perhaps nothing.
    void give(const Found& found) noexcept;
    /// The same of a Service whose addresses are `addresses` instead of its clusterIPs, and whose
    /// targets are those and `hosts`.
    void give_at(const Found& found, std::span<const IpAddress> addresses, Hosts hosts) noexcept;
    /// The SOA, into the authority section.
    void add_soa() noexcept;
    /// Where the CNAMEs that were given lead outside of the zone, in lower case: whoever is behind
    /// us may know its addresses.
    const std::optional<dns::NameView>& outside() const noexcept { return outside_; }

private:
    /// Addresses of the query's type; false if there is none.
    bool addresses(const Found& found, dns::NameView owner) noexcept;
    bool service_addresses(std::span<const IpAddress> addresses, dns::NameView owner) noexcept;
    bool endpoint_addresses(const Found& found, dns::NameView owner) noexcept;
    bool name_server_addresses(dns::NameView owner) noexcept;

    void external(const Found& found) noexcept;
    void cname(const services::ServiceEntry& entry) noexcept;

    void service_ports(const Found& found, std::span<const IpAddress> addresses,
                       Hosts hosts) noexcept;
    /// Records of one target with the ports that match.
    void ports_at(const Found& found, dns::NameView target, std::uint16_t weight) noexcept;
    std::optional<dns::NameView> host_name(std::string_view host) noexcept;
    void endpoint_ports(const Found& found) noexcept;

    void pointer(const Found& found) noexcept;
    void pointers_to_endpoints(const Found& found) noexcept;

    void name_servers() noexcept;
    void headless_name_servers(const services::ServiceEntry& entry) noexcept;
    /// Calls `visit` once for each Service that has one of our addresses as a ready endpoint.
    template <class Visit> void for_each_own_service(Visit visit) noexcept;

    dns::Record soa() const noexcept;
    dns::NameView zone_as_asked() const noexcept;
    /// service.ns.svc.<zone>, or nothing if the arena is full or the name too long.
    std::optional<dns::NameView> service_name(const services::ServiceEntry& entry,
                                              dns::NameView zone) noexcept;
    dns::Record record(dns::NameView owner, dns::Type type, dns::Rdata data) const noexcept {
        return settings_.record(owner, type, data);
    }
    dns::Record record(dns::NameView owner, const IpAddress& address) const noexcept {
        return record(owner, dns::type_of(address), address);
    }
    /// How many out of `wanted` things of at least `octets` on the wire and `memory` in the arena
    /// can be answered. Who leaves some out for that marks the reply as truncated.
    std::size_t affordable(std::size_t wanted, std::size_t octets, std::size_t memory) noexcept;

    const Settings& settings_;
    const Zone& zone_;
    Query& query_;
    Reply& reply_;
    std::optional<dns::NameView> outside_;
};

}  // namespace nameplane::plugins::kubernetes
