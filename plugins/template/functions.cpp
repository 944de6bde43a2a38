// hot path
// The functions that templates may call.

#include "plugins/template/nodes.hpp"

#include <array>
#include <charconv>
#include <compare>
#include <optional>

namespace nameplane::plugins::templating {

namespace {

using Kind = Value::Kind;
using Values = std::span<const Value>;

/// The order of two integers, whatever Go's types of them are.
std::strong_ordering order(const Value& a, const Value& b) noexcept {
    const auto is_huge = [](const Value& value) {
        return value.width == Value::Width::u64 && value.integer < 0;
    };
    if (is_huge(a) != is_huge(b)) return is_huge(a) <=> is_huge(b);
    return a.integer <=> b.integer;
}

/// Go's kinds of what is no number, text or truth.
enum class Wide : std::uint8_t { nothing, slice, map, pointer, structure, none };

Wide wide_kind(const Value& value) noexcept {
    switch (value.kind) {
    case Kind::nothing: return Wide::nothing;
    case Kind::list:
    case Kind::objects: return Wide::slice;
    case Kind::map: return Wide::map;
    case Kind::object: {
        const bool is_pointer =
            value.from == nullptr || value.from->shape(value.object).is_pointer();
        return is_pointer ? Wide::pointer : Wide::structure;
    }
    case Kind::boolean:
    case Kind::integer:
    case Kind::real:
    case Kind::text: break;
    }
    return Wide::none;
}

/// Of two that may be nil.
Outcome equal_wide(const Value& a, const Value& b, bool& truth) noexcept {
    const Wide kind = wide_kind(a);
    const bool is_a_nil = kind == Wide::nothing || a.null;
    const bool is_b_nil = wide_kind(b) == Wide::nothing || b.null;
    const bool is_alike =
        kind == wide_kind(b) || kind == Wide::nothing || wide_kind(b) == Wide::nothing;
    if (!is_alike) return Outcome::wrong;
    if (is_a_nil || is_b_nil) {
        truth = is_a_nil == is_b_nil;
        return Outcome::good;
    }
    if (kind == Wide::slice || kind == Wide::map) return Outcome::wrong;
    // Each of a kind is there but once.
    truth = a.object == b.object;
    return Outcome::good;
}

/// Whether they are equal; wrong if they are of no comparable kinds.
Outcome equal(const Value& a, const Value& b, bool& truth) noexcept {
    truth = false;
    const bool is_a_basic = wide_kind(a) == Wide::none;
    const bool is_b_basic = wide_kind(b) == Wide::none;
    if (!is_a_basic && !is_b_basic) return equal_wide(a, b, truth);
    if (a.kind == Kind::nothing || b.kind == Kind::nothing) return Outcome::good;
    if (a.kind != b.kind) return Outcome::wrong;
    truth = a.kind == Kind::boolean   ? a.boolean == b.boolean
            : a.kind == Kind::integer ? order(a, b) == 0
            : a.kind == Kind::real    ? a.real == b.real
                                      : a.text == b.text;
    return Outcome::good;
}

Outcome less(const Value& a, const Value& b, bool& truth) noexcept {
    if (a.kind != b.kind) return Outcome::wrong;
    if (a.kind == Kind::integer) {
        truth = order(a, b) < 0;
    } else if (a.kind == Kind::real) {
        truth = a.real < b.real;
    } else if (a.kind == Kind::text) {
        truth = a.text < b.text;
    } else {
        return Outcome::wrong;
    }
    return Outcome::good;
}

/// eq compares its first argument with one or more others, until one is equal.
Outcome compare(Function function, Values arguments, Value& result) noexcept {
    const bool is_eq = function == Function::eq;
    if (arguments.size() < 2 || (!is_eq && arguments.size() != 2)) return Outcome::wrong;
    const Value& a = arguments[0];
    const Value& b = arguments[1];
    bool truth = false;
    Outcome outcome = Outcome::wrong;
    if (is_eq) {
        for (const Value& other : arguments.subspan(1)) {
            outcome = equal(a, other, truth);
            if (truth || outcome != Outcome::good) break;
        }
    } else if (function == Function::ne) {
        outcome = equal(a, b, truth);
        truth = !truth;
    } else {
        const bool turned = function == Function::gt || function == Function::le;
        outcome = turned ? less(b, a, truth) : less(a, b, truth);
        truth = truth == (function == Function::lt || function == Function::gt);
    }
    result = Value::of(truth);
    return outcome;
}

/// An index that is a place; nothing if it is below zero, or no integer.
std::optional<std::size_t> place_of(const Value& value) noexcept {
    if (value.kind != Kind::integer || value.integer < 0) return std::nullopt;
    return static_cast<std::size_t>(value.integer);
}

Outcome index_once(Value& whole, const Value& at) noexcept {
    if (whole.kind == Kind::map) {
        if (at.kind != Kind::text) return Outcome::wrong;
        whole = Value::of(whole.value_of(at.text).text);
        return Outcome::good;
    }
    const auto place = place_of(at);
    const std::size_t size = whole.kind == Kind::text ? whole.text.size() : whole.size();
    if (!place || *place >= size) return Outcome::wrong;
    if (whole.kind == Kind::text) {
        const auto octet = static_cast<unsigned char>(whole.text[*place]);
        whole = Value::of(std::int64_t{octet}, Value::Width::u8);
    } else {
        whole = whole.element(*place);
    }
    return Outcome::good;
}

Outcome index(Values arguments, Value& result) noexcept {
    if (arguments.empty() || arguments[0].kind == Kind::nothing) return Outcome::wrong;
    result = arguments[0];
    for (const Value& at : arguments.subspan(1)) {
        const Outcome outcome = index_once(result, at);
        if (outcome != Outcome::good) return outcome;
    }
    return Outcome::good;
}

bool has_elements(const Value& value) noexcept {
    return value.kind == Kind::list || value.kind == Kind::map || value.kind == Kind::objects;
}

Outcome length(Values arguments, Value& result) noexcept {
    if (arguments.size() != 1) return Outcome::wrong;
    const Value& value = arguments[0];
    if (value.kind != Kind::text && !has_elements(value)) return Outcome::wrong;
    const std::size_t size = value.kind == Kind::text ? value.text.size() : value.size();
    result = Value::of(static_cast<std::int64_t>(size));
    return Outcome::good;
}

/// Of a text, or a list; that may have a third place, which bounds the second.
Outcome slice(Values arguments, Value& result) noexcept {
    if (arguments.empty()) return Outcome::wrong;
    const Value& whole = arguments[0];
    const bool is_text = whole.kind == Kind::text;
    const bool good = is_text || (has_elements(whole) && whole.kind != Kind::map);
    const std::size_t size = is_text ? whole.text.size() : whole.size();
    if (!good || arguments.size() > (is_text ? 3U : 4U)) return Outcome::wrong;
    std::array<std::size_t, 3> ends{0, size, size};
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const auto place = place_of(arguments[i]);
        if (!place) return Outcome::wrong;
        ends[i - 1] = *place;
    }
    if (ends[0] > ends[1] || ends[1] > ends[2] || ends[2] > size) return Outcome::wrong;
    const std::size_t count = ends[1] - ends[0];
    result = is_text ? Value::of(whole.text.substr(ends[0], count))
             : whole.kind == Kind::list
                 ? Value::of(whole.list.subspan(ends[0], count))
                 : Value::objects_of(whole.object, std::int64_t(count), whole.from, whole.null);
    return Outcome::good;
}

/// The base that the prefix of a number names, which is taken off.
std::int64_t take_base(std::string_view& text) noexcept {
    const char second = text.size() > 1 && text[0] == '0' ? text[1] : ' ';
    const bool hex = second == 'x' || second == 'X';
    const bool octal = second == 'o' || second == 'O';
    const bool binary = second == 'b' || second == 'B';
    if (hex || octal || binary) text.remove_prefix(2);
    return hex ? 16 : binary ? 2 : octal || second != ' ' ? 8 : 10;
}

/// "parseInt TEXT BASE BITS": what strconv.ParseUint takes; base 0 goes by the prefix.
Outcome parse_int(Values arguments, Value& result) noexcept {
    const auto is_plain = [](const Value& value) {
        return value.kind == Kind::integer && value.width == Value::Width::plain;
    };
    if (arguments.size() != 3 || arguments[0].kind != Kind::text || !is_plain(arguments[1]) ||
        !is_plain(arguments[2])) {
        return Outcome::wrong;
    }
    std::string_view text = arguments[0].text;
    const std::int64_t base = arguments[1].integer == 0 ? take_base(text) : arguments[1].integer;
    const std::int64_t bits = arguments[2].integer == 0 ? 64 : arguments[2].integer;
    if (base < 2 || base > 36 || bits < 0 || bits > 64 || text.empty()) return Outcome::wrong;
    std::uint64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [read, error] = std::from_chars(text.data(), end, value, static_cast<int>(base));
    if (error != std::errc{} || read != end || text.front() == '-') return Outcome::wrong;
    if (bits < 64 && value >> static_cast<unsigned>(bits) != 0) return Outcome::wrong;
    result = Value::of(static_cast<std::int64_t>(value), Value::Width::u64);
    return Outcome::good;
}

Outcome print_all(Function function, Values arguments, Output& out) noexcept {
    if (function == Function::printf) return print_formatted(arguments, out);
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        // print puts blanks between values of which neither is text.
        const bool blank =
            i != 0 && (function == Function::println ||
                       (arguments[i - 1].kind != Kind::text && arguments[i].kind != Kind::text));
        if (blank) out.add(" ");
        const Outcome outcome = print_argument(arguments[i], out);
        if (outcome != Outcome::good) return outcome;
    }
    if (function == Function::println) out.add("\n");
    return Outcome::good;
}

Outcome print(Function function, Values arguments, Arena& arena, Value& result) noexcept {
    std::array<char, text_octets_max> room;
    Output out{room};
    const Outcome outcome = print_all(function, arguments, out);
    if (outcome != Outcome::good) return outcome;
    if (!out.good()) return Outcome::too_long;
    std::string_view text;
    const Outcome kept = keep(out.text(), arena, text);
    result = Value::of(text);
    return kept;
}

}  // namespace

Outcome call(Function function, std::span<const Value> arguments, Arena& arena,
             Value& result) noexcept {
    switch (function) {
    case Function::and_:
    case Function::or_: return Outcome::wrong;
    case Function::not_:
        if (arguments.size() != 1) return Outcome::wrong;
        result = Value::of(!arguments[0].truth());
        return Outcome::good;
    case Function::eq:
    case Function::ne:
    case Function::lt:
    case Function::le:
    case Function::gt:
    case Function::ge: return compare(function, arguments, result);
    case Function::index: return index(arguments, result);
    case Function::len: return length(arguments, result);
    case Function::slice: return slice(arguments, result);
    case Function::parse_int: return parse_int(arguments, result);
    case Function::print:
    case Function::printf:
    case Function::println: return print(function, arguments, arena, result);
    }
    return Outcome::wrong;
}

}  // namespace nameplane::plugins::templating
