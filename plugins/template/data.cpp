// hot path
// What records see of a query.

#include "plugins/template/nodes.hpp"
#include "plugins/template/rule.hpp"
#include "plugins/template/things.hpp"

#include <algorithm>
#include <array>

namespace nameplane::plugins::templating {

namespace {

using Width = Value::Width;

Value number(std::uint64_t value, Width width = Width::plain) noexcept {
    return Value::of(static_cast<std::int64_t>(value), width);
}

/// "0", "1" and so on.
constexpr auto group_numbers = [] {
    std::array<std::array<char, 2>, Pattern::groups_max> numbers{};
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        if (i < 10) numbers[i] = {char('0' + i), 0};
        if (i >= 10) numbers[i] = {char('0' + i / 10), char('0' + i % 10)};
    }
    return numbers;
}();
static_assert(Pattern::groups_max <= 100);

std::string_view group_number(std::size_t group) noexcept {
    return {group_numbers[group].data(), group < 10 ? 1U : 2U};
}

/// Sets a key of a sorted map that has room for one more.
void set(std::span<std::string_view> map, std::size_t& size, std::string_view key,
         std::string_view value) noexcept {
    std::size_t at = 0;
    while (at < size && map[at] < key) at += 2;
    if (at == size || map[at] != key) {
        std::copy_backward(map.begin() + std::ptrdiff_t(at), map.begin() + std::ptrdiff_t(size),
                           map.begin() + std::ptrdiff_t(size + 2));
        size += 2;
    }
    map[at] = key;
    map[at + 1] = value;
}

}  // namespace

Value QueryData::thing(Thing number, bool null) const noexcept {
    return Value::object_of(static_cast<std::uint8_t>(number), this, null);
}
/// None of them, or one.
Value QueryData::things(Thing number, bool there) const noexcept {
    return Value::objects_of(static_cast<std::uint8_t>(number), there ? 1 : 0, this, !there);
}

QueryData::QueryData(const Rule& rule, std::size_t zone, Query& query) noexcept
    : rule_{rule}, zone_{zone}, query_{query}, functions_{query}, name_{functions_.name()} {}

bool QueryData::match() noexcept {
    if (rule_.patterns.empty()) {
        groups_[0] = name_;
        group_count_ = 1;
        return true;
    }
    for (const Pattern& pattern : rule_.patterns) {
        const std::size_t count = pattern.group_count() + 1;
        if (!pattern.match(name_, std::span{groups_}.first(count))) continue;
        pattern_ = &pattern;
        group_count_ = count;
        return true;
    }
    return false;
}

// A query for ANY is told of as what the rule is for.
dns::Type QueryData::type() const noexcept {
    return query_.type() == dns::Type::any ? rule_.type : query_.type();
}
dns::Class QueryData::klass() const noexcept {
    return query_.klass() == dns::Class::any ? rule_.klass : query_.klass();
}

/// All groups by number and by name; of two with one name the last counts.
Outcome QueryData::groups(Value& value) const noexcept {
    if (group_map_.empty()) {
        const auto map = query_.arena().array<std::string_view>(4 * group_count_);
        if (map.empty()) return Outcome::no_memory;
        std::size_t size = 0;
        for (std::size_t i = 0; i < group_count_; ++i) set(map, size, group_number(i), groups_[i]);
        for (std::size_t i = 0; pattern_ != nullptr && i < group_count_; ++i) {
            const std::string_view name = pattern_->group_names()[i];
            if (!name.empty()) set(map, size, name, groups_[i]);
        }
        group_map_ = map.first(size);
    }
    value = Value::map_of(group_map_);
    return Outcome::good;
}

/// Of an expression, without making all of them a map.
std::string_view QueryData::group(std::string_view name) const noexcept {
    std::string_view found;
    for (std::size_t i = 0; i < group_count_; ++i) {
        if (group_number(i) == name) found = groups_[i];
    }
    for (std::size_t i = 0; pattern_ != nullptr && i < group_count_; ++i) {
        if (!name.empty() && pattern_->group_names()[i] == name) found = groups_[i];
    }
    return found;
}

Outcome QueryData::variable(std::string_view name, Value& value) const noexcept {
    value = {};
    const auto& known = rule_.environment.variables;
    for (std::size_t i = 0; i < variables_.size(); ++i) {
        if (known[i].name != name) continue;
        const expression::Value& found = variables_[i];
        switch (found.type) {
        case expression::Type::nothing:
        case expression::Type::list: break;
        case expression::Type::boolean: value = Value::of(found.boolean); break;
        case expression::Type::integer: value = Value::of(found.integer); break;
        case expression::Type::real: value = Value::of(found.real); break;
        case expression::Type::text: value = Value::of(found.text); break;
        }
    }
    return Outcome::good;
}

std::uint16_t QueryData::flags() const noexcept {
    // What is looked up for a query has no message of its own.
    const Query* query = &query_;
    while (query->message().empty() && query->parts().asked_by != nullptr) {
        query = query->parts().asked_by;
    }
    const std::span<const std::uint8_t> octets = query->message();
    if (octets.size() < 4) return 0;
    return static_cast<std::uint16_t>(octets[2] << 8U | octets[3]);
}

Outcome QueryData::message(std::string_view name, Value& value) const noexcept {
    if (name == "MsgHdr") {
        value = thing(Thing::header);
    } else if (name == "Question") {
        value = things(Thing::question, true);
    } else if (name == "Answer" || name == "Ns") {
        value = things(Thing::option_record, false);
    } else if (name == "Extra") {
        value = things(Thing::option_record, query_.has_edns());
    } else if (name == "IsEdns0") {
        value = thing(Thing::option_record, !query_.has_edns());
    } else {
        return header(name, value);
    }
    return Outcome::good;
}

Outcome QueryData::header(std::string_view name, Value& value) const noexcept {
    const auto flag = [&](unsigned bit) { value = Value::of((flags() >> bit & 1U) != 0); };
    if (name == "Id") {
        value = number(query_.id(), Width::u16);
    } else if (name == "Opcode") {
        value = number(static_cast<std::uint64_t>(query_.opcode()));
    } else if (name == "RecursionDesired") {
        value = Value::of(query_.recursion_desired());
    } else if (name == "CheckingDisabled") {
        value = Value::of(query_.checking_disabled());
    } else if (name == "Response") {
        flag(15);
    } else if (name == "Authoritative") {
        flag(10);
    } else if (name == "Truncated") {
        flag(9);
    } else if (name == "RecursionAvailable") {
        flag(7);
    } else if (name == "Zero") {
        flag(6);
    } else if (name == "AuthenticatedData") {
        flag(5);
    } else if (name == "Rcode") {
        value = number(flags() & 15U);
    } else {
        return Outcome::wrong;
    }
    return Outcome::good;
}

/// The name is in the client's case, unless it is another by now.
Outcome QueryData::question(std::string_view name, Value& value) const noexcept {
    if (name == "Name") {
        const bool same = query_.name_as_asked().equals(query_.name());
        if (asked_.empty()) {
            asked_ = same ? query_.name_as_asked().text_in(query_.arena()) : name_;
        }
        value = Value::of(asked_);
        return asked_.empty() ? Outcome::no_memory : Outcome::good;
    }
    if (name == "Qtype") {
        value = number(static_cast<std::uint64_t>(query_.type()), Width::u16);
    } else if (name == "Qclass") {
        value = number(static_cast<std::uint64_t>(query_.klass()), Width::u16);
    } else {
        return Outcome::wrong;
    }
    return Outcome::good;
}

Outcome QueryData::option_record(std::string_view name, Value& value) const noexcept {
    if (name == "Hdr") {
        value = thing(Thing::option_header);
    } else if (name == "Header") {
        value = thing(Thing::option_header_by_method);
    } else if (name == "UDPSize") {
        value = number(query_.udp_size(), Width::u16);
    } else if (name == "Do") {
        value = Value::of(query_.dnssec_ok());
    } else if (name == "Version") {
        value = number(0, Width::u8);  // another is refused before any plugin
    } else {
        return Outcome::wrong;
    }
    return Outcome::good;
}

Outcome QueryData::option_header(std::string_view name, Value& value) const noexcept {
    if (name == "Name") {
        value = Value::of(std::string_view{"."});
    } else if (name == "Rrtype") {
        value = number(static_cast<std::uint64_t>(dns::Type::opt), Width::u16);
    } else if (name == "Class") {
        value = number(query_.udp_size(), Width::u16);
    } else if (name == "Ttl") {
        value = number(query_.dnssec_ok() ? 0x8000 : 0, Width::u32);
    } else if (name == "Rdlength") {
        value = number(query_.edns_options().size(), Width::u16);
    } else {
        return Outcome::wrong;
    }
    return Outcome::good;
}

Outcome QueryData::field(std::uint8_t object, std::string_view name, Value& value) const noexcept {
    const auto thing = static_cast<Thing>(object);
    if (name == "String" && !shape_of(thing).type.empty()) return text_of(object, value);
    switch (thing) {
    case Thing::whole: return whole(name, value);
    case Thing::message: return message(name, value);
    case Thing::header: return header(name, value);
    case Thing::asked:
    case Thing::question: return question(name, value);
    case Thing::option_record: return option_record(name, value);
    case Thing::option_header:
    case Thing::option_header_by_method: return option_header(name, value);
    case Thing::variables: return variable(name, value);
    }
    return Outcome::wrong;
}

/// What the method String gives.
Outcome QueryData::text_of(std::uint8_t object, Value& value) const noexcept {
    std::array<char, text_octets_max> room;
    Output out{room};
    const Outcome outcome = print(object, out);
    if (outcome != Outcome::good) return outcome;
    if (!out.good()) return Outcome::too_long;
    std::string_view text;
    const Outcome kept = keep(out.text(), query_.arena(), text);
    value = Value::of(text);
    return kept;
}

Outcome QueryData::whole(std::string_view name, Value& value) const noexcept {
    if (name == "Name") {
        value = Value::of(name_);
    } else if (name == "Group") {
        return groups(value);
    } else if (name == "Var") {
        value = thing(Thing::variables);
    } else if (name == "Question") {
        value = thing(Thing::asked);
    } else if (name == "Message") {
        value = thing(Thing::message);
    } else if (name == "Zone") {
        value = Value::of(std::string_view{rule_.zone_texts[zone_]});
    } else if (name == "Class") {
        value = Value::of(known_name(klass()));
    } else if (name == "Type") {
        value = Value::of(known_name(type()));
    } else if (name == "Match") {
        value = Value::of(std::span{groups_}.first(group_count_));
    } else if (name == "Remote") {
        if (remote_.empty()) {
            std::array<char, 46> text;
            const std::size_t size = query_.client().address.write_text(text);
            const Outcome kept = keep({text.data(), size}, query_.arena(), remote_);
            if (kept != Outcome::good) return kept;
        }
        value = Value::of(remote_);
    } else if (name == "Regex") {
        value = Value::of(pattern_ == nullptr ? std::string_view{".*"}
                                              : std::string_view{pattern_->text()});
    } else {
        return Outcome::wrong;
    }
    return Outcome::good;
}

Verdict QueryData::decide() noexcept {
    if (rule_.variables.empty() && rule_.conditions.empty()) return Verdict::yes;
    const auto room = query_.arena().array<expression::Value>(rule_.variables.size());
    if (room.size() != rule_.variables.size()) return Verdict::failed;
    for (std::size_t i = 0; i < room.size(); ++i) {
        // Those before it are there.
        if (!rule_.variables[i].run(*this, room.first(i), query_.arena(), room[i])) {
            return Verdict::failed;
        }
    }
    variables_ = room;
    for (const expression::Expression& condition : rule_.conditions) {
        expression::Value value;
        if (!condition.run(*this, variables_, query_.arena(), value)) return Verdict::failed;
        if (value.type != expression::Type::boolean || !value.boolean) return Verdict::no;
    }
    return Verdict::yes;
}

bool QueryData::call(int id, std::span<const expression::Value> arguments, Arena& arena,
                     expression::Value& result) const noexcept {
    if (id < QueryFunctions::first_free_id) return functions_.call(id, arguments, arena, result);
    std::string_view found;
    switch (static_cast<GroupFunction>(id)) {
    case GroupFunction::by_name: found = group(arguments[0].text); break;
    case GroupFunction::by_number: {
        const std::int64_t number = arguments[0].integer;
        const bool there = number >= 0 && static_cast<std::uint64_t>(number) < group_count_;
        if (there) found = groups_[static_cast<std::size_t>(number)];
        break;
    }
    }
    result = expression::Value::of(found);
    return true;
}

std::string_view QueryData::meta(std::string_view label) const noexcept {
    return query_.metadata(label).value_or(std::string_view{});
}

}  // namespace nameplane::plugins::templating
