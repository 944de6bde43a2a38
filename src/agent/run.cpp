#include "agent/run.hpp"

#include "agent/agent.hpp"
#include "agent/commands.hpp"
#include "agent/corefile_flags.hpp"
#include "agent/machine.hpp"
#include "agent/settings.hpp"
#include "base/file.hpp"
#include <nameplane/base/log.hpp>

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace nameplane::agent {

namespace {

// As CoreDNS does: `Corefile` in the working folder, and `stdin` for a pipe.
void find_config(Overrides& overrides) {
    std::error_code ignored;
    if (overrides.config_path.empty() && !overrides.kube_proxy &&
        std::filesystem::exists("Corefile", ignored)) {
        overrides.config_path = "Corefile";
    }
    if (overrides.config_path == "stdin") overrides.config_path = "/dev/stdin";
}

conf::Compiled read_config(const Overrides& overrides) {
    conf::Compiled settings = load_settings(overrides);
    if (settings.problems.empty() && needs_services(settings.config) &&
        source_of(settings.config.start) == Source::none) {
        settings.problems.push_back(
            {{overrides.config_path.empty() ? "(command line)" : overrides.config_path, 0},
             "no source of Services, expected --kubeconfig FILE, --manifests PATH, or to run as a "
             "pod (KUBERNETES_SERVICE_HOST)"});
    }
    return settings;
}

// By rename, so that who waits for the file never reads half of it.
Status write_port_file(const std::string& path, const Agent& agent) {
    if (path.empty()) return {};
    std::string text;
    for (const auto& [name, port] : agent.ports()) text += name + ' ' + std::to_string(port) + '\n';
    return write_file_atomically(path, text);
}

Status write_pid_file(const std::string& path) {
    if (path.empty()) return {};
    return write_file_atomically(path, std::to_string(::getpid()) + '\n');
}

// Everything up to the loop.
Status start(Agent& agent, const RunCommand& command) {
    if (Status started = agent.start(); !started) return started;
    for (const auto& [name, port] : agent.ports()) {
        NP_LOG_INFO("agent.listening", "what", name, "port", port);
    }
    if (Status written = write_port_file(command.port_file, agent); !written) return written;
    return write_pid_file(command.pid_file);
}

int failed(const Error& error, int code) {
    NP_LOG_ERROR("agent.failed", "error", error);
    return code;
}

// What plugins do not like about their options has places; the rest is the machine's doing.
int not_made(const Error& error) {
    if (error.code == Errc::mistakes) {
        complain(error.text);
        return exit_usage;
    }
    return failed(error, error.code == Errc::invalid ? exit_usage : exit_failed);
}

}  // namespace

int run_agent(RunCommand command) {
    find_config(command.overrides);
    conf::Compiled settings = read_config(command.overrides);
    if (!settings.problems.empty()) {
        complain_about_all(settings);
        return exit_usage;
    }
    log::set_level(settings.config.runtime.log_level);
    // A peer that hangs up is no reason to end.
    std::signal(SIGPIPE, SIG_IGN);
    raise_descriptors();
    NP_LOG_INFO("agent.start", "version", NAMEPLANE_VERSION, "config",
                config_name(command.overrides));
    for (const conf::Problem& warning : settings.warnings) {
        NP_LOG_WARNING("config.warning", "warning", warning.to_string());
    }
    const std::string first_lines = is_corefile(settings.sources, command.overrides.config_path)
                                        ? start_lines(settings.config)
                                        : "";
    set_conntrack(settings.config.start.conntrack);
    set_oom_score(settings.config.start.node.oom_score_adj);
    const auto agent = Agent::make(std::move(settings), command.overrides);
    if (!agent) return not_made(agent.error());
    if (const Status started = start(**agent, command); !started) {
        return failed(started.error(), exit_failed);
    }
    if (!command.quiet) {
        std::fputs(first_lines.c_str(), stdout);
        std::fflush(stdout);
    }
    NP_LOG_INFO("agent.started");
    if (command.started) command.started();
    const int code = (*agent)->run();
    if (!command.pid_file.empty()) ::unlink(command.pid_file.c_str());
    return code;
}

}  // namespace nameplane::agent
