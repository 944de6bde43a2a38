#include "agent/command_line.hpp"

#include "agent/corefile_flags.hpp"
#include "agent/kube_proxy_flags.hpp"
#include "conf/nearest.hpp"
#include <nameplane/base/metrics.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>

namespace nameplane::agent {

namespace {

constexpr std::string_view description =
    "Answers a cluster's names and programs its Service rules from one service cache.\n";
constexpr std::string_view footer =
    "Exit codes: 0 done, 1 it did not work, 2 wrong use or configuration.\n"
    "Every option of FILE is explained in config/nameplane.toml. Flags of CoreDNS\nwork, too; with "
    "-localip those of NodeLocal DNSCache (docs/nodelocal.md), and\nthose of kube-proxy "
    "(docs/from-kube-proxy.md).";

// Everything the parser writes into; one field an option.
struct Given {
    Overrides overrides;
    std::string port_file;
    std::string pid_file;
    std::string file;
    bool quiet = false;
    bool plugins = false;
    std::vector<std::string> listen;
    std::string log_level;
    std::string rules;
    std::string manifests;
    std::string node_name;
    std::string kubeconfig;
    std::string context;
    std::string master;
    std::string state_file;
    std::uint16_t threads = 0;
    std::uint16_t port = 0;
    std::string node_facts;
    std::string to;
    std::string family = "ipv4";
    std::string service;
};

std::string wrong_word(std::string_view given, std::string_view expected) {
    return "'" + std::string{given} + "', expected " + std::string{expected};
}

const auto is_address = [](const std::string& text) {
    return IpAddress::parse(text) ? std::string{} : wrong_word(text, "an IP address");
};

// Checks of our own: CLI11's would print their tables into the help page.
auto number_up_to(unsigned most) {
    return [most](const std::string& text) {
        unsigned number = 0;
        const char* const end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, number);
        if (error == std::errc{} && stop == end && number <= most) return std::string{};
        return wrong_word(text, "a number from 0 to " + std::to_string(most));
    };
}

auto one_of(std::vector<std::string> words) {
    return [words = std::move(words)](const std::string& text) {
        if (std::ranges::find(words, text) != words.end()) return std::string{};
        std::string all;
        for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
        const std::vector<std::string_view> views{words.begin(), words.end()};
        return wrong_word(text, "one of " + all) + conf::did_you_mean(text, views);
    };
}

void add_config(CLI::App& app, Given& given) {
    app.add_option("--config", given.overrides.config_path,
                   "TOML, Corefile or kube-proxy's; else ./Corefile")
        ->type_name("FILE");
}

void add_manifests(CLI::App& app, Given& given) {
    app.add_option("--manifests", given.manifests, "file or folder of Kubernetes objects")
        ->type_name("PATH");
}

void add_api(CLI::App& app, Given& given) {
    app.add_option("--kubeconfig", given.kubeconfig, "where the API server is and who we are")
        ->type_name("FILE");
    app.add_option("--context", given.context, "context of the kubeconfig")->type_name("NAME");
    app.add_option("--master", given.master, "URL of the API server")->type_name("URL");
}

void add_run_options(CLI::App& app, Given& given) {
    add_config(app, given);
    add_manifests(app, given);
    add_api(app, given);
    app.add_option("--state-file", given.state_file,
                   "keeps the last state for the next start; '' is none")
        ->type_name("FILE");
    app.add_option("--listen", given.listen, "answer names on this address (repeatable)")
        ->type_name("ADDR")
        ->expected(1)
        ->check(is_address)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_option("--port", given.port, "UDP and TCP port of names; 0 takes a free one")
        ->type_name("N")
        ->check(number_up_to(65535));
    app.add_option("--threads", given.threads, "threads that answer; 0 is one a processor")
        ->type_name("N")
        ->check(number_up_to(metrics::cells_max));
    app.add_option("--rules", given.rules, "Service rules by: off, iptables, nftables, auto")
        ->type_name("MODE")
        ->check(one_of({"off", "iptables", "nftables", "auto"}));
    app.add_option("--node-name", given.node_name, "name of this machine's Node")
        ->type_name("NAME");
    app.add_option("--log-level", given.log_level, "debug, info, warning, error or off")
        ->type_name("LEVEL")
        ->check(one_of({"debug", "info", "warning", "error", "off"}));
    app.add_option("--port-file", given.port_file, "write the ports that were bound to FILE")
        ->type_name("FILE");
    app.add_option("--pidfile", given.pid_file, "write our process id to FILE")->type_name("FILE");
    app.add_flag("--quiet", given.quiet, "print nothing at start");
    app.add_flag("--plugins", given.plugins, "the plugins that there are");
}

CLI::App* add_convert(CLI::App& app, Given& given) {
    CLI::App* const convert =
        app.add_subcommand("convert", "print FILE as TOML, or TOML as a Corefile");
    convert->add_option("FILE", given.file, "TOML, Corefile or kube-proxy's")
        ->type_name("")
        ->required();
    return convert;
}

CLI::App* add_check(CLI::App& app, Given& given) {
    CLI::App* const check = app.add_subcommand("check", "say all that is wrong in a configuration");
    check
        ->add_option("FILE", given.overrides.config_path,
                     "TOML, Corefile or kube-proxy's; else defaults")
        ->type_name("");
    return check;
}

CLI::App* add_render(CLI::App& app, Given& given) {
    CLI::App* const render = app.add_subcommand("render", "print the rules; no root, no kernel");
    add_manifests(*render, given);
    add_api(*render, given);
    add_config(*render, given);
    render->add_option("--node-facts", given.node_facts, "YAML; without it this machine's")
        ->type_name("FILE");
    render->add_option("--node-name", given.node_name, "name of this machine's Node")
        ->type_name("NAME");
    render->add_option("--to", given.to, "plan, iptables-restore or nft")
        ->type_name("FORM")
        ->required()
        ->check(one_of({"plan", "iptables-restore", "nft"}));
    render->add_option("--family", given.family, "ipv4 (default) or ipv6")
        ->type_name("FAMILY")
        ->check(one_of({"ipv4", "ipv6"}));
    render->add_option("--service", given.service, "only its rules: NAMESPACE/NAME")
        ->type_name("SERVICE");
    return render;
}

// "--option=" as "--option" and "": CLI11 would take the next argument for the value.
std::vector<std::string> with_empty_values(const std::vector<std::string>& arguments) {
    std::vector<std::string> apart;
    bool options = true;
    for (const std::string& argument : arguments) {
        options = options && argument != "--";
        if (options && argument.starts_with("--") && argument.find('=') == argument.size() - 1) {
            apart.push_back(argument.substr(0, argument.size() - 1));
            apart.emplace_back();
        } else {
            apart.push_back(argument);
        }
    }
    return apart;
}

Overrides overrides_of(const Given& given, const CLI::App& app) {
    const auto has = [&](const std::string& name) {
        const CLI::Option* const option = app.get_option_no_throw(name);
        return option != nullptr && option->count() > 0;
    };
    Overrides overrides = given.overrides;
    if (has("--manifests")) overrides.manifests = given.manifests;
    if (has("--kubeconfig")) overrides.kubeconfig = given.kubeconfig;
    if (has("--context")) overrides.context = given.context;
    if (has("--master")) overrides.master = given.master;
    if (has("--state-file")) overrides.state_file = given.state_file;
    if (has("--threads")) overrides.threads = given.threads;
    if (has("--port")) overrides.port = given.port;
    if (has("--log-level")) overrides.log_level = log::parse_level(given.log_level);
    if (has("--node-name")) overrides.node_name = given.node_name;
    if (has("--rules")) overrides.rules = conf::rules_mode(given.rules);
    for (const std::string& text : given.listen)
        overrides.listen.push_back(*IpAddress::parse(text));
    return overrides;
}

RenderTo form_of(std::string_view word) {
    if (word == "iptables-restore") return RenderTo::iptables_restore;
    return word == "nft" ? RenderTo::nft : RenderTo::plan;
}

// Every line of `text` is a mistake.
SayCommand wrong_use(std::string_view text) {
    std::string said;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        said += "nameplane: " + std::string{text.substr(0, end)} + '\n';
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return {said + "Try 'nameplane --help'.\n", exit_usage};
}

Command in_place_of_kube_proxy(const Given& given, KubeProxyRole role, Overrides overrides) {
    if (role.cleanup) return CleanupCommand{};
    if (role.node_name) overrides.node_name = role.node_name;
    if (role.log_level) overrides.log_level = role.log_level;
    if (role.master) overrides.master = role.master;
    const std::string path = role.write_config_to;
    const bool init_only = role.init_only;
    overrides.kube_proxy = std::move(role);
    if (!path.empty()) return WriteConfigCommand{std::move(overrides), path};
    if (init_only) return InitCommand{std::move(overrides)};
    return RunCommand{std::move(overrides), given.port_file, given.pid_file, given.quiet};
}

// The first argument that nobody wanted, with the nearest thing one could have meant.
std::string unexpected_argument(const CLI::App& app, const CLI::App& active) {
    const std::vector<std::string> left = app.remaining(true);
    const std::string word = left.empty() ? std::string{} : left.front();
    const std::string name = word.substr(0, word.find('='));
    std::vector<std::string> known;
    if (name.starts_with("-")) {
        for (const CLI::Option* const option : active.get_options()) {
            for (const std::string& known_name : option->get_lnames()) {
                known.push_back("--" + known_name);
            }
        }
    } else if (&active == &app) {
        for (const CLI::App* const sub : app.get_subcommands({})) known.push_back(sub->get_name());
    }
    const std::vector<std::string_view> views{known.begin(), known.end()};
    std::string_view what = "unknown command '";
    if (&active != &app) what = "unexpected argument '";
    if (name.starts_with("-")) what = "unknown option '";
    return std::string{what} + name + "'" + conf::did_you_mean(name, views);
}

}  // namespace

Command parse_command_line(const std::vector<std::string>& arguments, std::string_view called) {
    Given given;
    CLI::App app{std::string{description}, "nameplane"};
    app.footer(std::string{footer});
    app.get_formatter()->column_width(26);
    app.set_help_flag("-h,--help", "this page");
    app.set_version_flag("--version", "nameplane " NAMEPLANE_VERSION, "the version");
    app.require_subcommand(0, 1);
    add_run_options(app, given);
    const CLI::App* const check = add_check(app, given);
    const CLI::App* const convert = add_convert(app, given);
    const CLI::App* const render = add_render(app, given);
    const CLI::App* const cleanup =
        app.add_subcommand("cleanup", "take our rules out of the kernel and nothing else");

    const auto active = [&]() -> const CLI::App& {
        const auto subs = app.get_subcommands();
        return subs.empty() ? app : *subs.front();
    };
    Result<NodeLocalArguments> taken = take_node_local_flags(arguments);
    if (!taken) return wrong_use(taken.error().text);
    Result<KubeProxyArguments> proxy = take_kube_proxy_flags(taken->rest, called);
    if (!proxy) return wrong_use(proxy.error().text);
    try {
        std::vector<std::string> ours = with_empty_values(with_our_flags(std::move(proxy->rest)));
        std::ranges::reverse(ours);
        app.parse(ours);
    } catch (const CLI::CallForHelp&) {
        return SayCommand{active().help(&active() == &app ? "" : app.get_name()), exit_ok};
    } catch (const CLI::CallForVersion& version) {
        return SayCommand{std::string{version.what()} + '\n', exit_ok};
    } catch (const CLI::ParseError& error) {
        // An option that is missing may be the unknown one: what is written comes first.
        const std::string wrong =
            app.remaining(true).empty() ? error.what() : unexpected_argument(app, active());
        return wrong_use(wrong);
    }

    Overrides overrides = overrides_of(given, active());
    if (given.plugins) return SayCommand{plugin_list(), exit_ok};
    if (taken->role && !app.get_subcommands().empty()) {
        return SayCommand{"nameplane: -localip goes with no command\n", exit_usage};
    }
    if (proxy->role && app.get_subcommands().empty()) {
        if (taken->role) return wrong_use("-localip goes with no flag of kube-proxy");
        return in_place_of_kube_proxy(given, std::move(*proxy->role), std::move(overrides));
    }
    if (proxy->role && !is_kube_proxy_name(called)) {
        return wrong_use("flags of kube-proxy go with no command");
    }
    if (check->parsed()) return CheckCommand{overrides};
    if (convert->parsed()) return ConvertCommand{given.file};
    if (cleanup->parsed()) return CleanupCommand{};
    if (render->parsed()) {
        return RenderCommand{overrides, given.node_facts, form_of(given.to),
                             given.family == "ipv6" ? Family::ipv6 : Family::ipv4, given.service};
    }
    return RunCommand{overrides, given.port_file, given.pid_file, given.quiet,
                      std::move(taken->role)};
}

}  // namespace nameplane::agent
