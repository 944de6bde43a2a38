// hot path
#include "zone/authority.hpp"

#include <nameplane/keep.hpp>

namespace nameplane::zone {

Step Authority::ask(const Plugin* plugin, Query& query, Reply& reply) const noexcept {
    if (query.klass() != dns::Class::in) return not_mine(reply);
    const Suffixes name{query.name()};
    const StoredZone* const entry = store_->zones(query.worker()).find(name);
    if (entry == nullptr) return not_mine(reply);
    if (entry->zone == nullptr) {
        reply.fail("the zone is not loaded");
        return Step::done;
    }
    // Whoever may transfer it is asked in front of us.
    if (query.type() == dns::Type::axfr || query.type() == dns::Type::ixfr) {
        reply.fail(dns::Rcode::refused);
        return Step::done;
    }
    reply.rcode = dns::Rcode::no_error;
    const Zone& zone = *entry->zone;
    Lookup lookup{zone, name, query, reply};
    const Outcome outcome = lookup.run();
    if (outcome == Outcome::name_error || outcome == Outcome::empty_name) {
        if (options_.fallthrough.takes(query.name())) return Step::next;
        lookup.deny();
    }
    if (lookup.wildcard()) {
        Note* const note = query.keep<Note>(plugin);
        if (note != nullptr) note->wildcard = lookup.wildcard()->text_in(query.arena());
    }
    if (outcome != Outcome::elsewhere) return end(outcome, reply);
    return look_up(plugin, lookup.target(), zone, query, reply);
}

Step Authority::not_mine(Reply& reply) const noexcept {
    if (!options_.refuses_others) return Step::next;
    reply.fail(dns::Rcode::refused);
    return Step::done;
}

Step Authority::look_up(const Plugin* plugin, dns::NameView target, const Zone& zone, Query& query,
                        Reply& reply) const noexcept {
    Note* const note = query.keep<Note>(plugin);
    if (note == nullptr) return end(Outcome::server_failure, reply);
    // While the query waits, the zone may go.
    const auto name = target.copy_to(query.arena());
    if (!name) return end(Outcome::server_failure, reply);
    if (!query.look_up(*name, query.type(), note->found)) {
        if (!keep(reply.answers(), query.arena())) reply.fail();
        return Step::wait;
    }
    return end(Lookup::finish(zone, query, reply, note->found), reply);
}

Step Authority::woken(const Plugin* plugin, Query& query, Reply& reply) const noexcept {
    const Note* const note = query.kept<Note>(plugin);
    const Suffixes name{query.name()};
    const StoredZone* const entry = store_->zones(query.worker()).find(name);
    if (note == nullptr || entry == nullptr || entry->zone == nullptr || reply.failed()) {
        reply.fail();
        return Step::done;
    }
    return end(Lookup::finish(*entry->zone, query, reply, note->found), reply);
}

Step Authority::end(Outcome outcome, Reply& reply) const noexcept {
    const bool has_answers = !reply.answers().empty();
    reply.authoritative = true;
    switch (outcome) {
    case Outcome::success:
    case Outcome::no_data:
    case Outcome::empty_name: break;
    case Outcome::name_error: reply.rcode = dns::Rcode::nx_domain; break;
    case Outcome::delegation:
        reply.authoritative = has_answers && options_.authoritative_aliases;
        break;
    case Outcome::elsewhere:
    case Outcome::server_failure:
        if (has_answers) {
            // The client gets what there is of the chain (RFC 6604 3).
            reply.rcode = dns::Rcode::serv_fail;
        } else {
            reply.fail();
            reply.authoritative = false;
        }
        break;
    }
    return Step::done;
}

std::optional<std::string_view> Authority::metadata(const Plugin* plugin, Query& query,
                                                    std::string_view label) const noexcept {
    if (label != "zone/wildcard") return std::nullopt;
    const Note* const note = query.kept<Note>(plugin);
    if (note == nullptr || note->wildcard.empty()) return std::nullopt;
    return note->wildcard;
}

}  // namespace nameplane::zone
