// hot path
#include "plugins/template/template.hpp"

#include "dns/record_text.hpp"
#include "plugins/template/nodes.hpp"

#include <algorithm>

namespace nameplane::plugins {

using templating::Outcome;
using templating::Part;
using templating::QueryData;
using templating::RecordTemplate;
using templating::Rule;

namespace {

constexpr std::uint16_t extended_error = 15;  // RFC 8914

/// The zone of `rule` that `name` is in; the number of zones if it is in none.
std::size_t zone_of(const Rule& rule, dns::NameView name) noexcept {
    const dns::Name* const zone = longest_zone(rule.zones, name);
    return zone == nullptr ? rule.zones.size() : static_cast<std::size_t>(zone - rule.zones.data());
}

/// Why a record could not be made.
std::string_view reason(Outcome outcome) noexcept {
    switch (outcome) {
    case Outcome::good:
    case Outcome::wrong: break;
    case Outcome::no_memory: return "template: no memory left for a record";
    case Outcome::too_long: return "template: a record is too long";
    case Outcome::too_many_steps: return "template: a record takes too many steps";
    case Outcome::too_deep: return "template: a record calls templates too deep";
    }
    return "template: a record could not be made";
}

template <class T> bool fits(T asked, T wanted) noexcept {
    return wanted == T::any || asked == T::any || asked == wanted;
}

}  // namespace

Step Template::ask(Query& query, Reply& reply) const noexcept {
    for (const Rule& rule : rules_) {
        if (!fits(query.klass(), rule.klass) || !fits(query.type(), rule.type)) continue;
        const std::size_t zone = zone_of(rule, query.name());
        if (zone == rule.zones.size()) continue;
        QueryData data{rule, zone, query};
        if (!data.good()) {
            reply.fail(reason(Outcome::no_memory));
            return Step::done;
        }
        const templating::Verdict verdict = data.match() ? data.decide() : templating::Verdict::no;
        if (verdict == templating::Verdict::yes) return answer(rule, data, query, reply);
        if (verdict == templating::Verdict::no && rule.fallthrough.takes(query.name())) continue;
        reply.fail();
        return Step::done;
    }
    return Step::next;
}

Step Template::answer(const Rule& rule, const QueryData& data, Query& query,
                      Reply& reply) const noexcept {
    if (metrics::Counter* const counter =
            rule.matches[data.zone()][templating::type_slot(data.type())]) {
        counter->add(query.worker());
    }
    if (rule.rcode == dns::Rcode::serv_fail) {
        reply.fail();
        return Step::done;
    }
    reply.rcode = rule.rcode;
    reply.authoritative = true;
    for (const Part part : templating::parts) {
        const Outcome outcome = add_records(rule, part, data, query, reply);
        if (outcome == Outcome::good) continue;
        reply.fail(reason(outcome));
        return Step::done;
    }
    if (!rule.extended_error.empty()) reply.edns_option(extended_error, rule.extended_error);
    return look_up_target(query, reply);
}

Outcome Template::add_records(const Rule& rule, Part part, const QueryData& data, Query& query,
                              Reply& reply) const noexcept {
    for (const RecordTemplate& record : rule.records) {
        if (record.part != part) continue;
        dns::Record made;
        if (record.fixed) {
            made = *record.fixed;
            if (record.owner_is_name) made.owner = query.name();
        } else {
            std::array<char, templating::text_octets_max> room;
            templating::Output text{room};
            const Outcome outcome = record.text.run(data, query.arena(), text);
            if (outcome != Outcome::good) {
                failed(rule, data, record, false);
                return outcome;
            }
            // Text that is another for each query is read by ldns, which takes the heap.
            const auto read = dns::read_record(text.text(), query.arena());
            if (!read) {
                const bool is_full = read.error().code == Errc::exhausted;
                failed(rule, data, record, !is_full);
                return is_full ? Outcome::no_memory : Outcome::wrong;
            }
            made = read.value();
            if (made.owner.equals(query.name())) made.owner = query.name();
        }
        if (part == Part::answer) reply.answer(made);
        if (part == Part::authority) reply.authority(made);
        if (part == Part::additional) reply.additional(made);
    }
    return Outcome::good;
}

// An alias is of little use without its address: the server is asked for it.
Step Template::look_up_target(Query& query, Reply& reply) const noexcept {
    if (query.type() != dns::Type::a && query.type() != dns::Type::aaaa) return Step::done;
    const auto answers = reply.answers().records();
    const auto alias = std::ranges::find(answers, dns::Type::cname, &dns::Record::type);
    if (alias == answers.end()) return Step::done;
    const auto* const target = std::get_if<dns::NameView>(&alias->data);
    const auto lower =
        target == nullptr ? std::nullopt : dns::Name{*target}.lower().view().copy_to(query.arena());
    Note* const note = lower ? query.keep<Note>(this) : nullptr;
    if (note == nullptr) return Step::done;
    if (!query.look_up(*lower, query.type(), note->found)) return Step::wait;
    return woken(query, reply);
}

Step Template::woken(Query& query, Reply& reply) const noexcept {
    const Note* const note = query.kept<Note>(this);
    if (note == nullptr || note->found == nullptr) return Step::done;
    for (const dns::Record& record : note->found->answers().records()) reply.answer(record);
    reply.truncated = note->found->truncated;
    return Step::done;
}

}  // namespace nameplane::plugins
