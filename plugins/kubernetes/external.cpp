// hot path
// ExternalName: a Service that stands for another name.

#include "plugins/kubernetes/answer.hpp"
#include "services/model.hpp"

#include <algorithm>
#include <array>

namespace nameplane::plugins::kubernetes {

namespace {

/// The name that an ExternalName Service stands for.
struct Target {
    dns::NameView name;   ///< as it was written
    dns::NameView lower;  ///< in lower case, to look it up
};

std::optional<Target> target_of(const services::ServiceEntry& entry, Arena& arena) noexcept {
    const std::optional<dns::Name> name = dns::Name::parse(entry.service->external_name);
    if (!name) return std::nullopt;
    const auto written = name->view().copy_to(arena);
    const auto lower = name->lower().view().copy_to(arena);
    if (!written || !lower) return std::nullopt;
    return Target{*written, *lower};
}

}  // namespace

std::optional<dns::NameView> Answer::host_name(std::string_view host) noexcept {
    const std::optional<dns::Name> name = dns::Name::parse(host);
    return name ? name->lower().view().copy_to(query_.arena()) : std::nullopt;
}

void Answer::give_at(const Found& found, std::span<const IpAddress> addresses,
                     Hosts hosts) noexcept {
    const dns::Type type = query_.type();
    if (type == dns::Type::srv) return service_ports(found, addresses, hosts);
    if (type != dns::Type::a && type != dns::Type::aaaa) return;
    // A name with a CNAME has nothing else, so of a Service with addresses they count.
    if (service_addresses(addresses, query_.name()) || !addresses.empty() || hosts.empty()) return;
    const auto target = host_name(hosts.front());
    if (!target) return;
    reply_.answer(record(query_.name(), dns::Type::cname, *target));
    if (!target->equals(query_.name())) outside_ = *target;
}

void Answer::cname(const services::ServiceEntry& entry) noexcept {
    const auto target = target_of(entry, query_.arena());
    if (target) reply_.answer(record(query_.name(), dns::Type::cname, target->name));
}

void Answer::external(const Found& found) noexcept {
    std::array<dns::NameView, cname_chain_max> owners;
    const services::ServiceEntry* entry = found.entry;
    dns::NameView owner = query_.name();
    for (std::size_t length = 0; length < cname_chain_max; ++length) {
        const auto target = target_of(*entry, query_.arena());
        if (!target || target->lower.equals(owner)) break;
        owners[length] = owner;
        reply_.answer(record(owner, dns::Type::cname, target->name));
        if (!target->lower.is_under(zone_.name)) {
            outside_ = target->lower;
            return;
        }
        const auto end = owners.begin() + static_cast<std::ptrdiff_t>(length) + 1;
        const bool loop = std::any_of(
            owners.begin(), end, [&](dns::NameView seen) { return seen.equals(target->lower); });
        if (loop) break;
        owner = target->name;
        const Found next = locate(settings_, zone_, target->lower, query_.services());
        if (next.kind != Kind::external_name) {
            if (addresses(next, owner)) return;
            break;
        }
        entry = next.entry;
    }
    // The chain ends without an address; an answer that is not empty gets its SOA here.
    if (!reply_.answers().empty()) add_soa();
}

}  // namespace nameplane::plugins::kubernetes
