#include "plugins/secondary/secondary.hpp"

#include <algorithm>

namespace nameplane::plugins {

Step Secondary::ask(Query& query, Reply& reply) const noexcept {
    if (query.opcode() == dns::Opcode::notify) return hear(query, reply);
    // Zones as a whole are the business of the plugin `transfer`, which stands before us.
    if (query.is_unusual()) return Step::next;
    return authority_.ask(this, query, reply);
}

Step Secondary::hear(Query& query, Reply& reply) const noexcept {
    const secondary::Place* const place =
        places_.at(query.worker()).find(zone::Suffixes{query.name()});
    if (place == nullptr) return Step::next;
    // As CoreDNS: who is no primary of ours gets no answer at all.
    const auto& primaries = place->primaries;
    if (std::ranges::find(primaries, query.client().address) == primaries.end()) return Step::drop;
    if (keeper_ != nullptr) keeper_->notified(*place);
    reply.rcode = dns::Rcode::no_error;
    reply.authoritative = true;
    return Step::done;
}

}  // namespace nameplane::plugins
