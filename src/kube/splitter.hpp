#pragma once
// Splitter: cuts the octets of an answer, which come in pieces cut anywhere, into JSON objects,
// holding no more than the one that is not whole yet. Knows where a value ends and nothing else:
// whether an object is proper JSON is for who reads it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nameplane::kube {

/// Longer objects are skipped. etcd takes 1.5 MiB at most, as protobuf.
inline constexpr std::size_t object_octets_max = std::size_t{8} * 1024 * 1024;
/// What is kept of the beginning of a skipped one, for its name.
inline constexpr std::size_t skipped_octets_kept = std::size_t{64} * 1024;

/// Finds where one JSON value ends. A line that begins with '{', or ends within a string, can only
/// mean that something is missing of the value before: what follows is not swallowed with it.
class ValueEnd {
public:
    enum class Found : std::uint8_t { end, more, garbage };
    struct Step {
        Found found = Found::more;
        std::size_t octets = 0;  ///< taken; what is behind them belongs to the next
    };
    /// Begins a new value with the next octet.
    void begin() noexcept { *this = {}; }
    /// Takes octets of the value; a number or word ends before the octet behind it.
    Step take(std::string_view octets) noexcept;

private:
    enum class Shape : std::uint8_t { none, nested, string, word };
    Step first(char c) noexcept;
    Step skip_string(std::string_view octets, std::size_t at) noexcept;
    Step nested(std::string_view octets, std::size_t at) noexcept;

    Shape shape_ = Shape::none;
    bool in_string_ = false;
    bool escaped_ = false;
    bool line_begins_ = false;
    std::uint64_t depth_ = 0;
};

/// What a splitter found.
struct Piece {
    enum class What : std::uint8_t {
        nothing,    ///< all octets are used up: feed more
        object,     ///< a whole object
        over_long,  ///< one that was skipped; `octets` is its beginning
        garbage,    ///< no JSON; the answer cannot be used any further
    };
    What what = What::nothing;
    /// Valid until the next call of the splitter, and as long as the octets it was fed.
    std::string_view octets;
};

/// Holds a value that is not whole yet.
class ValueBuffer {
public:
    explicit ValueBuffer(std::size_t octets_max, std::size_t kept) noexcept
        : octets_max_{octets_max}, kept_{kept} {}
    void begin();
    /// Takes what there is of the value off `rest`. `nothing` until it ends.
    Piece take(std::string_view& rest);

private:
    Piece whole(std::string_view last);
    void hold(std::string_view part);

    std::size_t octets_max_;
    std::size_t kept_;
    ValueEnd end_;
    std::string held_;
    bool over_long_ = false;
};

/// A watch: one object behind the other, with white space in between.
///
///     splitter.feed(octets);
///     while ((piece = splitter.next()).what != Piece::What::nothing) ...
class WatchSplitter {
public:
    explicit WatchSplitter(std::size_t octets_max = object_octets_max)
        : value_{octets_max, skipped_octets_kept} {}

    /// `octets` must stay until next() has said `nothing`.
    void feed(std::string_view octets) noexcept { rest_ = octets; }
    Piece next();
    /// Whether an object has begun and not ended.
    bool in_object() const noexcept { return in_object_; }

private:
    ValueBuffer value_;
    std::string_view rest_;
    bool in_object_ = false;
    bool garbage_ = false;
};

/// A list: {"kind":"ServiceList","metadata":{...},"items":[{...},...]}, its fields in any order.
/// Gives each item as an object.
class ListSplitter {
public:
    explicit ListSplitter(std::size_t octets_max = object_octets_max)
        : value_{octets_max, skipped_octets_kept}, small_{small_max, 0} {}

    void feed(std::string_view octets) noexcept { rest_ = octets; }
    Piece next();
    /// Whether the end of the list has come.
    bool whole() const noexcept { return place_ == Place::after; }
    /// Whether the list had items, be it none.
    bool has_items() const noexcept { return has_items_; }
    /// The values of "kind" (with its quotes) and "metadata", as far as they have come.
    std::string_view kind() const noexcept { return kind_; }
    std::string_view metadata() const noexcept { return metadata_; }

private:
    /// Of the fields around the items; a token to continue has some hundred octets.
    static constexpr std::size_t small_max = std::size_t{64} * 1024;

    enum class Place : std::uint8_t {
        before,     ///< the list
        first_key,  ///< expects a key or the end
        key,        ///< expects a key
        in_key,
        colon,
        value,  ///< expects one
        in_value,
        comma,       ///< expects a comma or the end
        first_item,  ///< expects an item or the end of the items
        item,        ///< expects an item
        in_item,
        item_comma,  ///< expects a comma or the end of the items
        after,
        garbage,
    };
    Piece in_value();
    void note_value(std::string_view value);
    void begin_value();
    void expect(char c);

    ValueBuffer value_;
    ValueBuffer small_;
    std::string_view rest_;
    Place place_ = Place::before;
    bool has_items_ = false;
    std::string key_;
    std::string kind_;
    std::string metadata_;
};

/// What an object (or the object of an event) says of itself near its beginning, which may be cut
/// off anywhere and need not be proper JSON. Empty if not seen.
struct SeenName {
    std::string ns;
    std::string name;
    std::string resource_version;
    std::string event;  ///< "ADDED", if it is an event
};
SeenName name_in(std::string_view beginning);

}  // namespace nameplane::kube
