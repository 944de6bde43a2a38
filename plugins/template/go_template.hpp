#pragma once
// GoTemplate: Go's text/template as answers are written in it: text with actions in double braces.
// Read once; run for each query with memory of its arena, in bounded time and depth.

#include <nameplane/base/arena.hpp>
#include <nameplane/base/result.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::plugins::templating {

/// How a run, or a part of it, came out. All but `good` end the run.
enum class Outcome : std::uint8_t {
    good,
    wrong,           ///< Go's would fail, too: an unknown field, a wrong argument
    no_memory,       ///< the arena is full
    too_long,        ///< more text than fits
    too_many_steps,  ///< more than steps_max
    too_deep,        ///< more than depth_max
};

class Data;
class Output;

/// What an expression of a template gives. Texts live in the arena, the template or the data.
struct Value {
    enum class Kind : std::uint8_t {
        nothing,
        boolean,
        integer,
        real,
        text,
        list,
        map,
        object,
        objects
    };
    /// Go's type of an integer.
    enum class Width : std::uint8_t { plain, u8, u16, u32, u64 };
    Kind kind = Kind::nothing;
    Width width = Width::plain;
    bool boolean = false;
    /// Of an object its number, see Data; of objects theirs, all being of one number.
    std::uint8_t object = 0;
    /// Of an object, or of objects where they are none: Go's nil, which has no fields.
    bool null = false;
    std::int64_t integer = 0;  ///< u64 has its bits; of objects how many they are
    double real = 0;
    std::string_view text;
    /// Of a map keys and values in turn, sorted by key.
    std::span<const std::string_view> list;
    const Data* from = nullptr;  ///< of objects: who knows them

    static Value of(bool value) noexcept { return {.kind = Kind::boolean, .boolean = value}; }
    static Value of(std::int64_t value, Width width = Width::plain) noexcept {
        return {.kind = Kind::integer, .width = width, .integer = value};
    }
    static Value of(double value) noexcept { return {.kind = Kind::real, .real = value}; }
    static Value of(std::string_view value) noexcept { return {.kind = Kind::text, .text = value}; }
    static Value of(std::span<const std::string_view> value) noexcept {
        return {.kind = Kind::list, .list = value};
    }
    static Value map_of(std::span<const std::string_view> value) noexcept {
        return {.kind = Kind::map, .list = value};
    }
    static Value object_of(std::uint8_t number, const Data* from, bool null = false) noexcept {
        return {.kind = Kind::object, .object = number, .null = null, .from = from};
    }
    static Value objects_of(std::uint8_t number, std::int64_t count, const Data* from,
                            bool null = false) noexcept {
        return {
            .kind = Kind::objects, .object = number, .null = null, .integer = count, .from = from};
    }
    /// As Go's templates have it: zero, empty and nothing are false.
    bool truth() const noexcept;
    /// Elements of a list, a map or objects.
    std::size_t size() const noexcept;
    /// Element `at` of them, which must be there; of a map the value.
    Value element(std::size_t at) const noexcept;
    /// The value of a key of a map; nothing if there is none.
    Value value_of(std::string_view key) const noexcept;
};

/// How Go sees an object when it prints and compares it.
struct Shape {
    /// "*dns.Msg": a pointer is printed as its text, what it is not as its fields where it is an
    /// argument ("{a.example. 16 1}"). Empty: it cannot be printed.
    std::string_view type = {};
    std::string_view list_type = {};                ///< of several
    std::span<const std::string_view> fields = {};  ///< those that are printed; none: unknown
    bool is_pointer() const noexcept { return type.starts_with('*'); }
};

/// What fields stand for while a template runs. An object is a number and has fields; 0 is the data
/// as a whole, the first dot.
class Data {
public:
    virtual ~Data() = default;
    /// The value of a field; wrong if there is no such field.
    virtual Outcome field(std::uint8_t object, std::string_view name,
                          Value& value) const noexcept = 0;
    /// Nobody need know it of objects that are never printed.
    virtual Shape shape(std::uint8_t /*object*/) const noexcept { return {}; }
    /// The text of an object that has a shape.
    virtual Outcome print(std::uint8_t /*object*/, Output& /*out*/) const noexcept {
        return Outcome::wrong;
    }
    /// What the method ".Meta" of the data as a whole gives for its argument.
    virtual std::string_view meta(std::string_view label) const noexcept = 0;
};

/// Text that grows in a fixed buffer; more than fits makes it bad.
class Output {
public:
    explicit Output(std::span<char> room) noexcept : room_{room} {}
    void add(std::string_view text) noexcept;
    void add_times(char c, std::size_t count) noexcept;
    /// What was to be added did not fit elsewhere.
    void spoil() noexcept { good_ = false; }
    bool good() const noexcept { return good_; }
    std::string_view text() const noexcept { return {room_.data(), size_}; }

private:
    std::span<char> room_;
    std::size_t size_ = 0;
    bool good_ = true;
};

/// A value that is no argument, "{{ .Name }}", as Go prints it; wrong for an object without a
/// shape.
Outcome print(const Value& value, Output& out) noexcept;

class GoTemplate {
public:
    /// Nodes, rounds of `range` and values that one run may work out.
    static constexpr std::size_t steps_max = 20'000;
    /// Actions, parentheses and called templates within each other.
    static constexpr std::size_t depth_max = 200;
    /// Called templates within each other.
    static constexpr std::size_t calls_max = 64;

    /// `name` is what "{{ template }}" knows the whole by. "what, expected what" in the error.
    static Result<GoTemplate> parse(std::string_view text, std::string_view name = "");

    /// Writes what `data` makes of it. What is written when it fails is of no use.
    Outcome run(const Data& data, Arena& arena, Output& out) const noexcept;
    /// As it was written.
    const std::string& text() const noexcept { return text_; }
    /// Behind a leading ".Name" action: the rest, if that is plain text only.
    const std::string* constant_behind_name() const noexcept;
    /// The whole, if it is plain text only.
    const std::string* constant() const noexcept;

    /// A field that the template names.
    struct Use {
        std::vector<std::string> path;
        bool of_data = false;  ///< it begins at the data as a whole, as far as can be told
        bool as_text = false;  ///< it is printed
    };
    const std::vector<Use>& uses() const noexcept { return uses_; }

    struct Node;
    using Nodes = std::vector<Node>;
    struct Definition;

private:
    const Nodes& nodes() const noexcept;

    std::string text_;
    std::shared_ptr<const std::vector<Definition>> definitions_;  ///< the first is the whole
    std::vector<Use> uses_;
};

}  // namespace nameplane::plugins::templating
