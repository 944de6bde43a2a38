// hot path
#include "plugins/rewrite/rewrite.hpp"

#include "plugins/rewrite/edns.hpp"
#include "plugins/rewrite/text.hpp"

#include <array>
#include <cstring>

namespace nameplane::plugins {

using rewriting::EdnsOption;
using rewriting::Field;
using rewriting::Octets;
using rewriting::OptionAction;
using rewriting::OptionData;
using rewriting::Rule;

namespace {

Octets copy_to(Arena& arena, std::string_view text) noexcept {
    const auto room = arena.array<std::uint8_t>(text.size());
    if (!room.empty()) std::memcpy(room.data(), text.data(), text.size());
    return room;
}

Octets copy_to(Arena& arena, Octets octets) noexcept {
    return copy_to(arena, {reinterpret_cast<const char*>(octets.data()), octets.size()});
}

Octets number_in(Arena& arena, std::uint16_t number) noexcept {
    std::array<std::uint8_t, 2> octets;
    dns::store16(octets.data(), number);
    return copy_to(arena, octets);
}

/// RFC 7871 6: family, prefix lengths, and as many octets of the address as the prefix needs.
Octets subnet_in(Arena& arena, const OptionData& data, const IpAddress& client) noexcept {
    const std::uint8_t bits = client.is_v4() ? data.v4_bits : data.v6_bits;
    const auto network = Cidr::make(client, bits);
    if (!network) return {};
    const std::size_t octets = (bits + 7U) / 8U;
    const auto room = arena.array<std::uint8_t>(4 + octets);
    if (room.empty()) return {};
    dns::store16(room.data(), client.is_v4() ? 1 : 2);
    room[2] = bits;
    room[3] = 0;
    std::memcpy(room.data() + 4, network->address().bytes().data(), octets);
    return room;
}

/// The data of an option for this query; nothing if there is none.
std::optional<Octets> data_of(const OptionData& data, Query& query) noexcept {
    using enum OptionData::Source;
    Arena& arena = query.arena();
    switch (data.source) {
    case fixed:
        return Octets{reinterpret_cast<const std::uint8_t*>(data.text.data()), data.text.size()};
    case metadata: {
        const auto value = query.metadata(data.text);
        if (!value || value->empty()) return std::nullopt;
        return copy_to(arena, *value);
    }
    case subnet: return subnet_in(arena, data, query.client().address);
    case name: return copy_to(arena, query.name().text_in(arena));
    case type: return number_in(arena, static_cast<std::uint16_t>(query.type()));
    case client_address: return copy_to(arena, query.client().address.bytes());
    case client_port: return number_in(arena, query.client().port);
    case protocol: return copy_to(arena, query.transport() == Transport::tcp ? "tcp" : "udp");
    case server_address: return copy_to(arena, query.server().address.bytes());
    case server_port: return number_in(arena, query.server().port);
    }
    return std::nullopt;
}

}  // namespace

Rewrite::Note* Rewrite::note(Query& query) const noexcept {
    Note* const made = query.keep<Note>(this);
    if (made == nullptr || made->active) return made;
    std::span<Applied> applied = made->applied;
    if (applied.empty()) applied = query.arena().array<Applied>(rules_.size());
    if (applied.empty()) return nullptr;
    *made = {.name = query.name(),
             .type = query.type(),
             .klass = query.klass(),
             .active = true,
             .applied = applied};
    return made;
}

Step Rewrite::ask(Query& query, Reply& reply) const noexcept {
    // Somebody in front may have asked before.
    if (Note* const before = query.kept<Note>(this)) before->active = false;
    std::string_view name;  // as text, made when a rule first asks for it
    for (const Rule& rule : rules_) {
        const bool by_name = rule.field != Field::type && rule.field != Field::klass &&
                             rule.field != Field::edns0 && rule.field != Field::cname;
        if (by_name && name.empty()) name = query.name().text_in(query.arena());
        const Outcome outcome = apply(rule, name, query);
        if (outcome == Outcome::ignored) continue;
        if (outcome == Outcome::bad_name) {
            reply.fail("invalid name after rewrite");
            return Step::done;
        }
        if (rule.stop) break;
        if (rule.field == Field::name) name = {};
    }
    return Step::next;
}

Rewrite::Outcome Rewrite::remember(const Rule& rule, Query& query) const noexcept {
    Note* const kept = note(query);
    if (kept == nullptr) return Outcome::bad_name;
    kept->applied[kept->applied_count++] = {.rule = &rule};
    return Outcome::done;
}

Rewrite::Outcome Rewrite::apply(const Rule& rule, std::string_view name,
                                Query& query) const noexcept {
    switch (rule.field) {
    case Field::name: return change_name(rule, name, query);
    case Field::type: {
        if (query.type() != rule.type_from) return Outcome::ignored;
        const Outcome outcome = remember(rule, query);
        query.ask_instead(query.name(), rule.type_to);
        return outcome;
    }
    case Field::klass: {
        if (query.klass() != rule.class_from) return Outcome::ignored;
        const Outcome outcome = remember(rule, query);
        query.set_class(rule.class_to);
        return outcome;
    }
    case Field::ttl:
    case Field::rcode: return rule.match.matches(name) ? remember(rule, query) : Outcome::ignored;
    case Field::cname: return remember(rule, query);
    case Field::edns0: return change_option(rule, query);
    }
    return Outcome::ignored;
}

Rewrite::Outcome Rewrite::change_name(const Rule& rule, std::string_view name,
                                      Query& query) const noexcept {
    const auto text = rewriting::replaced(rule.match, rule.to, name);
    if (!text) return Outcome::ignored;
    const auto after = text->name_in(query.arena());
    if (!after) return Outcome::bad_name;
    const dns::NameView before = query.name();
    if (remember(rule, query) != Outcome::done) return Outcome::bad_name;
    Note* const kept = note(query);
    kept->applied[kept->applied_count - 1].before = before;
    kept->applied[kept->applied_count - 1].after = *after;
    query.ask_instead(*after, query.type());
    return Outcome::done;
}

Rewrite::Outcome Rewrite::change_option(const Rule& rule, Query& query) const noexcept {
    const Octets options = query.edns_options();
    if (rule.action == OptionAction::unset) {
        if (remember(rule, query) != Outcome::done) return Outcome::bad_name;
        query.set_edns(rewriting::without_option(query.arena(), options, rule.code));
        return Outcome::done;
    }
    const auto old = rewriting::find_option(options, rule.code);
    if (old ? rule.action == OptionAction::append : rule.action == OptionAction::replace) {
        return Outcome::ignored;
    }
    const auto data = data_of(rule.data, query);
    if (!data) return Outcome::ignored;
    const auto changed = rewriting::with_option(query.arena(), options, {rule.code, *data});
    if (!changed || remember(rule, query) != Outcome::done) return Outcome::bad_name;
    Note* const kept = note(query);
    kept->applied[kept->applied_count - 1].replaced = old.has_value();
    // The message that it lies in may be gone when the answer comes.
    if (old && rule.revert) {
        kept->applied[kept->applied_count - 1].old = copy_to(query.arena(), *old);
    }
    query.set_edns(*changed);
    return Outcome::done;
}

}  // namespace nameplane::plugins
