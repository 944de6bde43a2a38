#include "agent/proc_stat.hpp"

#include <algorithm>
#include <charconv>

namespace nameplane::agent {

namespace {

struct Number {
    double value = 0;
    std::string_view rest;
};

// What `text` begins with.
std::optional<Number> number_at(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return std::nullopt;
    return Number{value, text.substr(static_cast<std::size_t>(end - text.data()))};
}

// Up to `end`, taken away from `rest` together with it.
std::string_view take_until(char end, std::string_view& rest) {
    const std::string_view taken = rest.substr(0, rest.find(end));
    rest.remove_prefix(std::min(taken.size() + 1, rest.size()));
    return taken;
}

}  // namespace

std::optional<double> process_stat(std::string_view stat, std::size_t field) {
    const std::size_t close = stat.rfind(')');
    if (close == std::string_view::npos) return std::nullopt;
    stat.remove_prefix(std::min(close + 2, stat.size()));
    for (std::size_t at = 3; at < field; ++at) {
        const std::size_t space = stat.find(' ');
        if (space == std::string_view::npos) return std::nullopt;
        stat.remove_prefix(space + 1);
    }
    const auto number = number_at(stat);
    return number ? std::optional{number->value} : std::nullopt;
}

std::optional<double> boot_time_of(std::string_view stat) {
    constexpr std::string_view key = "\nbtime ";
    const std::size_t at = stat.find(key);
    if (at == std::string_view::npos) return std::nullopt;
    const auto number = number_at(stat.substr(at + key.size()));
    if (!number || !number->rest.starts_with('\n')) return std::nullopt;
    return number->value;
}

std::optional<double> octets_of(std::string_view netstat, std::string_view name) {
    while (!netstat.empty()) {
        std::string_view names = take_until('\n', netstat);
        std::string_view numbers = take_until('\n', netstat);
        if (!names.starts_with("IpExt:")) continue;
        while (!names.empty() && !numbers.empty()) {
            const std::string_view number = take_until(' ', numbers);
            if (take_until(' ', names) != name) continue;
            const auto found = number_at(number);
            return found && found->rest.empty() ? std::optional{found->value} : std::nullopt;
        }
        return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace nameplane::agent
