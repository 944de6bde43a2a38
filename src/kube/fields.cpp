#include "kube/fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace nameplane::kube {
namespace {

constexpr std::size_t quoted_characters_max = 60;

constexpr std::array truths{"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"};
constexpr std::array untruths{"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"};

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
bool is_lower_or_digit(char c) noexcept {
    return is_digit(c) || (c >= 'a' && c <= 'z');
}

/// Whether YAML takes the bare word for a number: 12, -1.5, 1e3, 0x1f, 0o17.
bool looks_like_number(std::string_view word) noexcept {
    if (word.starts_with('+') || word.starts_with('-')) word.remove_prefix(1);
    if (word.starts_with("0x") || word.starts_with("0o") || word.starts_with("0b")) {
        word.remove_prefix(2);
        return !word.empty() && std::ranges::all_of(word, [](char c) {
            return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        });
    }
    if (word.empty() || !(is_digit(word[0]) || word[0] == '.')) return false;
    double number = 0;
    const char* end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, number);
    return stop == end && error != std::errc::invalid_argument;
}

bool is_word_of(std::string_view text, const auto& words) noexcept {
    return std::ranges::find(words, text) != words.end();
}

/// `text` in quotes for a message: bounded, and free of control characters.
std::string quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text.substr(0, quoted_characters_max))
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    if (text.size() > quoted_characters_max) out += "...";
    return out + "'";
}

std::string shown(Value value) {
    switch (value.shape()) {
    case Shape::null: return value ? "empty" : "missing";
    case Shape::plain: return quoted(value.text());
    case Shape::text: return "the text " + quoted(value.text());
    case Shape::list: return "a list";
    case Shape::map: return "a map";
    }
    return {};
}

}  // namespace

std::string Field::path() const {
    if (parent == nullptr) return name.empty() ? "document" : std::string{name};
    const bool top = parent->parent == nullptr && parent->name.empty();
    std::string path = top ? std::string{} : parent->path();
    if (index >= 0) return path + '[' + std::to_string(index) + ']';
    if (!path.empty()) path += '.';
    return path.append(name);
}

std::uint32_t Field::line() const noexcept {
    if (value) return value.line();
    return parent == nullptr ? 1 : parent->line();
}

Field FieldReader::get(const Field& parent, std::string_view name) const {
    return {.parent = &parent, .name = name, .value = parent.value.find(name)};
}

Field FieldReader::shaped(const Field& parent, std::string_view name, Shape shape,
                          std::string_view word) {
    Field field = get(parent, name);
    if (!field.present() || field.value.shape() == shape) return field;
    wrong(field, word);
    field.value = {};
    return field;
}

Field FieldReader::map(const Field& parent, std::string_view name) {
    return shaped(parent, name, Shape::map, "a map");
}

Field FieldReader::list(const Field& parent, std::string_view name) {
    return shaped(parent, name, Shape::list, "a list");
}

std::string FieldReader::text(const Field& field) {
    if (!field.present()) return {};
    const std::string_view word = field.value.text();
    switch (field.value.shape()) {
    case Shape::text: return std::string{word};
    case Shape::plain:
        if (!looks_like_number(word) && !is_word_of(word, truths) && !is_word_of(word, untruths))
            return std::string{word};
        wrong(field, "a string (in quotes)");
        return {};
    case Shape::null:
    case Shape::list:
    case Shape::map: break;
    }
    wrong(field, "a string");
    return {};
}

bool FieldReader::flag(const Field& field, bool unset) {
    if (!field.present()) return unset;
    if (field.value.shape() == Shape::plain) {
        if (is_word_of(field.value.text(), truths)) return true;
        if (is_word_of(field.value.text(), untruths)) return false;
    }
    wrong(field, "true or false");
    return unset;
}

std::uint32_t FieldReader::number(const Field& field, std::uint32_t from, std::uint32_t to,
                                  std::uint32_t unset) {
    if (!field.present()) return unset;
    const std::string_view word = field.value.text();
    std::uint32_t number = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (field.value.shape() == Shape::plain && error == std::errc{} &&
        stop == word.data() + word.size() && number >= from && number <= to)
        return number;
    wrong(field, "a number from " + std::to_string(from) + " to " + std::to_string(to));
    return unset;
}

std::uint16_t FieldReader::port(const Field& field, std::uint16_t unset) {
    return static_cast<std::uint16_t>(number(field, 1, 65535, unset));
}

std::optional<IpAddress> FieldReader::address(const Field& field) {
    auto address = IpAddress::parse(field.value.text());
    if (!address) wrong(field, "an IP address");
    return address;
}

std::optional<Cidr> FieldReader::cidr(const Field& field) {
    auto cidr = Cidr::parse(field.value.text());
    if (!cidr) wrong(field, "a network such as 10.0.0.0/8");
    return cidr;
}

services::Protocol FieldReader::protocol(const Field& field) {
    using services::Protocol;
    static constexpr Word<Protocol> words[] = {
        {"TCP", Protocol::tcp}, {"UDP", Protocol::udp}, {"SCTP", Protocol::sctp}};
    return one_of(field, words);
}

services::Labels FieldReader::labels(const Field& field) {
    services::Labels labels;
    if (field.value.shape() != Shape::map) return labels;
    for (Value one = field.value.first(); one; one = one.next())
        labels.emplace(one.key(), text({.parent = &field, .name = one.key(), .value = one}));
    return labels;
}

std::vector<std::string> FieldReader::texts(const Field& field) {
    std::vector<std::string> texts;
    for (Value one = field.value.first(); one; one = one.next()) {
        texts.push_back(
            text({.parent = &field, .index = static_cast<int>(texts.size()), .value = one}));
    }
    return texts;
}

bool FieldReader::fits(const Field& list, std::size_t items_max) {
    if (list.value.shape() != Shape::list) return false;
    std::size_t items = 0;
    for (Value one = list.value.first(); one; one = one.next()) {
        if (++items <= items_max) continue;
        report(one.line(), list.path() + " has more than " + std::to_string(items_max) +
                               " entries, expected at most that many");
        return false;
    }
    return true;
}

void FieldReader::wrong(const Field& field, std::string_view expected) {
    report(field.line(),
           field.path() + " is " + shown(field.value) + ", expected " + std::string{expected});
}

void FieldReader::report(std::uint32_t line, std::string_view what) {
    problems_.push_back(std::string{file_} + ':' + std::to_string(line) + ": " + std::string{what});
}

bool is_label(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
           std::ranges::all_of(text, [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

bool is_subdomain(std::string_view text) noexcept {
    if (text.size() > 253) return false;
    while (true) {
        const std::size_t dot = text.find('.');
        const std::string_view label = text.substr(0, dot);
        // A Kubernetes name may have longer labels than DNS; the total is what it bounds.
        if (label.empty() || label.front() == '-' || label.back() == '-' ||
            !std::ranges::all_of(label, [](char c) { return is_lower_or_digit(c) || c == '-'; }))
            return false;
        if (dot == std::string_view::npos) return true;
        text.remove_prefix(dot + 1);
    }
}

}  // namespace nameplane::kube
