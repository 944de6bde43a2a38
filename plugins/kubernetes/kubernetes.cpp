// hot path
#include "plugins/kubernetes/kubernetes.hpp"

#include "plugins/kubernetes/answer.hpp"
#include "plugins/kubernetes/locate.hpp"

namespace nameplane::plugins {

Step Kubernetes::ask(Query& query, Reply& reply) const noexcept {
    const kubernetes::Zone* const zone = settings_.zone_of(query.name());
    if (zone == nullptr || query.klass() != dns::Class::in) return Step::next;
    const kubernetes::Found found =
        kubernetes::locate(settings_, *zone, query.name(), query.services());
    if (found.kind == kubernetes::Kind::name_error) return refuse_name(*zone, query, reply);
    if (found.kind == kubernetes::Kind::elsewhere) {
        counters_.fallen_through->add(query.worker());
        return Step::next;
    }

    reply.rcode = dns::Rcode::no_error;
    reply.authoritative = true;
    kubernetes::Answer answer{settings_, *zone, query, reply};
    answer.give(found);
    return kubernetes::finish(this, answer, counters_, query, reply);
}

Step Kubernetes::woken(Query& query, Reply& reply) const noexcept {
    return kubernetes::add_outside(this, query, reply);
}

std::uint64_t Kubernetes::expects(dns::NameView name) const noexcept {
    const kubernetes::Zone* const zone = settings_.zone_of(name);
    if (zone == nullptr || zone->holds_reverse || zone->multicluster) return 0;
    const kubernetes::Request request = kubernetes::parse_request(name, zone->name);
    if (request.service.empty() || request.shape == kubernetes::Shape::pod) return 0;
    return services::ServiceView::hash_of(request.ns, request.service);
}

bool Kubernetes::search_path(Query& query, SearchPath& path) const noexcept {
    const kubernetes::Zone* const zone = settings_.zone_of(query.name());
    if (zone == nullptr || settings_.pods != kubernetes::PodMode::verified) return false;
    const std::string_view ns =
        query.services().namespace_of_pod(query.client().address, settings_.selected);
    if (ns.empty()) return false;
    const auto of_namespace =
        dns::NameBuilder{query.arena()}.label(ns).label("svc").finish(zone->name);
    const auto of_services = dns::NameBuilder{query.arena()}.label("svc").finish(zone->name);
    if (!of_namespace || !of_services) return false;
    path.add(*of_namespace);
    path.add(*of_services);
    path.add(zone->name);
    for (const dns::Name& domain : settings_.host_domains) path.add(domain);
    return true;
}

Step Kubernetes::refuse_name(const kubernetes::Zone& zone, Query& query,
                             Reply& reply) const noexcept {
    if (settings_.fallthrough.takes(query.name())) {
        counters_.fallen_through->add(query.worker());
        return Step::next;
    }
    // As long as we do not know everything, a missing name proves nothing.
    const bool synced =
        query.services().synced() && (!zone.multicluster || query.services().imports_synced());
    (synced ? counters_.name_errors : counters_.unsynced)->add(query.worker());
    if (!synced) {
        // A failure, so that nobody keeps it: it may be over in a moment.
        reply.fail();
        return Step::done;
    }
    reply.rcode = dns::Rcode::nx_domain;
    reply.authoritative = true;
    kubernetes::Answer{settings_, zone, query, reply}.add_soa();
    return Step::done;
}

}  // namespace nameplane::plugins
