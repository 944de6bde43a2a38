#pragma once
// nodes: a template once it is read.

#include "plugins/template/go_template.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
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
    /// `root`: a field of the data itself, whatever the dot is.
    enum class Kind : std::uint8_t {
        constant,
        field,
        root,
        meta,
        dot,
        variable,
        function,
        pipeline
    };
    Kind kind = Kind::constant;
    Value constant{};
    std::string text;               ///< what `constant` refers to
    std::vector<std::string> path;  ///< of a field; of the root: empty is all of it
    std::size_t variable = 0;
    Function function{};
    std::vector<Pipeline> pipeline;  ///< one, in parentheses
};

/// "index .Match 1": a function or method with its arguments, or a value alone.
struct Command {
    std::vector<Operand> operands;
};

/// Commands behind each other; each gets what the one before gave as its last argument.
struct Pipeline {
    std::vector<Command> commands;
};

struct GoTemplate::Node {
    enum class Kind : std::uint8_t { text, print, assign, branch, with };
    Kind kind = Kind::text;
    std::string text;
    Pipeline pipeline;
    std::size_t variable = 0;  ///< of assign
    Nodes then;
    Nodes otherwise;
};

/// Functions of text; false if the arguments are wrong.
bool call(Function function, std::span<const Value> arguments, Arena& arena,
          Value& result) noexcept;

inline constexpr std::size_t arguments_max = 16;
inline constexpr std::size_t text_octets_max = 4096;

}  // namespace nameplane::plugins::templating
