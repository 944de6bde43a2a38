#pragma once
// Syntax: how a plugin's directive is written, beyond its table of options. Optional:
//
//     static constexpr Syntax syntax{.positional = {"from", "to..."}, .repeats = true};

#include <nameplane/conf/options.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace nameplane {

struct Syntax {
    /// Options that the words behind the directive fill, in order. "from" must be given; "ttl?" may
    /// be left out, and where it is a number a word that is none is left to the next; "to...", as
    /// the last, takes all words that are left. In TOML they are options like all others.
    std::array<std::string_view, 4> positional{};
    /// The directive may stand several times in a server block. Each is then a plugin of its own,
    /// in the order of the file; with `free_body`, all together make one plugin.
    bool repeats = false;
    /// The body is the plugin's own grammar: make() reads Options::statements(). There is no table
    /// of options then, and no positional ones.
    bool free_body = false;
    /// What does not repeat and stands several times in a server block all the same.
    enum class Again : std::uint8_t {
        refused,
        first_counts,  ///< with a warning, and so is the next
        last_counts,
    };
    Again again = Again::refused;
};

/// Keys of a plugin's TOML table that no option may be called: the words behind the directive, and
/// its body as lines.
inline constexpr std::string_view line_key = "line";
inline constexpr std::string_view body_key = "body";

/// What a name in Syntax::positional says about its option.
struct Positional {
    std::string_view name;
    bool optional = false;
    bool takes_rest = false;

    static constexpr Positional of(std::string_view text) noexcept {
        if (text.ends_with("...")) return {text.substr(0, text.size() - 3), true, true};
        if (text.ends_with("?")) return {text.substr(0, text.size() - 1), true, false};
        return {text, false, false};
    }
};

/// Whether the two belong together: positional options exist, only the last takes the rest, no
/// option is called like a key of the TOML form, and a free body has no table.
constexpr bool well_formed(std::span<const Option> options, const Syntax& syntax) noexcept {
    const auto exists = [&](std::string_view name) {
        for (const Option& option : options) {
            if (option.name == name) return true;
        }
        return false;
    };
    if (exists(line_key) || exists(body_key)) return false;
    if (syntax.free_body && !options.empty()) return false;
    bool is_last = false;
    for (const std::string_view text : syntax.positional) {
        if (text.empty()) {
            is_last = true;
            continue;
        }
        const Positional positional = Positional::of(text);
        if (is_last || !exists(positional.name)) return false;
        is_last = positional.takes_rest;
    }
    return true;
}

}  // namespace nameplane
