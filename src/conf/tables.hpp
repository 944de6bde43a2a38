#pragma once
// tables: the option tables of the agent itself. Plugins declare theirs beside their code.

#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>

#include <span>
#include <string_view>

namespace nameplane::conf {

/// A table of options under a name: [dns], [rules], or a plugin's [server.kubernetes].
struct OptionTable {
    std::string_view name;
    std::span<const Option> options;
    Syntax syntax = {};
};

/// log, dns, services, api, node, rules, admin.
std::span<const OptionTable> agent_tables() noexcept;

}  // namespace nameplane::conf
