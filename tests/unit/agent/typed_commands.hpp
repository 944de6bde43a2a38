#pragma once
// typed_commands: what was typed, as the command that it must be, for tests of the command line.

#include "agent/command_line.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace nameplane::test {

/// The command that `arguments` of a program `called` so are, which must be a T.
template <class T>
T typed(const std::vector<std::string>& arguments, std::string_view called = "nameplane") {
    const agent::Command command = agent::parse_command_line(arguments, called);
    if (const auto* const said = std::get_if<agent::SayCommand>(&command);
        said != nullptr && !std::is_same_v<T, agent::SayCommand>) {
        FAIL(said->text);
    }
    REQUIRE(std::holds_alternative<T>(command));
    return std::get<T>(command);
}

}  // namespace nameplane::test
