#include "plugins/tsig/keys.hpp"

#include <optional>
#include <span>

namespace nameplane::plugins::tsig {

namespace {

constexpr std::string_view blanks = " \t\r\v\f";

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    for (std::size_t from = line.find_first_not_of(blanks); from != line.npos;) {
        const std::size_t end = std::min(line.find_first_of(blanks, from), line.size());
        words.push_back(line.substr(from, end - from));
        from = line.find_first_not_of(blanks, end);
    }
    return words;
}

/// `word` without any of `letters` at its ends.
std::string_view trimmed(std::string_view word, std::string_view letters) noexcept {
    const std::size_t from = word.find_first_not_of(letters);
    if (from == word.npos) return {};
    return word.substr(from, word.find_last_not_of(letters) - from + 1);
}

class KeyReader {
public:
    Result<std::vector<dns::TsigKey>> read(std::string_view text) {
        unsigned number = 0;
        while (!text.empty()) {
            ++number;
            const std::size_t end = std::min(text.find('\n'), text.size());
            const auto words = words_of(text.substr(0, end));
            text.remove_prefix(std::min(end + 1, text.size()));
            if (words.empty()) continue;
            const Status took = in_key_ ? take_inside(words) : take_outside(words);
            if (!took) return at(number, took.error().text);
        }
        if (in_key_) {
            if (Status ended = end_key(); !ended) return at(number, ended.error().text);
        }
        return std::move(keys_);
    }

private:
    static Error at(unsigned line, const std::string& text) {
        return {Errc::invalid, "line " + std::to_string(line) + ": " + text};
    }

    Status take_outside(std::span<const std::string_view> words) {
        if (words[0] != "key") return wrong(words[0], "'key'");
        name_ = words.size() < 2 ? std::string_view{} : trimmed(words[1], "\"{");
        if (name_.empty()) return wrong(words[0], "the name of a key behind it");
        secret_ = {};
        in_key_ = true;
        return {};
    }

    Status take_inside(std::span<const std::string_view> words) {
        if (words[0] == "algorithm") return {};
        if (words[0] == "}" || words[0] == "};") return end_key();
        if (words[0] != "secret") return wrong(words[0], "'secret', 'algorithm' or '};'");
        secret_ = words.size() < 2 ? std::string_view{} : trimmed(words[1], "\";");
        if (secret_.empty()) return wrong(words[0], "base64 behind it");
        return {};
    }

    Status end_key() {
        in_key_ = false;
        if (secret_.empty()) {
            return Error{Errc::invalid,
                         "key '" + std::string{name_} + "' without a secret, expected one"};
        }
        Result<dns::TsigKey> key = read_key(name_, secret_);
        if (!key) return key.error();
        for (const dns::TsigKey& other : keys_) {
            if (other.name == key->name) {
                return Error{Errc::conflict, "key '" + std::string{name_} + "', expected it once"};
            }
        }
        keys_.push_back(std::move(*key));
        return {};
    }

    static Error wrong(std::string_view what, std::string_view expected) {
        return {Errc::invalid, "'" + std::string{what} + "', expected " + std::string{expected}};
    }

    std::vector<dns::TsigKey> keys_;
    std::string_view name_;
    std::string_view secret_;
    bool in_key_ = false;
};

}  // namespace

Result<dns::TsigKey> read_key(std::string_view name, std::string_view secret) {
    const auto parsed = dns::Name::parse(name);
    if (!parsed) {
        return Error{Errc::invalid, "'" + std::string{name} + "', expected the name of a key"};
    }
    auto octets = dns::tsig_secret(secret);
    // The secret itself belongs into no message.
    if (!octets) {
        return Error{Errc::invalid,
                     "the secret of '" + std::string{name} + "', expected it in base64"};
    }
    return dns::TsigKey{.name = parsed->lower(), .secret = std::move(*octets)};
}

Result<std::vector<dns::TsigKey>> read_keys(std::string_view text) {
    return KeyReader{}.read(text);
}

}  // namespace nameplane::plugins::tsig
