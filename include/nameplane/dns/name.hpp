#pragma once
// Domain names in uncompressed wire form: length-prefixed labels, a zero octet at the end, at most
// 255 octets (RFC 1035 3.1). NameView refers to one, Name holds one inline. Both are checked when
// made; after that every function may trust them.

#include <nameplane/base/arena.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nameplane::dns {

inline constexpr std::size_t name_octets_max = 255;
inline constexpr std::size_t label_octets_max = 63;
/// Characters of a name's presentation form: four for an escaped octet.
inline constexpr std::size_t name_text_octets_max = 1024;

/// Refers to a name that lies elsewhere; a cheap value. The default is the root.
class NameView {
public:
    constexpr NameView() noexcept = default;
    /// `wire` is a whole name, known to be well-formed (final zero included).
    static constexpr NameView trusted(const std::uint8_t* wire, std::size_t octets) noexcept {
        NameView view;
        view.data_ = wire;
        view.size_ = static_cast<std::uint8_t>(octets);
        return view;
    }
    /// Checks `wire`: a whole uncompressed name and nothing behind it.
    static std::optional<NameView> check(std::span<const std::uint8_t> wire) noexcept;

    constexpr const std::uint8_t* data() const noexcept { return data_; }
    /// Octets, the final zero included: 1 to 255.
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr std::span<const std::uint8_t> wire() const noexcept { return {data_, size_}; }
    constexpr bool is_root() const noexcept { return size_ == 1; }
    /// Number of labels, the root not counted.
    std::size_t label_count() const noexcept;
    /// The first label's characters; empty for the root.
    std::string_view first_label() const noexcept {
        return {reinterpret_cast<const char*>(data_ + 1), data_[0]};
    }
    /// The name without its first label. Not for the root.
    NameView parent() const noexcept {
        return trusted(data_ + 1 + data_[0], size_ - 1U - data_[0]);
    }
    /// Equal, ASCII case ignored (RFC 4343).
    bool equals(NameView other) const noexcept;
    /// Whether this name is `zone` or below it, case ignored.
    bool is_under(NameView zone) const noexcept;
    /// Presentation form with the final dot, odd octets escaped (RFC 1035 5.1); "." for the root.
    std::string to_string() const;
    /// The same without the heap; returns the number of characters.
    std::size_t write_text(std::span<char, name_text_octets_max> out) const noexcept;
    /// The same in `arena`; empty if it is full.
    std::string_view text_in(Arena& arena) const noexcept;
    /// A copy in `arena`; nothing if it is full.
    std::optional<NameView> copy_to(Arena& arena) const noexcept;

private:
    static constexpr std::uint8_t root_[1] = {0};
    const std::uint8_t* data_ = root_;
    std::uint8_t size_ = 1;
};

/// Holds a name inline. The default is the root.
class Name {
public:
    Name() noexcept { octets_[0] = 0; }
    explicit Name(NameView view) noexcept;
    /// From presentation form, ".", \. and \DDD understood; a missing final dot is added. Nothing
    /// for the empty text, empty labels, broken escapes and what is too long.
    static std::optional<Name> parse(std::string_view text) noexcept;

    NameView view() const noexcept { return NameView::trusted(octets_.data(), size_); }
    operator NameView() const noexcept { return view(); }
    std::string to_string() const { return view().to_string(); }
    /// ASCII letters made lower case.
    Name lower() const noexcept;

    friend bool operator==(const Name& a, const Name& b) noexcept {
        return a.view().equals(b.view());
    }

private:
    std::uint8_t size_ = 1;
    std::array<std::uint8_t, name_octets_max> octets_{};
};

/// Builds a name from labels in an arena, front to back. A failed step is remembered: finish()
/// then gives nothing.
class NameBuilder {
public:
    explicit NameBuilder(Arena& arena) noexcept : arena_{&arena} {}
    /// One label of 1 to 63 octets; the text is taken as it is (dots are no separators).
    NameBuilder& label(std::string_view text) noexcept;
    /// "_" and `text` as one label.
    NameBuilder& underscored(std::string_view text) noexcept;
    /// Appends `suffix` with its final zero and puts the name into the arena. Nothing if a step
    /// failed, the name has more than 255 octets or the arena is full.
    std::optional<NameView> finish(NameView suffix) noexcept;

private:
    NameBuilder& append(std::string_view prefix, std::string_view text) noexcept;

    Arena* arena_;
    std::size_t used_ = 0;
    bool failed_ = false;
    std::array<std::uint8_t, name_octets_max> octets_;  ///< the first `used_` are set
};

}  // namespace nameplane::dns
