#pragma once
// commands: the subcommands that do one thing and leave. Each returns the exit code.

#include "agent/command_line.hpp"
#include <nameplane/base/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace nameplane::agent {

std::vector<std::string> lines_of(std::string_view text);
/// Each line of `text` to standard error, as "nameplane: line".
void complain(std::string_view text);

/// Makes all plugins of `config` whose options are good as far as their tables tell, to hear what
/// else they do not like, and looks for blocks that want different things of one address; nothing
/// runs.
Status try_plugins(const conf::Config& config);

/// Says all that is wrong in `settings`; false: nothing.
bool complain_about(const conf::Compiled& settings);
/// The same, and what its plugins do not like.
bool complain_about_all(const conf::Compiled& settings);

/// Prints a Corefile or kube-proxy's file as TOML, or TOML as a Corefile.
int run_convert(const ConvertCommand& command);
/// Says all that is wrong in a configuration, one problem a line.
int run_check(const CheckCommand& command);
/// Prints the rules that manifests or the objects of a cluster ask for; no root, no kernel.
int run_render(const RenderCommand& command);
/// Takes our rules of both families out of the kernel.
int run_cleanup();
/// Writes kube-proxy's configuration file with all its fields.
int run_write_config(const WriteConfigCommand& command);
/// Sets what only root may set of the machine: sysctls.
int run_init(const InitCommand& command);

}  // namespace nameplane::agent
