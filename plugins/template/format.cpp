// hot path
#include "plugins/template/format.hpp"

#include "plugins/template/nodes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace nameplane::plugins::templating {

namespace {

using Kind = Value::Kind;

constexpr std::uint32_t replacement = 0xfffd;
constexpr std::uint32_t rune_max = 0x10ffff;
constexpr std::string_view lower_digits = "0123456789abcdefx";
constexpr std::string_view upper_digits = "0123456789ABCDEFX";

std::size_t rune_count(std::string_view text) noexcept {
    std::size_t count = 0;
    for (; !text.empty(); ++count) text.remove_prefix(rune_of(text).octets);
    return count;
}

bool is_surrogate(std::uint64_t rune) noexcept {
    return rune >= 0xd800 && rune < 0xe000;
}

bool is_printable(std::uint32_t rune) noexcept {
    if (rune < 0x7f) return rune >= 0x20;
    return rune > 0xa0 && rune != 0xad && !is_surrogate(rune) && rune <= rune_max;
}

void add_hex(std::uint32_t number, unsigned digits, Output& out) noexcept {
    while (digits-- > 0) out.add(lower_digits.substr(number >> (4 * digits) & 15U, 1));
}

/// A character as it stands within `quote` in Go.
void add_escaped(const Rune& rune, std::string_view octets, char quote, bool ascii,
                 Output& out) noexcept {
    constexpr std::string_view controls = "\a\b\f\n\r\t\v";
    constexpr std::string_view letters = "abfnrtv";
    const std::size_t control = rune.number < 0x80 ? controls.find(char(rune.number)) : 99;
    if (!rune.good) {
        out.add("\\x");
        add_hex(static_cast<unsigned char>(octets[0]), 2, out);
    } else if (rune.number == static_cast<unsigned char>(quote) || rune.number == '\\') {
        out.add("\\");
        out.add(octets);
    } else if (is_printable(rune.number) && (!ascii || rune.number < 0x80)) {
        out.add(octets);
    } else if (control < letters.size()) {
        out.add("\\");
        out.add(letters.substr(control, 1));
    } else if (rune.number < 0x20 || rune.number == 0x7f) {
        out.add("\\x");
        add_hex(rune.number, 2, out);
    } else {
        out.add(rune.number < 0x10000 ? "\\u" : "\\U");
        add_hex(rune.number, rune.number < 0x10000 ? 4 : 8, out);
    }
}

/// The shortest text that reads as the same number: without an exponent if that is small.
std::string_view shortest(double value, std::span<char> room) noexcept {
    char* const end = room.data() + room.size();
    const auto result = std::to_chars(room.data(), end, value, std::chars_format::scientific);
    const std::string_view text{room.data(), std::size_t(result.ptr - room.data())};
    const double magnitude = std::abs(value);
    if (magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e6)) return text;
    const auto plain = std::to_chars(room.data(), end, value, std::chars_format::fixed);
    return {room.data(), std::size_t(plain.ptr - room.data())};
}

/// "1.50" for %.2f; empty if it does not fit.
std::string_view real_text(double value, char verb, std::optional<std::size_t> precision,
                           std::span<char> room) noexcept {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Inf" : "+Inf";
    const bool general = verb == 'v' || verb == 'g' || verb == 'G';
    if (general && !precision) return shortest(value, room);
    const auto form = general                      ? std::chars_format::general
                      : verb == 'f' || verb == 'F' ? std::chars_format::fixed
                                                   : std::chars_format::scientific;
    const int digits = static_cast<int>(std::min<std::size_t>(precision.value_or(6), room.size()));
    const auto [end, error] =
        std::to_chars(room.data(), room.data() + room.size(), value, form, digits);
    if (error != std::errc{}) return {};
    return {room.data(), std::size_t(end - room.data())};
}

}  // namespace

Rune rune_of(std::string_view text) noexcept {
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80) return {lead, 1, true};
    const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    const Rune bad{replacement, 1, false};
    if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return bad;
    std::uint32_t number = lead & (0x7fU >> size);
    for (std::size_t i = 1; i < size; ++i) {
        const auto octet = static_cast<unsigned char>(text[i]);
        if ((octet & 0xc0U) != 0x80) return bad;
        number = number << 6U | (octet & 0x3fU);
    }
    constexpr std::array<std::uint32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
    if (number < smallest[size] || number > rune_max || is_surrogate(number)) return bad;
    return {number, size, true};
}

void add_rune(std::uint64_t number, Output& out) noexcept {
    if (number > rune_max || is_surrogate(number)) number = replacement;
    const auto rune = static_cast<std::uint32_t>(number);
    const auto octet = [](std::uint32_t bits) { return static_cast<char>(bits); };
    const char last = octet(0x80U | (rune & 0x3fU));
    const char third = octet(0x80U | (rune >> 6U & 0x3fU));
    const char second = octet(0x80U | (rune >> 12U & 0x3fU));
    std::array<char, 4> text{octet(0xf0U | rune >> 18U), second, third, last};
    std::size_t size = 4;
    if (rune < 0x80) {
        text = {octet(rune)};
        size = 1;
    } else if (rune < 0x800) {
        text = {octet(0xc0U | rune >> 6U), last};
        size = 2;
    } else if (rune < 0x10000) {
        text = {octet(0xe0U | rune >> 12U), third, last};
        size = 3;
    }
    out.add({text.data(), size});
}

std::string_view type_name(const Value& value) noexcept {
    switch (value.kind) {
    case Kind::nothing: return "<nil>";
    case Kind::boolean: return "bool";
    case Kind::real: return "float64";
    case Kind::text: return "string";
    case Kind::list: return "[]string";
    case Kind::map: return "map[string]string";
    case Kind::object: return value.from == nullptr ? "" : value.from->shape(value.object).type;
    case Kind::objects:
        return value.from == nullptr ? "" : value.from->shape(value.object).list_type;
    case Kind::integer: break;
    }
    switch (value.width) {
    case Value::Width::plain: return "int";
    case Value::Width::u8: return "uint8";
    case Value::Width::u16: return "uint16";
    case Value::Width::u32: return "uint32";
    case Value::Width::u64: return "uint64";
    }
    return {};
}

void Formatter::pad_before(std::size_t runes) noexcept {
    const std::size_t width = flags_.width.value_or(0);
    if (width > runes && !flags_.minus) out_.add_times(flags_.zero ? '0' : ' ', width - runes);
}
void Formatter::pad_behind(std::size_t runes) noexcept {
    const std::size_t width = flags_.width.value_or(0);
    if (width > runes && flags_.minus) out_.add_times(' ', width - runes);
}
void Formatter::pad(std::string_view text) noexcept {
    const std::size_t runes = flags_.width ? rune_count(text) : 0;
    pad_before(runes);
    out_.add(text);
    pad_behind(runes);
}

/// As many characters as the precision takes.
std::string_view Formatter::cut(std::string_view text) const noexcept {
    if (!flags_.precision) return text;
    std::size_t octets = 0;
    for (std::size_t i = 0; i < *flags_.precision && octets < text.size(); ++i) {
        octets += rune_of(text.substr(octets)).octets;
    }
    return text.substr(0, octets);
}

Outcome Formatter::argument(const Value& value, std::uint32_t verb) noexcept {
    const bool is_empty_list = value.kind == Kind::objects && value.integer == 0;
    if (type_name(value).empty() && !(is_empty_list && verb == 'v')) return Outcome::wrong;
    if (value.kind == Kind::nothing) {
        if (verb != 'T' && verb != 'v') return bad_verb(value, verb);
        pad("<nil>");
    } else if (verb == 'T') {
        pad(cut(type_name(value)));
    } else {
        return print(value, verb);
    }
    return Outcome::good;
}

Outcome Formatter::print(const Value& value, std::uint32_t verb) noexcept {
    bool known = false;
    Outcome outcome = Outcome::good;
    switch (value.kind) {
    case Kind::nothing: return Outcome::wrong;
    case Kind::object: return object(value, verb);
    case Kind::list:
    case Kind::map:
    case Kind::objects: return elements(value, verb);
    case Kind::boolean:
        known = verb == 't' || verb == 'v';
        if (known) pad(value.boolean ? "true" : "false");
        break;
    case Kind::integer: known = integer(value, verb); break;
    case Kind::real: known = real(value.real, verb, outcome); break;
    case Kind::text: known = text(value.text, verb); break;
    }
    return known ? outcome : bad_verb(value, verb);
}

/// "[a b]", "map[a:b]"; for %#v "[]string{"a", "b"}".
Outcome Formatter::elements(const Value& value, std::uint32_t verb) noexcept {
    const bool is_map = value.kind == Kind::map;
    const bool go_syntax = flags_.go_syntax && verb == 'v';
    if (value.kind == Kind::objects) {
        out_.add("[");
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (i != 0) out_.add(" ");
            const Outcome outcome = object(value.element(i), verb);
            if (outcome != Outcome::good) return outcome;
        }
        out_.add("]");
        return go_syntax ? Outcome::wrong : Outcome::good;
    }
    if (go_syntax) out_.add(type_name(value));
    out_.add(go_syntax ? "{" : is_map ? "map[" : "[");
    for (std::size_t i = 0; i < value.list.size(); ++i) {
        const bool is_value = is_map && i % 2 == 1;
        if (i != 0) out_.add(is_value ? ":" : go_syntax ? ", " : " ");
        const Outcome outcome = print(Value::of(value.list[i]), verb);
        if (outcome != Outcome::good) return outcome;
    }
    out_.add(go_syntax ? "}" : "]");
    return Outcome::good;
}

/// A pointer's text; else its fields, "{a.example. 16 1}", behind a pointer with "&".
Outcome Formatter::object(const Value& value, std::uint32_t verb) noexcept {
    constexpr std::string_view text_verbs = "vsxXq";
    if (value.from == nullptr || flags_.go_syntax) return Outcome::wrong;
    const Shape shape = value.from->shape(value.object);
    const bool is_text = verb < 0x80 && text_verbs.find(char(verb)) != std::string_view::npos;
    if (shape.is_pointer() && is_text) {
        if (value.null) {
            out_.add("<nil>");
            return Outcome::good;
        }
        std::array<char, text_octets_max> room;
        Output made{room};
        const Outcome outcome = value.from->print(value.object, made);
        if (!made.good()) out_.spoil();
        text(made.text(), verb);
        return outcome;
    }
    if (shape.fields.empty() || value.null) return Outcome::wrong;
    out_.add(shape.is_pointer() ? "&{" : "{");
    for (std::size_t i = 0; i < shape.fields.size(); ++i) {
        if (i != 0) out_.add(" ");
        if (flags_.plus_v) out_.add(shape.fields[i]);
        if (flags_.plus_v) out_.add(":");
        Value field;
        Outcome outcome = value.from->field(value.object, shape.fields[i], field);
        if (outcome == Outcome::good) outcome = print(field, verb);
        if (outcome != Outcome::good) return outcome;
    }
    out_.add("}");
    return Outcome::good;
}

/// "%!d(string=x)"; the flags are those of the verb.
Outcome Formatter::bad_verb(const Value& value, std::uint32_t verb) noexcept {
    out_.add("%!");
    add_rune(verb, out_);
    out_.add("(");
    out_.add(type_name(value));
    if (value.kind == Kind::nothing) {
        out_.add(")");
        return Outcome::good;
    }
    out_.add("=");
    const Outcome outcome = print(value, 'v');
    out_.add(")");
    return outcome;
}

bool Formatter::text(std::string_view text, std::uint32_t verb) noexcept {
    if (verb == 'q' || (verb == 'v' && flags_.go_syntax)) {
        quoted(cut(text));
    } else if (verb == 's' || verb == 'v') {
        pad(cut(text));
    } else if (verb == 'x' || verb == 'X') {
        hex(text.substr(0, std::min(flags_.precision.value_or(text.size()), text.size())),
            verb == 'X');
    } else {
        return false;
    }
    return true;
}

void Formatter::quoted(std::string_view text) noexcept {
    std::array<char, text_octets_max> room;
    Output made{room};
    const bool plain = text.find_first_of("`\x7f") == std::string_view::npos &&
                       std::ranges::all_of(text, [](char c) {
                           return static_cast<unsigned char>(c) >= 0x20 || c == '\t';
                       });
    if (flags_.sharp && plain) {
        made.add("`");
        made.add(text);
        made.add("`");
        return pad(made.text());
    }
    made.add("\"");
    while (!text.empty()) {
        const Rune rune = rune_of(text);
        add_escaped(rune, text.substr(0, rune.octets), '"', flags_.plus, made);
        text.remove_prefix(rune.octets);
    }
    made.add("\"");
    if (!made.good()) out_.spoil();
    pad(made.text());
}

/// The octets of a text; "% x" puts blanks between them.
void Formatter::hex(std::string_view text, bool upper) noexcept {
    const std::string_view letters = upper ? upper_digits : lower_digits;
    std::size_t size = 2 * text.size();
    if (!text.empty() && flags_.sharp) size += flags_.space ? 2 * text.size() : 2;
    if (!text.empty() && flags_.space) size += text.size() - 1;
    pad_before(size);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (flags_.space && i != 0) out_.add(" ");
        if (flags_.sharp && (i == 0 || flags_.space)) {
            out_.add("0");
            out_.add(letters.substr(16));
        }
        const auto octet = static_cast<unsigned char>(text[i]);
        out_.add(letters.substr(octet >> 4U, 1));
        out_.add(letters.substr(octet & 15U, 1));
    }
    pad_behind(size);
}

bool Formatter::integer(const Value& value, std::uint32_t verb) noexcept {
    const bool is_signed = value.width == Value::Width::plain;
    const bool negative = is_signed && value.integer < 0;
    const auto bits = static_cast<std::uint64_t>(value.integer);
    const std::uint64_t magnitude = negative ? 0 - bits : bits;
    switch (verb) {
    case 'v':
        if (flags_.go_syntax && !is_signed) {
            flags_.sharp = true;
            digits(magnitude, false, 16, verb);
            flags_.sharp = false;
            return true;
        }
        digits(magnitude, negative, 10, verb);
        return true;
    case 'd': digits(magnitude, negative, 10, verb); return true;
    case 'b': digits(magnitude, negative, 2, verb); return true;
    case 'o':
    case 'O': digits(magnitude, negative, 8, verb); return true;
    case 'x':
    case 'X': digits(magnitude, negative, 16, verb); return true;
    case 'U': code_point(bits); return true;
    case 'c':
    case 'q': break;
    default: return false;
    }
    std::array<char, 16> room;
    Output made{room};
    if (verb == 'c') {
        add_rune(bits, made);
    } else {
        std::array<char, 4> octets;
        Output rune{octets};
        add_rune(bits, rune);
        made.add("'");
        add_escaped(rune_of(rune.text()), rune.text(), '\'', flags_.plus, made);
        made.add("'");
    }
    pad(made.text());
    return true;
}

void Formatter::digits(std::uint64_t number, bool negative, unsigned base,
                       std::uint32_t verb) noexcept {
    std::array<char, 64> room;
    std::size_t begin = room.size();
    const std::string_view letters = verb == 'X' ? upper_digits : lower_digits;
    for (std::uint64_t left = number; left != 0 || begin == room.size(); left /= base) {
        room[--begin] = letters[left % base];
    }
    const std::string_view text{room.data() + begin, room.size() - begin};
    const std::size_t width = flags_.width.value_or(0);
    const bool has_sign = negative || flags_.plus || flags_.space;
    std::size_t least = flags_.precision.value_or(0);
    if (!flags_.precision && flags_.zero && !flags_.minus) least = width - (has_sign && width > 0);
    // "%.0d" of 0 is nothing.
    const bool is_empty = flags_.precision == 0U && number == 0;
    const std::size_t zeros = least > text.size() ? least - text.size() : 0;
    const std::string_view prefix = verb == 'O'     ? "0o"
                                    : !flags_.sharp ? ""
                                    : base == 2     ? "0b"
                                    : base == 16    ? (verb == 'X' ? "0X" : "0x")
                                    : base == 8 && zeros == 0 && number != 0 ? "0"
                                                                             : "";
    const std::string_view sign = negative ? "-" : flags_.plus ? "+" : flags_.space ? " " : "";
    const std::size_t size = is_empty ? 0 : sign.size() + prefix.size() + zeros + text.size();
    const std::size_t padding = width > size ? width - size : 0;
    if (!flags_.minus || is_empty) out_.add_times(' ', padding);
    if (is_empty) return;
    out_.add(sign);
    out_.add(prefix);
    out_.add_times('0', zeros);
    out_.add(text);
    if (flags_.minus) out_.add_times(' ', padding);
}

/// "U+0061", and for %#U " 'a'" behind it.
void Formatter::code_point(std::uint64_t number) noexcept {
    std::array<char, 16> digits;
    std::size_t begin = digits.size();
    for (std::uint64_t left = number; left != 0; left >>= 4U) {
        digits[--begin] = upper_digits[left & 15U];
    }
    const std::size_t size = digits.size() - begin;
    const std::size_t least = std::max<std::size_t>(flags_.precision.value_or(0), 4);
    std::array<char, 256> room;
    Output made{room};
    made.add("U+");
    made.add_times('0', least > size ? least - size : 0);
    made.add({digits.data() + begin, size});
    if (flags_.sharp && number <= rune_max && is_printable(static_cast<std::uint32_t>(number))) {
        made.add(" '");
        add_rune(number, made);
        made.add("'");
    }
    if (!made.good()) out_.spoil();
    const bool zero = std::exchange(flags_.zero, false);
    pad(made.text());
    flags_.zero = zero;
}

bool Formatter::real(double value, std::uint32_t verb, Outcome& outcome) noexcept {
    constexpr std::string_view known = "vgGeEfF";
    if (verb == 'x' || verb == 'X' || verb == 'b') outcome = Outcome::wrong;
    if (outcome != Outcome::good) return true;
    if (verb > 0x7f || known.find(static_cast<char>(verb)) == std::string_view::npos) return false;
    std::array<char, 512> room;
    std::string_view text = real_text(value, static_cast<char>(verb), flags_.precision, room);
    if (text.empty()) outcome = Outcome::too_long;
    if (verb == 'G' || verb == 'E') {
        std::ranges::replace(room, 'e', 'E');
    }
    const bool has_sign = text.starts_with('-') || text.starts_with('+');
    const std::string_view sign = text.starts_with('-')                  ? "-"
                                  : flags_.plus || text.starts_with('+') ? "+"
                                  : flags_.space                         ? " "
                                                                         : "";
    if (has_sign) text.remove_prefix(1);
    const std::size_t size = sign.size() + text.size();
    const std::size_t width = flags_.width.value_or(0);
    const std::size_t padding = width > size ? width - size : 0;
    const bool zeros = flags_.zero && !flags_.minus && std::isfinite(value);
    if (!flags_.minus && !zeros) out_.add_times(' ', padding);
    out_.add(sign);
    if (zeros) out_.add_times('0', padding);
    out_.add(text);
    if (flags_.minus) out_.add_times(' ', padding);
    return true;
}

Outcome print_argument(const Value& value, Output& out) noexcept {
    return Formatter{Flags{}, out}.argument(value, 'v');
}

Outcome print(const Value& value, Output& out) noexcept {
    if (value.kind == Kind::text) {
        out.add(value.text);
    } else if (value.kind == Kind::nothing) {
        out.add("<no value>");
    } else if (value.kind == Kind::object && value.from != nullptr && !value.null) {
        return value.from->print(value.object, out);
    } else {
        return print_argument(value, out);
    }
    return Outcome::good;
}

}  // namespace nameplane::plugins::templating
