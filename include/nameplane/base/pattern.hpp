#pragma once
// Pattern: a regular expression of the configuration. RE2's, for two reasons: its syntax is that of
// Go's regexp, which Corefiles are written in; and its time grows with the text only, whoever
// chooses the text.

#include <nameplane/base/result.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

namespace nameplane {

/// A cheap value; any thread. Matching may take a lock of RE2's and, with groups, the heap: what is
/// asked of every query is compared without patterns.
class Pattern {
public:
    static constexpr std::size_t octets_max = 10'000;
    static constexpr std::size_t groups_max = 32;

    /// "what, expected what" in the error.
    static Result<Pattern> make(std::string_view text);

    /// Whether it matches somewhere in `text`.
    bool matches(std::string_view text) const noexcept;
    /// The same, and the groups: [0] is the whole match, then as many as `groups` has room for.
    bool match(std::string_view text, std::span<std::string_view> groups) const noexcept;
    /// Parenthesised groups, the whole match not counted.
    std::size_t group_count() const noexcept;
    /// The names of groups 0 to group_count(), empty for those without.
    const std::vector<std::string>& group_names() const noexcept { return *names_; }
    const std::string& text() const noexcept;

private:
    Pattern() = default;

    std::shared_ptr<const re2::RE2> regex_;
    std::shared_ptr<const std::vector<std::string>> names_;
};

}  // namespace nameplane
