#pragma once
// entries: the text of a zone file (RFC 1035 5.1) cut into entries: the words of a line, or of
// several where parentheses hold them together. Comments are gone; words are as written, quotes and
// escapes included.

#include <nameplane/base/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace nameplane::zone {

struct Entry {
    std::vector<std::string_view> words;  ///< refer to the text
    bool owner_left_out = false;          ///< it begins with a blank
    unsigned line = 0;                    ///< of its first word
};

class Entries {
public:
    explicit Entries(std::string_view text) : text_{text} {}

    /// The next one with words in it; false: there is none, or error() says why.
    bool next(Entry& entry);
    /// What is wrong with the text, "what, expected what"; empty: nothing.
    const std::string& error() const noexcept { return error_; }
    /// Of what next() read last.
    unsigned line() const noexcept { return line_; }

private:
    std::string_view word();
    bool fail(std::string text);

    std::string_view text_;
    std::size_t at_ = 0;
    unsigned line_ = 1;
    std::string error_;
};

}  // namespace nameplane::zone
