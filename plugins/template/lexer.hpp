#pragma once
// Lexer: the words of one action of a template.

#include <cstdint>
#include <string>
#include <string_view>

namespace nameplane::plugins::templating {

inline constexpr std::string_view blanks = " \t\r\n";

class Lexer {
public:
    struct Token {
        /// A character in single quotes is the number of it. `sign` is anything else.
        enum class Kind : std::uint8_t { end, word, field, variable, text, number, sign, bad };
        Kind kind = Kind::end;
        std::string text;     ///< without quotes, dot and '$'
        bool spaced = false;  ///< a blank stands before it
        bool is(std::string_view sign) const noexcept { return kind == Kind::sign && text == sign; }
    };

    explicit Lexer(std::string_view action) : left_{action} { advance(); }
    const Token& now() const noexcept { return now_; }
    Token take();

private:
    void advance();
    void take_word(Token::Kind kind, std::size_t skipped);
    void take_number();
    void take_text(char quote);

    std::string_view left_;
    Token now_;
};

/// The octets of an action from behind its "{{" to before its "}}", which may stand in quotes; npos
/// if it is not closed.
std::size_t find_close(std::string_view text) noexcept;

/// `text` behind a "{{": the octets of "/* ... */" with blanks and '-' beside it, up to and with
/// its
/// "}}"; 0 if no comment begins there, npos if it does not end as it must.
std::size_t comment_size(std::string_view text) noexcept;

/// Behind a "{{", or before a "}}": whether the text beside it loses its blanks.
bool trims_before(std::string_view action) noexcept;
bool trims_after(std::string_view action) noexcept;

}  // namespace nameplane::plugins::templating
