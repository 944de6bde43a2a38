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
    std::size_t best = places_.size();
    for (std::size_t i = 0; i < places_.size(); ++i) {
        if (!query.name().is_under(places_[i].origin)) continue;
        if (best == places_.size() ||
            places_[i].origin.view().size() > places_[best].origin.view().size()) {
            best = i;
        }
    }
    if (best == places_.size()) return Step::next;
    // As CoreDNS: who is no primary of ours gets no answer at all.
    const auto& primaries = places_[best].primaries;
    if (std::ranges::find(primaries, query.client().address) == primaries.end()) return Step::drop;
    if (keeper_ != nullptr) keeper_->notified(best);
    reply.rcode = dns::Rcode::no_error;
    reply.authoritative = true;
    return Step::done;
}

}  // namespace nameplane::plugins
