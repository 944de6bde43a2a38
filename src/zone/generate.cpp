#include "zone/generate.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace nameplane::zone {

namespace {

constexpr std::int64_t steps_max = 65536;
constexpr std::int64_t number_max = 0x7fffffff;
constexpr int width_max = 255;

std::optional<std::int64_t> number_of(std::string_view text) noexcept {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty()) {
        return std::nullopt;
    }
    return number;
}

/// What stands before `mark`; that and the mark are taken off `text`.
std::string_view cut(std::string_view& text, char mark) noexcept {
    const std::string_view before = text.substr(0, text.find(mark));
    text.remove_prefix(std::min(before.size() + 1, text.size()));
    return before;
}

Result<std::string> formatted(std::string_view modifier, std::int64_t value) {
    const Error wrong{Errc::invalid, "'${" + std::string{modifier} +
                                         "}', expected an offset, a width from 0 to 255 and a "
                                         "base out of d, o, x and X"};
    std::string_view rest = modifier;
    const auto offset = number_of(cut(rest, ','));
    const auto width = rest.empty() ? std::int64_t{0} : number_of(cut(rest, ','));
    const std::string_view base = rest.empty() ? "d" : rest;
    if (!offset || !width || *width < 0 || *width > width_max) return wrong;
    if (*offset < -number_max || *offset > number_max) return wrong;
    const std::int64_t number = value + *offset;
    if (number < 0 || number > number_max) return wrong;
    const int places = static_cast<int>(*width);
    if (base == "d") return fmt::format("{:0{}d}", number, places);
    if (base == "o") return fmt::format("{:0{}o}", number, places);
    if (base == "x") return fmt::format("{:0{}x}", number, places);
    if (base == "X") return fmt::format("{:0{}X}", number, places);
    return wrong;
}

}  // namespace

Result<GenerateRange> read_range(std::string_view text) {
    const Error wrong{Errc::invalid,
                      "'" + std::string{text} + "', expected a range such as '1-20' or '1-20/2'"};
    std::string_view rest = text;
    std::string_view ends = cut(rest, '/');
    const bool stepped = ends.size() != text.size();
    const auto step = stepped ? number_of(rest) : std::int64_t{1};
    const auto first = number_of(cut(ends, '-'));
    const auto last = number_of(ends);
    if (!first || !last || !step || *step < 1 || *first < 0 || *last < *first) return wrong;
    if (*last > number_max || (*last - *first) / *step >= steps_max) return wrong;
    return GenerateRange{*first, *last, *step};
}

Result<std::string> generated(std::string_view text, std::int64_t value) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool has_next = i + 1 < text.size();
        if (text[i] == '\\' && has_next) {
            // Other escapes are for who reads the record.
            if (text[i + 1] != '$') out += text[i];
            out += text[++i];
        } else if (text[i] != '$') {
            out += text[i];
        } else if (has_next && text[i + 1] == '$') {
            out += '$';
            ++i;
        } else if (has_next && text[i + 1] == '{') {
            const std::size_t end = text.find('}', i);
            if (end == std::string_view::npos) {
                return Error{Errc::invalid,
                             "'" + std::string{text} + "', expected '}' behind '${'"};
            }
            auto number = formatted(text.substr(i + 2, end - i - 2), value);
            if (!number) return number.error();
            out += *number;
            i = end;
        } else {
            out += std::to_string(value);
        }
    }
    return out;
}

}  // namespace nameplane::zone
