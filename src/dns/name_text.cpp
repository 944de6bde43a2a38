// Names to and from presentation form (RFC 1035 5.1, RFC 4343 2.1).

#include <nameplane/dns/name.hpp>

#include <algorithm>
#include <array>

namespace nameplane::dns {

namespace {

/// What a zone file would read as something else.
constexpr std::string_view escaped_by_backslash = ".\\\"();@$";

char* write_escaped(char* out, std::uint8_t octet) noexcept {
    if (escaped_by_backslash.find(static_cast<char>(octet)) != std::string_view::npos) {
        *out++ = '\\';
        *out++ = static_cast<char>(octet);
    } else if (octet > ' ' && octet < 0x7f) {
        *out++ = static_cast<char>(octet);
    } else {
        *out++ = '\\';
        for (const int unit : {100, 10, 1}) *out++ = static_cast<char>('0' + octet / unit % 10);
    }
    return out;
}

constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

/// Takes what stands behind a backslash off `text`: three digits up to 255, or one character that
/// is no digit.
std::optional<std::uint8_t> take_escape(std::string_view& text) noexcept {
    if (text.empty()) return std::nullopt;
    if (!is_digit(text[0])) {
        const auto octet = static_cast<std::uint8_t>(text[0]);
        text.remove_prefix(1);
        return octet;
    }
    if (text.size() < 3 || !is_digit(text[1]) || !is_digit(text[2])) return std::nullopt;
    const int value = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
    if (value > 255) return std::nullopt;
    text.remove_prefix(3);
    return static_cast<std::uint8_t>(value);
}

}  // namespace

std::size_t NameView::write_text(std::span<char, name_text_octets_max> out) const noexcept {
    char* at = out.data();
    if (is_root()) *at++ = '.';
    for (NameView rest = *this; !rest.is_root(); rest = rest.parent()) {
        for (const char c : rest.first_label())
            at = write_escaped(at, static_cast<std::uint8_t>(c));
        *at++ = '.';
    }
    return static_cast<std::size_t>(at - out.data());
}

std::string NameView::to_string() const {
    std::array<char, name_text_octets_max> text;
    return {text.data(), write_text(text)};
}

std::string_view NameView::text_in(Arena& arena) const noexcept {
    std::array<char, name_text_octets_max> text;
    const std::size_t size = write_text(text);
    const std::span<char> room = arena.array<char>(size);
    if (room.empty()) return {};
    std::copy_n(text.begin(), size, room.begin());
    return {room.data(), size};
}

std::optional<Name> Name::parse(std::string_view text) noexcept {
    if (text == ".") return Name{};
    if (text.empty()) return std::nullopt;
    Name name;
    std::size_t label = 0;  // where the current label's length octet stands
    std::size_t used = 1;
    while (!text.empty()) {
        const char c = text.front();
        text.remove_prefix(1);
        if (c == '.') {
            if (used == label + 1) return std::nullopt;
            name.octets_[label] = static_cast<std::uint8_t>(used - label - 1);
            label = used++;
        } else {
            const std::optional<std::uint8_t> octet =
                c == '\\' ? take_escape(text) : static_cast<std::uint8_t>(c);
            if (!octet || used - label > label_octets_max) return std::nullopt;
            // The last place is for the final zero.
            if (used + 1 >= name_octets_max) return std::nullopt;
            name.octets_[used++] = *octet;
        }
    }
    if (used > label + 1) {  // no final dot
        name.octets_[label] = static_cast<std::uint8_t>(used - label - 1);
        label = used;
    }
    name.octets_[label] = 0;
    name.size_ = static_cast<std::uint8_t>(label + 1);
    return name;
}

}  // namespace nameplane::dns
