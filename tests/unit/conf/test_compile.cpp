#include "conf/compile.hpp"
#include "conf/toml.hpp"
#include "row.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace nameplane;
using namespace nameplane::conf;
using namespace std::chrono_literals;
using nameplane::test::Row;

namespace {

constexpr std::array kubernetes_options{
    Option{"ttl", Seconds{.from = 0, .to = 3600, .unset = 5}, "TTL of answers"}};
constexpr std::array forward_options{Option{"from", Text{""}, "zone"},
                                     Option{"to", Words{.from = 1}, "upstreams"}};
constexpr std::array<OptionTable, 6> plugins{
    {{"loadbalance", {}},
     {"rewrite", {}, {.repeats = true, .free_body = true}},
     {"kubernetes", kubernetes_options},
     {"hosts", {}, {.free_body = true}},
     {"forward", forward_options, {.positional = {"from", "to..."}, .repeats = true}},
     {"whoami", {}}}};

Compiled compile_toml(std::string_view toml) {
    const TomlReading reading = read_toml(toml, "t.toml");
    REQUIRE(reading.problems.empty());
    return compile(reading.document, plugins);
}

Config good(std::string_view toml) {
    const Compiled compiled = compile_toml(toml);
    for (const Problem& problem : compiled.problems) FAIL_CHECK(problem.to_string());
    return compiled.config;
}

std::vector<std::string> problems_of(std::string_view toml) {
    std::vector<std::string> all;
    for (const Problem& problem : compile_toml(toml).problems) all.push_back(problem.to_string());
    return all;
}

std::vector<std::string> names(const std::vector<ServedZone>& zones) {
    std::vector<std::string> all;
    for (const ServedZone& zone : zones) {
        all.push_back(zone.name.to_string() + (zone.port ? ':' + std::to_string(*zone.port) : ""));
    }
    return all;
}

}  // namespace

TEST_CASE("an empty document is the default configuration") {
    const Config config = good("");
    const DnsConfig& dns = config.start.dns;
    CHECK(dns.listen == std::vector{*IpAddress::parse("0.0.0.0"), *IpAddress::parse("::")});
    CHECK(dns.port == 53);
    CHECK(dns.threads == 0);
    CHECK(dns.udp_size_max == 1232);
    CHECK(dns.tcp_connections_max == 1000);
    const ServicesConfig& services = config.start.services;
    CHECK(services.manifests.empty());
    CHECK(services.service_cidrs ==
          std::vector{*Cidr::parse("10.96.0.0/12"), *Cidr::parse("fd00:10:96::/112")});
    CHECK(services.node_ports == Ports{30000, 32767});
    CHECK(services.state_file.empty());
    CHECK(config.start.node.name.empty());
    const RulesConfig& rules = config.start.rules;
    CHECK(rules == RulesConfig{});
    CHECK(rules.mode == RulesMode::off);
    CHECK(config.start.admin == AdminConfig{});
    CHECK(config.runtime.log_level == log::Level::info);
    REQUIRE(config.runtime.servers.size() == 1);
    CHECK(names(config.runtime.servers[0].zones) ==
          std::vector<std::string>{"cluster.local.", "in-addr.arpa.", "ip6.arpa."});
    REQUIRE(config.runtime.servers[0].plugins.size() == 1);
    CHECK(config.runtime.servers[0].plugins[0].name == "kubernetes");
    CHECK(config.runtime.servers[0].plugins[0].options.seconds("ttl") == 5);
}

TEST_CASE("each option reaches its field") {
    const Config config = good(R"([log]
level = "debug"
[dns]
listen = ["127.0.0.1"]
port = 5353
threads = 4
udp_size_max = 4096
tcp_idle = "1m"
tcp_connections_max = 7
[services]
manifests = "/etc/manifests"
service_cidr = "10.1.0.0/16"
node_port_range = "31000-31001"
state_file = "/var/lib/state"
[api]
kubeconfig = "/etc/kubeconfig"
context = "here"
endpoint = "https://192.0.2.1:6443"
certificate = "/c.pem"
key = "/k.pem"
authority = "/a.pem"
headless = "forward"
state_file = ""
[node]
name = "node-1"
[rules]
mode = "iptables"
dispatch = "tree"
iptables_backend = "nft"
masquerade_bit = 5
masquerade_all = true
detect_local_mode = "cluster_cidr"
cluster_cidr = ["10.2.0.0/16", "fd02::/64"]
bridge_interface = "cni0"
interface_name_prefix = "veth"
node_port_addresses = "192.0.2.0/24"
localhost_node_ports = false
publish_wait = "0s"
full_sync = "2h"
[admin]
health = "127.0.0.1:8080"
ready = "[::1]:8181"
metrics = [":9153", "[::1]:9154"]
[[server]]
zones = ["Example.ORG", "a"]
[server.whoami]
[server.kubernetes]
ttl = 9
[[server]]
zones = "b"
)");
    CHECK(config.runtime.log_level == log::Level::debug);
    CHECK(config.start.dns == DnsConfig{{IpAddress::v4(127, 0, 0, 1)}, 5353, 4, 4096, 7});
    CHECK(config.runtime.servers.at(0).timeouts.idle == 60s);
    CHECK(config.start.api == ApiConfig{"/etc/kubeconfig", "here", "https://192.0.2.1:6443",
                                        "/c.pem", "/k.pem", "/a.pem", true, ""});
    CHECK(config.start.services ==
          ServicesConfig{
              "/etc/manifests", {*Cidr::parse("10.1.0.0/16")}, {31000, 31001}, "/var/lib/state"});
    CHECK(config.start.node == NodeConfig{"node-1"});
    CHECK(config.start.rules ==
          RulesConfig{RulesMode::iptables,
                      DispatchMode::tree,
                      IptablesBackend::nft,
                      5,
                      true,
                      DetectLocalMode::cluster_cidr,
                      {*Cidr::parse("10.2.0.0/16"), *Cidr::parse("fd02::/64")},
                      "cni0",
                      "veth",
                      {*Cidr::parse("192.0.2.0/24")},
                      false,
                      0s,
                      2h});
    CHECK(config.start.admin ==
          AdminConfig{{*SocketAddress::parse("127.0.0.1:8080")},
                      {*SocketAddress::parse("[::1]:8181")},
                      {*SocketAddress::parse("[::]:9153"), *SocketAddress::parse("[::1]:9154")}});
    REQUIRE(config.runtime.servers.size() == 2);
    const ServerConfig& first = config.runtime.servers[0];
    CHECK(names(first.zones) == std::vector<std::string>{"example.org.", "a."});
    // The order is the chain's and not the file's.
    REQUIRE(first.plugins.size() == 2);
    CHECK(first.plugins[0].name == "kubernetes");
    CHECK(first.plugins[0].options.seconds("ttl") == 9);
    CHECK(first.plugins[1].name == "whoami");
    CHECK(config.runtime.servers[1].plugins.empty());
}

TEST_CASE("every word of a mode leads to a mode of its own") {
    std::vector<DetectLocalMode> seen;
    for (const std::string word :
         {"none", "cluster_cidr", "node_cidr", "bridge_interface", "interface_name_prefix"}) {
        seen.push_back(good("[rules]\ncluster_cidr = \"10.0.0.0/8\"\nbridge_interface = \"b\"\n"
                            "interface_name_prefix = \"i\"\ndetect_local_mode = \"" +
                            word + "\"\n")
                           .start.rules.detect_local);
    }
    std::ranges::sort(seen);
    CHECK(std::ranges::unique(seen).empty());
    for (const std::string word : {"debug", "info", "warning", "error", "off"}) {
        CHECK(good("[log]\nlevel = \"" + word + "\"\n").runtime.log_level ==
              log::parse_level(word));
    }
}

TEST_CASE("no listen address means that no names are served") {
    CHECK(good("[dns]\nlisten = []\n").start.dns.listen.empty());
}

TEST_CASE("node ports answer in networks, or on primary addresses alone") {
    const RulesConfig primary = good("[rules]\nnode_port_addresses = [\"primary\"]\n").start.rules;
    CHECK(primary.node_ports_on_primary);
    CHECK(primary.node_port_addresses.empty());
    CHECK_FALSE(
        good("[rules]\nnode_port_addresses = \"10.0.0.0/8\"\n").start.rules.node_ports_on_primary);
    CHECK(problems_of("[rules]\nnode_port_addresses = [\"10.0.0.0/8\", \"primary\"]\n") ==
          std::vector<std::string>{"t.toml:2: node_port_addresses: 'primary', expected networks "
                                   "such as '10.96.0.0/12', or 'primary' alone"});
}

TEST_CASE("all that is wrong is reported at once, by place") {
    CHECK(problems_of(R"([dns]
prot = 5
port = 65536
[rule]
[rules]
mode = "ipvs"
detect_local_mode = "bridge_interface"
cluster_cidr = ["10.0.0.0/8", "10.2.0.0/16"]
[admin]
health = "host:80"
[api]
context = "there"
key = "/k.pem"
[[server]]
zones = ["a..b", "ok"]
[server.kubernets]
[[server]]
[server.kubernetes]
tll = 5
[[server]]
zones = "OK."
)") == std::vector<std::string>{
           "t.toml:2: unknown option 'prot', did you mean 'port'?",
           "t.toml:3: port: '65536', expected a number from 0 to 65535",
           "t.toml:4: unknown table 'rule', did you mean 'rules'?",
           "t.toml:6: mode: 'ipvs', expected one of 'off' 'iptables' 'nftables' 'auto'",
           "t.toml:7: detect_local_mode: 'bridge_interface' has no value, expected "
           "bridge_interface to be set as well",
           "t.toml:8: cluster_cidr: several networks of ipv4, expected at most one of each family",
           "t.toml:10: health: 'host:80', expected address:port such as '127.0.0.1:8080' or "
           "':8080', or '' for off",
           "t.toml:12: context: 'there' without 'kubeconfig', expected kubeconfig to be set as "
           "well",
           "t.toml:13: key: '/k.pem' without 'certificate', expected certificate to be set as well",
           "t.toml:14: zones: 'a..b', expected a domain name or a network, and perhaps a port, "
           "such as '.:53'",
           "t.toml:16: unknown plugin 'kubernets', did you mean 'kubernetes'?",
           "t.toml:17: server: no zones, expected zones such as [\"cluster.local\"]",
           "t.toml:19: unknown option 'tll', did you mean 'ttl'?",
           "t.toml:20: zones: 'OK.' is served twice, expected once (first at t.toml:14)"});
}

TEST_CASE("what is no table, or stands twice, is said") {
    CHECK(problems_of("dns = 5\n") ==
          std::vector<std::string>{"t.toml:1: dns: not a table, expected [dns]"});
    CHECK(problems_of("[[dns]]\nport = 1\n[[dns]]\nport = 2\n") ==
          std::vector<std::string>{
              "t.toml:3: [dns]: given twice, expected once (first at t.toml:1)"});
    CHECK(problems_of("[[server]]\nzones = \"a\"\n[[server.whoami]]\n[[server.whoami]]\n") ==
          std::vector<std::string>{"t.toml:4: whoami: given twice in a server block, expected once "
                                   "(first at t.toml:3)"});
    for (const char* mode : {"cluster_cidr", "interface_name_prefix"}) {
        CHECK(problems_of("[rules]\ndetect_local_mode = \"" + std::string{mode} + "\"\n").size() ==
              1);
    }
}

TEST_CASE("two configurations that say the same are equal") {
    CHECK(good("") == good("[dns]\nport = 53\n[rules]\npublish_wait = \"1000ms\"\n"));
    CHECK(good("[[server]]\nzones = \"a\"\nkubernetes = {ttl = 5}\n") ==
          good("[[server]]\nzones = [\"A.\"]\n[server.kubernetes]\n"));
    CHECK_FALSE(good("") == good("[dns]\nport = 54\n"));
}

TEST_CASE("a plugin with a table is made once for each directive, in the order of the file") {
    const Config config = good(R"([[server]]
zones = ["."]
forward = [". 192.0.2.1", "example.org 192.0.2.2 192.0.2.3"]
)");
    const std::vector<PluginConfig>& made = config.runtime.servers[0].plugins;
    REQUIRE(made.size() == 2);
    CHECK(made[0].name == "forward");
    CHECK(made[0].options.text("from") == ".");
    CHECK(made[1].options.text("from") == "example.org");
    CHECK(made[1].options.words("to") == std::vector<std::string>{"192.0.2.2", "192.0.2.3"});
    CHECK(config == good(R"([[server]]
zones = ["."]
[[server.forward]]
from = "."
to = ["192.0.2.1"]
[[server.forward]]
line = "example.org 192.0.2.2 192.0.2.3"
)"));
}

TEST_CASE("a plugin with a grammar of its own gets all its directives as they stand") {
    const Config config = good(R"([[server]]
zones = ["."]
[[server.rewrite]]
line = "name exact a.example b.example"
[[server.rewrite]]
line = "stop"
body = ["name regex \"a b\" c", "answer auto"]
)");
    const std::vector<PluginConfig>& made = config.runtime.servers[0].plugins;
    REQUIRE(made.size() == 1);
    const std::vector<Statement> expected{
        {{"name", "exact", "a.example", "b.example"}, {}, {}},
        {{"stop"}, {{{"name", "regex", "a b", "c"}, {}, {}}, {{"answer", "auto"}, {}, {}}}, {}}};
    CHECK(made[0].options.statements() == expected);
    CHECK(made[0].options.where().to_string() == "t.toml:3");
    CHECK(made[0].options.statements()[1].body[1].where.to_string() == "t.toml:7");
}

TEST_CASE("what may stand once is refused when it stands twice, and a free body has no keys") {
    CHECK(problems_of(R"([[server]]
zones = ["."]
hosts = ["a", "b"]
[server.rewrite]
ttl = 5
)") == std::vector<std::string>{
           "t.toml:3: hosts: given twice in a server block, expected once (first at t.toml:3)",
           "t.toml:5: rewrite: unknown key 'ttl', expected 'line' or 'body', which are written "
           "as in a Corefile"});
}

TEST_CASE("of what stands twice and may not one counts, as in CoreDNS, with a warning") {
    const Compiled compiled = compile_toml(R"([[server]]
zones = ["."]
cancel = ["1s", "2s"]
reload = ["10s", "20s"]
)");
    CHECK(compiled.problems.empty());
    CHECK(compiled.config.runtime.servers[0].cancel == 2s);
    CHECK(compiled.config.runtime.reload.interval == 10s);
    std::vector<std::string> warnings;
    for (const Problem& warning : compiled.warnings) warnings.push_back(warning.to_string());
    CHECK(warnings == std::vector<std::string>{
                          "t.toml:3: cancel: given twice in a server block, expected once (first "
                          "at t.toml:3); the last one counts",
                          "t.toml:4: reload: given twice in a server block, expected once (first "
                          "at t.toml:4); the first one counts"});
}

TEST_CASE("directives that are no plugins say what they do not take") {
    CHECK(problems_of(R"([[server]]
zones = ["."]
reload = "10s 500ms"
[server.bind]
addresses = ["127.0.0.1", "eth0", "fd00::1", "[::1]", "127.0.0.1:53"]
except = ["a b"]
[server.https]
body = ["max_connections 1", "max_connections 2"]
)") == std::vector<std::string>{
           "t.toml:3: jitter: '500ms', expected 0, or 1s at least",
           "t.toml:5: bind: '[::1]', expected an address or an interface",
           "t.toml:5: bind: '127.0.0.1:53', expected an address or an interface",
           "t.toml:6: bind: 'a b', expected an address or an interface",
           "t.toml:8: max_connections: given twice, expected once (first at t.toml:8)"});
    CHECK(good("[[server]]\nzones = [\".\"]\nreload = \"10s 0\"\n").runtime.reload.jitter == 0ms);
}
