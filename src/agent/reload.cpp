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

bool needs_pods(const conf::RuntimeConfig& runtime) {
    for (const conf::ServerConfig& server : runtime.servers) {
        for (const conf::PluginConfig& plugin : server.plugins) {
            if (plugin.name == "kubernetes" && plugin.options.word("pods") == "verified")
                return true;
        }
    }
    return false;
}

Result<Reload> prepare_reload(const conf::Config& running, const Overrides& overrides) {
    conf::Compiled next = load_settings(overrides);
    if (!next.problems.empty()) {
        for (const conf::Problem& problem : next.problems) {
            NP_LOG_ERROR("config.problem", "problem", problem.to_string());
        }
        return Error{Errc::invalid,
                     std::to_string(next.problems.size()) + " problems in the configuration"};
    }
    std::vector<std::string_view> changed = changed_fields(running.start, next.config.start);
    if (needs_pods(next.config.runtime) && !needs_pods(running.runtime)) {
        changed.push_back("kubernetes.pods");
    }
    if (!changed.empty()) {
        return Error{Errc::conflict, "a restart is needed to change " + joined(changed)};
    }
    return Reload{std::move(next.config.runtime), std::move(next.sources)};
}

}  // namespace nameplane::agent
