#include "conf/lines.hpp"
#include "row.hpp"

#include <catch2/catch.hpp>

using namespace nameplane::conf;
using nameplane::test::Row;

namespace {

std::string dump(const Directive& line) {
    std::string text = std::to_string(line.where.line) + ' ' + line.name;
    for (const std::string& word : line.words) text += " '" + word + "'";
    if (!line.body.empty()) {
        text += " {";
        for (const Directive& inner : line.body) text += ' ' + dump(inner) + ';';
        text += " }";
    }
    return text;
}

struct Reads {
    std::string_view text;
    std::string_view lines;
    std::string_view problems;
    Row row = {};
};

}  // namespace

TEST_CASE("lines with the blocks behind them") {
    const std::vector<Reads> rows{
        {"", "", ""},
        {"a b\nc", "1 a 'b'|2 c", ""},
        {"a { b\n c\n}\nd", "1 a { 1 b; 2 c; }|4 d", ""},
        {"a x {\nb {\n c\n}\n}", "1 a 'x' { 2 b { 3 c; }; }", ""},
        {"a {\n}", "1 a", ""},
        {"a { }", "1 a", ""},
        {"a \"x\ny\" z\nb", "1 a 'x\ny' 'z'|3 b", ""},
        {"a {\nb }\n}", "1 a { 2 b; }",
         "f:2: '}' behind other words, expected it on a line of its own|"
         "f:3: '}' without a block, expected '{' before"},
        {"a\n{\nb\n}", "1 a|2 { { 3 b; }",
         "f:2: '{' begins a line, expected it behind a directive"},
        {"a {\n} b\nc", "1 a|3 c", "f:2: 'b' behind '}', expected a new line"},
        {"a {\nb", "1 a { 2 b; }", "f:1: '{' is not closed, expected '}'"},
        {"}\na", "2 a", "f:1: '}' without a block, expected '{' before"},
    };
    for (const Reads& row : rows) {
        INFO(row.row.to_string());
        std::vector<Problem> problems;
        std::string lines;
        const std::vector<Word> words = words_of(row.text, {"f", 1});
        for (const Directive& line : lines_of(words, problems)) {
            lines += (lines.empty() ? "" : "|") + dump(line);
            CHECK(line.is_line);
        }
        std::string said;
        for (const Problem& problem : problems) {
            said += (said.empty() ? "" : "|") + problem.to_string();
        }
        CHECK(lines == row.lines);
        CHECK(said == row.problems);
    }
}

TEST_CASE("blocks inside of blocks end in a problem and not in the stack") {
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "a {\n";
    std::vector<Problem> problems;
    lines_of(words_of(deep, {"f", 1}), problems);
    REQUIRE(problems.size() >= 1);
    CHECK(problems[0].to_string() == "f:17: blocks inside of blocks, expected at most 16");
}
