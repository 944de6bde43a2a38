#include "plugins/loadbalance/weights.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

namespace nameplane::plugins::loadbalancing {

namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view take_word(std::string_view& line) noexcept {
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    const std::string_view word = line.substr(0, line.find_first_of(blanks));
    line.remove_prefix(word.size());
    return word;
}

std::optional<std::uint8_t> weight_of(std::string_view word) noexcept {
    std::uint8_t weight = 0;
    const char* const end = word.data() + word.size();
    const auto [read, error] = std::from_chars(word.data(), end, weight);
    if (error != std::errc{} || read != end || weight == 0) return std::nullopt;
    return weight;
}

Error wrong(unsigned line, std::string_view word, std::string_view expected) {
    return {Errc::invalid, "line " + std::to_string(line) + ": '" + std::string{word} +
                               "', expected " + std::string{expected}};
}

}  // namespace

Result<Weights> Weights::read(std::string_view text) {
    Weights weights;
    std::optional<dns::Name> name;
    for (unsigned number = 1; !text.empty(); ++number) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const std::string_view first = take_word(line);
        if (first.empty() || first.front() == '#') continue;
        const std::string_view second = take_word(line);
        const auto address = IpAddress::parse(first);
        if (second.empty()) {
            name = address ? std::nullopt : dns::Name::parse(first);
            if (!name) return wrong(number, first, "a name, or an address and its weight");
            continue;
        }
        if (!address) return wrong(number, first, "an address");
        const auto weight = weight_of(second);
        if (!weight) return wrong(number, second, "a weight from 1 to 255");
        if (const std::string_view more = take_word(line); !more.empty()) {
            return wrong(number, more, "nothing behind the weight");
        }
        if (!name) return wrong(number, first, "a name before the first address");
        weights.entries_.push_back({name->lower(), *address, *weight});
    }
    return weights;
}

std::uint8_t Weights::of(dns::NameView name, const IpAddress& address) const noexcept {
    const auto found = std::ranges::find_if(entries_, [&](const Entry& entry) {
        return entry.address == address && entry.name.view().equals(name);
    });
    return found == entries_.end() ? std::uint8_t{1} : found->weight;
}

}  // namespace nameplane::plugins::loadbalancing
