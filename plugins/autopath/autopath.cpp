// hot path
#include "plugins/autopath/autopath.hpp"

#include <nameplane/dns/rdata.hpp>
#include <nameplane/keep.hpp>
#include <nameplane/zones.hpp>

#include <algorithm>
#include <cstring>

namespace nameplane::plugins {

namespace {

/// `count` octets of labels in front of `asked`, before `domain`; nothing if that is too long.
std::optional<dns::NameView> moved(dns::NameView asked, std::size_t count, dns::NameView domain,
                                   Arena& arena) noexcept {
    if (count + domain.size() > dns::name_octets_max) return std::nullopt;
    const auto room = arena.array<std::uint8_t>(count + domain.size());
    if (room.empty()) return std::nullopt;
    std::memcpy(room.data(), asked.data(), count);
    std::memcpy(room.data() + count, domain.data(), domain.size());
    return dns::NameView::trusted(room.data(), room.size());
}

/// The answer is to another name than the client's: an alias leads there.
void lead_to_answer(dns::NameView asked, Query& query, Reply& reply) noexcept {
    const auto records = reply.answers().records();
    const auto other = std::ranges::find_if(
        records, [&](const dns::Record& record) { return !record.owner.equals(asked); });
    if (other == records.end()) return;
    const std::span<dns::Record> copy = query.arena().array<dns::Record>(records.size());
    if (copy.empty()) return reply.fail();
    std::ranges::copy(records, copy.begin());
    const dns::Record alias = dns::cname_record(asked, other->ttl, other->owner);
    reply.answers().clear();
    reply.answer(alias);
    for (const dns::Record& record : copy) reply.answer(record);
}

}  // namespace

bool Autopath::search_path_of(Query& query, SearchPath& path) const noexcept {
    if (!settings_.plugin.empty()) return query.search_path(settings_.plugin, path);
    for (const dns::Name& domain : settings_.domains) path.add(domain);
    return path.count != 0;
}

Step Autopath::ask(Query& query, Reply&) const noexcept {
    const dns::NameView name = query.name();
    if (longest_zone(settings_.zones, name) == nullptr) return Step::next;
    SearchPath path;
    if (!search_path_of(query, path)) return Step::next;
    // Last, the name as somebody meant it who ended it with a dot.
    path.add(dns::NameView{});
    const dns::NameView first = path.domains[0];
    if (!name.is_under(first) || name.size() == first.size()) return Step::next;
    if (Note* const note = query.keep<Note>(this)) {
        *note = {.path = path, .asked = name, .base_octets = name.size() - first.size()};
    }
    return Step::next;
}

bool Autopath::ask_next(Note& note, Query& query, Reply& reply) const noexcept {
    // As many as the walk allows, less one for plugins behind that turn round, too.
    const std::size_t end = std::min(note.path.count, turns_max - 1);
    if (note.first == nullptr) {
        void* const memory = query.arena().allocate(sizeof(Reply), alignof(Reply));
        if (memory == nullptr) return false;
        auto* const first = new (memory) Reply{reply};
        for (Section* section : {&first->answers(), &first->authorities(), &first->additionals()}) {
            if (keep(*section, query.arena())) continue;
            reply.fail();
            return false;
        }
        note.first = first;
    }
    while (++note.at < end) {
        const auto next =
            moved(note.asked, note.base_octets, note.path.domains[note.at], query.arena());
        if (!next) continue;
        query.ask_instead(*next, query.type());
        return true;
    }
    return false;
}

Step Autopath::tell(Query& query, Reply& reply) const noexcept {
    Note* const note = query.kept<Note>(this);
    if (note == nullptr || note->path.count == 0) return Step::done;
    // As CoreDNS: a failure without a reason is nobody's answer, and the next name may have one.
    const bool nothing_there =
        reply.failed() ? reply.error.empty() : reply.rcode == dns::Rcode::nx_domain;
    if (nothing_there && ask_next(*note, query, reply)) return Step::again;
    if (nothing_there && note->first != nullptr) {
        reply = *note->first;
    } else if (!nothing_there && !reply.failed()) {
        lead_to_answer(note->asked, query, reply);
        found_->add(query.worker());
    }
    query.ask_instead(note->asked, query.type());
    note->path.count = 0;
    return Step::done;
}

}  // namespace nameplane::plugins
