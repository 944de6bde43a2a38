#pragma once
// Formatter: one value as Go's fmt prints it for one verb: texts, integers, booleans, reals, lists,
// maps and objects.

#include "plugins/template/go_template.hpp"

#include <optional>
#include <string_view>

namespace nameplane::plugins::templating {

/// What stands between '%' and the verb.
struct Flags {
    bool plus = false;
    bool minus = false;
    bool sharp = false;
    bool space = false;
    bool zero = false;
    bool go_syntax = false;  ///< "%#v"
    bool plus_v = false;     ///< "%+v"
    std::optional<std::size_t> width;
    std::optional<std::size_t> precision;
};

/// A character of UTF-8 and its octets; an octet that is none stands for U+FFFD.
struct Rune {
    std::uint32_t number = 0;
    std::size_t octets = 0;
    bool good = true;
};
/// The first of `text`, which has one.
Rune rune_of(std::string_view text) noexcept;

class Formatter {
public:
    Formatter(const Flags& flags, Output& out) noexcept : flags_{flags}, out_{out} {}

    /// An argument: nothing is "<nil>". Wrong for an object without a shape or with "%#v", and for
    /// a real with a verb that is none of "vgGeEfF".
    Outcome argument(const Value& value, std::uint32_t verb) noexcept;

private:
    Outcome print(const Value& value, std::uint32_t verb) noexcept;
    Outcome elements(const Value& value, std::uint32_t verb) noexcept;
    Outcome object(const Value& value, std::uint32_t verb) noexcept;
    Outcome bad_verb(const Value& value, std::uint32_t verb) noexcept;
    bool text(std::string_view text, std::uint32_t verb) noexcept;
    bool integer(const Value& value, std::uint32_t verb) noexcept;
    bool real(double value, std::uint32_t verb, Outcome& outcome) noexcept;
    void digits(std::uint64_t number, bool negative, unsigned base, std::uint32_t verb) noexcept;
    void code_point(std::uint64_t number) noexcept;
    void hex(std::string_view text, bool upper) noexcept;
    void quoted(std::string_view text) noexcept;
    /// Within the width.
    void pad(std::string_view text) noexcept;
    void pad_before(std::size_t runes) noexcept;
    void pad_behind(std::size_t runes) noexcept;
    std::string_view cut(std::string_view text) const noexcept;

    Flags flags_;
    Output& out_;
};

/// "uint16", "[]string"; empty for an object without a shape.
std::string_view type_name(const Value& value) noexcept;

/// A character as UTF-8.
void add_rune(std::uint64_t number, Output& out) noexcept;

}  // namespace nameplane::plugins::templating
