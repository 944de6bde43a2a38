#pragma once
// nodes: a template once it is read.

#include "plugins/template/go_template.hpp"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nameplane::plugins::templating {

enum class Function : std::uint8_t {
    and_,
    or_,
    not_,
    eq,
    ne,
    lt,
    le,
    gt,
    ge,
    index,
    len,
    print,
    printf,
    println,
    slice,
    parse_int,
};

inline constexpr std::array<std::pair<std::string_view, Function>, 16> functions{{
    {"and", Function::and_},
    {"or", Function::or_},
    {"not", Function::not_},
    {"eq", Function::eq},
    {"ne", Function::ne},
    {"lt", Function::lt},
    {"le", Function::le},
    {"gt", Function::gt},
    {"ge", Function::ge},
    {"index", Function::index},
    {"len", Function::len},
    {"print", Function::print},
    {"printf", Function::printf},
    {"println", Function::println},
    {"slice", Function::slice},
    {"parseInt", Function::parse_int},
}};

struct Pipeline;

/// One word of a command.
struct Operand {
    /// `meta` is the method of the data that `base` and `path` lead to.
    enum class Kind : std::uint8_t { constant, value, meta, function };
    /// What a value begins at: the dot, `$`, a variable, or what stands in parentheses.
    enum class Base : std::uint8_t { dot, root, variable, pipeline };
    Kind kind = Kind::constant;
    Base base = Base::dot;
    Function function{};
    Value constant{};
    std::string text;               ///< what `constant` refers to
    std::vector<std::string> path;  ///< ".A.B" is {"A", "B"}
    std::size_t variable = 0;
    std::vector<Pipeline> pipeline;  ///< one, in parentheses
};

/// "index .Match 1": a function or method with its arguments, or a value alone.
struct Command {
    std::vector<Operand> operands;
};

/// Commands behind each other; each gets what the one before gave as its last argument.
struct Pipeline {
    std::vector<std::size_t>
        variables;  ///< that are set to what it gives; of `range` to its rounds
    std::vector<Command> commands;
};

struct GoTemplate::Node {
    enum class Kind : std::uint8_t { text, action, branch, with, range, leave, go_on, call };
    static constexpr std::size_t unknown = static_cast<std::size_t>(-1);
    Kind kind = Kind::text;
    std::string text;                  ///< of call: the name
    Pipeline pipeline;                 ///< of call: none or the dot
    std::size_t definition = unknown;  ///< of call; one that is not defined fails when it is called
    Nodes then;
    Nodes otherwise;
};

/// "{{ define }}" and "{{ block }}"; the whole itself.
struct GoTemplate::Definition {
    std::string name;
    Nodes nodes;
    std::size_t variables = 0;
};

/// Functions of values, but for `and` and `or`, which do not work all their arguments out.
Outcome call(Function function, std::span<const Value> arguments, Arena& arena,
             Value& result) noexcept;
/// printf's; `arguments` begins with the format.
Outcome print_formatted(std::span<const Value> arguments, Output& out) noexcept;
/// An argument as `print` prints it.
Outcome print_argument(const Value& value, Output& out) noexcept;
/// A copy of `text` in `arena`.
Outcome keep(std::string_view text, Arena& arena, std::string_view& kept) noexcept;

inline constexpr std::size_t arguments_max = 16;
inline constexpr std::size_t text_octets_max = 4096;
/// That a template and what it defines may have each.
inline constexpr std::size_t variables_max = 32;

}  // namespace nameplane::plugins::templating
