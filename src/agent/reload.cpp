#include "agent/reload.hpp"

#include <nameplane/base/log.hpp>

#include <algorithm>

namespace nameplane::agent {

namespace {

std::string joined(const std::vector<std::string_view>& words) {
    std::string text;
    for (const std::string_view word : words) {
        if (!text.empty()) text += ", ";
        text += word;
    }
    return text;
}

}  // namespace

Result<Reload> prepare_reload(const conf::Config& running, const StoreNeeds& kept,
                              const Overrides& overrides) {
    conf::Compiled next = load_settings(overrides);
    if (!next.problems.empty()) {
        for (const conf::Problem& problem : next.problems) {
            NP_LOG_ERROR("config.problem", "problem", problem.to_string());
        }
        return Error{Errc::invalid,
                     std::to_string(next.problems.size()) + " problems in the configuration"};
    }
    std::vector<std::string_view> changed = changed_fields(running.start, next.config.start);
    const std::vector<std::string_view> missing = missing_needs(kept, next.config.runtime);
    changed.insert(changed.end(), missing.begin(), missing.end());
    if (!changed.empty()) {
        return Error{Errc::conflict, "a restart is needed to change " + joined(changed)};
    }
    return Reload{std::move(next.config.runtime), std::move(next.sources)};
}

}  // namespace nameplane::agent
