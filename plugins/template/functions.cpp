// hot path
// The functions that templates may call.

#include "plugins/template/nodes.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

namespace nameplane::plugins::templating {

namespace {

using Kind = Value::Kind;
using Values = std::span<const Value>;

std::string_view kept(std::string_view text, Arena& arena) noexcept {
    const std::span<char> room = arena.array<char>(text.size());
    if (room.empty()) return {};
    std::memcpy(room.data(), text.data(), text.size());
    return {room.data(), room.size()};
}

/// Equal values of one kind; false in `comparable` for any others.
bool equal(const Value& a, const Value& b, bool& comparable) noexcept {
    comparable = a.kind == b.kind && a.kind != Kind::list;
    if (!comparable) return false;
    switch (a.kind) {
    case Kind::nothing: return true;
    case Kind::boolean: return a.boolean == b.boolean;
    case Kind::integer: return a.integer == b.integer;
    case Kind::real: return a.real == b.real;
    case Kind::text: return a.text == b.text;
    case Kind::list: return false;
    }
    return false;
}

bool less(const Value& a, const Value& b, bool& comparable) noexcept {
    comparable = a.kind == b.kind;
    if (a.kind == Kind::integer) return a.integer < b.integer;
    if (a.kind == Kind::real) return a.real < b.real;
    if (a.kind == Kind::text) return a.text < b.text;
    comparable = false;
    return false;
}

/// eq may compare its first argument with several.
bool compare(Function function, Values arguments, Value& result) noexcept {
    const bool is_eq = function == Function::eq;
    if (arguments.size() < 2 || (!is_eq && arguments.size() != 2)) return false;
    const Value& a = arguments[0];
    const Value& b = arguments[1];
    bool comparable = true;
    bool truth = false;
    switch (function) {
    case Function::eq:
        for (const Value& other : arguments.subspan(1)) {
            truth = truth || equal(a, other, comparable);
            if (!comparable) return false;
        }
        break;
    case Function::ne: truth = !equal(a, b, comparable); break;
    case Function::lt: truth = less(a, b, comparable); break;
    case Function::ge: truth = !less(a, b, comparable); break;
    case Function::gt: truth = less(b, a, comparable); break;
    case Function::le: truth = !less(b, a, comparable); break;
    case Function::and_:
    case Function::or_:
    case Function::not_:
    case Function::index:
    case Function::len:
    case Function::print:
    case Function::printf:
    case Function::println:
    case Function::slice:
    case Function::parse_int: return false;
    }
    result = Value::of(truth);
    return comparable;
}

bool index(Values arguments, Value& result) noexcept {
    if (arguments.empty()) return false;
    result = arguments[0];
    for (const Value& at : arguments.subspan(1)) {
        if (at.kind != Kind::integer || at.integer < 0) return false;
        const auto place = static_cast<std::size_t>(at.integer);
        if (result.kind == Kind::list) {
            if (place >= result.list.size()) return false;
            result = Value::of(result.list[place]);
        } else if (result.kind == Kind::text) {
            if (place >= result.text.size()) return false;
            result = Value::of(std::int64_t{static_cast<unsigned char>(result.text[place])});
        } else {
            return false;
        }
    }
    return true;
}

bool length(Values arguments, Value& result) noexcept {
    if (arguments.size() != 1) return false;
    const Value& value = arguments[0];
    if (value.kind != Kind::text && value.kind != Kind::list) return false;
    const std::size_t size = value.kind == Kind::text ? value.text.size() : value.list.size();
    result = Value::of(static_cast<std::int64_t>(size));
    return true;
}

bool slice(Values arguments, Value& result) noexcept {
    if (arguments.empty() || arguments.size() > 3) return false;
    const Value& whole = arguments[0];
    const std::size_t size = whole.kind == Kind::text ? whole.text.size() : whole.list.size();
    if (whole.kind != Kind::text && whole.kind != Kind::list) return false;
    std::array<std::size_t, 2> ends{0, size};
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        if (arguments[i].kind != Kind::integer || arguments[i].integer < 0) return false;
        ends[i - 1] = static_cast<std::size_t>(arguments[i].integer);
    }
    if (ends[0] > ends[1] || ends[1] > size) return false;
    result = whole.kind == Kind::text ? Value::of(whole.text.substr(ends[0], ends[1] - ends[0]))
                                      : Value::of(whole.list.subspan(ends[0], ends[1] - ends[0]));
    return true;
}

/// "parseInt TEXT BASE BITS": what strconv.ParseUint takes; base 0 goes by the prefix.
bool parse_int(Values arguments, Value& result) noexcept {
    if (arguments.size() != 3 || arguments[0].kind != Kind::text ||
        arguments[1].kind != Kind::integer || arguments[2].kind != Kind::integer) {
        return false;
    }
    std::string_view text = arguments[0].text;
    std::int64_t base = arguments[1].integer;
    const std::int64_t bits = arguments[2].integer == 0 ? 64 : arguments[2].integer;
    if (base == 0) {
        const char second = text.size() > 1 && text[0] == '0' ? text[1] : ' ';
        base = second == 'x' || second == 'X'   ? 16
               : second == 'b' || second == 'B' ? 2
               : second == 'o' || second == 'O' ? 8
               : second != ' '                  ? 8
                                                : 10;
        if (base == 16 || base == 2 || second == 'o' || second == 'O') text.remove_prefix(2);
    }
    if (base < 2 || base > 36 || bits < 0 || bits > 64 || text.empty()) return false;
    std::uint64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [read, error] = std::from_chars(text.data(), end, value, static_cast<int>(base));
    if (error != std::errc{} || read != end || text.front() == '-') return false;
    if (bits < 64 && value >> static_cast<unsigned>(bits) != 0) return false;
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return false;
    result = Value::of(static_cast<std::int64_t>(value));
    return true;
}

/// One verb of printf: flags, width and letter, without the '%'.
struct Verb {
    bool zero = false;
    bool left = false;
    std::size_t width = 0;
    char letter = 0;
};

Verb take_verb(std::string_view& format) noexcept {
    Verb verb;
    for (; !format.empty() && (format[0] == '0' || format[0] == '-'); format.remove_prefix(1)) {
        (format[0] == '0' ? verb.zero : verb.left) = true;
    }
    for (; !format.empty() && format[0] >= '0' && format[0] <= '9'; format.remove_prefix(1)) {
        verb.width = std::min<std::size_t>(verb.width * 10 + std::size_t(format[0] - '0'), 255);
    }
    if (!format.empty()) {
        verb.letter = format[0];
        format.remove_prefix(1);
    }
    return verb;
}

bool add_formatted(const Verb& verb, const Value& value, Output& out) noexcept {
    std::array<char, 512> room;
    Output text{room};
    int base = 0;
    switch (verb.letter) {
    case 'v': break;
    case 's':
        if (value.kind != Kind::text && value.kind != Kind::list) return false;
        break;
    case 'd': base = 10; break;
    case 'x':
    case 'X': base = 16; break;
    case 'o': base = 8; break;
    case 'b': base = 2; break;
    case 't':
        if (value.kind != Kind::boolean) return false;
        break;
    case 'q':
        if (value.kind != Kind::text) return false;
        text.add("\"");
        text.add(value.text);
        text.add("\"");
        break;
    default: return false;
    }
    if (base != 0) {
        if (value.kind != Kind::integer) return false;
        std::array<char, 72> digits;
        const auto [end, error] =
            std::to_chars(digits.data(), digits.data() + digits.size(), value.integer, base);
        if (verb.letter == 'X') {
            std::for_each(digits.data(), end,
                          [](char& c) { c = c >= 'a' ? static_cast<char>(c - 32) : c; });
        }
        text.add({digits.data(), static_cast<std::size_t>(end - digits.data())});
    } else if (verb.letter != 'q') {
        text.add(value);
    }
    const std::size_t size = text.text().size();
    const std::size_t padding = verb.width > size ? verb.width - size : 0;
    for (std::size_t i = 0; i < padding && !verb.left; ++i) out.add(verb.zero ? "0" : " ");
    out.add(text.text());
    for (std::size_t i = 0; i < padding && verb.left; ++i) out.add(" ");
    return text.good();
}

bool print_formatted(Values arguments, Output& out) noexcept {
    if (arguments.empty() || arguments[0].kind != Kind::text) return false;
    std::string_view format = arguments[0].text;
    arguments = arguments.subspan(1);
    while (!format.empty()) {
        const std::size_t percent = format.find('%');
        out.add(format.substr(0, percent));
        if (percent == std::string_view::npos) break;
        format.remove_prefix(percent + 1);
        const Verb verb = take_verb(format);
        if (verb.letter == '%') {
            out.add("%");
            continue;
        }
        if (arguments.empty() || !add_formatted(verb, arguments[0], out)) return false;
        arguments = arguments.subspan(1);
    }
    return arguments.empty() && out.good();
}

bool print(Function function, Values arguments, Arena& arena, Value& result) noexcept {
    std::array<char, text_octets_max> room;
    Output out{room};
    if (function == Function::printf) {
        if (!print_formatted(arguments, out)) return false;
    } else {
        for (std::size_t i = 0; i < arguments.size(); ++i) {
            // print puts blanks between values of which neither is text.
            const bool blank =
                i != 0 && (function == Function::println || (arguments[i - 1].kind != Kind::text &&
                                                             arguments[i].kind != Kind::text));
            if (blank) out.add(" ");
            out.add(arguments[i]);
        }
        if (function == Function::println) out.add("\n");
    }
    result = Value::of(kept(out.text(), arena));
    return out.good();
}

}  // namespace

bool call(Function function, std::span<const Value> arguments, Arena& arena,
          Value& result) noexcept {
    switch (function) {
    case Function::and_:
    case Function::or_: {
        if (arguments.empty()) return false;
        const bool until = function == Function::or_;
        const auto found = std::ranges::find_if(
            arguments, [until](const Value& value) { return value.truth() == until; });
        result = found == arguments.end() ? arguments.back() : *found;
        return true;
    }
    case Function::not_:
        if (arguments.size() != 1) return false;
        result = Value::of(!arguments[0].truth());
        return true;
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
    return false;
}

}  // namespace nameplane::plugins::templating
