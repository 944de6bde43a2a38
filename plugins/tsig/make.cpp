// The words of the configuration to keys and requirements.

#include "plugins/tsig/keys.hpp"
#include "plugins/tsig/tsig.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace nameplane::plugins {

namespace {

std::optional<dns::Type> read_required(std::string_view word, dns::Type) {
    const auto type = dns::parse_type(word);
    // As CoreDNS: upper case only, and only types with a name.
    if (!type || dns::to_string(*type) != word || word.starts_with("TYPE")) return std::nullopt;
    return type;
}

std::optional<dns::Opcode> read_required(std::string_view word, dns::Opcode) {
    using dns::Opcode;
    if (word == "QUERY") return Opcode::query;
    if (word == "IQUERY") return Opcode::iquery;
    if (word == "STATUS") return Opcode::status;
    if (word == "NOTIFY") return Opcode::notify;
    if (word == "UPDATE") return Opcode::update;
    return std::nullopt;
}

class Reader {
public:
    Reader(const Options& given, Setup& setup) : given_{given}, setup_{setup} {}

    Result<Tsig::Settings> read() {
        settings_.zones = given_.zones("zones");
        if (settings_.zones.empty())
            settings_.zones.assign(setup_.zones.begin(), setup_.zones.end());
        for (const Statement& line : given_.statements("secret")) read_secret(line);
        for (const Statement& line : given_.statements("secrets")) read_file(line);
        read_required_of("require", "types such as 'AXFR', 'all' or 'none'", settings_.types);
        read_required_of("require_opcode", "QUERY, IQUERY, STATUS, NOTIFY, UPDATE, 'all' or 'none'",
                         settings_.opcodes);
        if (mistakes_.any()) return mistakes_.to_error();
        return std::move(settings_);
    }

private:
    void wrong(const Statement& line, std::string_view option, std::string_view text) {
        mistakes_.add(line.where, "tsig: " + std::string{option} + ": " + std::string{text});
    }

    void add(const Statement& line, std::string_view option, dns::TsigKey key) {
        const bool there = std::ranges::any_of(
            settings_.keys, [&](const dns::TsigKey& other) { return other.name == key.name; });
        if (there) {
            return wrong(line, option, "key '" + key.name.to_string() + "', expected it once");
        }
        settings_.keys.push_back(std::move(key));
    }

    void read_secret(const Statement& line) {
        if (line.words.size() != 2) {
            return wrong(line, "secret",
                         std::to_string(line.words.size()) +
                             " words, expected the name of a key and its secret");
        }
        Result<dns::TsigKey> key = tsig::read_key(line.words[0], line.words[1]);
        if (!key) return wrong(line, "secret", key.error().text);
        add(line, "secret", std::move(*key));
    }

    void read_file(const Statement& line) {
        if (line.words.size() != 1) {
            return wrong(line, "secrets",
                         std::to_string(line.words.size()) + " words, expected a file");
        }
        std::ifstream file{setup_.path_of(line.words[0])};
        const std::string text{std::istreambuf_iterator<char>{file}, {}};
        if (!file) {
            return wrong(line, "secrets",
                         "'" + line.words[0] + "' cannot be read, expected a file with keys");
        }
        Result<std::vector<dns::TsigKey>> keys = tsig::read_keys(text);
        if (!keys) return wrong(line, "secrets", line.words[0] + ": " + keys.error().text);
        for (dns::TsigKey& key : *keys) add(line, "secrets", std::move(key));
    }

    template <class T>
    void read_required_of(std::string_view option, std::string_view expected,
                          Tsig::Required<T>& required) {
        for (const Statement& line : given_.statements(option)) {
            // Each line begins anew, but 'all' stays.
            required.some.clear();
            if (line.words.empty()) {
                wrong(line, option, "nothing, expected " + std::string{expected});
                continue;
            }
            if (line.words[0] == "all") required.all = true;
            if (line.words[0] == "all" || line.words[0] == "none") continue;
            for (const std::string& word : line.words) {
                if (const auto one = read_required(word, T{})) {
                    required.some.push_back(*one);
                } else {
                    wrong(line, option, "'" + word + "', expected " + std::string{expected});
                }
            }
        }
    }

    const Options& given_;
    Setup& setup_;
    Mistakes mistakes_;
    Tsig::Settings settings_;
};

}  // namespace

Result<PluginPtr> Tsig::make(const Options& given, Setup& setup) {
    static const SystemClock system_clock;
    Result<Settings> settings = Reader{given, setup}.read();
    if (!settings) return settings.error();
    const Clock& clock = setup.clock != nullptr ? *setup.clock : system_clock;
    return PluginPtr{new Tsig{std::move(*settings), clock}};
}

}  // namespace nameplane::plugins
