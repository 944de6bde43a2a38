#pragma once
// Expression: conditions and values in the configuration, in the core of the language of expr-lang
// (which CoreDNS' plugins view and template use): literals, lists, variables, functions,
// arithmetic, comparison, `in`, `contains`, `startsWith`, `endsWith`, `matches`, logic and `a ? b :
// c`. Types are checked when it is read; it runs without the heap. Own code, for no library of
// Debian has the language.

#include <nameplane/base/arena.hpp>
#include <nameplane/base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::expression {

enum class Type : std::uint8_t { nothing, boolean, integer, real, text, list };

/// A value of one of the types. Texts and lists lie in the arena, the expression or with who gave
/// them.
struct Value {
    Type type = Type::nothing;
    bool boolean = false;
    std::int64_t integer = 0;
    double real = 0;
    std::string_view text;
    std::span<const Value> list;

    static Value of(bool value) noexcept { return {.type = Type::boolean, .boolean = value}; }
    static Value of(std::int64_t value) noexcept {
        return {.type = Type::integer, .integer = value};
    }
    static Value of(double value) noexcept { return {.type = Type::real, .real = value}; }
    static Value of(std::string_view value) noexcept { return {.type = Type::text, .text = value}; }
    static Value of(std::span<const Value> value) noexcept {
        return {.type = Type::list, .list = value};
    }
};

/// A function that an expression may call. Several with one name differ in their parameters.
struct Function {
    std::string_view name;
    std::vector<Type> parameters;
    Type result = Type::nothing;
    int id = 0;  ///< for Functions::call()
};

struct Variable {
    std::string name;
    Type type = Type::nothing;
};

/// What an expression may name.
struct Environment {
    std::vector<Function> functions;
    std::vector<Variable> variables;
};

/// Carries out the functions of an environment.
class Functions {
public:
    virtual ~Functions() = default;
    /// The arguments have the types of the function's parameters. False: the expression fails.
    virtual bool call(int id, std::span<const Value> arguments, Arena& arena,
                      Value& result) const noexcept = 0;
};

/// Whether `word` means something in the language, so that no variable can be called so.
bool is_reserved(std::string_view word) noexcept;

/// A cheap value; any thread.
class Expression {
public:
    static constexpr std::size_t octets_max = 10'000;

    /// "what, expected what" in the error.
    static Result<Expression> parse(std::string_view text, const Environment& environment);

    Type type() const noexcept;
    /// `variables` are those of the environment, in its order. False where it fails: a function
    /// does, a division by zero, the arena is full.
    bool run(const Functions& functions, std::span<const Value> variables, Arena& arena,
             Value& result) const noexcept;

    struct Node;

private:
    std::shared_ptr<const Node> root_;
};

}  // namespace nameplane::expression
