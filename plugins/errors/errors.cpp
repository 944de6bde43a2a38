#include "plugins/errors/errors.hpp"

#include "conf/values.hpp"
#include <nameplane/base/log.hpp>
#include <nameplane/query_format.hpp>
#include <nameplane/text.hpp>

#include <algorithm>

namespace nameplane::plugins {

namespace {

constexpr std::chrono::milliseconds look_every{250};

std::int64_t now_ns() noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

std::string prefix_of(std::string_view level) {
    std::string text = "[";
    for (const char c : level) text += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return text + "] plugin/errors: ";
}

/// "30s", "1m0s", "1h0m0s", "250ms": as Go writes durations.
std::string go_duration(std::chrono::milliseconds duration) {
    const auto ms = duration.count();
    if (ms < 1000) return ms == 0 ? "0s" : std::to_string(ms) + "ms";
    std::string seconds = std::to_string(ms / 1000 % 60);
    if (ms % 1000 != 0) {
        std::string fraction = std::to_string(1000 + ms % 1000).substr(1);
        while (fraction.back() == '0') fraction.pop_back();
        seconds += '.' + fraction;
    }
    std::string text;
    if (ms >= 3'600'000) text += std::to_string(ms / 3'600'000) + 'h';
    if (ms >= 60'000) text += std::to_string(ms / 60'000 % 60) + 'm';
    return text + seconds + 's';
}

/// The words behind `consolidate`.
class GroupReader {
public:
    GroupReader(const Statement& line, Mistakes& mistakes) : line_{line}, mistakes_{mistakes} {}

    std::unique_ptr<Errors::Group> read() {
        const std::vector<std::string>& words = line_.words;
        if (words.size() < 2 || words.size() > 4) {
            return wrong(std::to_string(words.size()) +
                         " words, expected DURATION PATTERN [LEVEL] [show_first]");
        }
        const auto period = conf::parse_duration(words[0]);
        if (!period) return wrong("'" + words[0] + "', expected a duration such as '30s'");
        Result<Pattern> pattern = Pattern::make(words[1]);
        if (!pattern) return wrong(pattern.error().text);
        auto group = std::unique_ptr<Errors::Group>(
            new Errors::Group{.period = *period, .pattern = std::move(*pattern)});
        std::string level = "error";
        for (std::size_t i = 2; i < words.size(); ++i) {
            const bool is_level = log::parse_level(words[i]) && words[i] != "off";
            if (is_level && i == 2) {
                level = words[i];
            } else if (words[i] == "show_first" && !group->show_first) {
                group->show_first = true;
            } else {
                return wrong("'" + words[i] +
                             "', expected 'error', 'warning', 'info' or 'debug', "
                             "and 'show_first' behind it");
            }
        }
        group->prefix = prefix_of(level);
        group->silent = level == "debug" && !log::enabled(log::Level::debug);
        return group;
    }

private:
    std::nullptr_t wrong(const std::string& text) {
        mistakes_.add(line_.where, "consolidate: " + text);
        return nullptr;
    }

    const Statement& line_;
    Mistakes& mistakes_;
};

}  // namespace

Result<PluginPtr> Errors::make(const Options& given, Setup& setup) {
    Groups groups;
    Mistakes mistakes;
    for (const Statement& line : given.statements("consolidate")) {
        if (auto group = GroupReader{line, mistakes}.read()) groups.push_back(std::move(group));
    }
    if (mistakes.any()) return mistakes.to_error();
    const bool sums_up = !groups.empty();
    std::unique_ptr<Errors> errors{new Errors{std::move(groups), setup.line_log}};
    if (setup.line_log != nullptr) setup.line_log->start();
    if (sums_up && setup.background != nullptr) {
        errors->summing_up_ = setup.background->every(
            look_every, [&plugin = *errors] { plugin.tell_of_those_due(); });
    }
    return PluginPtr{std::move(errors)};
}

Errors::~Errors() {
    summing_up_.reset();
    for (const auto& group : groups_) tell_of(*group);
}

Errors::Group* Errors::group_of(std::string_view error) const noexcept {
    const auto found = std::ranges::find_if(
        groups_, [error](const auto& group) { return group->pattern.matches(error); });
    return found == groups_.end() ? nullptr : found->get();
}

Step Errors::tell(Query& query, Reply& reply) const noexcept {
    if (reply.error.empty() || lines_ == nullptr) return Step::done;
    Group* const group = group_of(reply.error);
    if (group != nullptr) {
        const bool first = group->count.fetch_add(1) == 0;
        if (first) group->first_ns.store(now_ns());
        if (!first || !group->show_first || group->silent) return Step::done;
    }
    // Where all others pass a question on, this is what every query comes to: no heap, for the type
    // is short.
    query_format::Line line;
    line.add(group == nullptr ? std::string_view{"[ERROR] plugin/errors: "} : group->prefix);
    line.add(static_cast<std::uint64_t>(reply.rcode));
    line.add(" ");
    line.add(query.name());
    line.add(" ");
    line.add(dns::to_string(query.type()));
    line.add(": ");
    line.add(reply.error);
    lines_->put(query.worker(), line.text());
    return Step::done;
}

void Errors::tell_of_those_due() const {
    for (const auto& group : groups_) {
        const std::int64_t first = group->first_ns.load();
        const auto period = std::chrono::nanoseconds{group->period}.count();
        if (group->count.load() != 0 && first != 0 && now_ns() - first >= period) tell_of(*group);
    }
}

void Errors::tell_of(Group& group) const {
    group.first_ns.store(0);
    const std::uint32_t count = group.count.exchange(0);
    if (count == 0 || lines_ == nullptr || group.silent) return;
    if (count == 1 && group.show_first) return;
    lines_->put_shared(group.prefix + std::to_string(count) + " errors like '" +
                       group.pattern.text() + "' occurred in last " + go_duration(group.period));
}

}  // namespace nameplane::plugins
