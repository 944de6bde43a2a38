#include "agent/settings.hpp"

#include "agent/kube_proxy_config.hpp"
#include "agent/kube_proxy_file.hpp"
#include "chain/registry.hpp"
#include "conf/corefile.hpp"
#include "conf/lexer.hpp"
#include "conf/toml.hpp"
#include "kube/folder.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <tuple>
#include <utility>

namespace nameplane::agent {

namespace {

void lay_over_api(const Overrides& overrides, conf::StartConfig& start) {
    if ((overrides.kubeconfig || overrides.master) && !overrides.manifests) {
        start.services.manifests.clear();
    }
    if (overrides.kubeconfig) start.api.kubeconfig = *overrides.kubeconfig;
    if (overrides.master) start.api.endpoint = *overrides.master;
    if (overrides.context) start.api.context = *overrides.context;
    if (overrides.state_file) start.api.state_file = *overrides.state_file;
}

// Two sources, or a source half named.
void check_sources(const Overrides& overrides, conf::Compiled& compiled) {
    const conf::StartConfig& start = compiled.config.start;
    const auto problem = [&](std::string text) {
        compiled.problems.push_back({{"(command line)", 0}, std::move(text)});
    };
    if (overrides.manifests && !overrides.manifests->empty() &&
        (overrides.kubeconfig || overrides.master)) {
        problem(
            "two sources of Services, expected either --manifests or --kubeconfig and --master");
    }
    if (overrides.context && start.api.kubeconfig.empty()) {
        problem("--context without a kubeconfig, expected --kubeconfig FILE as well");
    }
}

void lay_over(const Overrides& overrides, conf::Config& config) {
    conf::StartConfig& start = config.start;
    if (overrides.manifests) start.services.manifests = *overrides.manifests;
    if (overrides.threads) start.dns.threads = *overrides.threads;
    if (overrides.port) start.dns.port = *overrides.port;
    if (!overrides.listen.empty()) start.dns.listen = overrides.listen;
    if (overrides.log_level) config.runtime.log_level = *overrides.log_level;
    if (overrides.rules) start.rules.mode = *overrides.rules;
    if (overrides.node_name) start.node.name = *overrides.node_name;
    lay_over_api(overrides, start);
}

conf::Compiled compile_kube_proxy(KubeProxyReading reading) {
    const conf::Document document = settings_of(reading.values, reading.problems);
    conf::Compiled compiled = conf::compile(document, chain::plugin_tables());
    compiled.warnings.insert(compiled.warnings.begin(), reading.warnings.begin(),
                             reading.warnings.end());
    compiled.problems.insert(compiled.problems.begin(), reading.problems.begin(),
                             reading.problems.end());
    conf::sort_by_place(compiled.problems);
    return compiled;
}

// kube-proxy takes a file in the place of most flags; our own kinds of files know none of them.
void judge_flags_beside_file(const KubeProxyRole& role, std::string_view text,
                             conf::Compiled& compiled) {
    const bool is_theirs = is_kube_proxy_file(text);
    for (const auto& [path, value] : role.values.given) {
        if (path == "logging.verbosity") continue;
        if (is_theirs) {
            compiled.warnings.push_back(
                {value.where, value.name + ": accepted without effect, since there is a file"});
        } else {
            compiled.problems.push_back(
                {value.where, value.name + ": beside a file that is not kube-proxy's, expected an "
                                           "option in that file"});
        }
    }
}

class Differences {
public:
    template <class T> void note(std::string_view option, const T& before, const T& after) {
        if (!(before == after)) names_.push_back(option);
    }
    std::vector<std::string_view> finish() && { return std::move(names_); }

private:
    std::vector<std::string_view> names_;
};

void note_conntrack(Differences& all, const conf::ConntrackConfig& before,
                    const conf::ConntrackConfig& after) {
    all.note("conntrack.max_per_core", before.max_per_core, after.max_per_core);
    all.note("conntrack.min", before.min, after.min);
    all.note("conntrack.tcp_established_timeout", before.tcp_established, after.tcp_established);
    all.note("conntrack.tcp_close_wait_timeout", before.tcp_close_wait, after.tcp_close_wait);
    all.note("conntrack.tcp_be_liberal", before.tcp_be_liberal, after.tcp_be_liberal);
    all.note("conntrack.udp_timeout", before.udp, after.udp);
    all.note("conntrack.udp_stream_timeout", before.udp_stream, after.udp_stream);
}

}  // namespace

Source source_of(const conf::StartConfig& start) noexcept {
    if (!start.services.manifests.empty()) return Source::manifests;
    const bool named = !start.api.kubeconfig.empty() || !start.api.endpoint.empty();
    return named || std::getenv("KUBERNETES_SERVICE_HOST") != nullptr ? Source::api : Source::none;
}

bool needs_services(const conf::Config& config) {
    // What else asks for objects, such as autopath, asks one of these.
    constexpr std::array<std::string_view, 2> readers{"kubernetes", "k8s_external"};
    if (config.start.rules.mode != conf::RulesMode::off) return true;
    return std::ranges::any_of(config.runtime.servers, [&](const conf::ServerConfig& server) {
        return std::ranges::any_of(server.plugins, [&](const conf::PluginConfig& plugin) {
            return std::ranges::find(readers, plugin.name) != readers.end();
        });
    });
}

std::string_view config_name(const Overrides& overrides) noexcept {
    return overrides.config_path.empty() ? std::string_view{"(default)"} : overrides.config_path;
}

bool is_corefile(std::string_view text, std::string_view file) {
    const std::string_view name = file.substr(file.rfind('/') + 1);
    if (name.find("Corefile") != name.npos || name.ends_with(".corefile")) return true;
    if (name.ends_with(".toml") || is_kube_proxy_file(text)) return false;
    // TOML begins with a table or a value, a Corefile with a zone, a snippet or an import.
    const std::vector<conf::Token> tokens = conf::lex(text);
    if (tokens.empty()) return false;
    const bool is_value = tokens.size() > 1 && tokens[1].text.starts_with('=');
    return !tokens[0].text.starts_with('[') && !is_value &&
           tokens[0].text.find('=') == std::string::npos;
}

conf::Compiled compile_text(std::string_view text, std::string_view file) {
    std::vector<conf::Problem> problems;
    conf::Compiled compiled;
    std::string sources{text};
    if (is_kube_proxy_file(text)) {
        compiled = compile_kube_proxy(read_kube_proxy_file(text, file));
    } else if (is_corefile(text, file)) {
        conf::CorefileReading reading = conf::read_corefile(text, file, conf::real_surroundings());
        if (reading.problems.empty() && reading.document.servers.empty()) {
            reading.problems.push_back(
                {{std::string{file}, 0}, "no server block, expected one such as '.:53 { ... }'"});
        }
        compiled = conf::compile(reading.document, chain::plugin_tables());
        compiled.warnings.insert(compiled.warnings.begin(), reading.warnings.begin(),
                                 reading.warnings.end());
        problems = std::move(reading.problems);
        for (const auto& [path, content] : reading.imported) {
            sources += '\0' + path + '\0' + content;
        }
    } else {
        conf::TomlReading reading = conf::read_toml(text, file);
        compiled = conf::compile(reading.document, chain::plugin_tables());
        problems = std::move(reading.problems);
    }
    compiled.sources = std::move(sources);
    compiled.problems.insert(compiled.problems.begin(), problems.begin(), problems.end());
    conf::sort_by_place(compiled.problems);
    return compiled;
}

conf::Compiled load_settings(const Overrides& overrides) {
    conf::Compiled compiled;
    if (overrides.config_path.empty() && overrides.kube_proxy) {
        compiled =
            compile_kube_proxy({overrides.kube_proxy->values, {}, overrides.kube_proxy->warnings});
    } else if (overrides.config_path.empty()) {
        compiled = compile_text("", "(default)");
    } else if (const Result<std::string> text = kube::read_file(overrides.config_path)) {
        compiled = compile_text(*text, overrides.config_path);
        if (overrides.kube_proxy) judge_flags_beside_file(*overrides.kube_proxy, *text, compiled);
    } else {
        compiled.problems.push_back(
            {{overrides.config_path, 0}, text.error().text + ", expected a readable file"});
    }
    lay_over(overrides, compiled.config);
    check_sources(overrides, compiled);
    return compiled;
}

kube::ManifestOptions manifest_options(const conf::ServicesConfig& services) {
    kube::ManifestOptions options;
    options.path = services.manifests;
    options.service_cidrs = services.service_cidrs;
    options.node_ports = services.node_ports;
    options.state_file = services.state_file;
    return options;
}

std::vector<std::string_view> changed_fields(const conf::StartConfig& before,
                                             const conf::StartConfig& after) {
    Differences all;
    all.note("dns.listen", before.dns.listen, after.dns.listen);
    all.note("dns.port", before.dns.port, after.dns.port);
    all.note("dns.threads", before.dns.threads, after.dns.threads);
    all.note("dns.udp_size_max", before.dns.udp_size_max, after.dns.udp_size_max);
    all.note("dns.tcp_connections_max", before.dns.tcp_connections_max,
             after.dns.tcp_connections_max);
    all.note("services.manifests", before.services.manifests, after.services.manifests);
    all.note("services.service_cidr", before.services.service_cidrs, after.services.service_cidrs);
    all.note("services.node_port_range", before.services.node_ports, after.services.node_ports);
    all.note("services.state_file", before.services.state_file, after.services.state_file);
    all.note("api.kubeconfig", before.api.kubeconfig, after.api.kubeconfig);
    all.note("api.context", before.api.context, after.api.context);
    all.note("api.endpoint", before.api.endpoint, after.api.endpoint);
    all.note("api.certificate", before.api.certificate, after.api.certificate);
    all.note("api.key", before.api.key, after.api.key);
    all.note("api.authority", before.api.authority, after.api.authority);
    all.note("api.headless", before.api.headless_forward, after.api.headless_forward);
    all.note("api.state_file", before.api.state_file, after.api.state_file);
    all.note("node.name", before.node.name, after.node.name);
    all.note("node.oom_score_adj", before.node.oom_score_adj, after.node.oom_score_adj);
    all.note("rules.mode", before.rules.mode, after.rules.mode);
    all.note("rules.dispatch", before.rules.dispatch, after.rules.dispatch);
    all.note("rules.iptables_backend", before.rules.iptables_backend, after.rules.iptables_backend);
    all.note("rules.masquerade_bit", before.rules.masquerade_bit, after.rules.masquerade_bit);
    all.note("rules.masquerade_all", before.rules.masquerade_all, after.rules.masquerade_all);
    all.note("rules.detect_local_mode", before.rules.detect_local, after.rules.detect_local);
    all.note("rules.cluster_cidr", before.rules.cluster_cidrs, after.rules.cluster_cidrs);
    all.note("rules.bridge_interface", before.rules.bridge_interface, after.rules.bridge_interface);
    all.note("rules.interface_name_prefix", before.rules.interface_name_prefix,
             after.rules.interface_name_prefix);
    all.note("rules.node_port_addresses",
             std::tie(before.rules.node_port_addresses, before.rules.node_ports_on_primary),
             std::tie(after.rules.node_port_addresses, after.rules.node_ports_on_primary));
    all.note("rules.localhost_node_ports", before.rules.localhost_node_ports,
             after.rules.localhost_node_ports);
    all.note("rules.publish_wait", before.rules.publish_wait, after.rules.publish_wait);
    all.note("rules.full_sync", before.rules.full_sync, after.rules.full_sync);
    all.note("rules.node_address", before.rules.node_addresses, after.rules.node_addresses);
    all.note("rules.stale_after", before.rules.stale_after, after.rules.stale_after);
    note_conntrack(all, before.conntrack, after.conntrack);
    all.note("admin.health", before.admin.health, after.admin.health);
    all.note("admin.ready", before.admin.ready, after.admin.ready);
    all.note("admin.metrics", before.admin.metrics, after.admin.metrics);
    all.note("admin.pprof", before.admin.pprof, after.admin.pprof);
    all.note("admin.proxy_health", before.admin.proxy_health, after.admin.proxy_health);
    all.note("admin.proxy_metrics", before.admin.proxy_metrics, after.admin.proxy_metrics);
    all.note("admin.proxy_hard_fail", before.admin.proxy_hard_fail, after.admin.proxy_hard_fail);
    return std::move(all).finish();
}

}  // namespace nameplane::agent
