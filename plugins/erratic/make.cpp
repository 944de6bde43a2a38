// The words of the configuration to settings.

#include "conf/values.hpp"
#include "plugins/erratic/erratic.hpp"

#include <charconv>
#include <limits>

namespace nameplane::plugins {

namespace {

constexpr std::uint64_t amount_unset = 2;

/// The first word of an option that was given; amount_unset without one.
Result<std::uint64_t> amount_of(const Options& given, std::string_view option) {
    const std::vector<std::string>& words = given.words(option);
    if (words.empty() || words[0].empty()) return amount_unset;
    std::uint32_t amount = 0;
    const std::string& word = words[0];
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), amount);
    constexpr auto most = static_cast<std::uint32_t>(std::numeric_limits<std::int32_t>::max());
    if (error != std::errc{} || end != word.data() + word.size() || amount > most) {
        return given.wrong(option, "'" + word + "', expected a number of queries");
    }
    return std::uint64_t{amount};
}

}  // namespace

Result<Erratic::Settings> Erratic::read(const Options& given) {
    Settings settings;
    // Without a word about drops, it is them that there are, unless there is something else.
    const bool others = given.given("delay") || given.given("truncate");
    if (!others) settings.drop = amount_unset;
    for (const auto& [option, amount] : {std::pair{"drop", &settings.drop},
                                         {"truncate", &settings.truncate},
                                         {"delay", &settings.delay}}) {
        if (!given.given(option)) continue;
        // As CoreDNS: "drop" alone says nothing.
        if (amount == &settings.drop && given.words(option).empty()) continue;
        Result<std::uint64_t> read = amount_of(given, option);
        if (!read) return read.error();
        *amount = *read;
    }
    if (given.words("delay").size() == 2) {
        const std::string& word = given.words("delay")[1];
        const auto duration = conf::parse_duration(word);
        if (!duration) {
            return given.wrong("delay", "'" + word + "', expected a duration such as '100ms'");
        }
        settings.delay_for = std::chrono::milliseconds{*duration};
    }
    settings.large = given.flag("large");
    return settings;
}

Result<PluginPtr> Erratic::make(const Options& given, Setup& setup) {
    Result<Settings> settings = read(given);
    if (!settings) return settings.error();
    return PluginPtr{new Erratic{*settings, setup.workers}};
}

void Erratic::begin(WorkerContext& worker) const {
    if (settings_.delay == 0) return;
    std::shared_ptr<erratic::Delays>& delays = delays_.at(worker.number());
    if (delays == nullptr) {
        delays = std::make_shared<erratic::Delays>(worker.loop(), settings_.delay_for);
    }
    worker.keep(delays);
}

}  // namespace nameplane::plugins
