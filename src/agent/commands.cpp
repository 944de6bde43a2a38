#include "agent/commands.hpp"

#include "agent/certificates.hpp"
#include "agent/kube_proxy_config.hpp"
#include "agent/kube_proxy_file.hpp"
#include "agent/listeners.hpp"
#include "agent/machine.hpp"
#include "agent/node.hpp"
#include "base/file.hpp"
#include "chain/builder.hpp"
#include "chain/registry.hpp"
#include "conf/print.hpp"
#include "kube/folder.hpp"
#include "rules/backend.hpp"
#include "rules/policy.hpp"

#include <algorithm>
#include <cstdio>

namespace nameplane::agent {

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

void complain(std::string_view text) {
    for (const std::string& line : lines_of(text)) {
        std::fprintf(stderr, "nameplane: %s\n", line.c_str());
    }
}

bool complain_about(const conf::Compiled& settings) {
    for (const conf::Problem& problem : settings.problems) complain(problem.to_string());
    return !settings.problems.empty();
}

namespace {

// A listener for each zone of each block, wherever this machine would have them.
chain::Layout apart(const std::vector<conf::ServerConfig>& servers) {
    chain::Layout layout;
    for (const conf::ServerConfig& server : servers) {
        std::vector<std::vector<std::size_t>>& places = layout.places.emplace_back();
        for (std::size_t i = 0; i < server.zones.size(); ++i) {
            places.push_back({layout.labels.size()});
            layout.labels.emplace_back("dns://");
        }
    }
    return layout;
}

}  // namespace

// What only a plugin knows of its options, it says when it is made; what blocks want of an address
// is compared when it is known where they are.
Status try_plugins(const conf::Config& config) {
    std::vector<conf::ServerConfig> servers = config.runtime.servers;
    std::erase_if(servers, [](const conf::ServerConfig& server) { return server.zones.empty(); });
    for (conf::ServerConfig& server : servers) {
        std::erase_if(server.plugins,
                      [](const conf::PluginConfig& plugin) { return !plugin.whole; });
    }
    metrics::Registry registry{1};
    const Setup setup{.zones = {}, .metrics = registry, .own_addresses = {}, .services_synced = {}};
    auto chains = chain::Chains::build(servers, setup, apart(servers));
    if (!chains && chains.error().code != Errc::mistakes) return std::move(chains).error();
    const rules::NodeFacts machine =
        rules::facts_of_this_machine(local_node_name(config.start.node));
    const Status listeners = try_listeners(config.start.dns, servers, machine.addresses);
    const Status certificates = try_certificates(servers);
    Mistakes mistakes;
    if (!chains) mistakes.add(chains.error());
    if (!listeners) mistakes.add(listeners.error());
    if (!certificates) mistakes.add(certificates.error());
    return mistakes.any() ? Status{mistakes.to_error()} : Status{};
}

bool complain_about_all(const conf::Compiled& settings) {
    const bool wrong = complain_about(settings);
    const Status plugins = try_plugins(settings.config);
    if (!plugins) complain(plugins.error().text);
    return wrong || !plugins;
}

int run_check(const CheckCommand& command) {
    const conf::Compiled settings = load_settings(command.overrides);
    if (complain_about_all(settings)) return exit_usage;
    for (const conf::Problem& warning : settings.warnings) {
        complain("warning: " + warning.to_string());
    }
    const std::string& path = command.overrides.config_path;
    std::printf("%s: good\n", path.empty() ? "(default)" : path.c_str());
    return exit_ok;
}

int run_convert(const ConvertCommand& command) {
    const Result<std::string> text = kube::read_file(command.file);
    if (!text) {
        complain(text.error().text);
        return exit_usage;
    }
    const conf::Compiled settings = compile_text(*text, command.file);
    if (complain_about(settings)) return exit_usage;
    if (is_kube_proxy_file(*text)) {
        KubeProxyReading reading = read_kube_proxy_file(*text, command.file);
        for (const conf::Problem& warning : reading.warnings) complain(warning.to_string());
        const conf::Document document = settings_of(reading.values, reading.problems);
        std::fputs(conf::print_settings(document).c_str(), stdout);
        return exit_ok;
    }
    const bool to_toml = is_corefile(*text, command.file);
    const std::vector<conf::OptionTable> plugins = chain::plugin_tables();
    const conf::Printed printed = to_toml ? conf::print_toml(settings.config, plugins)
                                          : conf::print_corefile(settings.config, plugins);
    for (const std::string& name : printed.left_out) {
        complain(name + ": left out, since a Corefile has no place for it");
    }
    std::fputs(printed.text.c_str(), stdout);
    return printed.left_out.empty() ? exit_ok : exit_failed;
}

int run_write_config(const WriteConfigCommand& command) {
    if (complain_about(load_settings(command.overrides))) return exit_usage;
    KubeProxyValues values = command.overrides.kube_proxy->values;
    if (const std::string& path = command.overrides.config_path; !path.empty()) {
        const Result<std::string> text = kube::read_file(path);
        if (text && is_kube_proxy_file(*text)) values = read_kube_proxy_file(*text, path).values;
    }
    const Status written = write_file_atomically(command.path, kube_proxy_yaml(values));
    if (written) return exit_ok;
    complain(written.error().text);
    return exit_failed;
}

int run_init(const InitCommand& command) {
    const conf::Compiled settings = load_settings(command.overrides);
    if (complain_about(settings)) return exit_usage;
    const conf::StartConfig& start = settings.config.start;
    set_conntrack(start.conntrack);
    const bool iptables = start.rules.mode == conf::RulesMode::iptables;
    if (!iptables || !start.rules.localhost_node_ports) return exit_ok;
    const Status opened = open_localhost();
    if (opened) return exit_ok;
    complain(opened.error().text);
    return exit_failed;
}

int run_cleanup() {
    int code = exit_ok;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const Status clean = rules::clean_everything(family);
        if (clean) continue;
        complain(std::string{to_string(family)} + ": " + clean.error().text);
        code = exit_failed;
    }
    return code;
}

}  // namespace nameplane::agent
