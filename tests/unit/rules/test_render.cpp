// Whole chains of single Service ports, as kube-proxy writes them.
#include "rule_lines.hpp"

#include <catch2/catch.hpp>

namespace nameplane::rules::iptables {
namespace {

using tests::filter_lines;
using tests::Lines;
using tests::nat_lines;

IpAddress ip(std::string_view text) {
    return *IpAddress::parse(text);
}

PlanEndpoint endpoint(std::string_view address, std::uint16_t port = 80, bool local = false) {
    return {.address = ip(address), .port = port, .local = local};
}

/// ns1/svc1:p80 at 172.30.0.41:80 with one endpoint.
PortPlan cluster_ip_port() {
    PortPlan port;
    port.name = "ns1/svc1:p80";
    port.port = 80;
    port.cluster_ip = ip("172.30.0.41");
    port.cluster_endpoints = {endpoint("10.180.0.1")};
    port.has_endpoints = true;
    return port;
}

/// The same with every way in from outside, as a load balancer's Service has them.
PortPlan load_balancer_port() {
    PortPlan port = cluster_ip_port();
    port.node_port = 3001;
    port.external_ips = {ip("192.168.99.22")};
    port.load_balancer_ips = {ip("1.2.3.4"), ip("5.6.7.8")};
    return port;
}

ServiceRules render(const PortPlan& port, const PlanSettings& settings = {}, bool large = false) {
    return render_service(ServicePlan{.ports = {port}}, settings, large);
}

PlanSettings pods_in(std::string_view cidr) {
    return {.detector = LocalDetector::source_cidr, .detector_cidr = *Cidr::parse(cidr)};
}

TEST_CASE("a cluster IP leads to its endpoint", "[rules][render]") {
    const ServiceRules rules = render(cluster_ip_port(), pods_in("10.0.0.0/8"));
    CHECK(nat_lines(rules) ==
          Lines{
              "-A KUBE-SERVICES -m comment --comment \"ns1/svc1:p80 cluster IP\" -m tcp -p tcp -d "
              "172.30.0.41 --dport 80 -j KUBE-SVC-XPGD46QRK7WJZT7O",
              "-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment \"ns1/svc1:p80 cluster IP\" -m "
              "tcp -p tcp -d 172.30.0.41 --dport 80 ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ",
              "-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment \"ns1/svc1:p80 -> "
              "10.180.0.1:80\" -j KUBE-SEP-SXIVWICOYRO3J4NJ",
              "-A KUBE-SEP-SXIVWICOYRO3J4NJ -m comment --comment ns1/svc1:p80 -s 10.180.0.1 -j "
              "KUBE-MARK-MASQ",
              "-A KUBE-SEP-SXIVWICOYRO3J4NJ -m comment --comment ns1/svc1:p80 -m tcp -p tcp -j "
              "DNAT --to-destination 10.180.0.1:80",
          });
    CHECK(filter_lines(rules).empty());
}

TEST_CASE("pods are recognised by source, bridge or interface, or not at all", "[rules][render]") {
    struct Row {
        PlanSettings settings;
        const char* tail;  ///< of the masquerade rule; empty: there is none
    };
    const auto row = GENERATE(values<Row>({
        {PlanSettings{}, ""},
        {PlanSettings{.masquerade_all = true}, ""},
        {pods_in("10.0.0.0/8"), " ! -s 10.0.0.0/8"},
        {pods_in("10.9.9.9/32"), " ! -s 10.9.9.9/32"},
        {PlanSettings{.detector = LocalDetector::bridge, .detector_name = "cbr0"}, " ! -i cbr0"},
        {PlanSettings{.detector = LocalDetector::interface_prefix, .detector_name = "cali"},
         " ! -i cali+"},
    }));
    const Lines lines = nat_lines(render(cluster_ip_port(), row.settings));
    const std::string masquerade =
        "-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment \"ns1/svc1:p80 cluster IP\" -m tcp -p "
        "tcp -d 172.30.0.41 --dport 80" +
        std::string{row.tail} + " -j KUBE-MARK-MASQ";
    const bool expected =
        row.settings.masquerade_all || row.settings.detector != LocalDetector::none;
    CHECK(std::ranges::count(lines, masquerade) == (expected ? 1 : 0));
    CHECK(lines.size() == (expected ? 5 : 4));
}

TEST_CASE("each endpoint gets its share: 1/n, 1/(n-1), and the last what is left",
          "[rules][render]") {
    PortPlan port = cluster_ip_port();
    port.cluster_endpoints = {endpoint("10.0.0.1"), endpoint("10.0.0.2"), endpoint("10.0.0.3")};
    const ServiceRules rules = render(port);
    const Chain& chain = rules.nat_chains.at(0).rules;
    REQUIRE(chain.size() == 3);
    CHECK(to_text(chain[0]) == "-m comment --comment \"ns1/svc1:p80 -> 10.0.0.1:80\" -m statistic "
                               "--mode random --probability 0.3333333333 -j " +
                                   rules.nat_chains.at(1).name);
    CHECK(to_text(chain[1]) == "-m comment --comment \"ns1/svc1:p80 -> 10.0.0.2:80\" -m statistic "
                               "--mode random --probability 0.5000000000 -j " +
                                   rules.nat_chains.at(2).name);
    CHECK(to_text(chain[2]) ==
          "-m comment --comment \"ns1/svc1:p80 -> 10.0.0.3:80\" -j " + rules.nat_chains.at(3).name);
}

TEST_CASE("probabilities have ten decimals", "[rules][render]") {
    Rule rule;
    rule.matches.emplace_back(RandomMatch{100001});
    CHECK(to_text(rule) == "-m statistic --mode random --probability 0.0000099999");
}

TEST_CASE("a load balancer, external policy Cluster", "[rules][render]") {
    const ServiceRules rules = render(load_balancer_port());
    CHECK(nat_lines(rules) ==
          Lines{
              "-A KUBE-SERVICES -m comment --comment \"ns1/svc1:p80 cluster IP\" -m tcp -p tcp -d "
              "172.30.0.41 --dport 80 -j KUBE-SVC-XPGD46QRK7WJZT7O",
              "-A KUBE-SERVICES -m comment --comment \"ns1/svc1:p80 external IP\" -m tcp -p tcp "
              "-d 192.168.99.22 --dport 80 -j KUBE-EXT-XPGD46QRK7WJZT7O",
              "-A KUBE-SERVICES -m comment --comment \"ns1/svc1:p80 loadbalancer IP\" -m tcp -p "
              "tcp -d 1.2.3.4 --dport 80 -j KUBE-EXT-XPGD46QRK7WJZT7O",
              "-A KUBE-SERVICES -m comment --comment \"ns1/svc1:p80 loadbalancer IP\" -m tcp -p "
              "tcp -d 5.6.7.8 --dport 80 -j KUBE-EXT-XPGD46QRK7WJZT7O",
              "-A KUBE-NODEPORTS -m comment --comment ns1/svc1:p80 -m tcp -p tcp --dport 3001 -j "
              "KUBE-EXT-XPGD46QRK7WJZT7O",
              "-A KUBE-EXT-XPGD46QRK7WJZT7O -m comment --comment \"masquerade traffic for "
              "ns1/svc1:p80 external destinations\" -j KUBE-MARK-MASQ",
              "-A KUBE-EXT-XPGD46QRK7WJZT7O -j KUBE-SVC-XPGD46QRK7WJZT7O",
              "-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment \"ns1/svc1:p80 -> "
              "10.180.0.1:80\" -j KUBE-SEP-SXIVWICOYRO3J4NJ",
              "-A KUBE-SEP-SXIVWICOYRO3J4NJ -m comment --comment ns1/svc1:p80 -s 10.180.0.1 -j "
              "KUBE-MARK-MASQ",
              "-A KUBE-SEP-SXIVWICOYRO3J4NJ -m comment --comment ns1/svc1:p80 -m tcp -p tcp -j "
              "DNAT --to-destination 10.180.0.1:80",
          });
    CHECK(filter_lines(rules).empty());
}

TEST_CASE("node ports on the loopback address are counted where the kernel can",
          "[rules][render]") {
    PortPlan port = cluster_ip_port();
    port.node_port = 3001;
    const auto lines = [&](const PlanSettings& settings) {
        Lines found;
        for (const Rule& rule : render(port, settings).nat_nodeports) {
            found.push_back(to_text(rule));
        }
        return found;
    };
    const std::string plain = "-m comment --comment ns1/svc1:p80 -m tcp -p tcp --dport 3001 -j "
                              "KUBE-EXT-XPGD46QRK7WJZT7O";
    CHECK(lines({.packet_counters = true}) ==
          Lines{"-m comment --comment ns1/svc1:p80 -m tcp -p tcp -d 127.0.0.0/8 --dport 3001 -m "
                "nfacct --nfacct-name localhost_nps_accepted_pkts -j KUBE-EXT-XPGD46QRK7WJZT7O",
                plain});
    CHECK(lines({}) == Lines{plain});
    CHECK(lines({.localhost_node_ports = false, .packet_counters = true}) == Lines{plain});
}

TEST_CASE("external policy Local: pods and the node still reach all endpoints", "[rules][render]") {
    PortPlan port = load_balancer_port();
    port.external_local = true;
    port.health_check_node_port = 30000;
    port.cluster_endpoints = {endpoint("10.180.0.1", 80, true), endpoint("10.180.0.2")};
    port.local_endpoints = {endpoint("10.180.0.1", 80, true)};
    const ServiceRules rules = render(port, pods_in("10.0.0.0/8"));
    REQUIRE(rules.nat_chains.size() == 5);
    CHECK(rules.nat_chains[0].name == "KUBE-EXT-XPGD46QRK7WJZT7O");
    CHECK(rules.nat_chains[1].name == "KUBE-SVC-XPGD46QRK7WJZT7O");
    CHECK(rules.nat_chains[2].name == "KUBE-SVL-XPGD46QRK7WJZT7O");
    CHECK(rules.nat_chains[3].name == "KUBE-SEP-SXIVWICOYRO3J4NJ");
    Lines external;
    tests::add_lines(external, "EXT", rules.nat_chains[0].rules);
    CHECK(external ==
          Lines{
              "-A EXT -m comment --comment \"pod traffic for ns1/svc1:p80 external destinations\" "
              "-s 10.0.0.0/8 -j KUBE-SVC-XPGD46QRK7WJZT7O",
              "-A EXT -m comment --comment \"masquerade LOCAL traffic for ns1/svc1:p80 external "
              "destinations\" -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ",
              "-A EXT -m comment --comment \"route LOCAL traffic for ns1/svc1:p80 external "
              "destinations\" -m addrtype --src-type LOCAL -j KUBE-SVC-XPGD46QRK7WJZT7O",
              "-A EXT -j KUBE-SVL-XPGD46QRK7WJZT7O",
          });
    CHECK(filter_lines(rules) ==
          Lines{"-A KUBE-NODEPORTS -m comment --comment \"ns1/svc1:p80 health check node port\" -m "
                "tcp -p tcp --dport 30000 -j ACCEPT"});
    // The cluster IP's masquerading belongs to the internal chain, not to KUBE-SVL.
    CHECK(rules.nat_chains[1].rules.size() == 3);
    CHECK(rules.nat_chains[2].rules.size() == 1);
}

TEST_CASE("external policy Local without local endpoints drops what comes from outside",
          "[rules][render]") {
    PortPlan port = load_balancer_port();
    port.external_local = true;
    port.external = Unserved::drop;
    const ServiceRules rules = render(port);
    CHECK(filter_lines(rules) ==
          Lines{
              "-A KUBE-EXTERNAL-SERVICES -m comment --comment \"ns1/svc1:p80 has no local "
              "endpoints\" -m tcp -p tcp -d 192.168.99.22 --dport 80 -j DROP",
              "-A KUBE-EXTERNAL-SERVICES -m comment --comment \"ns1/svc1:p80 has no local "
              "endpoints\" -m tcp -p tcp -d 1.2.3.4 --dport 80 -j DROP",
              "-A KUBE-EXTERNAL-SERVICES -m comment --comment \"ns1/svc1:p80 has no local "
              "endpoints\" -m tcp -p tcp -d 5.6.7.8 --dport 80 -j DROP",
              "-A KUBE-EXTERNAL-SERVICES -m comment --comment \"ns1/svc1:p80 has no local "
              "endpoints\" -m addrtype --dst-type LOCAL -m tcp -p tcp --dport 3001 -j DROP",
          });
    Lines external;
    tests::add_lines(external, "EXT", rules.nat_chains.at(0).rules);
    CHECK(external ==
          Lines{
              "-A EXT -m comment --comment \"masquerade LOCAL traffic for ns1/svc1:p80 external "
              "destinations\" -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ",
              "-A EXT -m comment --comment \"route LOCAL traffic for ns1/svc1:p80 external "
              "destinations\" -m addrtype --src-type LOCAL -j KUBE-SVC-XPGD46QRK7WJZT7O",
          });
}

TEST_CASE("without any endpoint every way in is rejected", "[rules][render]") {
    PortPlan port = load_balancer_port();
    port.cluster_endpoints.clear();
    port.has_endpoints = false;
    port.internal = Unserved::reject;
    port.external = Unserved::reject;
    port.source_ranges = {*Cidr::parse("10.0.0.0/8")};
    const ServiceRules rules = render(port, pods_in("10.0.0.0/8"));
    CHECK(nat_lines(rules).empty());
    CHECK(rules.nat_chains.empty());
    CHECK(filter_lines(rules) ==
          Lines{
              "-A KUBE-SERVICES -m comment --comment \"ns1/svc1:p80 has no endpoints\" -m tcp -p "
              "tcp -d 172.30.0.41 --dport 80 -j REJECT",
              "-A KUBE-EXTERNAL-SERVICES -m comment --comment \"ns1/svc1:p80 has no endpoints\" -m "
              "tcp -p tcp -d 192.168.99.22 --dport 80 -j REJECT",
              "-A KUBE-EXTERNAL-SERVICES -m comment --comment \"ns1/svc1:p80 has no endpoints\" -m "
              "tcp -p tcp -d 1.2.3.4 --dport 80 -j REJECT",
              "-A KUBE-EXTERNAL-SERVICES -m comment --comment \"ns1/svc1:p80 has no endpoints\" -m "
              "tcp -p tcp -d 5.6.7.8 --dport 80 -j REJECT",
              "-A KUBE-EXTERNAL-SERVICES -m comment --comment \"ns1/svc1:p80 has no endpoints\" -m "
              "addrtype --dst-type LOCAL -m tcp -p tcp --dport 3001 -j REJECT",
          });
}

TEST_CASE("source ranges guard the load balancer IPs", "[rules][render]") {
    PortPlan port = load_balancer_port();
    port.source_ranges = {*Cidr::parse("203.0.113.0/25"), *Cidr::parse("198.51.100.7/32")};
    port.node_in_source_ranges = true;
    const ServiceRules rules = render(port);
    const Lines nat = nat_lines(rules);
    CHECK(std::ranges::count(
              nat, "-A KUBE-SERVICES -m comment --comment \"ns1/svc1:p80 loadbalancer IP\" -m tcp "
                   "-p tcp -d 1.2.3.4 --dport 80 -j KUBE-FW-XPGD46QRK7WJZT7O") == 1);
    CHECK(std::ranges::count(
              nat, "-A KUBE-SERVICES -m comment --comment \"ns1/svc1:p80 external IP\" -m tcp -p "
                   "tcp -d 192.168.99.22 --dport 80 -j KUBE-EXT-XPGD46QRK7WJZT7O") == 1);
    REQUIRE(rules.nat_chains.at(1).name == "KUBE-FW-XPGD46QRK7WJZT7O");
    Lines guard;
    tests::add_lines(guard, "FW", rules.nat_chains[1].rules);
    const std::string comment = "-A FW -m comment --comment \"ns1/svc1:p80 loadbalancer IP\" ";
    CHECK(guard == Lines{
                       comment + "-s 203.0.113.0/25 -j KUBE-EXT-XPGD46QRK7WJZT7O",
                       comment + "-s 198.51.100.7/32 -j KUBE-EXT-XPGD46QRK7WJZT7O",
                       comment + "-s 1.2.3.4 -j KUBE-EXT-XPGD46QRK7WJZT7O",
                       comment + "-s 5.6.7.8 -j KUBE-EXT-XPGD46QRK7WJZT7O",
                       "-A FW -m comment --comment \"other traffic to ns1/svc1:p80 will be dropped "
                       "by KUBE-PROXY-FIREWALL\"",
                   });
    CHECK(filter_lines(rules) ==
          Lines{
              "-A KUBE-PROXY-FIREWALL -m comment --comment \"ns1/svc1:p80 traffic not accepted by "
              "KUBE-FW-XPGD46QRK7WJZT7O\" -m tcp -p tcp -d 1.2.3.4 --dport 80 -j DROP",
              "-A KUBE-PROXY-FIREWALL -m comment --comment \"ns1/svc1:p80 traffic not accepted by "
              "KUBE-FW-XPGD46QRK7WJZT7O\" -m tcp -p tcp -d 5.6.7.8 --dport 80 -j DROP",
          });
}

TEST_CASE("session affinity asks what it remembers before it chooses", "[rules][render]") {
    PortPlan port = cluster_ip_port();
    port.name = "ns5/svc5:p80";
    port.affinity_timeout_s = 10800;
    port.cluster_endpoints = {endpoint("10.180.0.3")};
    const ServiceRules rules = render(port);
    CHECK(nat_lines(rules) ==
          Lines{
              "-A KUBE-SERVICES -m comment --comment \"ns5/svc5:p80 cluster IP\" -m tcp -p tcp -d "
              "172.30.0.41 --dport 80 -j KUBE-SVC-NUKIZ6OKUXPJNT4C",
              "-A KUBE-SVC-NUKIZ6OKUXPJNT4C -m comment --comment \"ns5/svc5:p80 -> "
              "10.180.0.3:80\" -m recent --name KUBE-SEP-I77PXRDZVX7PMWMN --rcheck --seconds 10800 "
              "--reap -j KUBE-SEP-I77PXRDZVX7PMWMN",
              "-A KUBE-SVC-NUKIZ6OKUXPJNT4C -m comment --comment \"ns5/svc5:p80 -> "
              "10.180.0.3:80\" -j KUBE-SEP-I77PXRDZVX7PMWMN",
              "-A KUBE-SEP-I77PXRDZVX7PMWMN -m comment --comment ns5/svc5:p80 -s 10.180.0.3 -j "
              "KUBE-MARK-MASQ",
              "-A KUBE-SEP-I77PXRDZVX7PMWMN -m comment --comment ns5/svc5:p80 -m recent --name "
              "KUBE-SEP-I77PXRDZVX7PMWMN --set -m tcp -p tcp -j DNAT --to-destination "
              "10.180.0.3:80",
          });
}

TEST_CASE("internal policy Local uses KUBE-SVL for the cluster IP", "[rules][render]") {
    PortPlan port = cluster_ip_port();
    port.internal_local = true;
    SECTION("with a local endpoint") {
        port.cluster_endpoints.clear();
        port.local_endpoints = {endpoint("10.180.0.1", 80, true)};
        const ServiceRules rules = render(port, pods_in("10.0.0.0/8"));
        CHECK(to_text(rules.nat_services.at(0)).ends_with("-j KUBE-SVL-XPGD46QRK7WJZT7O"));
        REQUIRE(rules.nat_chains.size() == 2);
        CHECK(rules.nat_chains[0].name == "KUBE-SVL-XPGD46QRK7WJZT7O");
        CHECK(to_text(rules.nat_chains[0].rules.at(0))
                  .ends_with("! -s 10.0.0.0/8 -j "
                             "KUBE-MARK-MASQ"));
    }
    SECTION("without") {
        port.cluster_endpoints.clear();
        port.internal = Unserved::drop;
        const ServiceRules rules = render(port);
        CHECK(nat_lines(rules).empty());
        CHECK(filter_lines(rules) ==
              Lines{"-A KUBE-SERVICES -m comment --comment \"ns1/svc1:p80 has no local "
                    "endpoints\" -m tcp -p tcp -d 172.30.0.41 --dport 80 -j DROP"});
    }
}

TEST_CASE("an endpoint that both policies use has one chain", "[rules][render]") {
    PortPlan port = load_balancer_port();
    port.external_local = true;
    port.cluster_endpoints = {endpoint("10.180.0.2")};  // topology left out the local one
    port.local_endpoints = {endpoint("10.180.0.1", 80, true), endpoint("10.180.0.2")};
    const ServiceRules rules = render(port);
    std::vector<std::string> endpoints;
    for (const NamedChain& chain : rules.nat_chains) {
        if (chain.name.starts_with("KUBE-SEP-")) endpoints.push_back(chain.name);
    }
    std::ranges::sort(endpoints);
    CHECK(endpoints.size() == 2);
    CHECK(std::ranges::adjacent_find(endpoints) == endpoints.end());
}

TEST_CASE("a large cluster goes without comments on endpoints", "[rules][render]") {
    PortPlan port = load_balancer_port();
    port.cluster_endpoints = {endpoint("10.180.0.1")};
    const ServiceRules rules = render(port, pods_in("10.0.0.0/8"), true);
    const Lines lines = nat_lines(rules);
    CHECK(std::ranges::count(lines, "-A KUBE-SVC-XPGD46QRK7WJZT7O -j "
                                    "KUBE-SEP-SXIVWICOYRO3J4NJ") == 1);
    CHECK(std::ranges::count(lines, "-A KUBE-SEP-SXIVWICOYRO3J4NJ -s 10.180.0.1 -j "
                                    "KUBE-MARK-MASQ") == 1);
    CHECK(std::ranges::count(lines, "-A KUBE-SEP-SXIVWICOYRO3J4NJ -m tcp -p tcp -j DNAT "
                                    "--to-destination 10.180.0.1:80") == 1);
    CHECK(std::ranges::count_if(lines, [](const std::string& line) {
              return line.find("--comment") != std::string::npos;
          }) == 7);  // five ways in, masquerading of the cluster IP and of external traffic
}

TEST_CASE("UDP, SCTP and IPv6 in rules", "[rules][render]") {
    PortPlan port;
    port.name = "ns1/svc1";  // an unnamed port
    port.protocol = GENERATE(services::Protocol::udp, services::Protocol::sctp);
    port.port = 53;
    port.node_port = 30053;
    port.health_check_node_port = 30001;
    port.cluster_ip = ip("fd00:10:96::a");
    port.cluster_endpoints = {endpoint("fd00::5", 5353)};
    port.has_endpoints = true;
    const ServiceRules rules = render(port, {.family = Family::ipv6});
    const std::string p = port.protocol == services::Protocol::udp ? "udp" : "sctp";
    CHECK(to_text(rules.nat_services.at(0))
              .starts_with("-m comment --comment \"ns1/svc1 cluster IP\" -m " + p + " -p " + p +
                           " -d fd00:10:96::a --dport 53 -j KUBE-SVC-"));
    CHECK(to_text(rules.nat_nodeports.at(0))
              .starts_with("-m comment --comment ns1/svc1 -m " + p + " -p " + p +
                           " --dport 30053 -j "));
    CHECK(to_text(rules.nat_chains.back().rules.at(1)) ==
          "-m comment --comment ns1/svc1 -m " + p + " -p " + p +
              " -j DNAT --to-destination [fd00::5]:5353");
    // Health checks are HTTP whatever the Service is.
    CHECK(to_text(rules.filter_nodeports.at(0)) ==
          "-m comment --comment \"ns1/svc1 health check node port\" -m tcp -p tcp --dport 30001 "
          "-j ACCEPT");
}

TEST_CASE("rules of several ports stand in the order of the ports", "[rules][render]") {
    PortPlan second = cluster_ip_port();
    second.name = "ns1/svc1:p443";
    second.port = 443;
    const ServiceRules rules =
        render_service(ServicePlan{.ports = {cluster_ip_port(), second}}, {}, false);
    REQUIRE(rules.nat_services.size() == 2);
    CHECK(to_text(rules.nat_services[0]).starts_with("-m comment --comment \"ns1/svc1:p80 "));
    CHECK(to_text(rules.nat_services[1]).starts_with("-m comment --comment \"ns1/svc1:p443 "));
    CHECK(rules.nat_chains.size() == 4);
}

}  // namespace
}  // namespace nameplane::rules::iptables
