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

// Types without a name have none in Go's table either.
std::string_view text_of(dns::Type type) noexcept {
    using enum dns::Type;
    switch (type) {
    case a: return "A";
    case ns: return "NS";
    case cname: return "CNAME";
    case soa: return "SOA";
    case ptr: return "PTR";
    case hinfo: return "HINFO";
    case mx: return "MX";
    case txt: return "TXT";
    case aaaa: return "AAAA";
    case srv: return "SRV";
    case naptr: return "NAPTR";
    case opt: return "OPT";
    case ds: return "DS";
    case rrsig: return "RRSIG";
    case nsec: return "NSEC";
    case dnskey: return "DNSKEY";
    case tlsa: return "TLSA";
    case svcb: return "SVCB";
    case https: return "HTTPS";
    case tsig: return "TSIG";
    case ixfr: return "IXFR";
    case axfr: return "AXFR";
    case any: return "ANY";
    case caa: return "CAA";
    }
    return {};
}

std::string_view text_of(dns::Class klass) noexcept {
    switch (klass) {
    case dns::Class::in: return "IN";
    case dns::Class::ch: return "CH";
    case dns::Class::hs: return "HS";
    case dns::Class::none: return "NONE";
    case dns::Class::any: return "ANY";
    }
    return {};
}

}  // namespace

QueryData::QueryData(const Rule& rule, std::size_t zone, Query& query) noexcept
    : rule_{rule}, zone_{zone}, query_{query}, name_{query.name().text_in(query.arena())} {}

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

std::string_view QueryData::address_text() const noexcept {
    std::array<char, 46> text;
    const std::size_t size = query_.client().address.write_text(text);
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
        value = Value::of(text_of(klass()));
    } else if (name == "Type") {
        value = Value::of(text_of(type()));
    } else if (name == "Match") {
        value = Value::of(std::span{groups_}.first(group_count_));
    } else if (name == "Remote") {
        value = Value::of(address_text());
    } else if (name == "Regex") {
        value = Value::of(pattern_ == nullptr ? std::string_view{".*"}
                                              : std::string_view{pattern_->text()});
    } else {
        return false;
    }
    return true;
}

std::string_view QueryData::meta(std::string_view label) const noexcept {
    return query_.metadata(label).value_or(std::string_view{});
}

}  // namespace nameplane::plugins::templating
