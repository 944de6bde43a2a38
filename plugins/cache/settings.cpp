#include "plugins/cache/settings.hpp"

#include "conf/values.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

namespace nameplane::plugins::caching {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t shards = 256;  // of CoreDNS: capacities are multiples of it
constexpr std::size_t capacity_min = 1024;
constexpr milliseconds servfail_max{300'000};

std::optional<std::int64_t> number_of(const std::string& word) {
    std::int64_t number = 0;
    const char* const end = word.data() + word.size();
    const auto [at, error] = std::from_chars(word.data(), end, number);
    if (error != std::errc{} || at != end) return std::nullopt;
    return number;
}

std::optional<milliseconds> duration_of(const std::string& word) {
    if (word == "0") return milliseconds{0};
    return conf::parse_duration(word);
}

/// Collects settings and what is wrong with them.
class Reading {
public:
    Reading(const Options& given, const Setup& setup) : given_{given}, setup_{setup} {}

    Result<Settings> all() {
        basics();
        for (const Statement& line : given_.statements("success")) part(line, "success");
        for (const Statement& line : given_.statements("denial")) part(line, "denial");
        for (const Statement& line : given_.statements("prefetch")) prefetch(line);
        for (const Statement& line : given_.statements("serve_stale")) serve_stale(line);
        for (const Statement& line : given_.statements("disable")) disable(line);
        policy();
        if (mistakes_.any()) return mistakes_.to_error();
        return std::move(settings_);
    }

private:
    void wrong(const Statement& line, const std::string& what) { mistakes_.add(line.where, what); }

    void basics() {
        if (given_.given("ttl")) {
            settings_.success.ttl_max = settings_.denial.ttl_max =
                static_cast<dns::Ttl>(given_.integer("ttl"));
        }
        for (const dns::Name& zone : given_.zones("zones")) settings_.zones.push_back(zone.lower());
        if (settings_.zones.empty()) {
            settings_.zones.assign(setup_.zones.begin(), setup_.zones.end());
        }
        settings_.keep_ttl = given_.flag("keepttl");
        const milliseconds servfail = given_.milliseconds("servfail");
        if (servfail > servfail_max) {
            mistakes_.add(given_.wrong("servfail", "longer than 5m, expected 5m at most"));
        }
        settings_.servfail_ttl = static_cast<dns::Ttl>(servfail.count() / 1000);
    }

    /// CAPACITY [TTL [MINTTL]]
    void part(const Statement& line, const std::string& name) {
        Settings::Part& part = name == "success" ? settings_.success : settings_.denial;
        const std::vector<std::string>& words = line.words;
        if (words.empty()) return wrong(line, name + ": nothing, expected a capacity");
        std::array<std::int64_t, 3> numbers{0, part.ttl_max, part.ttl_min};
        for (std::size_t i = 0; i < words.size() && i < numbers.size(); ++i) {
            const auto number = number_of(words[i]);
            if (!number || *number < 0 || *number > 0x7fffffff || (i == 1 && *number == 0)) {
                return wrong(line, name + ": '" + words[i] + "', expected CAPACITY [TTL [MINTTL]]");
            }
            numbers[i] = *number;
        }
        if (numbers[0] > capacity_max) {
            return wrong(line, name + ": '" + words[0] + "', expected at most " +
                                   std::to_string(capacity_max));
        }
        const auto wanted = static_cast<std::size_t>(numbers[0]) / shards * shards;
        part.capacity = std::max(wanted, capacity_min);
        part.ttl_max = static_cast<dns::Ttl>(numbers[1]);
        part.ttl_min = static_cast<dns::Ttl>(numbers[2]);
    }

    /// AMOUNT [DURATION [PERCENTAGE%]]
    void prefetch(const Statement& line) {
        const std::vector<std::string>& words = line.words;
        const auto amount = words.empty() ? std::nullopt : number_of(words[0]);
        if (!amount || *amount < 0 || *amount > 0x7fffffff || words.size() > 3) {
            return wrong(line, "prefetch: expected AMOUNT [DURATION [PERCENTAGE%]]");
        }
        settings_.prefetch = static_cast<std::uint32_t>(*amount);
        if (words.size() > 1) {
            const auto gap = duration_of(words[1]);
            if (!gap) return wrong(line, "prefetch: '" + words[1] + "', expected a duration as 1m");
            settings_.prefetch_gap = *gap;
        }
        if (words.size() < 3) return;
        std::string percent = words[2];
        const bool has_sign = percent.ends_with('%');
        if (has_sign) percent.pop_back();
        const auto number = number_of(percent);
        if (!has_sign || !number || *number < 10 || *number > 90) {
            return wrong(line, "prefetch: '" + words[2] + "', expected 10% to 90%");
        }
        settings_.prefetch_percent = static_cast<std::uint32_t>(*number);
    }

    /// [DURATION [immediate [TTL [RECHECK]] | verify [TIMEOUT [TTL [RECHECK]]]]]
    void serve_stale(const Statement& line) {
        settings_.serve_stale = true;
        std::vector<std::string> words = line.words;
        if (words.empty()) return;
        const auto stale_for = duration_of(words[0]);
        if (!stale_for) {
            return wrong(line, "serve_stale: '" + words[0] + "', expected a duration as 1h");
        }
        settings_.stale_for = static_cast<dns::Ttl>(stale_for->count() / 1000);
        if (stale_for->count() == 0) settings_.serve_stale = false;
        if (words.size() == 1) return;
        const std::string mode = lower(words[1]);
        if (mode != "immediate" && mode != "verify") {
            return wrong(line, "serve_stale: '" + words[1] + "', expected immediate or verify");
        }
        settings_.verify = mode == "verify";
        words.erase(words.begin(), words.begin() + 2);
        if (words.size() > (settings_.verify ? 3U : 2U)) {
            return wrong(line, "serve_stale: '" + words.back() +
                                   "', expected nothing behind the "
                                   "time until the next attempt");
        }
        std::vector<milliseconds> times;
        for (const std::string& word : words) {
            const auto time = duration_of(word);
            if (!time) return wrong(line, "serve_stale: '" + word + "', expected a duration");
            times.push_back(*time);
        }
        if (settings_.verify && !times.empty()) {
            settings_.verify_time = times.front();
            times.erase(times.begin());
        }
        if (!times.empty()) {
            if (times[0].count() % 1000 != 0) {
                return wrong(line, "serve_stale: a TTL of parts of a second, expected whole ones");
            }
            settings_.stale_ttl = static_cast<dns::Ttl>(times[0].count() / 1000);
        }
        if (times.size() > 1) {
            settings_.recheck = times[1];
            if (times[1] > servfail_max) {
                wrong(line, "serve_stale: a time until the next attempt of more than 5m");
            }
        }
    }

    /// success|denial [ZONES...]
    void disable(const Statement& line) {
        const std::vector<std::string>& words = line.words;
        if (words.empty() || (words[0] != "success" && words[0] != "denial")) {
            return wrong(line, "disable: expected success or denial");
        }
        std::vector<dns::Name> zones;
        for (std::size_t i = 1; i < words.size(); ++i) {
            if (!conf::add_zones(words[i], zones)) {
                return wrong(line, "disable: '" + words[i] + "', expected a zone");
            }
        }
        if (zones.empty()) zones.emplace_back();
        (words[0] == "success" ? settings_.success : settings_.denial).disabled = std::move(zones);
    }

    void policy() {
        const std::vector<Statement>& lines = given_.statements("serve_stale_policy");
        for (const Statement& line : lines) {
            settings_.prefer_positive =
                line.words.size() == 1 && lower(line.words[0]) == "prefer_positive";
            if (!settings_.prefer_positive) {
                wrong(line, "serve_stale_policy: expected prefer_positive");
            }
        }
        if (lines.size() > 1) wrong(lines[1], "serve_stale_policy: again, expected it once");
        if (!lines.empty() && given_.statements("serve_stale").empty()) {
            wrong(lines[0], "serve_stale_policy: no serve_stale, expected one");
        }
    }

    static std::string lower(std::string word) {
        std::ranges::transform(word, word.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        });
        return word;
    }

    static constexpr std::int64_t capacity_max = 4'000'000;

    const Options& given_;
    const Setup& setup_;
    Settings settings_;
    Mistakes mistakes_;
};

}  // namespace

Result<Settings> read_settings(const Options& given, const Setup& setup) {
    return Reading{given, setup}.all();
}

}  // namespace nameplane::plugins::caching
