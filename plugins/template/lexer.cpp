#include "plugins/template/lexer.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace nameplane::plugins::templating {

namespace {

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

bool is_blank(char c) noexcept {
    return blanks.find(c) != std::string_view::npos;
}

bool is_word(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

int digit(char c) noexcept {
    return is_digit(c)            ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 99;
}

/// The UTF-8 of a character; nothing if there is none of that number.
std::optional<std::string> utf8_of(std::uint32_t rune) {
    const auto octet = [](std::uint32_t bits) { return static_cast<char>(bits); };
    if (rune < 0x80) return std::string{octet(rune)};
    if (rune < 0x800) return std::string{octet(0xc0U | rune >> 6U), octet(0x80U | (rune & 0x3fU))};
    if (rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) return std::nullopt;
    const std::string end{octet(0x80U | (rune >> 6U & 0x3fU)), octet(0x80U | (rune & 0x3fU))};
    if (rune < 0x10000) return octet(0xe0U | rune >> 12U) + end;
    return std::string{octet(0xf0U | rune >> 18U), octet(0x80U | (rune >> 12U & 0x3fU))} + end;
}

/// What stands behind a backslash, of `quote`; nothing if it is no escape of Go's.
std::optional<std::string> take_escape(std::string_view& text, char quote) {
    if (text.empty()) return std::nullopt;
    const char c = text.front();
    constexpr std::string_view letters = "abfnrtv\\";
    constexpr std::string_view meanings = "\a\b\f\n\r\t\v\\";
    const std::size_t letter = letters.find(c);
    if (letter != std::string_view::npos || c == quote) {
        text.remove_prefix(1);
        return std::string{c == quote ? c : meanings[letter]};
    }
    const bool octal = c >= '0' && c <= '7';
    const std::size_t size = octal ? 3 : c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (!octal) text.remove_prefix(1);
    if (size == 0 || text.size() < size) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
        const int one = digit(text[i]);
        if (one >= (octal ? 8 : 16) || value > 0xfffffff) return std::nullopt;
        value = value * (octal ? 8U : 16U) + static_cast<std::uint32_t>(one);
    }
    text.remove_prefix(size);
    if (c == 'u' || c == 'U') return utf8_of(value);
    if (value > 255) return std::nullopt;
    return std::string{static_cast<char>(value)};
}

/// The number of the one character that `text` is in UTF-8.
std::optional<std::uint32_t> rune_of(std::string_view text) {
    if (text.empty()) return std::nullopt;
    const auto lead = static_cast<unsigned char>(text.front());
    if (lead < 0x80 || text.size() == 1) {
        return text.size() == 1 ? std::optional<std::uint32_t>{lead} : std::nullopt;
    }
    std::uint32_t rune = lead >= 0xf0 ? lead & 7U : lead >= 0xe0 ? lead & 15U : lead & 31U;
    for (const char c : text.substr(1)) rune = rune << 6U | (static_cast<unsigned char>(c) & 0x3fU);
    return utf8_of(rune) == text ? std::optional{rune} : std::nullopt;
}

}  // namespace

Lexer::Token Lexer::take() {
    Token token = std::move(now_);
    advance();
    return token;
}

void Lexer::advance() {
    const std::size_t before = left_.size();
    left_.remove_prefix(std::min(left_.find_first_not_of(blanks), left_.size()));
    now_ = {};
    now_.spaced = left_.size() != before;
    if (left_.empty()) return;
    const char c = left_.front();
    const bool digit_next = left_.size() > 1 && is_digit(left_[1]);
    if (c == '"' || c == '`' || c == '\'') return take_text(c);
    // Also behind a field: ".Group.0" is none, in Go neither.
    if (is_digit(c) || ((c == '-' || c == '+' || c == '.') && digit_next)) return take_number();
    if (c == '.' || c == '$') {
        return take_word(c == '.' ? Token::Kind::field : Token::Kind::variable, 1);
    }
    if (is_word(c)) return take_word(Token::Kind::word, 0);
    now_.kind = Token::Kind::sign;
    const std::size_t size = left_.starts_with(":=") ? 2 : 1;
    now_.text = left_.substr(0, size);
    left_.remove_prefix(size);
}

void Lexer::take_word(Token::Kind kind, std::size_t skipped) {
    std::size_t end = skipped;
    while (end < left_.size() && is_word(left_[end])) ++end;
    now_.kind = kind;
    now_.text = left_.substr(skipped, end - skipped);
    left_.remove_prefix(end);
}

void Lexer::take_number() {
    std::size_t end = 1;
    const auto goes_on = [&] {
        const char c = left_[end];
        const char before = left_[end - 1];
        const bool exponent = (before == 'e' || before == 'E') && !left_.starts_with("0x");
        return is_word(c) || c == '.' || ((c == '-' || c == '+') && exponent);
    };
    while (end < left_.size() && goes_on()) ++end;
    now_.kind = Token::Kind::number;
    now_.text = left_.substr(0, end);
    left_.remove_prefix(end);
}

void Lexer::take_text(char quote) {
    std::string_view rest = left_.substr(1);
    left_ = {};
    now_.kind = Token::Kind::bad;
    std::string text;
    while (!rest.empty() && rest.front() != quote) {
        const char c = rest.front();
        rest.remove_prefix(1);
        if (quote == '`') {
            if (c != '\r') text += c;
        } else if (c == '\n') {
            return;
        } else if (c == '\\') {
            const auto meant = take_escape(rest, quote);
            if (!meant) return;
            text += *meant;
        } else {
            text += c;
        }
    }
    if (rest.empty()) return;
    left_ = rest.substr(1);
    now_.kind = Token::Kind::text;
    if (quote == '\'') {
        const auto rune = rune_of(text);
        now_.kind = rune ? Token::Kind::number : Token::Kind::bad;
        text = std::to_string(rune.value_or(0));
    }
    now_.text = text;
}

std::size_t find_close(std::string_view text) noexcept {
    char quote = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (quote != 0) {
            if (c == '\\' && quote != '`') ++at;
            if (c == quote) quote = 0;
        } else if (c == '"' || c == '`' || c == '\'') {
            quote = c;
        } else if (c == '}' && text.substr(at).starts_with("}}")) {
            return at;
        }
    }
    return std::string_view::npos;
}

std::size_t comment_size(std::string_view text) noexcept {
    const std::size_t begin = trims_before(text) ? 2 : 0;
    if (!text.substr(begin).starts_with("/*")) return 0;
    const std::size_t end = text.find("*/", begin + 2);
    if (end == std::string_view::npos) return std::string_view::npos;
    const std::string_view rest = text.substr(end + 2);
    if (rest.starts_with("}}")) return end + 4;
    const bool trims = rest.size() > 1 && is_blank(rest[0]) && rest.substr(1).starts_with("-}}");
    return trims ? end + 6 : std::string_view::npos;
}

bool trims_before(std::string_view action) noexcept {
    return action.size() > 1 && action[0] == '-' && is_blank(action[1]);
}

bool trims_after(std::string_view action) noexcept {
    return action.size() > 1 && action.ends_with('-') && is_blank(action[action.size() - 2]);
}

}  // namespace nameplane::plugins::templating
