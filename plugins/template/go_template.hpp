#pragma once
// GoTemplate: the part of Go's text/template that answers are written in: text with actions in
// double braces. Fields, pipelines, functions, variables, if, else, with and end. Read once; run
// for each query with memory of its arena.

#include <nameplane/base/arena.hpp>
#include <nameplane/base/result.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::plugins::templating {

/// What an expression of a template gives. Texts live in the arena, the template or the data.
struct Value {
    enum class Kind : std::uint8_t { nothing, boolean, integer, real, text, list };
    Kind kind = Kind::nothing;
    bool boolean = false;
    std::int64_t integer = 0;
    double real = 0;
    std::string_view text;
    std::span<const std::string_view> list;

    static Value of(bool value) noexcept { return {.kind = Kind::boolean, .boolean = value}; }
    static Value of(std::int64_t value) noexcept {
        return {.kind = Kind::integer, .integer = value};
    }
    static Value of(double value) noexcept { return {.kind = Kind::real, .real = value}; }
    static Value of(std::string_view value) noexcept { return {.kind = Kind::text, .text = value}; }
    static Value of(std::span<const std::string_view> value) noexcept {
        return {.kind = Kind::list, .list = value};
    }
    /// As Go's templates have it: zero, empty and nothing are false.
    bool truth() const noexcept;
};

/// ".A.B" is {"A", "B"}.
using Path = std::span<const std::string>;

/// What fields stand for while a template runs.
class Data {
public:
    virtual ~Data() = default;
    /// The value of a field; false if there is no such field.
    virtual bool field(Path path, Value& value) const noexcept = 0;
    /// What the method ".Meta" gives for its argument.
    virtual std::string_view meta(std::string_view label) const noexcept = 0;
};

/// Text that grows in a fixed buffer; more than fits makes it bad.
class Output {
public:
    explicit Output(std::span<char> room) noexcept : room_{room} {}
    void add(std::string_view text) noexcept;
    void add(const Value& value) noexcept;
    bool good() const noexcept { return good_; }
    std::string_view text() const noexcept { return {room_.data(), size_}; }

private:
    std::span<char> room_;
    std::size_t size_ = 0;
    bool good_ = true;
};

class GoTemplate {
public:
    /// "what, expected what" in the error.
    static Result<GoTemplate> parse(std::string_view text);

    /// Writes what `data` makes of it; false where Go's would fail: an unknown field, a wrong
    /// argument, or more text than fits.
    bool run(const Data& data, Arena& arena, Output& out) const noexcept;
    /// As it was written.
    const std::string& text() const noexcept { return text_; }
    /// Behind a leading ".Name" action: the rest, if that is plain text only.
    const std::string* constant_behind_name() const noexcept;
    /// The whole, if it is plain text only.
    const std::string* constant() const noexcept;

    struct Node;
    using Nodes = std::vector<Node>;

private:
    std::string text_;
    std::shared_ptr<const Nodes> nodes_;
    std::size_t variables_ = 0;
};

}  // namespace nameplane::plugins::templating
