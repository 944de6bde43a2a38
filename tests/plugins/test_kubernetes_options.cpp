// What each option changes, NS records, and what is answered before the cache is complete.

#include "cluster.hpp"
#include "plugins/kubernetes/kubernetes.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace nameplane;
using namespace nameplane::test;

namespace {

using Values = std::vector<std::pair<std::string, Options::Value>>;
using Texts = std::vector<std::string>;

std::vector<dns::Name> names(const Texts& texts) {
    std::vector<dns::Name> out;
    for (const std::string& text : texts) out.push_back(*dns::Name::parse(text));
    return out;
}

/// Options that the tests below set; the last one checks that none is missing.
const std::set<std::string>& options_tested() {
    static const std::set<std::string> tested{"zones", "ttl", "pods", "namespaces", "noendpoints",
                                              "endpoint_pod_names", "ignore", "fallthrough",
                                              // In files of their own: test_kubernetes_*.cpp.
                                              "labels", "namespace_labels", "multicluster", "zonal",
                                              // For the agent; tests/unit/agent has their test.
                                              "endpoint", "tls", "kubeconfig",
                                              // Those that only must be well written.
                                              "startup_timeout", "apiserver_qps", "apiserver_burst",
                                              "apiserver_max_inflight"};
    return tested;
}

const Texts reverse_zones{"cluster.local.", "in-addr.arpa.", "ip6.arpa."};

Expected with_soa(std::string rcode, std::string soa_line) {
    return {.rcode = std::move(rcode),
            .answers = {},
            .authorities = {std::move(soa_line)},
            .additionals = {}};
}

std::string error_of(const PluginOptions& given) {
    const auto plugin = make_kubernetes(given);
    return plugin ? "" : plugin.error().text;
}

}  // namespace

TEST_CASE("kubernetes: every option has a test here") {
    std::set<std::string> known;
    for (const Option& option : plugins::Kubernetes::options) known.emplace(option.name);
    CHECK(known == options_tested());
}

TEST_CASE("kubernetes: ttl") {
    const auto with_ttl = [](std::uint32_t ttl) { return PluginOptions{.values = {{"ttl", ttl}}}; };
    Example{with_ttl(30)}.check({
        {"svc1.testns.svc.cluster.local.", "A", records({"@ 30 IN A 10.0.0.1"})},
        {"svc1.testns.svc.cluster.local.", "SRV",
         records({"@ 30 IN SRV 0 100 80 svc1.testns.svc.cluster.local."}, {"@ 30 IN A 10.0.0.1"})},
        {"external.testns.svc.cluster.local.", "A", records({"@ 30 IN CNAME ext.interwebs.test."})},
        {"dns-version.cluster.local.", "TXT", records({"@ 28800 IN TXT \"1.1.0\""})},
        {"svc1.testns.svc.cluster.local.", "AAAA", with_soa("NOERROR", soa("cluster.local.", 30))},
        {"svc0.testns.svc.cluster.local.", "A", with_soa("NXDOMAIN", soa("cluster.local.", 30))},
    });
    Example{with_ttl(0)}.check({
        {"svc1.testns.svc.cluster.local.", "A", records({"@ 0 IN A 10.0.0.1"})},
        {"svc0.testns.svc.cluster.local.", "A", with_soa("NXDOMAIN", soa("cluster.local.", 0))},
    });
    // The SOA's own TTL stops at five minutes.
    Example{with_ttl(3600)}.check({
        {"svc1.testns.svc.cluster.local.", "A", records({"@ 3600 IN A 10.0.0.1"})},
        {"svc0.testns.svc.cluster.local.", "A",
         with_soa("NXDOMAIN", "cluster.local. 300 IN SOA ns.dns.cluster.local. "
                              "hostmaster.cluster.local. 1502989566 7200 1800 86400 3600")},
    });
}

TEST_CASE("kubernetes: namespaces") {
    const Values one{{"namespaces", Texts{"testns", "also"}}, {"pods", std::string{"insecure"}}};
    Example{{.zones = reverse_zones, .values = one}}.check({
        {"svc1.testns.svc.cluster.local.", "A", records({"@ 5 IN A 10.0.0.1"})},
        {"svc1.other.svc.cluster.local.", "A", nxdomain()},
        {"other.svc.cluster.local.", "A", nxdomain()},
        {"testns.svc.cluster.local.", "A", nodata()},
        {"also.svc.cluster.local.", "A", nxdomain()},
        {"10-240-0-1.pods.pod.cluster.local.", "A", nxdomain()},
        {"10-240-0-1.testns.pod.cluster.local.", "A", records({"@ 5 IN A 10.240.0.1"})},
        {"1.0.0.10.in-addr.arpa.", "PTR", records({"@ 5 IN PTR svc1.testns.svc.cluster.local."})},
        {"11.0.0.10.in-addr.arpa.", "PTR", nxdomain("in-addr.arpa.")},
        {"53.0.0.10.in-addr.arpa.", "PTR", nxdomain("in-addr.arpa.")},
        {"1.0.250.10.in-addr.arpa.", "PTR", nxdomain("in-addr.arpa.")},
        {"2.0.0.172.in-addr.arpa.", "PTR",
         records({"@ 5 IN PTR 172-0-0-2.hdls1.testns.svc.cluster.local."})},
    });
}

TEST_CASE("kubernetes: noendpoints") {
    Example{{.zones = reverse_zones,
             .own_addresses = {"10.250.0.1"},
             .values = {{"noendpoints", true}}}}
        .check({
            {"svc1.testns.svc.cluster.local.", "A", records({"@ 5 IN A 10.0.0.1"})},
            {"named.svc1.testns.svc.cluster.local.", "A", nxdomain()},
            {"hdls1.testns.svc.cluster.local.", "A", nxdomain()},
            {"hdls1.testns.svc.cluster.local.", "SRV", nxdomain()},
            {"dup-name.hdls1.testns.svc.cluster.local.", "A", nxdomain()},
            {"2.0.0.172.in-addr.arpa.", "PTR", nxdomain("in-addr.arpa.")},
            {"1.0.0.10.in-addr.arpa.", "PTR",
             records({"@ 5 IN PTR svc1.testns.svc.cluster.local."})},
            {"cluster.local.", "NS",
             records({"@ 5 IN NS ns.dns.cluster.local."},
                     {"ns.dns.cluster.local. 5 IN A 10.250.0.1"})},
        });
}

TEST_CASE("kubernetes: headless Services that others answer for") {
    Example{{.zones = reverse_zones, .headless_elsewhere = true}}.check({
        {"svc1.testns.svc.cluster.local.", "A", records({"@ 5 IN A 10.0.0.1"})},
        {"hdls1.testns.svc.cluster.local.", "A", next()},
        {"hdls1.testns.svc.cluster.local.", "TXT", next()},
        {"hdls1.testns.svc.cluster.local.", "SRV", next()},
        {"dup-name.hdls1.testns.svc.cluster.local.", "A", next()},
        {"nothere.hdls1.testns.svc.cluster.local.", "A", next()},
        {"nothere.testns.svc.cluster.local.", "A", nxdomain()},
        {"named.nothere.testns.svc.cluster.local.", "A", nxdomain()},
        {"250.0.0.172.in-addr.arpa.", "PTR", next()},
        {"1.0.0.10.in-addr.arpa.", "PTR", records({"@ 5 IN PTR svc1.testns.svc.cluster.local."})},
    });
}

TEST_CASE("kubernetes: endpoint_pod_names") {
    Example{{.zones = reverse_zones, .values = {{"endpoint_pod_names", true}}}}.check({
        {"web-abc.hdlspods.testns.svc.cluster.local.", "A", records({"@ 5 IN A 172.0.5.1"})},
        {"172-0-5-1.hdlspods.testns.svc.cluster.local.", "A", nxdomain()},
        {"host.hdlspods.testns.svc.cluster.local.", "A", records({"@ 5 IN A 172.0.5.2"})},
        {"web-def.hdlspods.testns.svc.cluster.local.", "A", nxdomain()},
        {"172-0-0-2.hdls1.testns.svc.cluster.local.", "A", records({"@ 5 IN A 172.0.0.2"})},
        {"hdlspods.testns.svc.cluster.local.", "SRV",
         records({"@ 5 IN SRV 0 50 80 web-abc.hdlspods.testns.svc.cluster.local.",
                  "@ 5 IN SRV 0 50 80 host.hdlspods.testns.svc.cluster.local."},
                 {"web-abc.hdlspods.testns.svc.cluster.local. 5 IN A 172.0.5.1",
                  "host.hdlspods.testns.svc.cluster.local. 5 IN A 172.0.5.2"})},
        {"1.5.0.172.in-addr.arpa.", "PTR",
         records({"@ 5 IN PTR web-abc.hdlspods.testns.svc.cluster.local."})},
    });
}

TEST_CASE("kubernetes: ignore empty_service") {
    Example{{.values = {{"ignore", std::vector<std::string>{"empty_service", "or", "more"}}}}}
        .check({
            {"svc1.testns.svc.cluster.local.", "A", records({"@ 5 IN A 10.0.0.1"})},
            {"svcmulti.testns.svc.cluster.local.", "A", nxdomain()},
            {"svcmulti.testns.svc.cluster.local.", "SRV", nxdomain()},
            {"_http._tcp.svcmulti.testns.svc.cluster.local.", "SRV", nxdomain()},
            {"hdls1.testns.svc.cluster.local.", "AAAA",
             records({"@ 5 IN AAAA 5678:abcd::1", "@ 5 IN AAAA 5678:abcd::2"})},
            {"external.testns.svc.cluster.local.", "A",
             records({"@ 5 IN CNAME ext.interwebs.test."})},
        });
}

TEST_CASE("kubernetes: fallthrough") {
    // Given without zones it means all; only names that do not exist fall.
    Example{{.zones = reverse_zones, .values = {{"fallthrough", names({})}}}}.check({
        {"svc0.testns.svc.cluster.local.", "A", next()},
        {"svc0.testns.svc.cluster.local.", "SOA", next()},
        {"foo.cluster.local.", "A", next()},
        {"99.0.0.10.in-addr.arpa.", "PTR", next()},
        {"svc1.testns.svc.cluster.local.", "AAAA", nodata()},
        {"svc1.testns.svc.cluster.local.", "A", records({"@ 5 IN A 10.0.0.1"})},
    });
    Example{{.zones = reverse_zones,
             .values = {{"fallthrough", names({"in-addr.arpa.", "ip6.arpa."})}}}}
        .check({
            {"svc0.testns.svc.cluster.local.", "A", nxdomain()},
            {"99.0.0.10.in-addr.arpa.", "PTR", next()},
            {"99.0.0.10.IN-ADDR.arpa.", "PTR", next()},
            {"1.0.0.ip6.arpa.", "PTR", next()},
            {"1.0.0.10.in-addr.arpa.", "PTR",
             records({"@ 5 IN PTR svc1.testns.svc.cluster.local."})},
        });
}

namespace {

Expected failure() {
    return {.rcode = "SERVFAIL", .answers = {}, .authorities = {}, .additionals = {}};
}

}  // namespace

TEST_CASE("kubernetes: until the cache is complete, what is missing is not denied") {
    Cluster cluster;
    cluster.ns("testns").put(service("testns/svc1", {"10.0.0.1"}, {"http/tcp/80"}));
    const auto snapshot = cluster.snapshot();
    Example{{.zones = reverse_zones}, snapshot}.check({
        {"svc1.testns.svc.cluster.local.", "A", records({"@ 5 IN A 10.0.0.1"})},
        {"svc1.testns.svc.cluster.local.", "AAAA", nodata()},
        {"svc0.testns.svc.cluster.local.", "A", failure()},
        {"svc0.nons.svc.cluster.local.", "A", failure()},
        {"9.0.0.10.in-addr.arpa.", "PTR", failure()},
        {"cluster.local.", "SOA", records({soa("cluster.local.")})},
    });
    Example{{.zones = reverse_zones, .values = {{"fallthrough", names({"in-addr.arpa."})}}},
            snapshot}
        .check({{"9.0.0.10.in-addr.arpa.", "PTR", next()}});
    CHECK_FALSE(Example{{.synced = false}}.plugin().ready());
    CHECK(Example{{.synced = true}}.plugin().ready());
}

TEST_CASE("kubernetes: NS and ns.dns name the Services that we are an endpoint of") {
    const PluginOptions endpoint{.own_addresses = {"10.250.0.1"}};
    Example{endpoint}.check({
        {"cluster.local.", "NS",
         records({"@ 5 IN NS dns-service.kube-system.svc.cluster.local.",
                  "@ 5 IN NS dns-0.dns-headless.kube-system.svc.cluster.local.",
                  "@ 5 IN NS 10-250-0-3.dns-headless.kube-system.svc.cluster.local."},
                 {"dns-service.kube-system.svc.cluster.local. 5 IN A 10.0.0.53",
                  "dns-service.kube-system.svc.cluster.local. 5 IN AAAA fd00:10::53",
                  "dns-0.dns-headless.kube-system.svc.cluster.local. 5 IN A 10.250.0.1",
                  "10-250-0-3.dns-headless.kube-system.svc.cluster.local. 5 IN A 10.250.0.3"})},
        {"ns.dns.cluster.local.", "A",
         records({"@ 5 IN A 10.0.0.53", "@ 5 IN A 10.250.0.1", "@ 5 IN A 10.250.0.3"})},
        {"ns.dns.cluster.local.", "AAAA", records({"@ 5 IN AAAA fd00:10::53"})},
        {"ns.dns.cluster.local.", "NS", nodata()},
        {"to-ns.testns.svc.cluster.local.", "AAAA",
         records({"@ 5 IN CNAME ns.dns.cluster.local.",
                  "ns.dns.cluster.local. 5 IN AAAA fd00:10::53"})},
        // Upper case makes no difference.
        {"Cluster.Local.", "NS",
         records({"@ 5 IN NS dns-service.kube-system.svc.Cluster.Local.",
                  "@ 5 IN NS dns-0.dns-headless.kube-system.svc.Cluster.Local.",
                  "@ 5 IN NS 10-250-0-3.dns-headless.kube-system.svc.Cluster.Local."},
                 {"dns-service.kube-system.svc.Cluster.Local. 5 IN A 10.0.0.53",
                  "dns-service.kube-system.svc.Cluster.Local. 5 IN AAAA fd00:10::53",
                  "dns-0.dns-headless.kube-system.svc.Cluster.Local. 5 IN A 10.250.0.1",
                  "10-250-0-3.dns-headless.kube-system.svc.Cluster.Local. 5 IN A 10.250.0.3"})},
        {"NS.Dns.Cluster.Local.", "AAAA", records({"@ 5 IN AAAA fd00:10::53"})},
    });
}

TEST_CASE("kubernetes: NS and ns.dns fall back to this machine's addresses") {
    Example{{.own_addresses = {"192.0.2.1", "2001:db8::1", "192.0.2.1"}}}.check({
        {"cluster.local.", "NS",
         records({"@ 5 IN NS ns.dns.cluster.local."},
                 {"ns.dns.cluster.local. 5 IN A 192.0.2.1",
                  "ns.dns.cluster.local. 5 IN AAAA 2001:db8::1"})},
        {"ns.dns.cluster.local.", "A", records({"@ 5 IN A 192.0.2.1"})},
        {"ns.dns.cluster.local.", "AAAA", records({"@ 5 IN AAAA 2001:db8::1"})},
    });
    Example{{.own_addresses = {}}}.check({
        {"cluster.local.", "NS", nodata()},
        {"ns.dns.cluster.local.", "A", nodata()},
    });
    // An endpoint that is not ready makes no name server.
    Cluster cluster;
    cluster.ns("a").put(service("a/web", {"10.0.0.1"}, {"http/tcp/80"}));
    cluster.put(slice("a/web", "-1", {"!192.0.2.1"}, {"http/tcp/80"})).synced();
    Example{{.own_addresses = {"192.0.2.1"}}, cluster.snapshot()}.check(
        {{"ns.dns.cluster.local.", "A", records({"@ 5 IN A 192.0.2.1"})}});
}

TEST_CASE("kubernetes: zones from the option, or from the server block") {
    const std::vector<DnsCase> both{
        {"svc1.testns.svc.a.example.", "A", records({"@ 5 IN A 10.0.0.1"})},
        {"svc1.testns.svc.a.example.", "AAAA", nodata("a.example.")},
        {"svc1.testns.svc.b.a.example.", "A", records({"@ 5 IN A 10.0.0.1"})},
        {"svc0.testns.svc.b.a.example.", "A", nxdomain("b.a.example.")},
        {"svc1.testns.svc.cluster.local.", "A", next()},
    };
    Example{{.zones = {"a.example.", "b.a.example."}}}.check(both);
    Example{{.values = {{"zones", names({"a.example.", "b.a.example."})}}}}.check(both);
    // PTR records name the first zone that is no reverse one.
    Example{{.zones = {"in-addr.arpa.", "b.example.", "a.b.example."}}}.check(
        {{"1.0.0.10.in-addr.arpa.", "PTR", records({"@ 5 IN PTR svc1.testns.svc.b.example."})}});
    Example{{.values = {{"zones", names({"cluster.local.", "0.0.10.in-addr.arpa."})}}}}.check(
        {{"1.0.0.10.in-addr.arpa.", "PTR", records({"@ 5 IN PTR svc1.testns.svc.cluster.local."})},
         {"99.0.0.10.in-addr.arpa.", "PTR", nxdomain("0.0.10.in-addr.arpa.")},
         {"0.0.10.in-addr.arpa.", "SOA", records({soa("0.0.10.in-addr.arpa.")})},
         {"1.1.0.10.in-addr.arpa.", "PTR", next()}});
    // The root has everything, reverse names too.
    Example{{.zones = {"."}}}.check(
        {{"svc1.testns.svc.", "A", records({"@ 5 IN A 10.0.0.1"})},
         {"1.0.0.10.in-addr.arpa.", "PTR", records({"@ 5 IN PTR svc1.testns.svc."})}});
}

TEST_CASE("kubernetes: zones that cannot be served") {
    CHECK(error_of({.zones = {"in-addr.arpa.", "ip6.arpa."}}) ==
          ": zones: none but reverse ones, expected one such as cluster.local");
    CHECK(error_of({.zones = {}}) ==
          ": zones: none but reverse ones, expected one such as cluster.local");
    const std::string label(63, 'a');
    const std::string longest = label + "." + label + "." + label + "." + std::string(59, 'b');
    CHECK_THAT(error_of({.values = {{"zones", names({longest})}}}),
               Catch::StartsWith(": zones: 'aaa"));
}

TEST_CASE("kubernetes: other classes are not ours") {
    const Example example;
    CHECK(example.asker().ask("svc1.testns.svc.cluster.local.", "A", {.klass = "CH"}).next);
}
