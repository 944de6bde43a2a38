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
    if (reply.answers().empty()) {
        answer.add_soa();
        counters_.no_data->add(query.worker());
    } else {
        counters_.answers->add(query.worker());
    }
    return Step::done;
}

std::uint64_t Kubernetes::expects(dns::NameView name) const noexcept {
    const kubernetes::Zone* const zone = settings_.zone_of(name);
    if (zone == nullptr || zone->holds_reverse) return 0;
    const kubernetes::Request request = kubernetes::parse_request(name, zone->name);
    if (request.service.empty() || request.shape == kubernetes::Shape::pod) return 0;
    return services::ServiceView::hash_of(request.ns, request.service);
}

Step Kubernetes::refuse_name(const kubernetes::Zone& zone, Query& query,
                             Reply& reply) const noexcept {
    if (settings_.falls_through(query.name())) {
        counters_.fallen_through->add(query.worker());
        return Step::next;
    }
    // As long as we do not know everything, a missing name proves nothing.
    const bool synced = query.services().synced();
    reply.rcode = synced ? dns::Rcode::nx_domain : dns::Rcode::serv_fail;
    reply.authoritative = true;
    kubernetes::Answer{settings_, zone, query, reply}.add_soa();
    (synced ? counters_.name_errors : counters_.unsynced)->add(query.worker());
    return Step::done;
}

}  // namespace nameplane::plugins
