#include "net/http_chunks.hpp"

#include "net/http_session.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace nameplane::net {

namespace {

/// A line without its end, taken from `input`; nothing if it is not whole. `wrong` is set for one
/// that is too long or has an octet that none may have: a lone CR or LF among them.
std::optional<std::string_view> take_line(std::string_view& input, bool& wrong) {
    const std::size_t end = input.find("\r\n");
    const std::string_view line = input.substr(0, end);
    const bool is_whole = end != input.npos;
    const auto allowed = [](char c) {
        const auto octet = static_cast<unsigned char>(c);
        return (octet >= 0x20 && octet != 0x7f) || c == '\t';
    };
    // The CR of a line that is not whole may be half of its end.
    const std::string_view sure =
        !is_whole && line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
    wrong = line.size() > ChunkedBody::line_octets_max || !std::ranges::all_of(sure, allowed);
    if (wrong || !is_whole) return std::nullopt;
    input.remove_prefix(end + 2);
    return line;
}

}  // namespace

bool is_http_token(std::string_view text) noexcept {
    const auto allowed = [](char c) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return letter || (c >= '0' && c <= '9') ||
               std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
    };
    return !text.empty() && std::ranges::all_of(text, allowed);
}

ChunkedBody::Went ChunkedBody::take(std::string_view& input) {
    while (true) {
        if (at_ == At::data) {
            const std::string_view some = input.substr(0, left_);
            body_ += some;
            left_ -= some.size();
            input.remove_prefix(some.size());
            if (left_ != 0) return Went::more;
            at_ = At::data_end;
        }
        bool wrong = false;
        const std::optional<std::string_view> line = take_line(input, wrong);
        if (wrong) return Went::wrong;
        if (!line) return Went::more;
        Went went = Went::more;
        switch (at_) {
        case At::size: went = take_size(*line); break;
        case At::data:
        case At::data_end:
            went = line->empty() ? Went::more : Went::wrong;
            at_ = At::size;
            break;
        case At::fields: went = take_field(*line); break;
        }
        if (went != Went::more) return went;
    }
}

ChunkedBody::Went ChunkedBody::take_size(std::string_view line) {
    std::size_t size = 0;
    const auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
    if (error == std::errc::result_out_of_range) return Went::too_large;
    const std::string_view extension = line.substr(static_cast<std::size_t>(stop - line.data()));
    if (error != std::errc{} || (!extension.empty() && extension[0] != ';')) return Went::wrong;
    if (size > HttpLimits::body_octets_max - body_.size()) return Went::too_large;
    left_ = size;
    at_ = size == 0 ? At::fields : At::data;
    return count_extra(extension);
}

ChunkedBody::Went ChunkedBody::take_field(std::string_view line) {
    if (line.empty()) return Went::whole;
    const std::size_t colon = line.find(':');
    if (colon == line.npos || !is_http_token(line.substr(0, colon))) return Went::wrong;
    return count_extra(line);
}

ChunkedBody::Went ChunkedBody::count_extra(std::string_view text) {
    extra_ += text.size();
    return extra_ > extra_octets_max ? Went::too_large : Went::more;
}

}  // namespace nameplane::net
