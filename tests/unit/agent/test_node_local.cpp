#include "agent/command_line.hpp"
#include "agent/node_local_config.hpp"
#include "agent/node_local_flags.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::agent;
using namespace std::chrono_literals;

namespace {

NodeLocal role_of(std::vector<std::string> arguments) {
    auto taken = take_node_local_flags(arguments);
    REQUIRE(taken);
    REQUIRE(taken->role);
    CHECK(taken->rest.empty());
    return *taken->role;
}

std::string complaint_about(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "-localip=169.254.20.10");
    const auto taken = take_node_local_flags(arguments);
    return taken ? "none" : taken.error().text;
}

TemplateValues values() {
    TemplateValues values;
    values.addresses = {*IpAddress::parse("169.254.20.10"), *IpAddress::parse("10.96.0.10")};
    values.cluster_dns = "10.96.4.4";
    values.prometheus_listen = ":9253";
    return values;
}

}  // namespace

TEST_CASE("node_local: the defaults are those of node-cache") {
    const NodeLocal role = role_of({"-localip", "169.254.20.10,10.96.0.10"});
    REQUIRE(role.addresses.size() == 2);
    CHECK(role.addresses[1].to_string() == "10.96.0.10");
    CHECK(role.setup_interface);
    CHECK(role.setup_iptables);
    CHECK_FALSE(role.skip_teardown);
    CHECK_FALSE(role.reload_with_signal);
    CHECK(role.interface_name == "nodelocaldns");
    CHECK(role.sync_interval == 60s);
    CHECK(role.metrics_listen.to_string() == "0.0.0.0:9353");
    CHECK(role.health_port == 8080);
    CHECK(role.base_corefile == "/etc/coredns/Corefile.base");
    CHECK(role.upstream_service == "kube-dns");
}

TEST_CASE("node_local: flags with one dash or two, with = or a word") {
    const NodeLocal role = role_of({"--localip=fd00::10", "-setupinterface=false", "--skipteardown",
                                    "-setupiptables=F", "-syncinterval", "5", "-interfacename=nl",
                                    "-metrics-listen-address=:9000", "-health-port", "81",
                                    "-basecorefile=/b", "-upstreamsvc=kube-dns-upstream",
                                    "-reloadwithsignal", "-setupebtables=false", "-kubednscm=/k"});
    CHECK(role.addresses.front().is_v6());
    CHECK_FALSE(role.setup_interface);
    CHECK_FALSE(role.setup_iptables);
    CHECK(role.skip_teardown);
    CHECK(role.reload_with_signal);
    CHECK(role.sync_interval == 5s);
    CHECK(role.interface_name == "nl");
    CHECK(role.metrics_listen.to_string() == "0.0.0.0:9000");
    CHECK(role.health_port == 81);
    CHECK(role.base_corefile == "/b");
    CHECK(role.kube_dns_folder == "/k");
    CHECK(role.upstream_service == "kube-dns-upstream");
    CHECK(role_of({"-localip=::1", "-syncinterval=60ns"}).sync_interval == 60s);
    CHECK(role_of({"-localip=::1", "-syncinterval=2m"}).sync_interval == 120s);
}

TEST_CASE("node_local: wrong values are named") {
    CHECK(complaint_about({"-localip=10.0.0.300"}) ==
          "-localip: '10.0.0.300', expected IP addresses with commas between them");
    CHECK(complaint_about({"-localip="}) ==
          "-localip: '', expected IP addresses with commas between them");
    CHECK(complaint_about({"-setupinterface=maybe"}) ==
          "-setupinterface: 'maybe', expected true or false");
    CHECK(complaint_about({"-syncinterval=0"}) == "-syncinterval: '0', expected seconds from 1");
    CHECK(complaint_about({"-health-port=65536"}) == "-health-port: '65536', expected a port");
    CHECK(complaint_about({"-metrics-listen-address=x"}) ==
          "-metrics-listen-address: 'x', expected address:port");
    CHECK(complaint_about({"-setupebtables"}) ==
          "-setupebtables: 'true', expected false: there are no ebtables rules");
    CHECK(complaint_about({"-basecorefile"}) == "-basecorefile: no value, expected one");
}

TEST_CASE("node_local: without -localip the flags are unknown, and it goes with no command") {
    const Command without = parse_command_line({"-setupinterface=false"});
    REQUIRE(std::holds_alternative<SayCommand>(without));
    CHECK(std::get<SayCommand>(without).code == exit_usage);
    const Command check = parse_command_line({"check", "-localip=::1"});
    REQUIRE(std::holds_alternative<SayCommand>(check));
    CHECK(std::get<SayCommand>(check).code == exit_usage);
    const Command run = parse_command_line(
        {"-conf", "/etc/Corefile", "-localip", "169.254.20.10", "-dns.port=54", "-pidfile=/p"});
    REQUIRE(std::holds_alternative<RunCommand>(run));
    const auto& command = std::get<RunCommand>(run);
    CHECK(command.node_local.has_value());
    CHECK(command.overrides.config_path == "/etc/Corefile");
    CHECK(command.overrides.port == 54);
    CHECK(command.pid_file == "/p");
}

TEST_CASE("node_local: the template's words are filled") {
    const auto filled = fill_template(
        "__PILLAR__DNS__DOMAIN__:53 {\n"
        "    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__\n"
        "    forward . __PILLAR__CLUSTER__DNS__ {\n            force_tcp\n    }\n"
        "    prometheus __PROMETHEUS__ENDPOINT__\n}\n"
        ".:53 {\n    forward . __PILLAR__UPSTREAM__SERVERS__ {\n        force_tcp\n    }\n}\n",
        values());
    REQUIRE(filled);
    CHECK(*filled == "cluster.local:53 {\n"
                     "    bind 169.254.20.10 10.96.0.10 \n"
                     "    forward . 10.96.4.4 {\n            force_tcp\n    }\n"
                     "    prometheus :9253\n}\n"
                     ".:53 {\n    forward . /etc/resolv.conf {\n        force_tcp\n    }\n}\n");
}

TEST_CASE("node_local: chosen upstreams are not asked by TCP only, and stub domains get blocks") {
    TemplateValues chosen = values();
    auto kube_dns =
        parse_kube_dns(R"({"b.example":["10.0.0.1","10.0.0.2:5353"],"a.example":["10.0.0.3"],
                          "none.example":[]})",
                       R"(["1.1.1.1","8.8.8.8"])");
    REQUIRE(kube_dns);
    chosen.kube_dns = *kube_dns;
    chosen.dns_port = 54;
    const auto filled =
        fill_template("forward . __PILLAR__UPSTREAM__SERVERS__ {\n\tforce_tcp\n  }\n"
                      "forward . __PILLAR__UPSTREAM__SERVERS__ {\n  max_fails 1\n}\n",
                      chosen);
    REQUIRE(filled);
    CHECK(*filled ==
          "forward . 1.1.1.1 8.8.8.8\n"
          "forward . 1.1.1.1 8.8.8.8 {\n  max_fails 1\n}\n"
          "\na.example:54 {\n    errors\n    cache 30\n    bind 169.254.20.10 10.96.0.10\n"
          "    forward . 10.0.0.3\n}\n"
          "\nb.example:54 {\n    errors\n    cache 30\n    bind 169.254.20.10 10.96.0.10\n"
          "    forward . 10.0.0.1 10.0.0.2:5353\n}\n");
}

TEST_CASE("node_local: an unknown cluster DNS is an error only where it is asked for") {
    TemplateValues unknown = values();
    unknown.cluster_dns.clear();
    CHECK(fill_template(". {\n}\n", unknown));
    const auto filled = fill_template("forward . __PILLAR__CLUSTER__DNS__", unknown);
    REQUIRE_FALSE(filled);
    CHECK(filled.error().code == Errc::not_found);
}

TEST_CASE("node_local: a ConfigMap that is no such JSON is refused") {
    for (const char* stubs : {"{", "[]", R"({"a.example":"10.0.0.1"})", R"({"a b":["10.0.0.1"]})",
                              R"({"a.example":["10.0.0.1 }\n. {"]})", R"({"a.example":[""]})"}) {
        CHECK_FALSE(parse_kube_dns(stubs, ""));
    }
    for (const char* servers : {"{}", R"(["1.1.1.1 { }"])", R"(["1","2","3","4"])"}) {
        CHECK_FALSE(parse_kube_dns("", servers));
    }
    CHECK(parse_kube_dns("", "")->stub_domains.empty());
}

TEST_CASE("node_local: where a service's address stands in the environment") {
    CHECK(service_variable("kube-dns-upstream") == "KUBE_DNS_UPSTREAM_SERVICE_HOST");
}
