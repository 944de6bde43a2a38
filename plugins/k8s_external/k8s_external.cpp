// hot path
#include "plugins/k8s_external/k8s_external.hpp"

#include "plugins/kubernetes/answer.hpp"
#include "services/model.hpp"

namespace nameplane::plugins {

using kubernetes::Found;
using kubernetes::Kind;

Step K8sExternal::ask(Query& query, Reply& reply) const noexcept {
    const k8s_external::Zone* const zone = settings_.zone_of(query.name());
    if (zone == nullptr || query.klass() != dns::Class::in) return Step::next;
    const Found found = k8s_external::locate(settings_, *zone, query.name(), query.services());
    if (found.kind == Kind::name_error) return refuse_name(*zone, query, reply);
    if (found.kind == Kind::elsewhere) {
        counters_.fallen_through->add(query.worker());
        return Step::next;
    }
    reply.rcode = dns::Rcode::no_error;
    reply.authoritative = true;
    kubernetes::Answer answer{settings_.objects, zone->whole, query, reply};
    if (found.kind == Kind::cluster_ip) {
        answer.give_at(found, k8s_external::external_addresses(*found.entry, query.arena()),
                       found.entry->service->ingress_hostnames);
    } else if (found.kind == Kind::apex && query.type() == dns::Type::ns) {
        name_servers(*zone, query, reply);
    } else if (found.kind == Kind::name_server) {
        server_addresses(query, reply);
    } else if (found.kind == Kind::reverse_service) {
        pointers(found.address, query, reply);
    } else {
        answer.give(found);
    }
    return kubernetes::finish(this, answer, counters_, query, reply);
}

Step K8sExternal::woken(Query& query, Reply& reply) const noexcept {
    return kubernetes::add_outside(this, query, reply);
}

Step K8sExternal::refuse_name(const k8s_external::Zone& zone, Query& query,
                              Reply& reply) const noexcept {
    // The zone's own names are ours alone.
    const bool own = query.name().is_under(zone.apex);
    if (!own && settings_.objects.fallthrough.takes(query.name())) {
        counters_.fallen_through->add(query.worker());
        return Step::next;
    }
    const bool known = own || query.services().synced();
    (known ? counters_.name_errors : counters_.unsynced)->add(query.worker());
    if (!known) {
        reply.fail();
        return Step::done;
    }
    reply.rcode = dns::Rcode::nx_domain;
    reply.authoritative = true;
    kubernetes::Answer{settings_.objects, zone.whole, query, reply}.add_soa();
    return Step::done;
}

void K8sExternal::name_servers(const k8s_external::Zone& zone, Query& query,
                               Reply& reply) const noexcept {
    const dns::NameView server = zone.whole.mname;
    reply.answer(settings_.objects.record(query.name(), dns::Type::ns, server));
    for (const IpAddress& address :
         k8s_external::server_addresses(settings_, query.services(), query.arena())) {
        reply.additional(settings_.objects.record(server, dns::type_of(address), address));
    }
}

void K8sExternal::server_addresses(Query& query, Reply& reply) const noexcept {
    for (const IpAddress& address :
         k8s_external::server_addresses(settings_, query.services(), query.arena())) {
        if (dns::type_of(address) != query.type()) continue;
        reply.answer(settings_.objects.record(query.name(), query.type(), address));
    }
}

void K8sExternal::pointers(const IpAddress& address, Query& query, Reply& reply) const noexcept {
    if (query.type() != dns::Type::ptr) return;
    const services::ServiceView& services = query.services();
    const kubernetes::Settings& objects = settings_.objects;
    const services::ServiceEntry* entry = nullptr;
    for (std::size_t i = 0; (entry = services.by_external_ip(address, i)) != nullptr; ++i) {
        const services::ObjectKey& key = entry->service->key;
        if (!objects.selects(entry->service->selected) || !objects.shows(key.ns, services)) {
            continue;
        }
        const auto name =
            dns::NameBuilder{query.arena()}.label(key.name).label(key.ns).finish(settings_.primary);
        if (name) reply.answer(settings_.objects.record(query.name(), dns::Type::ptr, *name));
    }
}

}  // namespace nameplane::plugins
