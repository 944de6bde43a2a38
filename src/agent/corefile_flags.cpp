#include "agent/corefile_flags.hpp"

#include "chain/registry.hpp"
#include "conf/directives.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

namespace nameplane::agent {

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> flags{
    {{"conf", "--config"},
     {"dns.port", "--port"},
     {"p", "--port"},
     {"pidfile", "--pidfile"},
     {"plugins", "--plugins"},
     {"quiet", "--quiet"},
     {"version", "--version"}}};

}  // namespace

std::vector<std::string> with_our_flags(std::vector<std::string> arguments) {
    for (std::string& argument : arguments) {
        if (argument == "--") break;
        std::string_view name = argument;
        if (!name.starts_with('-')) continue;
        name.remove_prefix(name.starts_with("--") ? 2 : 1);
        const std::size_t end = std::min(name.find('='), name.size());
        const auto known =
            std::ranges::find(flags, name.substr(0, end), &decltype(flags)::value_type::first);
        if (known == flags.end()) continue;
        argument = std::string{known->second} + std::string{name.substr(end)};
    }
    return arguments;
}

std::string start_lines(const conf::Config& config) {
    std::string text;
    for (const conf::ServerConfig& server : config.runtime.servers) {
        std::string on;
        for (const std::string& address : server.bind) on += (on.empty() ? " on " : " ") + address;
        for (const conf::ServedZone& zone : server.zones) {
            const std::uint16_t port = zone.port_or(config.start.dns.port);
            // As CoreDNS: only what is not dns:// has a scheme in front.
            if (zone.scheme != conf::Scheme::dns) {
                text += std::string{to_string(zone.scheme)} + "://";
            }
            text += zone.name.to_string() + ':' + std::to_string(port) + on + '\n';
        }
    }
    utsname machine{};
    const bool known = ::uname(&machine) == 0;
    text += "Nameplane-" NAMEPLANE_VERSION ", in the place of CoreDNS-1.14.7\n";
    return text + "linux/" + (known ? machine.machine : "unknown") + '\n';
}

std::string plugin_list() {
    std::set<std::string_view> names;
    for (const conf::OptionTable& table : chain::plugin_tables()) names.insert(table.name);
    for (const conf::OptionTable& table : conf::directive_tables()) names.insert(table.name);
    std::string text;
    for (const std::string_view name : names) text += std::string{name} + '\n';
    return text;
}

}  // namespace nameplane::agent
