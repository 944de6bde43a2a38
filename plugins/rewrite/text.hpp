// hot path
#pragma once
// text: names changed as text, in an arena.

#include "plugins/rewrite/rule.hpp"
#include <nameplane/base/arena.hpp>

#include <array>
#include <optional>
#include <string_view>

namespace nameplane::plugins::rewriting {

/// Text of at most a name's length; more makes it bad.
class NameText {
public:
    void add(std::string_view text) noexcept {
        if (text.size() > text_.size() - size_) {
            bad_ = true;
            return;
        }
        text.copy(text_.data() + size_, text.size());
        size_ += text.size();
    }
    /// The name in lower case, in `arena`; nothing if it is none.
    std::optional<dns::NameView> name_in(Arena& arena) const noexcept {
        if (bad_) return std::nullopt;
        const auto name = dns::Name::parse({text_.data(), size_});
        return name ? name->lower().view().copy_to(arena) : std::nullopt;
    }

private:
    std::array<char, dns::name_text_octets_max> text_;
    std::size_t size_ = 0;
    bool bad_ = false;
};

/// What a pattern's replacement makes of its groups.
void add_replacement(NameText& text, const Replacement& to,
                     std::span<const std::string_view> groups) noexcept;

/// What a rule with `match` and `to` makes of `name`; nothing if it does not match.
std::optional<NameText> replaced(const Match& match, const Replacement& to,
                                 std::string_view name) noexcept;

}  // namespace nameplane::plugins::rewriting
