#include "kube/fields.hpp"

#include "kube/json_value.hpp"

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

// Addresses in the forms that Go once read, and that API servers still take for the older fields.

/// "010.0.0.07" as 10.0.0.7; what is none otherwise is none here.
std::string without_leading_zeros(std::string_view text) {
    const auto is_part = [](char c) { return is_lower_or_digit(c) || (c >= 'A' && c <= 'F'); };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool begins = out.empty() || !is_part(out.back());
        const bool more = i + 1 < text.size() && is_part(text[i + 1]);
        if (text[i] != '0' || !begins || !more) out += text[i];
    }
    return out;
}

/// What both parse() make of the text, or of the same in today's form.
template <class T> std::optional<T> parse_old(std::string_view text) {
    const std::optional<T> value = T::parse(text);
    constexpr std::size_t octets_max = 256;  // of more than that nothing good can come
    return value || text.size() > octets_max ? value : T::parse(without_leading_zeros(text));
}

constexpr unsigned mapped_bits = 96;

/// ::ffff:10.0.0.7 as 10.0.0.7; any other as it is.
IpAddress unmapped(const IpAddress& address) {
    constexpr std::array<std::uint8_t, mapped_bits / 8> prefix{0, 0, 0, 0, 0,    0,
                                                               0, 0, 0, 0, 0xff, 0xff};
    const auto octets = address.bytes();
    if (address.is_v4() || !std::ranges::equal(octets.first(prefix.size()), prefix)) return address;
    return *IpAddress::from_bytes(octets.subspan(prefix.size()));
}

// What a scalar means, in YAML (by its look) and in JSON (by its type).

std::string shown_scalar(Value value) {
    return quoted(value.text());
}
std::string shown_scalar(const JsonValue& value) {
    return quoted(std::string_view{simdjson::minify(value.element())});
}

template <class V> std::string shown(const V& value) {
    switch (value.shape()) {
    case Shape::null: return value ? "empty" : "missing";
    case Shape::plain: return shown_scalar(value);
    case Shape::text: return "the text " + quoted(value.text());
    case Shape::list: return "a list";
    case Shape::map: return "a map";
    }
    return {};
}

/// Whether a bare word stands for itself.
bool is_string(Value value) {
    const std::string_view word = value.text();
    return !looks_like_number(word) && !is_word_of(word, truths) && !is_word_of(word, untruths);
}
bool is_string(const JsonValue&) {
    return false;
}

std::optional<bool> truth_of(Value value) {
    return truth_of_word(value.text());
}
std::optional<bool> truth_of(const JsonValue& value) {
    bool truth = false;
    if (value.element().get(truth) != simdjson::SUCCESS) return std::nullopt;
    return truth;
}

std::optional<std::uint64_t> number_of(Value value) {
    const std::string_view word = value.text();
    std::uint64_t number = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc{} || stop != word.data() + word.size()) return std::nullopt;
    return number;
}
std::optional<std::uint64_t> number_of(const JsonValue& value) {
    std::uint64_t number = 0;
    if (value.element().get(number) != simdjson::SUCCESS) return std::nullopt;
    return number;
}

bool is_bare_number(Value value) {
    return !value.text().empty() && std::ranges::all_of(value.text(), is_digit);
}
bool is_bare_number(const JsonValue& value) {
    return value.element().is_number();
}

}  // namespace

std::optional<bool> truth_of_word(std::string_view word) noexcept {
    if (is_word_of(word, truths)) return true;
    if (is_word_of(word, untruths)) return false;
    return std::nullopt;
}

template <class V> std::string BasicField<V>::path() const {
    if (parent == nullptr) return name.empty() ? "document" : std::string{name};
    const bool top = parent->parent == nullptr && parent->name.empty();
    std::string path = top ? std::string{} : parent->path();
    if (index >= 0) return path + '[' + std::to_string(index) + ']';
    if (!path.empty()) path += '.';
    return path.append(name);
}

template <class V> std::uint32_t BasicField<V>::line() const noexcept {
    if (value) return value.line();
    return parent == nullptr ? 1 : parent->line();
}

template <class V>
typename BasicFieldReader<V>::Field BasicFieldReader<V>::get(const Field& parent,
                                                             std::string_view name) const {
    return {.parent = &parent, .name = name, .value = parent.value.find(name)};
}

template <class V>
typename BasicFieldReader<V>::Field BasicFieldReader<V>::shaped(const Field& parent,
                                                                std::string_view name, Shape shape,
                                                                std::string_view word) {
    Field field = get(parent, name);
    if (!field.present() || field.value.shape() == shape) return field;
    wrong(field, word);
    field.value = {};
    return field;
}

template <class V>
typename BasicFieldReader<V>::Field BasicFieldReader<V>::map(const Field& parent,
                                                             std::string_view name) {
    return shaped(parent, name, Shape::map, "a map");
}

template <class V>
typename BasicFieldReader<V>::Field BasicFieldReader<V>::list(const Field& parent,
                                                              std::string_view name) {
    return shaped(parent, name, Shape::list, "a list");
}

template <class V> std::string BasicFieldReader<V>::text(const Field& field) {
    if (!field.present()) return {};
    const std::string_view word = field.value.text();
    switch (field.value.shape()) {
    case Shape::text: return std::string{word};
    case Shape::plain:
        if (is_string(field.value)) return std::string{word};
        wrong(field, "a string (in quotes)");
        return {};
    case Shape::null:
    case Shape::list:
    case Shape::map: break;
    }
    wrong(field, "a string");
    return {};
}

template <class V> bool BasicFieldReader<V>::flag(const Field& field, bool unset) {
    if (!field.present()) return unset;
    if (field.value.shape() == Shape::plain) {
        if (const auto truth = truth_of(field.value)) return *truth;
    }
    wrong(field, "true or false");
    return unset;
}

template <class V>
std::uint32_t BasicFieldReader<V>::number(const Field& field, std::uint32_t from, std::uint32_t to,
                                          std::uint32_t unset) {
    if (!field.present()) return unset;
    if (field.value.shape() == Shape::plain) {
        const auto number = number_of(field.value);
        if (number && *number >= from && *number <= to) return static_cast<std::uint32_t>(*number);
    }
    wrong(field, "a number from " + std::to_string(from) + " to " + std::to_string(to));
    return unset;
}

template <class V>
std::uint16_t BasicFieldReader<V>::port(const Field& field, std::uint16_t unset) {
    return static_cast<std::uint16_t>(number(field, 1, 65535, unset));
}

template <class V> std::uint16_t BasicFieldReader<V>::port_if_any(const Field& field) {
    if (limits_.strict || !is_number(field)) return port(field, 0);
    const auto number = number_of(field.value);
    return number && *number <= 65535 ? static_cast<std::uint16_t>(*number) : 0;
}

template <class V> std::optional<IpAddress> BasicFieldReader<V>::address(const Field& field) {
    auto address = address_if_any(field);
    if (!address) wrong(field, "an IP address");
    return address;
}

template <class V>
std::optional<IpAddress> BasicFieldReader<V>::address_if_any(const Field& field) {
    const auto address = parse_old<IpAddress>(field.value.text());
    return address ? unmapped(*address) : address;
}

template <class V> std::optional<Cidr> BasicFieldReader<V>::cidr(const Field& field) {
    // The API server lets spaces around loadBalancerSourceRanges pass, and kube-proxy takes them
    // off.
    std::string_view text = field.value.text();
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    auto cidr = parse_old<Cidr>(text);
    if (!cidr) wrong(field, "a network such as 10.0.0.0/8");
    if (cidr && cidr->prefix() >= mapped_bits)
        if (const IpAddress four = unmapped(cidr->address()); four.is_v4())
            return Cidr::make(four, cidr->prefix() - mapped_bits);
    return cidr;
}

template <class V> services::Protocol BasicFieldReader<V>::protocol(const Field& field) {
    using services::Protocol;
    static constexpr Word<Protocol> words[] = {
        {"TCP", Protocol::tcp}, {"UDP", Protocol::udp}, {"SCTP", Protocol::sctp}};
    return one_of(field, words);
}

template <class V> services::Labels BasicFieldReader<V>::labels(const Field& field) {
    services::Labels labels;
    if (field.value.shape() != Shape::map) return labels;
    field.value.for_each([&](const V& one) {
        labels.emplace(one.key(), text({.parent = &field, .name = one.key(), .value = one}));
    });
    return labels;
}

template <class V> std::vector<std::string> BasicFieldReader<V>::texts(const Field& field) {
    std::vector<std::string> texts;
    field.value.for_each([&](const V& one) {
        texts.push_back(
            text({.parent = &field, .index = static_cast<int>(texts.size()), .value = one}));
    });
    return texts;
}

template <class V> std::optional<services::ObjectKey> BasicFieldReader<V>::key(const Field& root) {
    const std::size_t before = reported();
    const Field metadata = map(root, "metadata");
    const Field name = get(metadata, "name");
    const Field ns = get(metadata, "namespace");
    services::ObjectKey key{text(ns), text(name)};
    if (reported() > before) return std::nullopt;
    if (!is_subdomain(key.name)) wrong(name, "a name of lower-case letters, digits, '-' and '.'");
    if (!key.ns.empty() && !is_label(key.ns))
        wrong(ns, "a namespace name of lower-case letters, digits and '-'");
    if (reported() > before) return std::nullopt;
    return key;
}

template <class V> bool BasicFieldReader<V>::is_number(const Field& field) const {
    return field.value.shape() == Shape::plain && is_bare_number(field.value);
}

template <class V> bool BasicFieldReader<V>::is_empty_text(const Field& field) const {
    return field.value.shape() == Shape::text && field.value.text().empty();
}

template <class V> bool BasicFieldReader<V>::fits(const Field& list, std::size_t items_max) {
    if (list.value.shape() != Shape::list) return false;
    std::size_t items = 0;
    std::uint32_t line = 0;
    list.value.for_each([&](const V& one) {
        if (++items == items_max + 1) line = one.line();
    });
    if (items <= items_max) return true;
    report(line, list.path() + " has more than " + std::to_string(items_max) +
                     " entries, expected at most that many");
    return false;
}

template <class V> void BasicFieldReader<V>::wrong(const Field& field, std::string_view expected) {
    report(field.line(),
           field.path() + " is " + shown(field.value) + ", expected " + std::string{expected});
}

template <class V> void BasicFieldReader<V>::report(std::uint32_t line, std::string_view what) {
    if (++reported_ > limits_.problems_max) return;
    std::string place;
    if (!file_.empty()) place.append(file_).append(":" + std::to_string(line) + ": ");
    problems_.push_back(place.append(what));
}

template struct BasicField<Value>;
template struct BasicField<JsonValue>;
template class BasicFieldReader<Value>;
template class BasicFieldReader<JsonValue>;

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
