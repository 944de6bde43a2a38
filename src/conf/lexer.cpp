#include "conf/lexer.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace nameplane::conf {

namespace {

// White space as Unicode has it, in UTF-8, longest first.
constexpr std::array<std::string_view, 25> spaces{
    "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007",
    "\u2008", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\u0085",
    "\u00a0", " ",      "\t",     "\n",     "\v",     "\f",     "\r"};
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

// Octets of the white space that `text` begins with; 0: none.
std::size_t space_at(std::string_view text) noexcept {
    const auto found = std::ranges::find_if(
        spaces, [&](std::string_view space) { return text.starts_with(space); });
    return found == spaces.end() ? 0 : found->size();
}

class Lexer {
public:
    explicit Lexer(std::string_view text) : text_{text} {
        if (text_.starts_with(byte_order_mark)) text_.remove_prefix(byte_order_mark.size());
    }

    std::vector<Token> run() && {
        while (next()) tokens_.push_back(std::move(token_));
        return std::move(tokens_);
    }

private:
    bool next() {
        token_ = {};
        // A comment inside a word does not outlast it: the word ends at the next white space, and
        // what follows there is read again.
        bool comment = false;
        while (!text_.empty()) {
            if (const std::size_t octets = space_at(text_)) {
                const char first = text_.front();
                text_.remove_prefix(octets);
                if (first == '\r') continue;
                const unsigned line = line_;
                if (first == '\n') {
                    ++line_;
                    comment = false;
                }
                if (!token_.text.empty()) return end_at(line);
                continue;
            }
            const char c = text_.front();
            text_.remove_prefix(1);
            comment = comment || c == '#';
            if (comment) continue;
            if (token_.text.empty()) {
                token_.line = line_;
                if (c == '"') return quoted();
            }
            token_.text += c;
        }
        return !token_.text.empty() && end_at(line_);
    }

    // The quote that began it is gone. A word whose quote is missing ends with the text.
    bool quoted() {
        bool escaped = false;
        while (!text_.empty()) {
            const char c = text_.front();
            text_.remove_prefix(1);
            if (!escaped && c == '\\') {
                escaped = true;
                continue;
            }
            if (!escaped && c == '"') return end_at(line_);
            if (c == '\n') ++line_;
            if (escaped && c != '"') token_.text += '\\';
            token_.text += c;
            escaped = false;
        }
        return !token_.text.empty() && end_at(line_);
    }

    bool end_at(unsigned line) {
        token_.end_line = line;
        return true;
    }

    std::string_view text_;
    unsigned line_ = 1;
    Token token_;
    std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> lex(std::string_view text) {
    return Lexer{text}.run();
}

std::string quote(std::string_view word) {
    // A quote inside of a word is one of its characters. There it may stand behind a backslash, as
    // between quotes it may not.
    bool plain = !word.empty() && word.front() != '"';
    for (std::string_view left = word; plain && !left.empty(); left.remove_prefix(1)) {
        plain = space_at(left) == 0 && left.front() != '#';
    }
    if (plain && word != "{" && word != "}") return std::string{word};
    std::string text = "\"";
    for (const char c : word) {
        if (c == '"') text += '\\';
        text += c;
    }
    return text + '"';
}

}  // namespace nameplane::conf
