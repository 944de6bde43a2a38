#pragma once
// lexer: the words of a Corefile, as caddy's lexer cuts them. Words end at white space; one that
// begins with '"' ends at the next '"', and only \" is an escape in it; '#' begins a comment, also
// inside a word. Any octets give some words: there is no error here.

#include <string>
#include <string_view>
#include <vector>

namespace nameplane::conf {

struct Token {
    std::string text;
    unsigned line = 0;      ///< where it begins, from 1
    unsigned end_line = 0;  ///< where it ends: later only when quoted
    friend bool operator==(const Token&, const Token&) = default;
};

std::vector<Token> lex(std::string_view text);

/// `word` as lex() reads it back as one word: in quotes where it needs them. One that needs them
/// and ends in a backslash, or has one before a quote, cannot be written; it comes back changed.
std::string quote(std::string_view word);

}  // namespace nameplane::conf
