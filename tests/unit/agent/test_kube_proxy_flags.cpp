#include "agent/command_line.hpp"
#include "agent/kube_proxy_config.hpp"
#include "agent/kube_proxy_flags.hpp"
#include "agent/settings.hpp"
#include "kube/folder.hpp"
#include "typed_commands.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::agent;
using nameplane::test::typed;

namespace {

using Texts = std::vector<std::string>;

conf::Compiled compiled(const Texts& arguments, std::string_view called = "nameplane") {
    return load_settings(typed<RunCommand>(arguments, called).overrides);
}

conf::StartConfig good(const Texts& arguments) {
    const conf::Compiled read = compiled(arguments);
    for (const conf::Problem& problem : read.problems) FAIL_CHECK(problem.to_string());
    return read.config.start;
}

Texts texts(const std::vector<conf::Problem>& problems) {
    Texts all;
    for (const conf::Problem& problem : problems) all.push_back(problem.to_string());
    return all;
}

std::string said(const Texts& arguments) {
    return typed<SayCommand>(arguments).text;
}

const std::string pair = NAMEPLANE_SOURCE_ROOT "/tests/config/kube-proxy/";

}  // namespace

TEST_CASE("without a flag that only kube-proxy has, nobody stands in its place") {
    for (const Texts& arguments :
         {Texts{}, Texts{"--kubeconfig", "k", "--master=http://m"}, Texts{"--config", "f"}}) {
        CHECK_FALSE(typed<RunCommand>(arguments).overrides.kube_proxy.has_value());
    }
    CHECK(typed<RunCommand>({"--cluster-cidr="}).overrides.kube_proxy.has_value());
    CHECK(typed<RunCommand>({}, "/usr/local/bin/kube-proxy").overrides.kube_proxy.has_value());
    CHECK(compiled({}, "kube-proxy").config.start.rules.mode == conf::RulesMode::iptables);
    // A link by that name to the program, and a command that is ours.
    typed<CheckCommand>({"check", "f"}, "kube-proxy");
}

TEST_CASE("what kubeadm's DaemonSet says is understood as it stands") {
    const Texts arguments{"--config=" + pair + "kubeadm.yaml", "--hostname-override=Node-1"};
    const conf::Compiled read = compiled(arguments);
    CHECK(texts(read.problems) == Texts{});
    CHECK(texts(read.warnings) == Texts{});
    CHECK(read.config.start.node.name == "Node-1");
    CHECK(read.config.start.rules.mode == conf::RulesMode::iptables);
    CHECK(read.config.start.dns.listen.empty());
    // Names, too, where they are asked for.
    CHECK(compiled({"--config=" + pair + "kubeadm.yaml", "--listen", "127.0.0.1"})
              .config.start.dns.listen.size() == 1);
}

TEST_CASE("flags mean what their fields mean") {
    const conf::StartConfig start = good({"--bind-address=192.0.2.7",
                                          "--bind-address-hard-fail",
                                          "--cluster-cidr",
                                          "10.0.0.0/8,fd00::/8",
                                          "--conntrack-max-per-core=1000",
                                          "--conntrack-min=2000",
                                          "--conntrack-tcp-be-liberal=T",
                                          "--conntrack-tcp-timeout-close-wait=2m",
                                          "--conntrack-tcp-timeout-established=1h30m",
                                          "--conntrack-udp-timeout=31s",
                                          "--conntrack-udp-timeout-stream=3m",
                                          "--detect-local-mode=InterfaceNamePrefix",
                                          "--pod-interface-name-prefix=veth",
                                          "--pod-bridge-interface=cni0",
                                          "--healthz-bind-address=192.0.2.7:11256",
                                          "--metrics-bind-address=::1",
                                          "--hostname-override= n1 ",
                                          "--iptables-localhost-nodeports=false",
                                          "--masquerade-all",
                                          "--iptables-masquerade-bit",
                                          "3",
                                          "--iptables-min-sync-period=2s",
                                          "--iptables-sync-period=20s",
                                          "--kubeconfig=/k",
                                          "--nodeport-addresses=192.0.2.0/24",
                                          "--nodeport-addresses=fd00:2::/64",
                                          "--oom-score-adj=500",
                                          "--proxy-mode=iptables",
                                          "--v=5"});
    const Result<std::string> toml = kube::read_file(pair + "all-of-it.toml");
    REQUIRE(toml);
    const conf::Compiled ours = compile_text(*toml, "all-of-it.toml");
    CHECK(changed_fields(start, ours.config.start) == std::vector<std::string_view>{});
    const auto run = typed<RunCommand>({"--proxy-mode=nftables", "-v", "2", "--master=https://m"});
    CHECK(run.overrides.log_level == log::Level::info);
    CHECK(run.overrides.master == "https://m");
    const conf::StartConfig nft = load_settings(run.overrides).config.start;
    CHECK(nft.rules.mode == conf::RulesMode::nftables);
    CHECK(nft.rules.node_ports_on_primary);
    CHECK(good({"--proxy-mode=nftables", "--masquerade-all"}).rules.masquerade_all);
    CHECK(typed<RunCommand>({"--profiling", "-v4"}).overrides.log_level == log::Level::debug);
}

TEST_CASE("every flag of kube-proxy 1.35 is known") {
    for (const char* const flag : {"--boot-id-file=/b",
                                   "--config-sync-period=15m",
                                   "--feature-gates=A=true,B=false",
                                   "--ipvs-exclude-cidrs=10.0.0.0/8",
                                   "--ipvs-min-sync-period=1s",
                                   "--ipvs-scheduler=rr",
                                   "--ipvs-strict-arp",
                                   "--ipvs-sync-period=30s",
                                   "--ipvs-tcp-timeout=1s",
                                   "--ipvs-tcpfin-timeout=1s",
                                   "--ipvs-udp-timeout=1s",
                                   "--kube-api-burst=10",
                                   "--kube-api-content-type=a/b",
                                   "--kube-api-qps=2.5",
                                   "--log-flush-frequency=5s",
                                   "--log-json-info-buffer-size=1Ki",
                                   "--log-json-split-stream",
                                   "--log-text-info-buffer-size=0",
                                   "--log-text-split-stream",
                                   "--logging-format=text",
                                   "--machine-id-file=/m",
                                   "--metrics-port=10249",
                                   "--healthz-port=10256",
                                   "--profiling",
                                   "--show-hidden-metrics-for-version=1.34",
                                   "--vmodule=a=3"}) {
        INFO(flag);
        CHECK(texts(compiled({"--proxy-mode=iptables", flag}).problems) == Texts{});
    }
}

TEST_CASE("a 0 is a duration without a unit") {
    CHECK(good({"--conntrack-tcp-timeout-established=0", "--iptables-min-sync-period=0"})
              .conntrack.tcp_established.count() == 0);
    CHECK(texts(compiled({"--iptables-sync-period=0"}).problems) ==
          Texts{"(command line): --iptables-sync-period: '0', expected more than 0s"});
    const auto command = typed<WriteConfigCommand>(
        {"--write-config-to=/f", "--conntrack-tcp-timeout-established=0",
         "--conntrack-udp-timeout=90s", "--conntrack-udp-timeout-stream=1500ms",
         "--iptables-min-sync-period=250ms", "--conntrack-tcp-timeout-close-wait=26h"});
    const std::string text = kube_proxy_yaml(command.overrides.kube_proxy->values);
    for (const char* const part :
         {"tcpEstablishedTimeout: 0s\n", "udpTimeout: 1m30s\n", "udpStreamTimeout: 1.5s\n",
          "minSyncPeriod: 250ms\n", "tcpCloseWaitTimeout: 26h0m0s\n"}) {
        INFO(part);
        CHECK(text.find(part) != std::string::npos);
    }
}

TEST_CASE("an OOM score of 0 is one") {
    using Score = std::optional<std::int16_t>;
    const auto score = [](std::vector<std::string> flags) {
        return good(std::move(flags)).node.oom_score_adj;
    };
    CHECK(score({"--proxy-mode=iptables"}) == Score{-999});
    CHECK(score({"--oom-score-adj=0"}) == Score{0});
    CHECK(compile_text("[node]\nname = \"a\"\n", "a.toml").config.start.node.oom_score_adj ==
          Score{});
    CHECK(compile_text("[node]\noom_score_adj = 0\n", "a.toml").config.start.node.oom_score_adj ==
          Score{0});
}

TEST_CASE("pages are turned off, and get a port") {
    CHECK_FALSE(good({"--healthz-port=0"}).admin.proxy_health.has_value());
    CHECK_FALSE(good({"--healthz-bind-address="}).admin.proxy_health.has_value());
    CHECK_FALSE(good({"--metrics-bind-address="}).admin.proxy_metrics.has_value());
    CHECK(good({"--healthz-bind-address=192.0.2.1", "--healthz-port=7"}).admin.proxy_health ==
          SocketAddress::parse("192.0.2.1:7"));
    CHECK(good({"--healthz-port=7"}).admin.proxy_health == SocketAddress::parse("[::]:10256"));
}

TEST_CASE("two pages at one address are told of") {
    const auto warnings = [](std::vector<std::string> flags) {
        return texts(compiled(std::move(flags)).warnings);
    };
    CHECK(
        warnings(
            {"--healthz-bind-address=0.0.0.0:10256", "--metrics-bind-address=127.0.0.1:10256"}) ==
        Texts{
            "(command line): proxy_metrics: 127.0.0.1:10256 is taken by proxy_health, expected an "
            "address of its own"});
    CHECK(warnings({"--healthz-bind-address=192.0.2.1:9", "--metrics-bind-address=192.0.2.1:9"})
              .size() == 1);
    CHECK(warnings({"--healthz-bind-address=192.0.2.1:9", "--metrics-bind-address=192.0.2.2:9"})
              .empty());
    CHECK(warnings({"--healthz-bind-address=192.0.2.1:9", "--metrics-bind-address=192.0.2.1:8"})
              .empty());
    CHECK(warnings({"--proxy-mode=iptables"}).empty());
    const auto of_text = [](const char* text) {
        return texts(compile_text(text, "a.toml").warnings);
    };
    CHECK(
        of_text("[admin]\nmetrics = \"127.0.0.1:9153\"\nproxy_metrics = \"0.0.0.0:9153\"\n") ==
        Texts{
            "a.toml:3: proxy_metrics: 0.0.0.0:9153 is taken by metrics, expected an address of its "
            "own"});
    CHECK(of_text("[admin]\nproxy_health = \"127.0.0.1:0\"\nproxy_metrics = \"127.0.0.1:0\"\n")
              .empty());
    CHECK(of_text("[admin]\nproxy_health = \"0.0.0.0:7\"\nproxy_metrics = \"[fd00::1]:7\"\n")
              .empty());
}

TEST_CASE("mistakes of flags are said together") {
    CHECK(said({"--iptables-masquerade-bit=40", "--masquerade-all=yes", "--healthz-port=x",
                "--cleanup=maybe", "--kube-api-qps"}) ==
          "nameplane: --iptables-masquerade-bit: '40', expected a number from 0 to 31\n"
          "nameplane: --masquerade-all: 'yes', expected true or false\n"
          "nameplane: --healthz-port: 'x', expected a number from 0 to 65535\n"
          "nameplane: --cleanup: 'maybe', expected true or false\n"
          "nameplane: --kube-api-qps: no value, expected one\n"
          "Try 'nameplane --help'.\n");
    CHECK(
        texts(compiled({"--proxy-mode=ipvs", "--cluster-cidr=x"}).problems) ==
        Texts{"(command line): --proxy-mode: 'ipvs', expected 'iptables' or 'nftables': there are "
              "no rules of ipvs here",
              "(command line): --cluster-cidr: 'x', expected networks such as '10.244.0.0/16'"});
    CHECK(said({"check", "--proxy-mode=iptables"}) ==
          "nameplane: flags of kube-proxy go with no command\nTry 'nameplane --help'.\n");
    CHECK(
        said({"--proxy-mode=iptables", "--zzz"}).starts_with("nameplane: unknown option '--zzz'"));
    CHECK(said({"--proxy-mode=iptables", "-localip", "169.254.20.10"})
              .starts_with("nameplane: -localip goes with no flag of kube-proxy\n"));
}

TEST_CASE("a file stands in the place of most flags") {
    const conf::Compiled read =
        compiled({"--config", pair + "kubeadm.yaml", "--proxy-mode=nftables", "--v=4"});
    CHECK(texts(read.problems) == Texts{});
    CHECK(texts(read.warnings) ==
          Texts{"(command line): --proxy-mode: accepted without effect, since there is a file"});
    CHECK(read.config.start.rules.mode == conf::RulesMode::iptables);
    CHECK(read.config.runtime.log_level == log::Level::debug);
    CHECK(texts(compiled({"--config", pair + "kubeadm.toml", "--proxy-mode=nftables"}).problems) ==
          Texts{"(command line): --proxy-mode: beside a file that is not kube-proxy's, expected an "
                "option in that file"});
    CHECK(texts(compiled({"--config", pair + "kubeadm.toml", "--hostname-override=n"}).problems) ==
          Texts{});
}

TEST_CASE("what is done in the place of running") {
    typed<CleanupCommand>({"--cleanup"});
    CHECK_FALSE(typed<RunCommand>({"--cleanup=false"}).overrides.kube_proxy->cleanup);
    typed<InitCommand>({"--init-only", "--proxy-mode=iptables"});
    CHECK(typed<WriteConfigCommand>({"--write-config-to=/f"}).path == "/f");
    CHECK(said({"--proxy-mode=iptables", "--version"}).starts_with("nameplane "));
    CHECK(said({"--proxy-mode=iptables", "--version=raw"}).starts_with("nameplane "));
    CHECK(said({"--proxy-mode=iptables", "--help"}).find("Exit codes") != std::string::npos);
}

TEST_CASE("the file that is written holds what the flags say") {
    const auto command = typed<WriteConfigCommand>(
        {"--write-config-to=/f", "--proxy-mode=nftables",
         "--nodeport-addresses=10.0.0.0/8,fd00::/8", "--feature-gates=B=false,A=true",
         "--iptables-sync-period=40s", "--oom-score-adj=7", "--cluster-cidr=10.0.0.0/8",
         "--logging-format=json"});
    const std::string text = kube_proxy_yaml(command.overrides.kube_proxy->values);
    INFO(text);
    for (const char* const part :
         {"\nfeatureGates:\n  A: true\n  B: false\n", "\nnodePortAddresses:\n- 10.0.0.0/8\n- ",
          "\noomScoreAdj: 7\n", "  minSyncPeriod: 0s\n  syncPeriod: 0s\nipvs:\n",
          "  minSyncPeriod: 1s\n  syncPeriod: 40s\n", "\nclusterCIDR: ", "\n  format: json\n"}) {
        INFO(part);
        CHECK(text.find(part) != std::string::npos);
    }
    CHECK(text.find("windowsRunAsService") == std::string::npos);

    const auto off = typed<WriteConfigCommand>(
        {"--write-config-to=/f", "--healthz-port=0", "--metrics-bind-address="});
    const std::string defaults = kube_proxy_yaml(off.overrides.kube_proxy->values);
    CHECK(defaults.find("\nhealthzBindAddress: 0.0.0.0:10256\n") != std::string::npos);
    CHECK(defaults.find("\nmetricsBindAddress: 127.0.0.1:10249\n") != std::string::npos);
    const conf::Compiled read = compile_text(text, "f.yaml");
    CHECK(texts(read.problems) == Texts{});
    CHECK(read.config == load_settings(command.overrides).config);
}
