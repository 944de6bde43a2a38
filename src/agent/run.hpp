#pragma once
// run: the process around an agent: its configuration found and read, files that say what it is,
// exit codes.

#include "agent/command_line.hpp"

namespace nameplane::agent {

/// The whole life of `nameplane` without a subcommand; returns its exit code.
int run_agent(RunCommand command);

}  // namespace nameplane::agent
