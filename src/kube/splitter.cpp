#include "kube/splitter.hpp"

#include <algorithm>

namespace nameplane::kube {
namespace {

bool is_space(char c) noexcept {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
/// Of numbers, true, false and null.
bool is_word(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' ||
           c == 'E';
}

void skip_space(std::string_view& text) noexcept {
    const auto* at = std::ranges::find_if_not(text, is_space);
    text.remove_prefix(static_cast<std::size_t>(at - text.begin()));
}

constexpr Piece garbage{.what = Piece::What::garbage, .octets = {}};

}  // namespace

ValueEnd::Step ValueEnd::first(char c) noexcept {
    if (c == '{' || c == '[') {
        shape_ = Shape::nested;
        depth_ = 1;
    } else if (c == '"') {
        shape_ = Shape::string;
        in_string_ = true;
    } else if (is_word(c)) {
        shape_ = Shape::word;
    } else {
        return {Found::garbage, 0};
    }
    return {Found::more, 1};
}

/// `end`: the string has ended.
ValueEnd::Step ValueEnd::skip_string(std::string_view octets, std::size_t at) noexcept {
    constexpr unsigned char first_printable = 0x20;
    for (; at < octets.size(); ++at) {
        const char c = octets[at];
        if (static_cast<unsigned char>(c) < first_printable) return {Found::garbage, at};
        if (escaped_) {
            escaped_ = false;
        } else if (c == '\\') {
            escaped_ = true;
        } else if (c == '"') {
            in_string_ = false;
            return {Found::end, at + 1};
        }
    }
    return {Found::more, at};
}

ValueEnd::Step ValueEnd::nested(std::string_view octets, std::size_t at) noexcept {
    while (at < octets.size()) {
        if (in_string_) {
            const Step step = skip_string(octets, at);
            if (step.found == Found::garbage) return step;
            at = step.octets;
            continue;
        }
        const char c = octets[at++];
        if (c == '"') {
            in_string_ = true;
        } else if (c == '{' || c == '[') {
            if (line_begins_ && c == '{') return {Found::garbage, at};
            ++depth_;
        } else if (c == '}' || c == ']') {
            if (--depth_ == 0) return {Found::end, at};
        }
        line_begins_ = c == '\n';
    }
    return {Found::more, at};
}

ValueEnd::Step ValueEnd::take(std::string_view octets) noexcept {
    std::size_t at = 0;
    if (shape_ == Shape::none) {
        if (octets.empty()) return {Found::more, 0};
        const Step step = first(octets[0]);
        if (step.found == Found::garbage) return step;
        at = step.octets;
    }
    switch (shape_) {
    case Shape::nested: return nested(octets, at);
    case Shape::string: return skip_string(octets, at);
    case Shape::word:
        while (at < octets.size() && is_word(octets[at])) ++at;
        return {at == octets.size() ? Found::more : Found::end, at};
    case Shape::none: break;
    }
    return {Found::garbage, 0};
}

void ValueBuffer::begin() {
    end_.begin();
    held_.clear();
    // One absurd object should not cost memory for ever.
    constexpr std::size_t usual_octets = std::size_t{512} * 1024;
    if (held_.capacity() > usual_octets) held_.shrink_to_fit();
    over_long_ = false;
}

void ValueBuffer::hold(std::string_view part) {
    if (!over_long_ && held_.size() + part.size() > octets_max_) {
        over_long_ = true;
        if (held_.size() > kept_) {
            held_.resize(kept_);
            held_.shrink_to_fit();
        }
    }
    if (over_long_) part = part.substr(0, kept_ - std::min(kept_, held_.size()));
    held_.append(part);
}

Piece ValueBuffer::whole(std::string_view last) {
    if (held_.empty() && !over_long_ && last.size() <= octets_max_)
        return {Piece::What::object, last};
    hold(last);
    return {over_long_ ? Piece::What::over_long : Piece::What::object, held_};
}

Piece ValueBuffer::take(std::string_view& rest) {
    const ValueEnd::Step step = end_.take(rest);
    const std::string_view part = rest.substr(0, step.octets);
    rest.remove_prefix(step.octets);
    switch (step.found) {
    case ValueEnd::Found::end: return whole(part);
    case ValueEnd::Found::more: hold(part); return {};
    case ValueEnd::Found::garbage: break;
    }
    return garbage;
}

Piece WatchSplitter::next() {
    if (garbage_) return garbage;
    if (!in_object_) {
        skip_space(rest_);
        if (rest_.empty()) return {};
        garbage_ = rest_.front() != '{';
        if (garbage_) return garbage;
        in_object_ = true;
        value_.begin();
    }
    const Piece piece = value_.take(rest_);
    if (piece.what != Piece::What::nothing) in_object_ = false;
    garbage_ = piece.what == Piece::What::garbage;
    return piece;
}

void ListSplitter::note_value(std::string_view value) {
    if (key_ == "\"kind\"") kind_ = value;
    if (key_ == "\"metadata\"") metadata_ = value;
    if (key_ == "\"items\"") has_items_ = value == "null";
}

/// The key, a field's value or an item goes on.
Piece ListSplitter::in_value() {
    const bool item = place_ == Place::in_item;
    Piece piece = (item ? value_ : small_).take(rest_);
    if (piece.what == Piece::What::nothing) return {};
    if (piece.what == Piece::What::garbage) {
        place_ = Place::garbage;
        return piece;
    }
    if (item) {
        place_ = Place::item_comma;
        return piece;
    }
    if (piece.what == Piece::What::over_long) piece.octets = {};
    if (place_ == Place::in_key) {
        key_ = piece.octets;
        place_ = Place::colon;
    } else {
        note_value(piece.octets);
        place_ = Place::comma;
    }
    return {};
}

void ListSplitter::begin_value() {
    if (key_ == "\"items\"" && rest_.front() == '[') {
        rest_.remove_prefix(1);
        has_items_ = true;
        place_ = Place::first_item;
        return;
    }
    small_.begin();
    place_ = Place::in_value;
}

/// Takes `c`, the next octet that is not white space, where it must be one of few.
void ListSplitter::expect(char c) {
    const auto taken = [&](Place next) {
        rest_.remove_prefix(1);
        place_ = next;
    };
    switch (place_) {
    case Place::before:
        if (c == '{') return taken(Place::first_key);
        break;
    case Place::first_key:
    case Place::key:
        if (c == '}' && place_ == Place::first_key) return taken(Place::after);
        if (c != '"') break;
        small_.begin();
        place_ = Place::in_key;
        return;
    case Place::colon:
        if (c == ':') return taken(Place::value);
        break;
    case Place::value: return begin_value();
    case Place::comma:
        if (c == ',') return taken(Place::key);
        if (c == '}') return taken(Place::after);
        break;
    case Place::first_item:
    case Place::item:
        if (c == ']' && place_ == Place::first_item) return taken(Place::comma);
        if (c != '{') break;
        value_.begin();
        place_ = Place::in_item;
        return;
    case Place::item_comma:
        if (c == ',') return taken(Place::item);
        if (c == ']') return taken(Place::comma);
        break;
    case Place::in_key:
    case Place::in_value:
    case Place::in_item:
    case Place::after:
    case Place::garbage: break;
    }
    place_ = Place::garbage;
}

Piece ListSplitter::next() {
    while (place_ != Place::garbage) {
        if (place_ == Place::in_key || place_ == Place::in_value || place_ == Place::in_item) {
            const Piece piece = in_value();
            if (piece.what != Piece::What::nothing) return piece;
            // Still inside: everything is used up.
            if (place_ == Place::in_key || place_ == Place::in_value || place_ == Place::in_item)
                return {};
            continue;
        }
        skip_space(rest_);
        if (rest_.empty()) return {};
        expect(rest_.front());
    }
    return garbage;
}

namespace {

/// Takes a value off `text`; nothing if it is cut off.
std::string_view take_value(std::string_view& text) {
    skip_space(text);
    ValueEnd end;
    const ValueEnd::Step step = end.take(text);
    if (step.found != ValueEnd::Found::end) return {};
    const std::string_view value = text.substr(0, step.octets);
    text.remove_prefix(step.octets);
    return value;
}

bool take_octet(std::string_view& text, char c) {
    skip_space(text);
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
}

/// The string between the quotes; names need no escapes.
std::string unquoted(std::string_view value) {
    if (value.size() < 2 || value.front() != '"' || value.find('\\') != std::string_view::npos)
        return {};
    return std::string{value.substr(1, value.size() - 2)};
}

/// Calls `visit(key, rest)` at each value of the object that `text` begins with, as far as it
/// goes; if it says true, that value was the last of interest.
template <class F> void each_key(std::string_view text, F visit) {
    if (!take_octet(text, '{')) return;
    do {
        const std::string_view key = take_value(text);
        if (key.empty() || key.front() != '"' || !take_octet(text, ':')) return;
        skip_space(text);
        if (visit(key, text)) return;
        if (take_value(text).empty()) return;
    } while (take_octet(text, ','));
}

}  // namespace

SeenName name_in(std::string_view beginning) {
    SeenName seen;
    const auto of_metadata = [&](std::string_view key, std::string_view rest) {
        if (key == "\"name\"") seen.name = unquoted(take_value(rest));
        if (key == "\"namespace\"") seen.ns = unquoted(take_value(rest));
        if (key == "\"resourceVersion\"") seen.resource_version = unquoted(take_value(rest));
        return false;
    };
    const auto of_object = [&](std::string_view key, std::string_view rest) {
        if (key != "\"metadata\"") return false;
        each_key(rest, of_metadata);
        return true;
    };
    each_key(beginning, [&](std::string_view key, std::string_view rest) {
        if (key == "\"type\"") seen.event = unquoted(take_value(rest));
        if (key == "\"object\"") {
            each_key(rest, of_object);
            return true;
        }
        return of_object(key, rest);
    });
    return seen;
}

}  // namespace nameplane::kube
