#pragma once
// command_line: what was typed, as one of eight commands. Knows the words; does nothing.

#include "agent/node_local_flags.hpp"
#include "agent/settings.hpp"
#include <nameplane/base/ip.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace nameplane::agent {

/// Exit codes of the program.
inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;  ///< it did not work
inline constexpr int exit_usage = 2;   ///< wrong use or a wrong configuration

/// Print `text` and leave with `code`: help, version, or what was wrong with the arguments.
struct SayCommand {
    std::string text;
    int code = exit_ok;
};
struct RunCommand {
    Overrides overrides;
    std::string port_file;  ///< gets the ports that were bound, one "name port" a line
    std::string pid_file;   ///< gets our process id, and goes with us
    bool quiet = false;     ///< do not print what CoreDNS prints when it has started
    std::optional<NodeLocal> node_local = std::nullopt;  ///< run as node-cache does
    std::function<void()> started = nullptr;             ///< called once all sockets are bound
};
struct CheckCommand {
    Overrides overrides;
};
struct ConvertCommand {
    std::string file;
};
enum class RenderTo : std::uint8_t { plan, iptables_restore, nft };
struct RenderCommand {
    Overrides overrides;
    std::string node_facts;  ///< YAML file; empty: this machine
    RenderTo to = RenderTo::plan;
    Family family = Family::ipv4;
    std::string service;  ///< "namespace/name": only the rules of that one; empty: of all
};
struct CleanupCommand {};
/// kube-proxy's --write-config-to: its configuration as a file, defaults filled in.
struct WriteConfigCommand {
    Overrides overrides;
    std::string path;
};
/// kube-proxy's --init-only: what only root may do, and nothing else.
struct InitCommand {
    Overrides overrides;
};

using Command = std::variant<SayCommand, RunCommand, CheckCommand, ConvertCommand, RenderCommand,
                             CleanupCommand, WriteConfigCommand, InitCommand>;

/// `arguments` without the program's own name, which is `called`.
Command parse_command_line(const std::vector<std::string>& arguments,
                           std::string_view called = "nameplane");

}  // namespace nameplane::agent
