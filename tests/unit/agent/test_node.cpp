#include "agent/node.hpp"
#include "rules/policy.hpp"

#include <catch2/catch.hpp>

#include <source_location>

using namespace nameplane;
using namespace nameplane::agent;
using rules::LocalDetector;

namespace {

IpAddress ip(std::string_view text) {
    return *IpAddress::parse(text);
}
Cidr cidr(std::string_view text) {
    return *Cidr::parse(text);
}

rules::NodeFacts some_node() {
    rules::NodeFacts node;
    node.name = "node-1";
    node.pod_cidrs = {cidr("10.244.1.0/24"), cidr("fd02:1::/64")};
    node.addresses = {{"lo", ip("127.0.0.1")},     {"lo", ip("::1")},
                      {"eth0", ip("192.0.2.7")},   {"eth0", ip("fe80::7")},
                      {"eth0", ip("2001:db8::7")}, {"eth1", ip("198.51.100.7")},
                      {"eth2", ip("169.254.1.1")}};
    return node;
}

struct Detected {
    conf::DetectLocalMode mode;
    Family family;
    LocalDetector detector;
    std::string value;
    std::source_location place = std::source_location::current();
};

}  // namespace

TEST_CASE("pods are recognised as the mode says, in each family") {
    conf::RulesConfig config;
    config.cluster_cidrs = {cidr("fd02::/48"), cidr("10.244.0.0/16")};
    config.bridge_interface = "cni0";
    config.interface_name_prefix = "veth";
    using enum conf::DetectLocalMode;
    const std::vector<Detected> rows{
        {none, Family::ipv4, LocalDetector::none, ""},
        {cluster_cidr, Family::ipv4, LocalDetector::source_cidr, "10.244.0.0/16"},
        {cluster_cidr, Family::ipv6, LocalDetector::source_cidr, "fd02::/48"},
        {node_cidr, Family::ipv4, LocalDetector::source_cidr, "10.244.1.0/24"},
        {node_cidr, Family::ipv6, LocalDetector::source_cidr, "fd02:1::/64"},
        {bridge_interface, Family::ipv4, LocalDetector::bridge, "cni0"},
        {interface_name_prefix, Family::ipv6, LocalDetector::interface_prefix, "veth"},
    };
    for (const Detected& row : rows) {
        INFO("row at line " << row.place.line());
        config.detect_local = row.mode;
        const rules::PlanSettings settings = plan_settings(config, some_node(), row.family, {});
        CHECK(settings.detector == row.detector);
        CHECK((settings.detector_name.empty()
                   ? settings.detector_cidr.to_string()
                   : settings.detector_name) == (row.value.empty() ? "0.0.0.0/0" : row.value));
    }
}

TEST_CASE("without the network of a family nothing is recognised there") {
    conf::RulesConfig config;
    config.detect_local = conf::DetectLocalMode::cluster_cidr;
    config.cluster_cidrs = {cidr("10.244.0.0/16")};
    CHECK(plan_settings(config, some_node(), Family::ipv6, {}).detector == LocalDetector::none);
    config.detect_local = conf::DetectLocalMode::node_cidr;
    rules::NodeFacts node = some_node();
    node.pod_cidrs.clear();
    CHECK(plan_settings(config, node, Family::ipv4, {}).detector == LocalDetector::none);
}

TEST_CASE("the other settings follow the configuration and the kernel") {
    conf::RulesConfig config;
    config.masquerade_bit = 31;
    config.masquerade_all = true;
    const auto v4 = plan_settings(config, some_node(), Family::ipv4, {.liberal_conntrack = true});
    CHECK(v4.family == Family::ipv4);
    CHECK(v4.masquerade_mark == 0x80000000U);
    CHECK(v4.masquerade_all);
    CHECK(v4.localhost_node_ports);
    CHECK_FALSE(v4.drop_invalid);
    const auto v6 = plan_settings(config, some_node(), Family::ipv6, {});
    CHECK(v6.family == Family::ipv6);
    CHECK_FALSE(v6.localhost_node_ports);
    CHECK(v6.drop_invalid);
    config.localhost_node_ports = false;
    CHECK_FALSE(plan_settings(config, some_node(), Family::ipv4, {}).localhost_node_ports);
    CHECK(plan_settings(conf::RulesConfig{}, some_node(), Family::ipv4, {}).masquerade_mark ==
          0x4000U);
}

TEST_CASE("node ports answer on the node's addresses in the networks given") {
    conf::RulesConfig config;
    const auto addresses = [&](Family family) {
        return plan_settings(config, some_node(), family, {}).node_port_addresses;
    };
    CHECK(addresses(Family::ipv4).empty());
    config.node_port_addresses = {cidr("198.51.100.0/24"), cidr("192.0.2.0/24"), cidr("192.0.2.7")};
    CHECK(addresses(Family::ipv4) == std::vector{ip("192.0.2.7"), ip("198.51.100.7")});
    CHECK(addresses(Family::ipv6).empty());  // no network of that family: everywhere
    config.node_port_addresses = {cidr("0.0.0.0/0"), cidr("192.0.2.0/24")};
    CHECK(addresses(Family::ipv4).empty());
    config.node_port_addresses = {cidr("2001:db8::/32")};
    CHECK(addresses(Family::ipv6) == std::vector{ip("2001:db8::7")});
}

TEST_CASE("node ports answer on the loopback address if the networks hold it") {
    const auto localhost = [](std::vector<Cidr> networks) {
        conf::RulesConfig config;
        config.node_port_addresses = std::move(networks);
        return plan_settings(config, some_node(), Family::ipv4, {}).localhost_node_ports;
    };
    CHECK(localhost({}));
    CHECK(localhost({cidr("0.0.0.0/0")}));
    CHECK(localhost({cidr("192.0.2.0/24"), cidr("127.0.0.0/8")}));
    CHECK(localhost({cidr("127.0.0.1/32")}));
    CHECK(localhost({cidr("2001:db8::/32")}));  // no network of IPv4: everywhere
    CHECK_FALSE(localhost({cidr("192.0.2.0/24")}));
}

TEST_CASE("node ports on primary addresses answer on those of the Node object") {
    conf::RulesConfig config;
    config.node_ports_on_primary = true;
    rules::NodeFacts node = some_node();
    node.node_ips = {ip("198.51.100.7"), ip("192.0.2.7")};
    const auto v4 = plan_settings(config, node, Family::ipv4, {});
    CHECK(v4.node_port_addresses == std::vector{ip("198.51.100.7")});
    CHECK(v4.node_ports_restricted);
    CHECK_FALSE(v4.localhost_node_ports);
    // The Node has no address of IPv6: everywhere.
    CHECK_FALSE(plan_settings(config, node, Family::ipv6, {}).node_ports_restricted);
    // Without a Node object, the first address that others can reach.
    CHECK(plan_settings(config, some_node(), Family::ipv6, {}).node_port_addresses ==
          std::vector{ip("2001:db8::7")});
}

TEST_CASE("node ports answer nowhere if the node has no address in the networks given") {
    const auto restricted = [](std::vector<Cidr> networks, Family family = Family::ipv4) {
        conf::RulesConfig config;
        config.node_port_addresses = std::move(networks);
        return plan_settings(config, some_node(), family, {}).node_ports_restricted;
    };
    CHECK(restricted({cidr("203.0.113.0/24")}));
    CHECK(restricted({cidr("192.0.2.0/24")}));
    CHECK_FALSE(restricted({}));
    CHECK_FALSE(restricted({cidr("203.0.113.0/24"), cidr("0.0.0.0/0")}));
    CHECK_FALSE(restricted({cidr("203.0.113.0/24")}, Family::ipv6));
}

TEST_CASE("what the Node object says is added to what the machine is") {
    services::Node object;
    object.labels = {{"zone", "a"}};
    object.pod_cidrs = {cidr("10.9.0.0/24")};
    object.addresses = {ip("203.0.113.1")};
    const rules::NodeFacts merged = merged_facts(some_node(), &object);
    CHECK(merged.name == "node-1");
    CHECK(merged.labels == object.labels);
    CHECK(merged.pod_cidrs == object.pod_cidrs);
    CHECK(merged.addresses == some_node().addresses);
    CHECK(merged.node_ips == object.addresses);
    CHECK(merged_facts(some_node(), nullptr) == some_node());
    rules::NodeFacts bare;
    CHECK(merged_facts(bare, &object).addresses ==
          std::vector<rules::NodeFacts::Interface>{{"", ip("203.0.113.1")}});
}

TEST_CASE("our own addresses are those that others can reach, each once") {
    CHECK(own_addresses(some_node(), {ip("0.0.0.0"), ip("::"), ip("127.0.0.53"), ip("198.51.100.7"),
                                      ip("203.0.113.9")}) ==
          std::vector{ip("198.51.100.7"), ip("203.0.113.9"), ip("192.0.2.7"), ip("2001:db8::7")});
}

TEST_CASE("a node is named by the configuration, else by its host name, in lower case") {
    CHECK(local_node_name({.name = "Node-A"}) == "node-a");
    const std::string host = local_node_name({});
    CHECK_FALSE(host.empty());
    CHECK(host.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos);
}

TEST_CASE("a node's own address can be said in the place of what its Node says") {
    rules::NodeFacts facts;
    facts.node_ips = {*IpAddress::parse("192.0.2.1"), *IpAddress::parse("fd00::1")};
    CHECK(with_addresses(facts, {}).node_ips == facts.node_ips);
    const rules::NodeFacts own = with_addresses(facts, {*IpAddress::parse("192.0.2.9")});
    CHECK(rules::node_address(own, Family::ipv4) == IpAddress::parse("192.0.2.9"));
    CHECK(rules::node_address(own, Family::ipv6) == IpAddress::parse("fd00::1"));
}
