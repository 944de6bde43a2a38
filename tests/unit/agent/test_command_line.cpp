#include "agent/command_line.hpp"
#include "typed_commands.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <source_location>

using namespace nameplane;
using namespace nameplane::agent;
using nameplane::test::typed;

namespace {

using Arguments = std::vector<std::string>;

std::size_t line_count(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

struct Refused {
    Arguments arguments;
    std::string first_line;
    std::source_location place = std::source_location::current();
};

}  // namespace

TEST_CASE("nothing typed is a run with the defaults") {
    const auto run = typed<RunCommand>({});
    CHECK(run.port_file.empty());
    CHECK(run.overrides.config_path.empty());
    CHECK_FALSE(run.overrides.port.has_value());
    CHECK_FALSE(run.overrides.threads.has_value());
    CHECK_FALSE(run.overrides.manifests.has_value());
    CHECK_FALSE(run.overrides.log_level.has_value());
    CHECK_FALSE(run.overrides.rules.has_value());
    CHECK_FALSE(run.overrides.node_name.has_value());
    CHECK_FALSE(run.overrides.kubeconfig.has_value());
    CHECK_FALSE(run.overrides.master.has_value());
    CHECK_FALSE(run.overrides.context.has_value());
    CHECK_FALSE(run.overrides.state_file.has_value());
    CHECK(run.overrides.listen.empty());
}

TEST_CASE("every option of a run arrives") {
    const auto run = typed<RunCommand>({"--config",
                                        "f.toml",
                                        "--manifests=m",
                                        "--threads",
                                        "2",
                                        "--port",
                                        "0",
                                        "--listen",
                                        "127.0.0.1",
                                        "--listen",
                                        "::1",
                                        "--log-level",
                                        "debug",
                                        "--rules",
                                        "iptables",
                                        "--node-name",
                                        "n",
                                        "--port-file",
                                        "p",
                                        "--kubeconfig",
                                        "k",
                                        "--context",
                                        "c",
                                        "--master",
                                        "https://h:6443",
                                        "--state-file",
                                        ""});
    const Overrides& given = run.overrides;
    CHECK(given.config_path == "f.toml");
    CHECK(given.manifests == "m");
    CHECK(given.kubeconfig == "k");
    CHECK(given.context == "c");
    CHECK(given.master == "https://h:6443");
    CHECK(given.state_file == "");
    CHECK(given.threads == 2);
    CHECK(given.port == 0);
    CHECK(given.listen == std::vector{IpAddress::v4(127, 0, 0, 1), *IpAddress::parse("::1")});
    CHECK(given.log_level == log::Level::debug);
    CHECK(given.rules == conf::RulesMode::iptables);
    CHECK(given.node_name == "n");
    CHECK(run.port_file == "p");
    CHECK(typed<RunCommand>({"--rules", "off"}).overrides.rules == conf::RulesMode::off);
}

TEST_CASE("subcommands take their own options") {
    CHECK(typed<CheckCommand>({"check"}).overrides.config_path.empty());
    CHECK(typed<CheckCommand>({"check", "f.toml"}).overrides.config_path == "f.toml");
    typed<CleanupCommand>({"cleanup"});
    const auto render = typed<RenderCommand>(
        {"render",    "--manifests", "m",        "--node-facts",     "n.yaml",
         "--config",  "f.toml",      "--to",     "iptables-restore", "--family",
         "ipv6",      "--node-name", "n",        "--kubeconfig",     "k",
         "--context", "c",           "--master", "https://10.0.0.1", "--service",
         "shop/web"});
    CHECK(render.overrides.manifests == "m");
    CHECK(render.overrides.kubeconfig == "k");
    CHECK(render.overrides.context == "c");
    CHECK(render.overrides.master == "https://10.0.0.1");
    CHECK(render.service == "shop/web");
    CHECK(render.overrides.config_path == "f.toml");
    CHECK(render.overrides.node_name == "n");
    CHECK(render.node_facts == "n.yaml");
    CHECK(render.to == RenderTo::iptables_restore);
    CHECK(render.family == Family::ipv6);
    CHECK(typed<RenderCommand>({"render", "--to", "plan"}).to == RenderTo::plan);
    CHECK(typed<RenderCommand>({"render", "--to", "nft"}).to == RenderTo::nft);
    CHECK(typed<RenderCommand>({"render", "--to", "nft"}).family == Family::ipv4);
}

TEST_CASE("nothing behind = is an empty value, and takes no argument along") {
    const auto run = typed<RunCommand>({"--state-file=", "--node-name", "n"});
    CHECK(run.overrides.state_file == "");
    CHECK(run.overrides.node_name == "n");
    CHECK(typed<RunCommand>({"--node-name", "n", "--state-file="}).overrides.state_file == "");
    // A value of its own may end so.
    CHECK(typed<RunCommand>({"--node-name=a="}).overrides.node_name == "a=");
}

TEST_CASE("help fits a screen") {
    for (const Arguments& arguments :
         {Arguments{"--help"}, Arguments{"-h"}, Arguments{"render", "--help"},
          Arguments{"check", "--help"}, Arguments{"cleanup", "--help"}}) {
        const auto help = typed<SayCommand>(arguments);
        CHECK(help.code == exit_ok);
        CHECK(line_count(help.text) <= 36);
        for (std::size_t at = 0; at < help.text.size();) {
            const std::size_t end = std::min(help.text.find('\n', at), help.text.size());
            INFO(help.text.substr(at, end - at));
            CHECK(end - at <= 80);
            at = end + 1;
        }
    }
    const std::string help = typed<SayCommand>({"--help"}).text;
    for (const char* word :
         {"check", "render", "cleanup", "--config", "--manifests", "--port", "--threads",
          "--listen", "--log-level", "--rules", "--node-name", "--version", "Exit codes"}) {
        INFO(word);
        CHECK(help.find(word) != std::string::npos);
    }
    CHECK(typed<SayCommand>({"--version"}).text == "nameplane " NAMEPLANE_VERSION "\n");
}

TEST_CASE("what is not understood is said, with what may have been meant") {
    const std::vector<Refused> rows{
        {{"--manifest", "x"}, "unknown option '--manifest', did you mean '--manifests'?"},
        {{"--prot=5"}, "unknown option '--prot', did you mean '--port'?"},
        {{"--zzzzzzzzz"}, "unknown option '--zzzzzzzzz'"},
        {{"chek"}, "unknown command 'chek', did you mean 'check'?"},
        {{"render", "--to", "plan", "--famly", "ipv4"},
         "unknown option '--famly', did you mean '--family'?"},
        {{"check", "a", "b"}, "unexpected argument 'b'"},
        {{"--port", "abc"}, "--port: 'abc', expected a number from 0 to 65535"},
        {{"--port", "65536"}, "--port: '65536', expected a number from 0 to 65535"},
        {{"--threads", "65"}, "--threads: '65', expected a number from 0 to 64"},
        {{"--listen", "localhost"}, "--listen: 'localhost', expected an IP address"},
        {{"--rules", "iptable"},
         "--rules: 'iptable', expected one of off, iptables, nftables, auto, did you mean "
         "'iptables'?"},
        {{"--log-level", "warn"},
         "--log-level: 'warn', expected one of debug, info, warning, error, off"},
        {{"render", "--to", "text"}, "--to: 'text', expected one of plan, iptables-restore, nft"},
        {{"render"}, "--to is required"},
        {{"render", "--too", "plan"}, "unknown option '--too', did you mean '--to'?"},
    };
    for (const Refused& row : rows) {
        INFO("row at line " << row.place.line());
        const auto said = typed<SayCommand>(row.arguments);
        CHECK(said.code == exit_usage);
        CHECK(said.text == "nameplane: " + row.first_line + "\nTry 'nameplane --help'.\n");
    }
}

TEST_CASE("CoreDNS' own flags work with one dash and with two") {
    for (const std::string dash : {"-", "--"}) {
        const auto run =
            typed<RunCommand>({dash + "conf", "/etc/coredns/Corefile", dash + "dns.port=1053",
                               dash + "pidfile", "/run/p", dash + "quiet"});
        CHECK(run.overrides.config_path == "/etc/coredns/Corefile");
        CHECK(run.overrides.port == 1053);
        CHECK(run.pid_file == "/run/p");
        CHECK(run.quiet);
        CHECK(typed<RunCommand>({dash + "p", "54"}).overrides.port == 54);
        CHECK(typed<SayCommand>({dash + "version"}).code == exit_ok);
        const auto plugins = typed<SayCommand>({dash + "plugins"});
        CHECK(plugins.code == exit_ok);
        CHECK(plugins.text.starts_with("acl\nany\n"));
        CHECK(plugins.text.find("\nkubernetes\n") != plugins.text.npos);
        CHECK(plugins.text.find("\nhealth\n") != plugins.text.npos);
    }
    CHECK(typed<ConvertCommand>({"convert", "Corefile"}).file == "Corefile");
    CHECK(typed<SayCommand>({"convert"}).code == exit_usage);
}
