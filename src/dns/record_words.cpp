#include "dns/record_words.hpp"

#include <ldns/ldns.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <span>
#include <vector>

namespace nameplane::dns {

namespace {

using Words = std::span<std::string>;

struct Likeness {
    std::string_view name;
    std::uint16_t number;
    std::string_view like;
};
/// Types that ldns has no name for, and others of the same form.
constexpr std::array likenesses{Likeness{"NINFO", 56, "TXT"}, Likeness{"AVC", 258, "TXT"},
                                Likeness{"RESINFO", 261, "TXT"}, Likeness{"TA", 32768, "DS"}};

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_folded(std::string_view a, std::string_view b) noexcept {
    return std::ranges::equal(a, b, {}, lower, lower);
}

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> words;
    bool quoted = false;
    bool inside = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool is_blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
        if (is_blank && !quoted) {
            inside = false;
            continue;
        }
        if (!inside) words.emplace_back();
        inside = true;
        words.back() += c;
        if (c == '"') quoted = !quoted;
        if (c == '\\' && i + 1 < text.size()) words.back() += text[++i];
    }
    return words;
}

Error wrong(std::string_view word, std::string_view expected) {
    return {Errc::invalid, '\'' + std::string{word} + "', expected " + std::string{expected}};
}

bool is_number(std::string_view word, std::uint32_t most) noexcept {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    return error == std::errc{} && end == word.data() + word.size() && number <= most;
}

Status number(std::string_view word, std::uint32_t most) {
    if (is_number(word, most)) return {};
    return wrong(word, "a number from 0 to " + std::to_string(most));
}

Status hex(Words words) {
    std::size_t digits = 0;
    for (const std::string& word : words) {
        digits += word.size();
        const bool is_hex = std::ranges::all_of(
            word, [](char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f'); });
        if (!is_hex) return wrong(word, "hexadecimal digits");
    }
    if (digits % 2 == 0) return {};
    return wrong(words.back(), "two hexadecimal digits for each octet");
}

// RFC 3597 5.
Status unknown(Words words) {
    if (words.empty()) return wrong("\\#", "a length behind it");
    if (Status length = number(words.front(), 0xffff); !length) return length;
    return hex(words.subspan(1));
}

// RFC 9460 2.1: each key once.
Status parameters(Words words) {
    std::vector<std::string_view> keys;
    for (std::string& word : words) {
        if (word == "ohttp") word = "key8";
        const std::string_view key = std::string_view{word}.substr(0, word.find('='));
        if (std::ranges::find(keys, key) != keys.end()) return wrong(word, "each key once");
        keys.push_back(key);
        std::string_view value = std::string_view{word}.substr(key.size());
        const bool may_be_alone = key == "no-default-alpn" || key.starts_with("key");
        if (value.empty() && !may_be_alone) return wrong(word, "'=' and a value");
        if (key != "port") continue;
        value.remove_prefix(1);
        if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
        if (Status port = number(value, 0xffff); !port) return port;
    }
    return {};
}

Status types(Words words) {
    for (const std::string& word : words) {
        if (!parse_type(word) && ldns_get_rr_type_by_name(word.c_str()) == 0) {
            return wrong(word, "a type");
        }
    }
    return {};
}

/// Goes through the fields that are a word each, and through what is behind them.
Status fields(const ldns_rr_descriptor& type, Words words) {
    const std::size_t count = ldns_rr_descriptor_maximum(&type);
    for (std::size_t i = 0; i < std::min(count, words.size()); ++i) {
        std::string& word = words[i];
        Status status;
        const auto field = static_cast<int>(ldns_rr_descriptor_field_type(&type, i));
        if (field == LDNS_RDF_TYPE_INT8) {
            status = number(word, 0xff);
        } else if (field == LDNS_RDF_TYPE_INT16) {
            status = number(word, 0xffff);
        } else if (field == LDNS_RDF_TYPE_INT32) {
            status = number(word, 0xffffffffU);
        } else if (field == LDNS_RDF_TYPE_PERIOD) {
            if (!parse_ttl(word)) status = wrong(word, "a time such as '3600' or '1h'");
        } else if (field == LDNS_RDF_TYPE_DNAME) {
            if (word.starts_with('"')) status = wrong(word, "a name without quotes");
        } else if (field == LDNS_RDF_TYPE_CERTIFICATE_USAGE || field == LDNS_RDF_TYPE_SELECTOR ||
                   field == LDNS_RDF_TYPE_MATCHING_TYPE || field == LDNS_RDF_TYPE_ALG) {
            if (is_digit(word.front())) status = number(word, 0xff);
        } else if (field == LDNS_RDF_TYPE_LONG_STR) {
            // CAA and URI, of which ldns wants quotes.
            if (!word.starts_with('"')) word = '"' + word + '"';
        } else if (field == LDNS_RDF_TYPE_HEX) {
            return hex(words.subspan(i));
        } else if (field == LDNS_RDF_TYPE_BITMAP) {
            return types(words.subspan(i));
        } else if (field == LDNS_RDF_TYPE_SVCPARAMS) {
            return parameters(words.subspan(i));
        } else if (field != LDNS_RDF_TYPE_STR && field != LDNS_RDF_TYPE_TAG &&
                   field != LDNS_RDF_TYPE_TYPE && field != LDNS_RDF_TYPE_TIME &&
                   field != LDNS_RDF_TYPE_CERT_ALG) {
            return {};
        }
        if (!status) return status;
    }
    return {};
}

std::string joined(Words words) {
    std::string text;
    for (const std::string& word : words) {
        if (!text.empty()) text += ' ';
        text += word;
    }
    return text;
}

}  // namespace

std::optional<Ttl> parse_ttl(std::string_view text) noexcept {
    constexpr std::uint64_t ttl_max = 0xffffffffU;
    std::uint64_t all = 0;
    std::uint64_t number = 0;
    if (text.empty() || !is_digit(text.front())) return std::nullopt;
    for (const char c : text) {
        std::uint64_t unit = 0;
        switch (lower(c)) {
        case 's': unit = 1; break;
        case 'm': unit = 60; break;
        case 'h': unit = 3600; break;
        case 'd': unit = 86400; break;
        case 'w': unit = 604800; break;
        default:
            if (!is_digit(c)) return std::nullopt;
            number = number * 10 + static_cast<std::uint64_t>(c - '0');
            break;
        }
        if (unit != 0) {
            all += number * unit;
            number = 0;
        }
        if (number > ttl_max || all > ttl_max) return std::nullopt;
    }
    if (all + number > ttl_max) return std::nullopt;
    return static_cast<Ttl>(all + number);
}

Result<RecordWords> fit_words(std::string_view text) {
    std::vector<std::string> words = split(text);
    RecordWords fit;
    std::size_t at = 1;
    while (at < words.size() && (is_digit(words[at].front()) || parse_class(words[at]))) {
        if (is_digit(words[at].front()) && !parse_ttl(words[at])) {
            return wrong(words[at], "a TTL such as '3600' or '1h'");
        }
        ++at;
    }
    if (at < words.size()) {
        std::string& name = words[at];
        for (const Likeness& one : likenesses) {
            if (!equal_folded(name, one.name)) continue;
            fit.type = static_cast<Type>(one.number);
            name = one.like;
        }
        const bool numbered = equal_folded(std::string_view{name}.substr(0, 4), "TYPE");
        if (numbered && !parse_type(name)) return wrong(name, "a type up to TYPE65535");
        const Words data = Words{words}.subspan(at + 1);
        const Status status =
            !data.empty() && data.front() == "\\#"
                ? unknown(data.subspan(1))
                : fields(*ldns_rr_descript(ldns_get_rr_type_by_name(name.c_str())), data);
        if (!status) return status.error();
    }
    fit.text = joined(words);
    return fit;
}

}  // namespace nameplane::dns
