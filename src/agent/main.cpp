// nameplane: the program. What was typed decides which command runs; its result is the exit code.

#include "agent/command_line.hpp"
#include "agent/commands.hpp"
#include "agent/node_local.hpp"
#include "agent/run.hpp"

#include <cstdio>
#include <string>
#include <variant>
#include <vector>

namespace nameplane::agent {
namespace {

struct Execute {
    int operator()(const SayCommand& command) const {
        std::fputs(command.text.c_str(), command.code == exit_ok ? stdout : stderr);
        return command.code;
    }
    int operator()(const RunCommand& command) const {
        return command.node_local ? run_node_local(command) : run_agent(command);
    }
    int operator()(const CheckCommand& command) const { return run_check(command); }
    int operator()(const ConvertCommand& command) const { return run_convert(command); }
    int operator()(const RenderCommand& command) const { return run_render(command); }
    int operator()(const CleanupCommand&) const { return run_cleanup(); }
    int operator()(const WriteConfigCommand& command) const { return run_write_config(command); }
    int operator()(const InitCommand& command) const { return run_init(command); }
};

}  // namespace
}  // namespace nameplane::agent

int main(int argc, char** argv) {
    using namespace nameplane::agent;
    const std::vector<std::string> arguments{argv + 1, argv + argc};
    return std::visit(Execute{}, parse_command_line(arguments, argc > 0 ? argv[0] : ""));
}
