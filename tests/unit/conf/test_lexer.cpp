#include "conf/lexer.hpp"
#include "row.hpp"

#include <catch2/catch.hpp>

using namespace nameplane::conf;
using nameplane::test::Row;

namespace {

struct Reads {
    std::string_view text;
    std::string_view tokens;
    Row row = {};
};

std::string dump(const std::vector<Token>& tokens) {
    std::string text;
    for (const Token& token : tokens) {
        if (!text.empty()) text += ' ';
        text += std::to_string(token.line);
        if (token.end_line != token.line) text += '-' + std::to_string(token.end_line);
        text += '<' + token.text + '>';
    }
    return text;
}

}  // namespace

TEST_CASE("words end at white space, quotes and nothing else") {
    const std::vector<Reads> rows{
        {"", ""},
        {" \t\r\n\v\f", ""},
        {".:53 {\n  errors\n}\n", "1<.:53> 1<{> 2<errors> 3<}>"},
        {"a\r\nb", "1<a> 2<b>"},
        {"a\rb", "1<ab>"},
        {"\xef\xbb\xbf"
         "a",
         "1<a>"},
        {"a\u00a0b\u3000c\u0085d", "1<a> 1<b> 1<c> 1<d>"},
        {"\"a b\"c", "1<a b> 1<c>"},
        {"x\"a b\"", "1<x\"a> 1<b\">"},
        {"\"\" b", "1<> 1<b>"},
        {R"("say \"a\" \n \\" b)", R"(1<say "a" \n \\> 1<b>)"},
        {"\"a\nb\" c\nd", "1-2<a\nb> 2<c> 3<d>"},
        {"\"not closed\n", "1-2<not closed\n>"},
        {"a \"", "1<a>"},
        {"{}", "1<{}>"},
        // A comment reaches to the end of the line, unless it began inside a word.
        {"# a b\nc # d e\nf", "2<c> 3<f>"},
        {"a#b c\nd", "1<a> 1<c> 2<d>"},
        {"\"#\" \"a\"#b c", "1<#> 1<a>"},
    };
    for (const Reads& row : rows) {
        INFO(row.row.to_string());
        CHECK(dump(lex(row.text)) == row.tokens);
    }
}

TEST_CASE("what quote() writes is read back as the same word") {
    for (const std::string word : {"a", "", "a b", "#a", "a#b", "\"", "a\"b", "a\nb", "{", "}",
                                   "{}", "a\\nb", "\u00a0", "a\\\"b\\\".", "\\\"", "a\\"}) {
        INFO(word);
        const std::vector<Token> tokens = lex("x " + quote(word) + " y");
        REQUIRE(tokens.size() == 3);
        CHECK(tokens[1].text == word);
    }
    CHECK(quote("plain") == "plain");
    CHECK(quote("{common}") == "{common}");
}
