#include "rules/iptables/render.hpp"

#include <catch2/catch.hpp>

namespace nameplane::rules::iptables {
namespace {

PortPlan port_named(std::string name, services::Protocol protocol = services::Protocol::tcp) {
    PortPlan port;
    port.name = std::move(name);
    port.protocol = protocol;
    return port;
}

PlanEndpoint endpoint(std::string_view address, std::uint16_t port) {
    return {.address = *IpAddress::parse(address), .port = port};
}

// The names that kube-proxy gives to the Services of its own tests.
TEST_CASE("a Service's chains end in kube-proxy's hash", "[rules][names]") {
    struct Row {
        const char* name;
        const char* chain;
    };
    const auto row = GENERATE(values<Row>({
        {"ns1/svc1:p80", "KUBE-SVC-XPGD46QRK7WJZT7O"},
        {"ns2/svc2:p80", "KUBE-SVC-GNZBNJ2PO5MGZ6GT"},
        {"ns3/svc3:p80", "KUBE-SVC-X27LE4BHSL4DOUIK"},
        {"ns4/svc4:p80", "KUBE-SVC-4SW47YFZTEDKD3PK"},
        {"ns5/svc5:p80", "KUBE-SVC-NUKIZ6OKUXPJNT4C"},
        {"ns2/svc2:p8080", "KUBE-SVC-2VJB64SDSIJUP5T6"},
    }));
    CHECK(service_chain_name("KUBE-SVC-", port_named(row.name)) == row.chain);
}

TEST_CASE("all chains of a Service port share one hash", "[rules][names]") {
    const PortPlan port = port_named("ns1/svc1:p80");
    CHECK(service_chain_name("KUBE-SVL-", port) == "KUBE-SVL-XPGD46QRK7WJZT7O");
    CHECK(service_chain_name("KUBE-EXT-", port) == "KUBE-EXT-XPGD46QRK7WJZT7O");
    CHECK(service_chain_name("KUBE-FW-", port) == "KUBE-FW-XPGD46QRK7WJZT7O");
}

TEST_CASE("an endpoint's chain is named after Service port and endpoint", "[rules][names]") {
    CHECK(endpoint_chain_name(port_named("ns1/svc1:p80"), endpoint("10.180.0.1", 80)) ==
          "KUBE-SEP-SXIVWICOYRO3J4NJ");
    CHECK(endpoint_chain_name(port_named("ns5/svc5:p80"), endpoint("10.180.0.3", 80)) ==
          "KUBE-SEP-I77PXRDZVX7PMWMN");
}

// In every cluster: the names of the API server's and the DNS' Service.
TEST_CASE("well-known Services have their well-known chains", "[rules][names]") {
    using services::Protocol;
    CHECK(service_chain_name("KUBE-SVC-", port_named("default/kubernetes:https")) ==
          "KUBE-SVC-NPX46M4PTMTKRN6Y");
    CHECK(service_chain_name("KUBE-SVC-", port_named("kube-system/kube-dns:dns", Protocol::udp)) ==
          "KUBE-SVC-TCOU7JCQXEZGVUNU");
    CHECK(service_chain_name("KUBE-SVC-", port_named("kube-system/kube-dns:dns-tcp")) ==
          "KUBE-SVC-ERIFXISQEP7F7OF4");
}

TEST_CASE("endpoints are written as address and port", "[rules][plan]") {
    CHECK(endpoint("10.0.0.1", 80).to_string() == "10.0.0.1:80");
    CHECK(endpoint("fd00::1", 80).to_string() == "[fd00::1]:80");
    CHECK(endpoint("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", 65535).to_string() ==
          "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
}

}  // namespace
}  // namespace nameplane::rules::iptables
