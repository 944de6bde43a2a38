#pragma once
// Statement: a line of configuration before anybody asks what it means, for plugins whose grammar
// is no table of options; and Mistakes, which collects what is wrong in such lines.

#include <nameplane/base/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace nameplane {

/// Where something stood, for messages.
struct Where {
    std::string file;
    unsigned line = 0;
    /// "Corefile:12"; without the line if that is 0, what is wrong with the file as a whole.
    std::string to_string() const;
    friend bool operator==(const Where&, const Where&) = default;
};

/// One line and the block behind it. `words` are all words of the line; where the line is a whole
/// directive (Options::statements()) or an option (Options::statements()), those behind its name.
struct Statement {
    std::vector<std::string> words;
    std::vector<Statement> body;
    Where where;
    /// Where it stood does not change what it means.
    friend bool operator==(const Statement& a, const Statement& b) {
        return a.words == b.words && a.body == b.body;
    }
};

/// Everything that make() finds wrong, so that all of it is reported at once.
class Mistakes {
public:
    /// `text` says what, and what was expected: "type 'AAAAA', expected a type such as 'AAAA'".
    void add(const Where& where, std::string_view text);
    /// All mistakes of `error`, whose code is Errc::mistakes.
    void add(const Error& error);
    bool any() const noexcept { return !lines_.empty(); }
    /// What make() returns: Errc::mistakes, a line "file:line: text" for each.
    Error to_error() const { return {Errc::mistakes, lines_}; }

private:
    std::string lines_;
};

}  // namespace nameplane
