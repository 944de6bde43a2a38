// hot path
// What records see of a query.

#include "plugins/template/rule.hpp"

#include <charconv>
#include <cstring>

namespace nameplane::plugins::templating {

namespace {

std::string_view kept(std::string_view text, Arena& arena) noexcept {
    const std::span<char> room = arena.array<char>(text.size());
    if (room.empty()) return {};
    std::memcpy(room.data(), text.data(), text.size());
    return {room.data(), room.size()};
}

}  // namespace

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

std::string_view QueryData::text_of(const IpAddress& address) const noexcept {
    std::array<char, 46> text;
    const std::size_t size = address.write_text(text);
    return kept({text.data(), size}, query_.arena());
}
bool QueryData::group(std::string_view name, Value& value) const noexcept {
    value = {};
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc{} && end == name.data() + name.size()) {
        if (number < group_count_) value = Value::of(groups_[number]);
        return true;
    }
    for (std::size_t i = 0; pattern_ != nullptr && i < group_count_; ++i) {
        // Of two groups with one name the last counts.
        if (pattern_->group_names()[i] == name) value = Value::of(groups_[i]);
    }
    return true;
}

bool QueryData::variable(std::string_view name, Value& value) const noexcept {
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
    return true;
}

bool QueryData::question(std::string_view name, Value& value) const noexcept {
    if (name == "Name") {
        value = Value::of(name_);
    } else if (name == "Qtype") {
        value = Value::of(static_cast<std::int64_t>(query_.type()));
    } else if (name == "Qclass") {
        value = Value::of(static_cast<std::int64_t>(query_.klass()));
    } else {
        return false;
    }
    return true;
}

bool QueryData::field(Path path, Value& value) const noexcept {
    const std::string_view name = path[0];
    if (path.size() == 2) {
        if (name == "Group") return group(path[1], value);
        if (name == "Var") return variable(path[1], value);
        if (name == "Question") return question(path[1], value);
        if (name == "Message" && path[1] == "Id") {
            value = Value::of(std::int64_t{query_.id()});
            return true;
        }
        return false;
    }
    if (path.size() != 1) return false;
    if (name == "Name") {
        value = Value::of(name_);
    } else if (name == "Zone") {
        value = Value::of(std::string_view{rule_.zone_texts[zone_]});
    } else if (name == "Class") {
        value = Value::of(known_name(klass()));
    } else if (name == "Type") {
        value = Value::of(known_name(type()));
    } else if (name == "Match") {
        value = Value::of(std::span{groups_}.first(group_count_));
    } else if (name == "Remote") {
        value = Value::of(text_of(query_.client().address));
    } else if (name == "Regex") {
        value = Value::of(pattern_ == nullptr ? std::string_view{".*"}
                                              : std::string_view{pattern_->text()});
    } else {
        return false;
    }
    return true;
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
    case GroupFunction::by_name: {
        Value value;
        group(arguments[0].text, value);
        found = value.text;
        break;
    }
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
