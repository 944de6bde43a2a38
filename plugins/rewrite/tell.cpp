// hot path
// The way out: what the rules that were applied make of the answer.

#include "plugins/rewrite/edns.hpp"
#include "plugins/rewrite/rewrite.hpp"
#include "plugins/rewrite/text.hpp"
#include <nameplane/keep.hpp>

#include <algorithm>
#include <array>
#include <cstring>

namespace nameplane::plugins {

using rewriting::AnswerRule;
using rewriting::Field;
using rewriting::Octets;
using rewriting::Rule;

namespace {

constexpr auto dname = static_cast<dns::Type>(39);

/// `name` with its end `from` exchanged for `to`; itself if it does not end so, or gets too long.
dns::NameView with_end(dns::NameView name, dns::NameView from, dns::NameView to,
                       Arena& arena) noexcept {
    if (!name.is_under(from)) return name;
    const std::size_t kept = name.size() - from.size();
    if (kept == 0) return to;
    if (kept + to.size() > dns::name_octets_max) return name;
    const auto room = arena.array<std::uint8_t>(kept + to.size());
    if (room.empty()) return name;
    std::memcpy(room.data(), name.data(), kept);
    std::memcpy(room.data() + kept, to.data(), to.size());
    return dns::NameView::trusted(room.data(), room.size());
}

dns::NameView with_suffix(dns::NameView name, std::string_view from, std::string_view to,
                          Arena& arena) noexcept {
    std::array<char, dns::name_text_octets_max> text;
    const std::string_view whole{text.data(), name.write_text(text)};
    if (!whole.ends_with(from)) return name;
    rewriting::NameText changed;
    changed.add(whole.substr(0, whole.size() - from.size()));
    changed.add(to);
    return changed.name_in(arena).value_or(name);
}

dns::NameView with_pattern(dns::NameView name, const AnswerRule& rule, Arena& arena) noexcept {
    std::array<char, dns::name_text_octets_max> text;
    const std::string_view whole{text.data(), name.write_text(text)};
    std::array<std::string_view, Pattern::groups_max> groups;
    const auto wanted = std::span{groups}.first(rule.from.group_count() + 1);
    if (!rule.from.match(whole, wanted)) return name;
    rewriting::NameText changed;
    rewriting::add_replacement(changed, rule.to, wanted);
    return changed.name_in(arena).value_or(name);
}

/// One name of a record as one applied rule changes it.
dns::NameView changed(dns::NameView name, const Rewrite::Applied& applied, bool value,
                      Arena& arena) noexcept {
    const Rule& rule = *applied.rule;
    // Last one first.
    for (auto answer = rule.answers.rbegin(); answer != rule.answers.rend(); ++answer) {
        if (answer->value == value) name = with_pattern(name, *answer, arena);
    }
    if (rule.auto_answer) return with_end(name, applied.after, applied.before, arena);
    if (rule.auto_suffix) return with_suffix(name, rule.to.whole, rule.match.text, arena);
    return name;
}

/// Whether CoreDNS writes the answer itself where those behind have failed: so does what changes
/// answers, and the rule that is the last one.
bool answers_failures(const Rule& rule) noexcept {
    switch (rule.field) {
    case Field::ttl:
    case Field::rcode:
    case Field::cname: return true;
    case Field::edns0: return rule.stop || rule.revert;
    case Field::name:
        return rule.stop || rule.auto_answer || rule.auto_suffix || !rule.answers.empty();
    case Field::type:
    case Field::klass: return rule.stop;
    }
    return false;
}

bool changes_names(const Rule& rule) noexcept {
    return rule.field == Field::name &&
           (rule.auto_answer || rule.auto_suffix || !rule.answers.empty());
}

class Changer {
public:
    Changer(std::span<const Rewrite::Applied> applied, Reply& reply, Arena& arena) noexcept
        : applied_{applied}, reply_{reply}, arena_{arena} {
        for (const Rewrite::Applied& one : applied_) {
            names_ = names_ || changes_names(*one.rule);
        }
    }

    void change_all() noexcept {
        for (Section* section : {&reply_.authorities(), &reply_.answers(), &reply_.additionals()}) {
            for (dns::Record& record : section->records()) change(record);
        }
        for (std::size_t i = applied_.size(); i-- > 0;) {
            const Rule& rule = *applied_[i].rule;
            if (rule.field == Field::rcode && reply_.rcode == rule.rcode_from) {
                reply_.rcode = rule.rcode_to;
            }
        }
    }

private:
    void change(dns::Record& record) noexcept {
        for (std::size_t i = applied_.size(); i-- > 0;) {
            const Rule& rule = *applied_[i].rule;
            if (rule.field == Field::ttl) {
                record.ttl = std::clamp(record.ttl, rule.ttl_min, rule.ttl_max);
            }
        }
        if (!names_) return;
        record.owner = owner(record.owner);
        change_value(record);
    }

    dns::NameView name(dns::NameView name, bool value) const noexcept {
        for (std::size_t i = applied_.size(); i-- > 0;) {
            if (changes_names(*applied_[i].rule)) {
                name = changed(name, applied_[i], value, arena_);
            }
        }
        return name;
    }

    /// Records side by side have the same owner, by address.
    dns::NameView owner(dns::NameView owner) noexcept {
        if (owner.data() != last_.data() || owner.size() != last_.size() || !last_set_) {
            last_ = owner;
            last_changed_ = name(owner, false);
            last_set_ = true;
        }
        return last_changed_;
    }

    void change_value(dns::Record& record) const noexcept {
        if (auto* target = std::get_if<dns::NameView>(&record.data)) {
            *target = name(*target, true);
        } else if (auto* srv = std::get_if<dns::SrvData>(&record.data)) {
            srv->target = name(srv->target, true);
        } else if (auto* mx = std::get_if<dns::MxData>(&record.data)) {
            mx->exchange = name(mx->exchange, true);
        } else if (auto* soa = std::get_if<dns::SoaData>(&record.data)) {
            soa->mname = name(soa->mname, true);
        } else if (auto* raw = std::get_if<dns::RawData>(&record.data)) {
            change_raw(record.type, *raw);
        }
    }

    // DNAME is a name; NAPTR ends in one, behind two numbers and three strings.
    void change_raw(dns::Type type, dns::RawData& raw) const noexcept {
        std::size_t at = 0;
        if (type == dns::Type::naptr) {
            at = 4;
            for (int i = 0; i < 3 && at < raw.size(); ++i) at += 1U + raw[at];
        } else if (type != dname) {
            return;
        }
        if (at >= raw.size()) return;
        const auto before = dns::NameView::check(raw.subspan(at));
        if (!before) return;
        const dns::NameView after = name(*before, true);
        if (after.data() == before->data()) return;
        const auto room = arena_.array<std::uint8_t>(at + after.size());
        if (room.empty()) return reply_.fail();
        std::memcpy(room.data(), raw.data(), at);
        std::memcpy(room.data() + at, after.data(), after.size());
        raw = room;
    }

    std::span<const Rewrite::Applied> applied_;
    Reply& reply_;
    Arena& arena_;
    bool names_ = false;
    bool last_set_ = false;
    dns::NameView last_;
    dns::NameView last_changed_;
};

/// What `rule` makes of the target of a CNAME; nothing if it does not fit.
std::optional<dns::NameView> new_target(const Rule& rule, dns::NameView target,
                                        Arena& arena) noexcept {
    std::array<char, dns::name_text_octets_max> text;
    const std::string_view whole{text.data(), target.write_text(text)};
    const auto changed = rewriting::replaced(rule.match, rule.to, whole);
    return changed ? changed->name_in(arena) : std::nullopt;
}

/// The same of the last rule that fits, which sees what those behind it have made of the name.
std::optional<dns::NameView> new_target(std::span<const Rewrite::Applied> applied,
                                        const dns::Record& record, Arena& arena) noexcept {
    const auto* const target = std::get_if<dns::NameView>(&record.data);
    if (record.type != dns::Type::cname || target == nullptr) return std::nullopt;
    dns::NameView name = *target;
    for (std::size_t i = applied.size(); i-- > 0;) {
        const Rule& rule = *applied[i].rule;
        if (changes_names(rule)) name = changed(name, applied[i], true, arena);
        if (rule.field != Field::cname) continue;
        if (const auto other = new_target(rule, name, arena)) return other;
    }
    return std::nullopt;
}

}  // namespace

Step Rewrite::tell(Query& query, Reply& reply) const noexcept {
    Note* const note = query.kept<Note>(this);
    if (note == nullptr || !note->active) {
        show_options({}, query, reply);
        return Step::done;
    }
    const auto applied = note->applied.first(note->applied_count);
    if (!note->followed) {
        note->followed = true;
        const auto target = end_at_new_target(applied, query, reply);
        if (target && !query.look_up(*target, query.type(), note->found)) return Step::wait;
    }
    Changer{applied, reply, query.arena()}.change_all();
    if (note->found != nullptr) {
        // What it says has been changed by the rules already.
        for (const dns::Record& record : note->found->answers().records()) reply.answer(record);
        reply.truncated = note->found->truncated;
    }
    if (std::ranges::any_of(applied,
                            [](const Applied& one) { return answers_failures(*one.rule); })) {
        reply.own_failure();
    }
    show_options(applied, query, reply);
    query.ask_instead(note->name, note->type);
    query.set_class(note->klass);
    return Step::done;
}

std::optional<dns::NameView> Rewrite::end_at_new_target(std::span<const Applied> applied,
                                                        Query& query, Reply& reply) noexcept {
    const auto answers = reply.answers().records();
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const auto target = new_target(applied, answers[i], query.arena());
        if (!target) continue;
        answers[i].data = *target;
        reply.answers().clear();
        for (const dns::Record& record : answers.first(i + 1)) {
            // Onto itself or a place before it.
            if (record.type == dns::Type::cname) reply.answer(record);
        }
        for (Section* section : {&reply.answers(), &reply.authorities(), &reply.additionals()}) {
            if (keep(*section, query.arena())) continue;
            reply.fail();
            return std::nullopt;
        }
        return target;
    }
    return std::nullopt;
}

// The answer repeats the options that rules may set, as they are now, less those that a rule with
// `revert` changed.
void Rewrite::show_options(std::span<const Applied> changes, Query& query,
                           Reply& reply) const noexcept {
    if (shown_codes_.empty()) return;
    Octets options = query.edns_options();
    for (std::size_t i = changes.size(); i-- > 0;) {
        const Applied& applied = changes[i];
        const Rule& rule = *applied.rule;
        if (rule.field != Field::edns0 || !rule.revert) continue;
        if (applied.replaced) {
            options = rewriting::with_option(query.arena(), options, {rule.code, applied.old})
                          .value_or(options);
        } else {
            options = rewriting::without_option(query.arena(), options, rule.code);
        }
    }
    dns::ByteReader reader{options};
    while (const auto option = rewriting::take_option(reader)) {
        const bool shown = std::ranges::binary_search(shown_codes_, option->code);
        if (shown && !rewriting::find_option(reply.edns_options(), option->code)) {
            reply.edns_option(option->code, option->data);
        }
    }
}

}  // namespace nameplane::plugins
