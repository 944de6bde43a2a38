#include "cluster.hpp"
#include "stage.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::test;
using namespace nameplane::services;

namespace {

IpAddress address(std::string_view text) {
    return IpAddress::parse(text).value();
}

class Outside {
public:
    Outside() {
        cluster_.ns("ns").ns("other");
        Service front = service("ns/front", {"10.96.0.1"}, {"http/tcp/80", "https/tcp/443"});
        front.external_ips = {address("203.0.113.1"), address("2001:db8::1"),
                              address("203.0.113.1")};
        front.ingress = {{.address = address("203.0.113.2")}};
        cluster_.put(front);
        Service cloud = service("ns/cloud", {"10.96.0.2"}, {"http/tcp/80"});
        cloud.ingress_hostnames = {"LB.cloud.test"};
        cluster_.put(cloud);
        Service bare = service("ns/bare", {"10.96.0.3"}, {});
        bare.external_ips = {address("203.0.113.3")};
        cluster_.put(bare);
        cluster_.put(service("ns/inside", {"10.96.0.4"}, {"http/tcp/80"}));
        cluster_.put(slice("ns/inside", "-1", {"10.0.0.9=in"}, {"http/tcp/8080"}));
        cluster_.put(service("ns/db", {"None"}, {"pg/tcp/5432"}));
        cluster_.put(
            slice("ns/db", "-1", {"10.0.0.1=zero", "10.0.0.2", "!10.0.0.3=late"}, {"pg/tcp/5432"}));
        Service headless = service("ns/both", {"None"}, {"http/tcp/80"});
        headless.external_ips = {address("203.0.113.4")};
        cluster_.put(headless);
        Service dns = service("other/dns", {"10.96.0.10"}, {"dns/udp/53"});
        dns.external_ips = {address("203.0.113.53"), address("2001:db8::53")};
        cluster_.put(dns);
        cluster_.put(slice("other/dns", "-1", {"192.168.7.7", "192.168.7.8"}, {"dns/udp/53"}));
        cluster_.synced();
    }
    Stage stage(const std::string& external = {}, const std::string& kubernetes = {},
                std::vector<std::string> own = {"192.168.9.9"}) {
        return Stage{"k8s_external ext.test in-addr.arpa {\n" + external +
                         "\n}\nkubernetes cluster.local {\n" + kubernetes + "\n}",
                     {.snapshot = cluster_.snapshot(), .own_addresses = std::move(own)}};
    }

private:
    Cluster cluster_;
};

std::string said(Stage& stage, const std::string& name, const std::string& type = "A") {
    const StageAnswer answer = stage.ask(name, type);
    return answer.message.answers.empty() ? answer.rcode : answer.answers();
}

const std::string zone_soa =
    "ext.test. 5 IN SOA ns1.dns.ext.test. hostmaster.dns.ext.test. 1502989566 "
    "7200 1800 86400 5";

}  // namespace

TEST_CASE("k8s_external: addresses from outside") {
    Outside outside;
    Stage stage = outside.stage();
    CHECK(said(stage, "Front.ns.ext.test.") ==
          "Front.ns.ext.test. 5 IN A 203.0.113.1; Front.ns.ext.test. 5 IN A 203.0.113.2");
    CHECK(said(stage, "front.ns.ext.test.", "AAAA") == "front.ns.ext.test. 5 IN AAAA 2001:db8::1");
    const StageAnswer none = stage.ask("front.ns.ext.test.", "TXT");
    CHECK(none.rcode == "NOERROR");
    CHECK(none.message.authorities == std::vector<std::string>{zone_soa});
    CHECK(said(stage, "bare.ns.ext.test.") == "bare.ns.ext.test. 5 IN A 203.0.113.3");
    CHECK(said(stage, "both.ns.ext.test.") == "both.ns.ext.test. 5 IN A 203.0.113.4");
    CHECK(said(stage, "_http._tcp.front.ns.ext.test.") != "NXDOMAIN");
    // As in CoreDNS, whatever stands in front of a Service with addresses has them.
    CHECK(said(stage, "x.bare.ns.ext.test.") == "x.bare.ns.ext.test. 5 IN A 203.0.113.3");
    for (const char* name : {"inside.ns.ext.test.", "in.inside.ns.ext.test.", "db.ns.ext.test.",
                             "gone.ns.ext.test.", "front.gone.ext.test.", "gone.ext.test.",
                             "_none._tcp.front.ns.ext.test.", "a.b.c.front.ns.ext.test."}) {
        INFO(name);
        const StageAnswer answer = stage.ask(name, "A");
        CHECK(answer.rcode == "NXDOMAIN");
        CHECK(answer.message.authorities == std::vector<std::string>{zone_soa});
    }
    CHECK(said(stage, "ns.ext.test.") == "NOERROR");
    CHECK(stage.count("nameplane_k8s_external_queries_total", {{"result", "nxdomain"}}) == 8);
}

TEST_CASE("k8s_external: ports") {
    Outside outside;
    Stage stage = outside.stage();
    const StageAnswer all = stage.ask("front.ns.ext.test.", "SRV");
    CHECK(all.answers() == "front.ns.ext.test. 5 IN SRV 0 16 80 front.ns.ext.test.; "
                           "front.ns.ext.test. 5 IN SRV 0 16 443 front.ns.ext.test.");
    CHECK(all.message.additionals ==
          std::vector<std::string>{"front.ns.ext.test. 5 IN A 203.0.113.1",
                                   "front.ns.ext.test. 5 IN AAAA 2001:db8::1",
                                   "front.ns.ext.test. 5 IN A 203.0.113.2"});
    CHECK(said(stage, "_https._tcp.front.ns.ext.test.", "SRV") ==
          "_https._tcp.front.ns.ext.test. 5 IN SRV 0 33 443 front.ns.ext.test.");
    CHECK(said(stage, "cloud.ns.ext.test.", "SRV") ==
          "cloud.ns.ext.test. 5 IN SRV 0 100 80 lb.cloud.test.");
    CHECK(said(stage, "bare.ns.ext.test.", "SRV") == "NOERROR");
}

TEST_CASE("k8s_external: the host of a load balancer is resolved by those behind") {
    Outside outside;
    Stage stage = outside.stage();
    stage.behind("lb.cloud.test.", "A", {.answers = {"lb.cloud.test. 60 IN A 198.51.100.1"}});
    CHECK(said(stage, "cloud.ns.ext.test.") == "cloud.ns.ext.test. 5 IN CNAME lb.cloud.test.; "
                                               "lb.cloud.test. 60 IN A 198.51.100.1");
    CHECK(said(stage, "cloud.ns.ext.test.", "AAAA") ==
          "cloud.ns.ext.test. 5 IN CNAME lb.cloud.test.");
    CHECK(stage.ask("cloud.ns.ext.test.", "A").message.questions ==
          std::vector<std::string>{"cloud.ns.ext.test. IN A"});
}

TEST_CASE("k8s_external: headless Services, with the option") {
    Outside outside;
    Stage stage = outside.stage("headless", "endpoint_pod_names");
    CHECK(said(stage, "db.ns.ext.test.") ==
          "db.ns.ext.test. 5 IN A 10.0.0.1; db.ns.ext.test. 5 IN A 10.0.0.2");
    CHECK(said(stage, "zero.db.ns.ext.test.") == "zero.db.ns.ext.test. 5 IN A 10.0.0.1");
    CHECK(said(stage, "_10-0-0-2.db.ns.ext.test.") == "_10-0-0-2.db.ns.ext.test. 5 IN A 10.0.0.2");
    CHECK(said(stage, "late.db.ns.ext.test.") == "NXDOMAIN");
    CHECK(said(stage, "_pg._tcp.db.ns.ext.test.", "SRV") ==
          "_pg._tcp.db.ns.ext.test. 5 IN SRV 0 50 5432 zero.db.ns.ext.test.; "
          "_pg._tcp.db.ns.ext.test. 5 IN SRV 0 50 5432 10-0-0-2.db.ns.ext.test.");
    // External addresses come first, and an endpoint of a Service with an address has its name.
    CHECK(said(stage, "both.ns.ext.test.") == "both.ns.ext.test. 5 IN A 203.0.113.4");
    CHECK(said(stage, "in.inside.ns.ext.test.") == "in.inside.ns.ext.test. 5 IN A 10.0.0.9");
    CHECK(said(stage, "inside.ns.ext.test.") == "NXDOMAIN");
    Stage without = outside.stage("headless", "noendpoints");
    CHECK(said(without, "db.ns.ext.test.") == "NXDOMAIN");
}

TEST_CASE("k8s_external: the zone's own names") {
    Outside outside;
    Stage stage = outside.stage("", "", {"192.168.7.7"});
    CHECK(said(stage, "ext.test.", "SOA") == zone_soa);
    const StageAnswer servers = stage.ask("ext.test.", "NS");
    CHECK(servers.answers() == "ext.test. 5 IN NS ns1.dns.ext.test.");
    CHECK(servers.message.additionals ==
          std::vector<std::string>{"ns1.dns.ext.test. 5 IN A 203.0.113.53",
                                   "ns1.dns.ext.test. 5 IN AAAA 2001:db8::53"});
    CHECK(said(stage, "ns1.dns.ext.test.") == "ns1.dns.ext.test. 5 IN A 203.0.113.53");
    CHECK(said(stage, "ns1.dns.ext.test.", "MX") == "NOERROR");
    CHECK(said(stage, "dns.ext.test.") == "NOERROR");
    CHECK(said(stage, "ns2.dns.ext.test.") == "NXDOMAIN");
    CHECK(said(stage, "a.ns1.dns.ext.test.") == "NXDOMAIN");
    CHECK(said(stage, "ext.test.", "A") == "NOERROR");
    // Of a machine that is no endpoint: its own addresses.
    Stage alone = outside.stage("apex zone\nttl 600");
    CHECK(said(alone, "ns1.zone.ext.test.") == "ns1.zone.ext.test. 600 IN A 192.168.9.9");
    CHECK(said(alone, "ext.test.", "SOA") ==
          "ext.test. 600 IN SOA ns1.zone.ext.test. hostmaster.zone.ext.test. 1502989566 7200 1800 "
          "86400 600");
}

TEST_CASE("k8s_external: reverse names") {
    Outside outside;
    Stage stage = outside.stage();
    CHECK(said(stage, "2.113.0.203.in-addr.arpa.", "PTR") ==
          "2.113.0.203.in-addr.arpa. 5 IN PTR front.ns.ext.test.");
    CHECK(said(stage, "2.113.0.203.in-addr.arpa.", "A") == "NOERROR");
    CHECK(said(stage, "9.113.0.203.in-addr.arpa.", "PTR") == "NXDOMAIN");
    CHECK(said(stage, "113.0.203.in-addr.arpa.", "PTR") == "NXDOMAIN");
    CHECK(said(stage, "front.ns.ext.test.", "PTR") == "NOERROR");
    Stage narrow = outside.stage("", "namespaces other");
    CHECK(said(narrow, "2.113.0.203.in-addr.arpa.", "PTR") == "NXDOMAIN");
    CHECK(said(narrow, "53.113.0.203.in-addr.arpa.", "PTR") ==
          "53.113.0.203.in-addr.arpa. 5 IN PTR dns.other.ext.test.");
    CHECK(said(narrow, "front.ns.ext.test.") == "NXDOMAIN");
}

TEST_CASE("k8s_external: fallthrough, and what it needs beside it") {
    Outside outside;
    Stage stage = outside.stage("fallthrough");
    stage.behind("gone.ns.ext.test.", "A", {.answers = {"gone.ns.ext.test. 9 IN A 198.51.100.9"}});
    CHECK(said(stage, "gone.ns.ext.test.") == "gone.ns.ext.test. 9 IN A 198.51.100.9");
    CHECK(said(stage, "ns2.dns.ext.test.") == "NXDOMAIN");
    CHECK_FALSE(stage.heard().has_value());
    Stage some = outside.stage("fallthrough other.test");
    CHECK(said(some, "gone.ns.ext.test.") == "NXDOMAIN");
    CHECK_FALSE(some.heard().has_value());
    CHECK(mistakes_in("k8s_external").find("expected the plugin kubernetes beside it") !=
          std::string::npos);
    CHECK_FALSE(mistakes_in("k8s_external a.test {\nttl 3601\n}\nkubernetes b.test").empty());
    CHECK_FALSE(mistakes_in("k8s_external a.test {\napex .\n}\nkubernetes b.test").empty());
}
