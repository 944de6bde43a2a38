#include "kube/node_facts.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::kube;

TEST_CASE("node facts from a file's text") {
    const auto facts = node_facts_from_text("name: node-1\n"
                                            "labels: {zone: a}\n"
                                            "podCIDRs: [10.244.1.0/24, fd00:10::/64]\n"
                                            "addresses:\n"
                                            "  - {interface: eth0, address: 192.0.2.1}\n"
                                            "  - {interface: eth0, address: '2001:db8::1'}\n",
                                            "n.yaml", false);
    REQUIRE(facts);
    CHECK(facts->name == "node-1");
    CHECK(facts->labels == services::Labels{{"zone", "a"}});
    CHECK(facts->pod_cidrs ==
          std::vector{*Cidr::parse("10.244.1.0/24"), *Cidr::parse("fd00:10::/64")});
    REQUIRE(facts->addresses.size() == 2);
    CHECK(facts->addresses[1] ==
          services::NodeFacts::Interface{"eth0", *IpAddress::parse("2001:db8::1")});
    CHECK(node_facts_from_text(R"({"name":"n"})", "n.json", true)->name == "n");
}

TEST_CASE("all that is wrong with node facts comes at once") {
    const auto facts = node_facts_from_text("podCIDR: [10.0.0.0/8]\n"
                                            "podCIDRs: [x]\n"
                                            "addresses:\n"
                                            "  - {interface: eth0, address: 1.2.3}\n"
                                            "  - {address: 1.2.3.4}\n",
                                            "n.yaml", false);
    REQUIRE_FALSE(facts);
    CHECK(facts.error().text ==
          "n.yaml:1: key 'podCIDR', expected one of name, labels, podCIDRs, addresses\n"
          "n.yaml:1: name is missing, expected the node's name\n"
          "n.yaml:2: podCIDRs[0] is 'x', expected a network such as 10.0.0.0/8\n"
          "n.yaml:4: addresses[0].address is '1.2.3', expected an IP address\n"
          "n.yaml:5: addresses[1].interface is missing, expected the name of an interface");
    CHECK_THAT(read_node_facts("/nonexistent/n.yaml").error().text,
               Catch::StartsWith("/nonexistent/n.yaml: "));
}
