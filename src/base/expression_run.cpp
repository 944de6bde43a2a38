// hot path
#include "base/expression_node.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

namespace nameplane::expression {

namespace {

using Node = Expression::Node;

double real_of(const Value& value) noexcept {
    return value.type == Type::integer ? static_cast<double>(value.integer) : value.real;
}

bool equal(const Value& a, const Value& b) noexcept {
    if (a.type == Type::integer && b.type == Type::integer) return a.integer == b.integer;
    const bool numbers = (a.type == Type::integer || a.type == Type::real) &&
                         (b.type == Type::integer || b.type == Type::real);
    if (numbers) return real_of(a) == real_of(b);
    if (a.type != b.type) return false;
    switch (a.type) {
    case Type::nothing: return true;
    case Type::boolean: return a.boolean == b.boolean;
    case Type::integer:
    case Type::real: return false;
    case Type::text: return a.text == b.text;
    case Type::list: return std::ranges::equal(a.list, b.list, equal);
    }
    return false;
}

bool less(const Value& a, const Value& b) noexcept {
    if (a.type == Type::text) return a.text < b.text;
    if (a.type == Type::integer && b.type == Type::integer) return a.integer < b.integer;
    return real_of(a) < real_of(b);
}

/// As Go does: what is too large begins anew.
std::int64_t wrapped(std::uint64_t value) noexcept {
    return static_cast<std::int64_t>(value);
}

class Runner {
public:
    Runner(const Functions& functions, std::span<const Value> variables, Arena& arena) noexcept
        : functions_{functions}, variables_{variables}, arena_{arena} {}

    bool run(const Node& node, Value& result) const noexcept {
        switch (node.kind) {
        case Node::Kind::constant:
            result = node.constant;
            if (result.type == Type::text) result.text = node.text;
            return true;
        case Node::Kind::variable: result = variables_[node.variable]; return true;
        case Node::Kind::operation: return operate(node, result);
        case Node::Kind::list:
        case Node::Kind::call:
        case Node::Kind::builtin: break;
        }
        const std::span<Value> values = arena_.array<Value>(node.operands.size());
        if (values.size() != node.operands.size()) return false;
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (!run(node.operands[i], values[i])) return false;
        }
        if (node.kind == Node::Kind::list) {
            result = Value::of(std::span<const Value>{values});
            return true;
        }
        if (node.kind == Node::Kind::builtin) return build_in(node.builtin, values, result);
        return functions_.call(node.function, values, arena_, result);
    }

private:
    bool operate(const Node& node, Value& result) const noexcept {
        Value a;
        if (!run(node.operands[0], a)) return false;
        // These may leave their other operands alone.
        switch (node.op) {
        case Operator::choose: return run(node.operands[a.boolean ? 1 : 2], result);
        case Operator::or_:
        case Operator::and_:
            if (a.boolean == (node.op == Operator::or_)) {
                result = a;
                return true;
            }
            return run(node.operands[1], result);
        case Operator::not_: result = Value::of(!a.boolean); return true;
        case Operator::minus:
            result = a.type == Type::integer
                         ? Value::of(wrapped(0U - static_cast<std::uint64_t>(a.integer)))
                         : Value::of(-a.real);
            return true;
        case Operator::matches: result = Value::of(node.pattern->matches(a.text)); return true;
        case Operator::equal:
        case Operator::unequal:
        case Operator::less:
        case Operator::at_most:
        case Operator::more:
        case Operator::at_least:
        case Operator::in:
        case Operator::not_in:
        case Operator::contains:
        case Operator::starts_with:
        case Operator::ends_with:
        case Operator::add:
        case Operator::subtract:
        case Operator::multiply:
        case Operator::divide:
        case Operator::remainder:
        case Operator::power:
        case Operator::index: break;
        }
        Value b;
        if (!run(node.operands[1], b)) return false;
        return operate(node.op, a, b, result);
    }

    bool operate(Operator op, const Value& a, const Value& b, Value& result) const noexcept {
        switch (op) {
        case Operator::equal: result = Value::of(equal(a, b)); return true;
        case Operator::unequal: result = Value::of(!equal(a, b)); return true;
        case Operator::less: result = Value::of(less(a, b)); return true;
        case Operator::at_least: result = Value::of(!less(a, b)); return true;
        case Operator::more: result = Value::of(less(b, a)); return true;
        case Operator::at_most: result = Value::of(!less(b, a)); return true;
        case Operator::in:
        case Operator::not_in: {
            const bool found =
                std::ranges::any_of(b.list, [&a](const Value& item) { return equal(item, a); });
            result = Value::of(found == (op == Operator::in));
            return true;
        }
        case Operator::contains:
            result = Value::of(a.text.find(b.text) != std::string_view::npos);
            return true;
        case Operator::starts_with: result = Value::of(a.text.starts_with(b.text)); return true;
        case Operator::ends_with: result = Value::of(a.text.ends_with(b.text)); return true;
        case Operator::index: {
            const auto size = static_cast<std::int64_t>(a.list.size());
            const std::int64_t at = b.integer < 0 ? size + b.integer : b.integer;
            if (at < 0 || at >= size) return false;
            result = a.list[static_cast<std::size_t>(at)];
            return true;
        }
        case Operator::add:
            if (a.type == Type::text) return join(a.text, b.text, result);
            [[fallthrough]];
        case Operator::subtract:
        case Operator::multiply:
        case Operator::divide:
        case Operator::remainder:
        case Operator::power: return calculate(op, a, b, result);
        case Operator::or_:
        case Operator::and_:
        case Operator::not_:
        case Operator::minus:
        case Operator::matches:
        case Operator::choose: break;
        }
        return false;
    }

    static bool calculate(Operator op, const Value& a, const Value& b, Value& result) noexcept {
        if (op == Operator::remainder) {
            if (b.integer == 0) return false;
            result = Value::of(b.integer == -1 ? std::int64_t{0} : a.integer % b.integer);
            return true;
        }
        const double x = real_of(a);
        const double y = real_of(b);
        if (op == Operator::divide) {
            result = Value::of(x / y);
            return true;
        }
        if (op == Operator::power) {
            result = Value::of(std::pow(x, y));
            return true;
        }
        if (a.type == Type::integer && b.type == Type::integer) {
            const auto m = static_cast<std::uint64_t>(a.integer);
            const auto n = static_cast<std::uint64_t>(b.integer);
            const std::uint64_t value = op == Operator::add        ? m + n
                                        : op == Operator::subtract ? m - n
                                                                   : m * n;
            result = Value::of(wrapped(value));
        } else {
            result = Value::of(op == Operator::add        ? x + y
                               : op == Operator::subtract ? x - y
                                                          : x * y);
        }
        return true;
    }

    std::span<char> room(std::size_t octets) const noexcept { return arena_.array<char>(octets); }

    bool join(std::string_view a, std::string_view b, Value& result) const noexcept {
        const std::span<char> text = room(a.size() + b.size());
        if (text.size() != a.size() + b.size()) return false;
        a.copy(text.data(), a.size());
        b.copy(text.data() + a.size(), b.size());
        result = Value::of(std::string_view{text.data(), text.size()});
        return true;
    }

    template <class Change>
    bool changed(std::string_view text, Change change, Value& result) const noexcept {
        const std::span<char> to = room(text.size());
        if (to.size() != text.size()) return false;
        std::ranges::transform(text, to.begin(), change);
        result = Value::of(std::string_view{to.data(), to.size()});
        return true;
    }

    bool replaced(std::string_view text, std::string_view from, std::string_view to,
                  Value& result) const noexcept {
        if (from.empty()) {
            result = Value::of(text);
            return true;
        }
        std::size_t count = 0;
        for (std::size_t at = text.find(from); at != std::string_view::npos;
             at = text.find(from, at + from.size())) {
            ++count;
        }
        const std::size_t size = text.size() - count * from.size() + count * to.size();
        const std::span<char> out = room(size);
        if (out.size() != size) return false;
        char* end = out.data();
        while (!text.empty()) {
            const std::size_t at = std::min(text.find(from), text.size());
            end += text.copy(end, at);
            if (at == text.size()) break;
            end += to.copy(end, to.size());
            text.remove_prefix(at + from.size());
        }
        result = Value::of(std::string_view{out.data(), size});
        return true;
    }

    bool to_text(const Value& value, Value& result) const noexcept {
        if (value.type == Type::text) {
            result = value;
            return true;
        }
        if (value.type == Type::boolean) {
            result = Value::of(std::string_view{value.boolean ? "true" : "false"});
            return true;
        }
        std::array<char, 64> digits;
        const auto [end, error] =
            value.type == Type::integer
                ? std::to_chars(digits.data(), digits.data() + digits.size(), value.integer)
                : std::to_chars(digits.data(), digits.data() + digits.size(), value.real);
        return join({digits.data(), static_cast<std::size_t>(end - digits.data())}, {}, result);
    }

    static bool to_int(const Value& value, Value& result) noexcept {
        if (value.type == Type::real) {
            constexpr double limit = 9.2e18;
            if (!(std::abs(value.real) < limit)) return false;
            result = Value::of(static_cast<std::int64_t>(value.real));
            return true;
        }
        if (value.type == Type::integer) {
            result = value;
            return true;
        }
        std::int64_t number = 0;
        const char* const end = value.text.data() + value.text.size();
        const auto [read, error] = std::from_chars(value.text.data(), end, number);
        result = Value::of(number);
        return error == std::errc{} && read == end && !value.text.empty();
    }

    static bool to_float(const Value& value, Value& result) noexcept {
        if (value.type != Type::text) {
            result = Value::of(real_of(value));
            return true;
        }
        double number = 0;
        const char* const end = value.text.data() + value.text.size();
        const auto [read, error] = std::from_chars(value.text.data(), end, number);
        result = Value::of(number);
        return error == std::errc{} && read == end && !value.text.empty();
    }

    static std::string_view trimmed(std::string_view text) noexcept {
        constexpr std::string_view blanks = " \t\r\n\v\f";
        const std::size_t first = text.find_first_not_of(blanks);
        if (first == std::string_view::npos) return {};
        return text.substr(first, text.find_last_not_of(blanks) - first + 1);
    }

    bool build_in(Builtin builtin, std::span<const Value> values, Value& result) const noexcept {
        const Value& first = values[0];
        const std::string_view text = first.text;
        const std::string_view other = values.size() > 1 ? values[1].text : std::string_view{};
        switch (builtin) {
        case Builtin::len:
            result = Value::of(static_cast<std::int64_t>(
                first.type == Type::text ? text.size() : first.list.size()));
            return true;
        case Builtin::lower:
            return changed(
                text, [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; },
                result);
        case Builtin::upper:
            return changed(
                text, [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; },
                result);
        case Builtin::trim: result = Value::of(trimmed(text)); return true;
        case Builtin::trim_prefix:
            result = Value::of(text.starts_with(other) ? text.substr(other.size()) : text);
            return true;
        case Builtin::trim_suffix:
            result = Value::of(text.ends_with(other) ? text.substr(0, text.size() - other.size())
                                                     : text);
            return true;
        case Builtin::has_prefix: result = Value::of(text.starts_with(other)); return true;
        case Builtin::has_suffix: result = Value::of(text.ends_with(other)); return true;
        case Builtin::index_of: {
            const std::size_t at = text.find(other);
            result = Value::of(at == std::string_view::npos ? std::int64_t{-1}
                                                            : static_cast<std::int64_t>(at));
            return true;
        }
        case Builtin::replace: return replaced(text, other, values[2].text, result);
        case Builtin::to_int: return to_int(first, result);
        case Builtin::to_float: return to_float(first, result);
        case Builtin::to_string: return to_text(first, result);
        case Builtin::abs:
            result = first.type == Type::real
                         ? Value::of(std::abs(first.real))
                         : Value::of(first.integer < 0
                                         ? wrapped(0U - static_cast<std::uint64_t>(first.integer))
                                         : first.integer);
            return true;
        case Builtin::min: result = less(values[1], first) ? values[1] : first; return true;
        case Builtin::max: result = less(first, values[1]) ? values[1] : first; return true;
        }
        return false;
    }

    const Functions& functions_;
    std::span<const Value> variables_;
    Arena& arena_;
};

}  // namespace

bool Expression::run(const Functions& functions, std::span<const Value> variables, Arena& arena,
                     Value& result) const noexcept {
    return Runner{functions, variables, arena}.run(*root_, result);
}

}  // namespace nameplane::expression
