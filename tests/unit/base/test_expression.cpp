#include <nameplane/base/expression.hpp>

#include <catch2/catch.hpp>

#include <source_location>
#include <string>

namespace nameplane::expression {
namespace {

/// twice(int), twice(string), and fail().
class TestFunctions final : public Functions {
public:
    bool call(int id, std::span<const Value> arguments, Arena&,
              Value& result) const noexcept override {
        if (id == 0) result = Value::of(arguments[0].integer * 2);
        if (id == 1) result = Value::of(std::string_view{"two"});
        return id != 2;
    }
};

const Environment environment{.functions = {{"twice", {Type::integer}, Type::integer, 0},
                                            {"twice", {Type::text}, Type::text, 1},
                                            {"fail", {}, Type::boolean, 2}},
                              .variables = {{"n", Type::integer}, {"s", Type::text}}};

std::string text_of(const Value& value) {
    switch (value.type) {
    case Type::nothing: return "nil";
    case Type::boolean: return value.boolean ? "true" : "false";
    case Type::integer: return std::to_string(value.integer);
    case Type::real: return std::to_string(value.real);
    case Type::text: return "'" + std::string{value.text} + "'";
    case Type::list: {
        std::string text;
        for (const Value& item : value.list) text += (text.empty() ? "" : " ") + text_of(item);
        return "[" + text + "]";
    }
    }
    return {};
}

std::string run(std::string_view text, std::size_t arena_octets = 4096) {
    const auto parsed = Expression::parse(text, environment);
    if (!parsed) return parsed.error().text;
    Arena arena{arena_octets};
    const Value variables[] = {Value::of(std::int64_t{7}), Value::of(std::string_view{"abc"})};
    Value result;
    if (!parsed->run(TestFunctions{}, variables, arena, result)) return "(fails)";
    CHECK((result.type == parsed->type()));
    return text_of(result);
}

struct Case {
    std::string text;
    std::string expected;
    std::source_location at = std::source_location::current();
};

void check(std::span<const Case> cases) {
    for (const Case& row : cases) {
        INFO("row at line " << row.at.line() << ": " << row.text);
        CHECK(run(row.text) == row.expected);
    }
}

TEST_CASE("expressions give values", "[base][expression]") {
    const Case cases[] = {
        {"1", "1"},
        {"0x1f + 1_000", "1031"},
        {"1.5", "1.500000"},
        {"'a\\'b' + \"c\" + `\\d`", "'a'bc\\d'"},
        {"true and not false", "true"},
        {"nil == nil", "true"},
        {"1 + 2 * 3 - 4", "3"},
        {"(1 + 2) * 3", "9"},
        {"2 ** 3 ** 2", "512.000000"},
        {"2 ^ 3", "8.000000"},
        {"7 / 2", "3.500000"},
        {"7 % 4", "3"},
        {"1 + 0.5", "1.500000"},
        {"-n + 1", "-6"},
        {"+n", "7"},
        {"9223372036854775807 + 1", "-9223372036854775808"},
        {"1 < 2 && 2 <= 2 and 3 > 2 && 3 >= 3.0", "true"},
        {"1 == 1.0", "true"},
        {"'a' < 'b'", "true"},
        {"s == 'abc' ? n : 0", "7"},
        {"s != 'abc' ? 1 : false ? 2 : 3", "3"},
        {"not (n == 7) or s == 'abc'", "true"},
        {"!true || false", "false"},
        {"n in [1, 7] and s not in ['x', 'y'] and not ('z' in [])", "true"},
        {"s contains 'b' and s startsWith 'a' and s endsWith 'c'", "true"},
        {"s matches '^a.c$' and not (s matches '^b')", "true"},
        {"[1, 'a', [true]]", "[1 'a' [true]]"},
        {"[1, 2, 3][1] + [1, 2, 3][-1]", "5"},
        {"twice(n) + twice(1)", "16"},
        {"twice('x')", "'two'"},
        {"len(s) + len([1, 2])", "5"},
        {"lower('AbZ') + upper('abz')", "'abzABZ'"},
        {"trim('  a b ') + trimPrefix(s, 'a') + trimSuffix(s, 'c') + trimPrefix(s, 'x')",
         "'a bbcababc'"},
        {"hasPrefix(s, 'ab') and not hasSuffix(s, 'ab')", "true"},
        {"indexOf(s, 'c') + indexOf(s, 'x')", "1"},
        {"replace('a.b.c', '.', '--') + replace(s, '', 'x')", "'a--b--cabc'"},
        {"int('42') + int(3.9) + int(-1)", "44"},
        {"float('1.5') + float(1)", "2.500000"},
        {"string(42) + string(true) + string(s)", "'42trueabc'"},
        {"abs(-3) + min(1, 2) + max(1, 2)", "6"},
        {"abs(-1.5)", "1.500000"},
        // The side that decides nothing is not asked.
        {"true or fail()", "true"},
        {"false and fail()", "false"},
        {"true ? 1 : int('x')", "1"},
    };
    check(cases);
}

TEST_CASE("expressions that fail when they run", "[base][expression]") {
    const Case cases[] = {
        {"fail()", "(fails)"},    {"1 % 0", "(fails)"},           {"int('x')", "(fails)"},
        {"int('')", "(fails)"},   {"float('x')", "(fails)"},      {"int(1e300)", "(fails)"},
        {"[1, 2][2]", "(fails)"}, {"false or fail()", "(fails)"}, {"twice(int('x'))", "(fails)"}};
    check(cases);
    CHECK(run("s + s", 4) == "(fails)");
    CHECK(run("upper(s)", 2) == "(fails)");
    CHECK(run("[1, 2]", 16) == "(fails)");
}

TEST_CASE("expressions that are none say why", "[base][expression]") {
    const std::string value = ", expected a value";
    const std::string known = ", expected a variable or a function";
    const std::string together = ", expected types that go together";
    const Case cases[] = {
        {"", "the end" + value},
        {"1 +", "the end" + value},
        {"(1", "'', expected ')'"},
        {"1 2", "'2', expected the end or an operator"},
        {"undefined", "'undefined'" + known},
        {"undefined()", "'undefined()', expected a function that exists"},
        {"twice()", "'twice()' with such arguments, expected others"},
        {"len(1)", "'len()' with such arguments, expected others"},
        {"max(1, 1.5)", "'max()' with such arguments, expected others"},
        {"1 + 'a'", "'+' of int and string" + together},
        {"1 == 'a'", "'==' of int and string" + together},
        {"1 and true", "'and' of int and bool" + together},
        {"1 % 1.5", "'%' of int and float" + together},
        {"1 in 2", "'in' of int and int" + together},
        {"true < false", "'<' of bool and bool" + together},
        {"not 1", "'not' of int, expected a bool"},
        {"-'a'", "a sign before string, expected a number"},
        {"1 ? 2 : 3", "a condition that is no bool before '?'"},
        {"true ? 1 : 'a'", "'? :' of int and string" + together},
        {"true ? 1", "'', expected ':'"},
        {"1 not 2", "'not', expected 'not in'"},
        {"s matches s", "'matches', expected a pattern in quotes"},
        {"s matches '('", "'(', expected a pattern (missing ): ()"},
        {"s[0]", "'[', expected it behind a list, and a number in it"},
        {"[1, 'a'][0]", "'[', expected a list with items of one type"},
        {"'a", "'''" + value},
        {"1x", "'1x', expected a number"},
        {"@", "'@'" + value},
        {"let x = 1; x", "'let'" + known},
    };
    check(cases);
    CHECK(run(std::string(100, '(')).find("so deep") != std::string::npos);
    CHECK(run(std::string(Expression::octets_max + 1, '1')).find("at most") != std::string::npos);
}

TEST_CASE("words of the language are no names", "[base][expression]") {
    for (const char* const word : {"true", "let", "len", "in", "filter", "lower"}) {
        CHECK(is_reserved(word));
    }
    for (const char* const word : {"a", "Len", "inn", ""}) CHECK_FALSE(is_reserved(word));
}

}  // namespace
}  // namespace nameplane::expression
