#pragma once
// tables: the option tables of the agent itself. Plugins declare theirs beside their code.

#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>

#include <optional>
#include <span>
#include <string_view>

namespace nameplane::conf {

/// A table of options under a name: [dns], [rules], or a plugin's [server.kubernetes].
struct OptionTable {
    std::string_view name;
    std::span<const Option> options;
    Syntax syntax = {};
};

/// log, dns, services, api, node, rules, conntrack, admin, reload.
std::span<const OptionTable> agent_tables() noexcept;

/// "127.0.0.1:8080", "localhost:8080", or ":8080" for all addresses.
std::optional<SocketAddress> parse_admin_address(std::string_view text);
inline constexpr std::string_view admin_expected =
    "address:port such as '127.0.0.1:8080' or ':8080'";

}  // namespace nameplane::conf
