// hot path
#include "plugins/acl/acl.hpp"

#include <algorithm>
#include <array>

namespace nameplane::plugins {

namespace {

constexpr std::uint16_t extended_error = 15;  // RFC 8914
using InfoCode = std::array<std::uint8_t, 2>;
constexpr InfoCode blocked_code{0, 15};
constexpr InfoCode filtered_code{0, 17};

const Acl::Zone* zone_of(const Acl::Rule& rule, dns::NameView name) noexcept {
    const Acl::Zone* longest = nullptr;
    for (const Acl::Zone& zone : rule.zones) {
        if (!name.is_under(zone.name)) continue;
        if (longest == nullptr || zone.name.view().size() > longest->name.view().size()) {
            longest = &zone;
        }
    }
    return longest;
}

}  // namespace

bool Acl::Policy::matches(dns::Type type, const IpAddress& client) const noexcept {
    if (!types.empty() && !std::ranges::binary_search(types, type)) return false;
    return networks.empty() || std::ranges::any_of(networks, [&](const Cidr& network) {
               return network.contains(client);
           });
}

Step Acl::ask(Query& query, Reply& reply) const noexcept {
    const IpAddress& client = query.client().address;
    for (const Rule& rule : rules_) {
        const Zone* const zone = zone_of(rule, query.name());
        if (zone == nullptr) continue;
        const auto policy = std::ranges::find_if(rule.policies, [&](const Policy& candidate) {
            return candidate.matches(query.type(), client);
        });
        if (policy == rule.policies.end()) continue;
        if (policy->action == Action::allow) break;
        return refuse(policy->action, *zone, query, reply);
    }
    allowed_->add(query.worker());
    return Step::next;
}

Step Acl::refuse(Action action, const Zone& zone, Query& query, Reply& reply) const noexcept {
    switch (action) {
    case Action::allow: break;
    case Action::block:
        zone.blocked->add(query.worker());
        reply.rcode = dns::Rcode::refused;
        reply.edns_option(extended_error, blocked_code);
        return Step::done;
    case Action::filter:
        zone.filtered->add(query.worker());
        reply.rcode = dns::Rcode::no_error;
        reply.edns_option(extended_error, filtered_code);
        return Step::done;
    case Action::drop: zone.dropped->add(query.worker()); return Step::drop;
    }
    return Step::next;
}

}  // namespace nameplane::plugins
