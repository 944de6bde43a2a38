#pragma once
// expression_node: an expression once it is read.

#include <nameplane/base/expression.hpp>
#include <nameplane/base/pattern.hpp>

#include <optional>

namespace nameplane::expression {

enum class Operator : std::uint8_t {
    or_,
    and_,
    not_,
    minus,  ///< of one operand
    equal,
    unequal,
    less,
    at_most,
    more,
    at_least,
    in,
    not_in,
    contains,
    starts_with,
    ends_with,
    matches,
    add,
    subtract,
    multiply,
    divide,
    remainder,
    power,
    choose,  ///< a ? b : c
    index,
};

enum class Builtin : std::uint8_t {
    len,
    lower,
    upper,
    trim,
    trim_prefix,
    trim_suffix,
    has_prefix,
    has_suffix,
    index_of,
    replace,
    to_int,
    to_float,
    to_string,
    abs,
    min,
    max,
};

struct Expression::Node {
    enum class Kind : std::uint8_t { constant, list, variable, call, builtin, operation };
    Kind kind = Kind::constant;
    Type type = Type::nothing;
    Value constant;
    std::string text;  ///< what a constant text refers to
    std::size_t variable = 0;
    int function = 0;
    Builtin builtin{};
    Operator op{};
    std::optional<Pattern> pattern;  ///< of matches
    std::vector<Node> operands;
};

inline constexpr std::size_t operands_max = 16;

}  // namespace nameplane::expression
