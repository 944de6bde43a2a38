// kube-proxy's configuration file: pairs of it and a TOML file that mean the same, and what is said
// of what is wrong.

#include "agent/kube_proxy_config.hpp"
#include "agent/kube_proxy_file.hpp"
#include "agent/settings.hpp"
#include "conf/print.hpp"
#include "kube/folder.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>

using namespace nameplane;
using namespace nameplane::agent;

namespace {

using Texts = std::vector<std::string>;

const std::filesystem::path folder = NAMEPLANE_SOURCE_ROOT "/tests/config/kube-proxy";
const std::string head =
    "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n";

Texts texts(const std::vector<conf::Problem>& problems) {
    Texts all;
    for (const conf::Problem& problem : problems) all.push_back(problem.to_string());
    return all;
}

conf::Compiled compiled(const std::string& text) {
    return compile_text(head + text, "kp.yaml");
}

conf::Compiled good(const std::string& text) {
    conf::Compiled read = compiled(text);
    CHECK(texts(read.problems) == Texts{});
    return read;
}

// Each file with its name.
std::vector<std::pair<std::string, std::string>> files() {
    std::vector<std::pair<std::string, std::string>> all;
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
        if (entry.path().extension() != ".yaml") continue;
        const Result<std::string> text = kube::read_file(entry.path().string());
        REQUIRE(text);
        all.emplace_back(entry.path().string(), *text);
    }
    return all;
}

}  // namespace

TEST_CASE("a file of kube-proxy and a TOML file of a pair mean the same") {
    const auto all = files();
    CHECK(all.size() >= 4);
    for (const auto& [path, text] : all) {
        INFO(path);
        const conf::Compiled theirs = compile_text(text, path);
        const std::string other = std::filesystem::path{path}.replace_extension(".toml").string();
        const Result<std::string> toml = kube::read_file(other);
        REQUIRE(toml);
        const conf::Compiled ours = compile_text(*toml, other);
        CHECK(texts(theirs.problems) == Texts{});
        CHECK(texts(ours.problems) == Texts{});
        CHECK(changed_fields(theirs.config.start, ours.config.start) ==
              std::vector<std::string_view>{});
        CHECK(theirs.config == ours.config);
    }
}

TEST_CASE("what is printed of a file of kube-proxy means the same") {
    for (const auto& [path, text] : files()) {
        INFO(path);
        KubeProxyReading reading = read_kube_proxy_file(text, path);
        const std::string toml =
            conf::print_settings(settings_of(reading.values, reading.problems));
        INFO(toml);
        const conf::Compiled again = compile_text(toml, "t.toml");
        CHECK(texts(again.problems) == Texts{});
        CHECK(again.config == compile_text(text, path).config);
        // And so does the whole file that kube-proxy would write of it.
        const std::string whole = kube_proxy_yaml(reading.values);
        INFO(whole);
        const conf::Compiled read = compile_text(whole, "whole.yaml");
        CHECK(texts(read.problems) == Texts{});
        CHECK(read.config == again.config);
    }
}

TEST_CASE("what kubeadm writes is read without a word") {
    const Result<std::string> text = kube::read_file((folder / "kubeadm.yaml").string());
    REQUIRE(text);
    CHECK(texts(compile_text(*text, "kubeadm.yaml").warnings) == Texts{});
}

TEST_CASE("defaults are those of kube-proxy") {
    const conf::StartConfig start = good("").config.start;
    CHECK(start.dns.listen.empty());
    CHECK(start.rules.mode == conf::RulesMode::iptables);
    CHECK(start.rules.detect_local == conf::DetectLocalMode::none);  // no network is given
    CHECK(start.rules.localhost_node_ports);
    CHECK(start.rules.node_port_addresses.empty());
    CHECK_FALSE(start.rules.node_ports_on_primary);
    CHECK(start.rules.stale_after == std::chrono::minutes{1});
    CHECK(start.conntrack.max_per_core == 32768);
    CHECK(start.conntrack.min == 131072);
    CHECK(start.conntrack.udp.count() == 0);
    CHECK(start.node.oom_score_adj == -999);
    CHECK(good("bindAddress: '::1'\n").config.start.admin.proxy_health ==
          SocketAddress::parse("[::]:10256"));
    CHECK(good("healthzBindAddress: '127.0.0.1'\n").config.start.admin.proxy_health ==
          SocketAddress::parse("127.0.0.1:10256"));
}

TEST_CASE("all that is wrong in a file is said at once, by place") {
    const conf::Compiled read = compiled(R"(mode: ipvs
clusterCidr: 10.0.0.0/8
iptables:
  masqueradeBits: 3
  masqueradeBit: 32
  minSyncPeriod: 10s
  syncPeriod: 5s
detectLocalMode: Guess
clusterCIDR: 10.0.0.0/40
windowsRunAsService: true
nodePortAddresses: [primary, 10.0.0.0/8, 192.0.2.1]
healthzBindAddress: here
metricsBindAddress: 127.0.0.1:0
bindAddress: everywhere
conntrack: 5
oomScoreAdj: [1]
nftables: {masqueradeAll: perhaps}
ipvs: {excludeCIDRs: 10.0.0.0/8}
)");
    CHECK(texts(read.problems) ==
          Texts{"kp.yaml:3: mode: 'ipvs', expected 'iptables' or 'nftables': there are no rules of "
                "ipvs here",
                "kp.yaml:4: unknown field 'clusterCidr', did you mean 'clusterCIDR'?",
                "kp.yaml:6: unknown field 'iptables.masqueradeBits', did you mean "
                "'iptables.masqueradeBit'?",
                "kp.yaml:7: iptables.masqueradeBit: '32', expected a number from 0 to 31",
                "kp.yaml:9: iptables.syncPeriod: '5s', expected no less than minSyncPeriod, which "
                "is 10s",
                "kp.yaml:10: detectLocalMode: 'Guess', expected one of 'ClusterCIDR' 'NodeCIDR' "
                "'BridgeInterface' 'InterfaceNamePrefix'",
                "kp.yaml:11: clusterCIDR: '10.0.0.0/40', expected networks such as '10.244.0.0/16'",
                "kp.yaml:12: windowsRunAsService: not possible here, expected nothing, since this "
                "is not Windows",
                "kp.yaml:13: nodePortAddresses: 'primary', expected networks such as "
                "'192.0.2.0/24', or 'primary' alone",
                "kp.yaml:13: nodePortAddresses: '192.0.2.1', expected networks such as "
                "'192.0.2.0/24', or 'primary' alone",
                "kp.yaml:14: healthzBindAddress: 'here', expected an address and a port such as "
                "'0.0.0.0:10256'",
                "kp.yaml:15: metricsBindAddress: '127.0.0.1:0', expected an address and a port "
                "such as '0.0.0.0:10249'",
                "kp.yaml:16: bindAddress: 'everywhere', expected an IP address",
                "kp.yaml:17: conntrack: no map, expected a map of fields",
                "kp.yaml:18: oomScoreAdj: a list or map, expected one value",
                "kp.yaml:19: nftables.masqueradeAll: 'perhaps', expected true or false",
                "kp.yaml:20: ipvs.excludeCIDRs: no list, expected a list"});
    CHECK(texts(compiled("detectLocalMode: BridgeInterface\n").problems) ==
          Texts{"kp.yaml:3: detectLocalMode: 'BridgeInterface', expected "
                "detectLocal.bridgeInterface to be set as well"});
    CHECK(texts(compile_text("kind: KubeProxyConfiguration\napiVersion: v2\n", "f").problems) ==
          Texts{"f:2: apiVersion: 'v2', expected 'kubeproxy.config.k8s.io/v1alpha1'"});
    CHECK(texts(compile_text("kind: KubeProxyConfiguration\nmode: {\n", "f").problems).size() == 1);
    CHECK(texts(compiled("clusterCIDR: 10.0.0.0/8,11.0.0.0/8\n").problems).size() == 1);
}

TEST_CASE("what has no effect is said, but not of values that are the default") {
    CHECK(
        texts(compiled("featureGates: {TopologyAwareHints: true}\n"
                       "clientConnection: {qps: 50, burst: 10}\n"
                       "configSyncPeriod: 15m\nipvs: {strictARP: true, scheduler: ''}\n"
                       "logging: {format: json, vmodule: [{filePattern: a, verbosity: 3}]}\n"
                       "udpIdleTimeout: 250ms\nenableProfiling: false\n")
                  .warnings) ==
        Texts{"kp.yaml:3: featureGates: accepted without effect, since there are no feature gates "
              "here",
              "kp.yaml:4: clientConnection.qps: accepted without effect, since the client of the "
              "API server asks for little, and in JSON",
              "kp.yaml:6: ipvs.strictARP: accepted without effect, since there are no rules of "
              "ipvs here",
              "kp.yaml:7: logging.format: accepted without effect, since the log has one form, "
              "and each line is written at once",
              "kp.yaml:7: logging.vmodule: accepted without effect, since the log has one level "
              "for all",
              "kp.yaml:8: udpIdleTimeout: accepted without effect, since kube-proxy itself does "
              "not know it any more"});
}

TEST_CASE("truth values are YAML's, as templates write them") {
    const conf::StartConfig start =
        good("iptables: {masqueradeAll: True, localhostNodePorts: Off}\n"
             "bindAddressHardFail: yes\nenableProfiling: False\nipvs: {strictARP: no}\n"
             "windowsRunAsService: FALSE\nfeatureGates: {A: Yes, B: off}\n")
            .config.start;
    CHECK(start.rules.masquerade_all);
    CHECK_FALSE(start.rules.localhost_node_ports);
    CHECK(start.admin.proxy_hard_fail);
    CHECK(texts(compiled("bindAddressHardFail: 'yes'\n").problems) ==
          Texts{"kp.yaml:3: bindAddressHardFail: 'yes', expected true or false"});
    CHECK(texts(compiled("hostnameOverride: yes\n").problems) == Texts{});
    CHECK(compiled("hostnameOverride: on\n").config.start.node.name == "on");
}

TEST_CASE("nothing is written that kube-proxy would not write itself") {
    const KubeProxyReading reading = read_kube_proxy_file(
        head + "clientConnection: {burst: 0, qps: 0}\nipvs: {syncPeriod: 30s, minSyncPeriod: 1s}\n"
               "logging: {flushFrequency: 0, vmodule: [{filePattern: a, verbosity: 3}]}\n"
               "metadata: {name: config}\nudpIdleTimeout: 250ms\n",
        "kp.yaml");
    CHECK(texts(reading.problems) == Texts{});
    const std::string text = kube_proxy_yaml(reading.values);
    INFO(text);
    for (const char* const part : {"  burst: 10\n", "  qps: 5\n", "  flushFrequency: 5s\n",
                                   "ipvs:\n  excludeCIDRs: null\n  minSyncPeriod: 0s\n"}) {
        INFO(part);
        CHECK(text.find(part) != std::string::npos);
    }
    for (const char* const part : {"syncPeriod: 1s", "vmodule", "metadata", "udpIdleTimeout"}) {
        INFO(part);
        CHECK(text.find(part) == std::string::npos);
    }
}

TEST_CASE("a file is kube-proxy's by its kind") {
    CHECK(is_kube_proxy_file("{\"kind\": \"KubeProxyConfiguration\"}"));
    CHECK(is_kube_proxy_file("a: b\n---\nkind: KubeProxyConfiguration"));
    CHECK_FALSE(is_kube_proxy_file("# kind: KubeProxyConfiguration\n[rules]\n"));
    CHECK_FALSE(is_kube_proxy_file("[rules]\nmode = \"KubeProxyConfiguration\"\n"));
    CHECK_FALSE(is_kube_proxy_file(""));
}

TEST_CASE("fields stand in the order in which kube-proxy writes them, each once") {
    const auto names = [](std::string_view path) {
        Texts all(1);
        for (const char c : path) {
            if (c == '.')
                all.emplace_back();
            else
                all.back() += c;
        }
        return all;
    };
    const auto fields = kube_proxy_fields();
    for (std::size_t i = 1; i < fields.size(); ++i) {
        INFO(fields[i].path);
        CHECK(names(fields[i - 1].path) < names(fields[i].path));
    }
}
