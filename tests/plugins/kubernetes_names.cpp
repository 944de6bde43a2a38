// Shapes of names that are no Service's, pods, upper and lower case.

#include "cluster.hpp"

namespace nameplane::test {

std::vector<DnsCase> shape_cases() {
    return {
        // The zone and the names that only hold others.
        {"cluster.local.", "A", nodata()},
        {"cluster.local.", "AAAA", nodata()},
        {"cluster.local.", "MX", nodata()},
        {"cluster.local.", "SRV", nodata()},
        {"cluster.local.", "TXT", nodata()},
        {"cluster.local.", "CNAME", nodata()},
        {"cluster.local.", "PTR", nodata()},
        {"cluster.local.", "ANY", nodata()},
        {"svc.cluster.local.", "A", nodata()},
        {"svc.cluster.local.", "SRV", nodata()},
        {"svc.cluster.local.", "SOA", nodata()},
        {"pod.cluster.local.", "A", nodata()},
        {"pod.cluster.local.", "TXT", nodata()},
        {"dns.cluster.local.", "A", nodata()},
        {"dns.cluster.local.", "NS", nodata()},
        {"testns.svc.cluster.local.", "A", nodata()},
        {"testns.svc.cluster.local.", "AAAA", nodata()},
        {"testns.svc.cluster.local.", "SRV", nodata()},
        {"testns.svc.cluster.local.", "NS", nodata()},
        {"testns.svc.cluster.local.", "SOA", nodata()},
        {"empty.svc.cluster.local.", "A", nodata()},
        // Near misses.
        {"nons.svc.cluster.local.", "A", nxdomain()},
        {"nons.svc.cluster.local.", "SOA", nxdomain()},
        {"svc1.svc.cluster.local.", "A", nxdomain()},
        {"foo.cluster.local.", "A", nxdomain()},
        {"foo.cluster.local.", "SOA", nxdomain()},
        {"foo.cluster.local.", "NS", nxdomain()},
        {"foo.cluster.local.", "TXT", nxdomain()},
        {"apex.dns.cluster.local.", "A", nxdomain()},
        {"ns.cluster.local.", "A", nxdomain()},
        {"a.ns.dns.cluster.local.", "A", nxdomain()},
        {"dns.dns.cluster.local.", "A", nxdomain()},
        {"a.dns-version.cluster.local.", "TXT", nxdomain()},
        {"dns-versio.cluster.local.", "TXT", nxdomain()},
        {"svcs.cluster.local.", "A", nxdomain()},
        {"svc1.testns.svcs.cluster.local.", "A", nxdomain()},
        {"svc1.testns.cluster.local.", "A", nxdomain()},
        {"svc1.svc.testns.cluster.local.", "A", nxdomain()},
        {"svc1.testns.svc.svc.cluster.local.", "A", nxdomain()},
        {"svc1.testns.svc.cluster.local.testns.svc.cluster.local.", "A", nxdomain()},
        {"a._http._tcp.svc1.testns.svc.cluster.local.", "A", nxdomain()},
        {"a.b.c.d.svc1.testns.svc.cluster.local.", "A", nxdomain()},
        {"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.cluster.local.", "A", nxdomain()},
        {"svc1\\.testns.svc.cluster.local.", "A", nxdomain()},
        {"svc1.testns\\.svc.cluster.local.", "A", nxdomain()},
        {"svc1\\000.testns.svc.cluster.local.", "A", nxdomain()},
        {"\\032svc1.testns.svc.cluster.local.", "A", nxdomain()},
        // There are no wildcards.
        {"*.testns.svc.cluster.local.", "A", nxdomain()},
        {"*.svc.cluster.local.", "A", nxdomain()},
        {"*.*.svc.cluster.local.", "A", nxdomain()},
        {"*.cluster.local.", "A", nxdomain()},
        {"any.testns.svc.cluster.local.", "A", nxdomain()},
        {"svc1.any.svc.cluster.local.", "A", nxdomain()},
        {"svc1.*.svc.cluster.local.", "SRV", nxdomain()},
        {"_*._*.svc1.testns.svc.cluster.local.", "SRV", nxdomain()},
        {"_http._any.svc1.testns.svc.cluster.local.", "SRV", nxdomain()},
        {"*.svc1.testns.svc.cluster.local.", "A", nxdomain()},
        {"*.hdls1.testns.svc.cluster.local.", "A", nxdomain()},
        // Not ours.
        {"example.org.", "A", next()},
        {"local.", "A", next()},
        {".", "NS", next()},
        {"acluster.local.", "A", next()},
        {"cluster.local.example.", "A", next()},
        {"1.0.0.10.in-addr.arpa.", "PTR", next()},
    };
}

std::vector<DnsCase> pods_disabled_cases() {
    return {
        {"10-240-0-1.pods.pod.cluster.local.", "A", nxdomain()},
        {"172-0-0-2.pods.pod.cluster.local.", "A", nxdomain()},
        {"pods.pod.cluster.local.", "A", nxdomain()},
        {"nons.pod.cluster.local.", "A", nxdomain()},
        {"pod.cluster.local.", "A", nodata()},
    };
}

std::vector<DnsCase> pods_insecure_cases() {
    return {
        {"10-240-0-1.pods.pod.cluster.local.", "A", records({"@ 5 IN A 10.240.0.1"})},
        {"172-0-0-2.pods.pod.cluster.local.", "A", records({"@ 5 IN A 172.0.0.2"})},
        {"172-0-0-2.pods.pod.cluster.local.", "AAAA", nodata()},
        {"172-0-0-2.pods.pod.cluster.local.", "SRV", nodata()},
        {"172-0-0-2.pods.pod.cluster.local.", "TXT", nodata()},
        {"172-0-0-2.pods.pod.cluster.local.", "CNAME", nodata()},
        {"172-0-0-2.pods.pod.cluster.local.", "SOA", nodata()},
        {"fd00-240--1.pods.pod.cluster.local.", "AAAA", records({"@ 5 IN AAAA fd00:240::1"})},
        {"fd00-240--1.pods.pod.cluster.local.", "A", nodata()},
        {"fd00-0-0-0-0-0-0-1.pods.pod.cluster.local.", "AAAA", records({"@ 5 IN AAAA fd00::1"})},
        {"--1.pods.pod.cluster.local.", "AAAA", records({"@ 5 IN AAAA ::1"})},
        {"fd00--.pods.pod.cluster.local.", "AAAA", records({"@ 5 IN AAAA fd00::"})},
        {"FD00-240--1.pods.pod.cluster.local.", "AAAA", records({"@ 5 IN AAAA fd00:240::1"})},
        {"172-0-0-2.nons.pod.cluster.local.", "A", nxdomain()},
        {"172-0-0-256.pods.pod.cluster.local.", "A", nxdomain()},
        {"172-0-0-02.pods.pod.cluster.local.", "A", nxdomain()},
        {"172-0-0.pods.pod.cluster.local.", "A", nxdomain()},
        {"172-0-0-2-3.pods.pod.cluster.local.", "A", nxdomain()},
        {"172-0--2.pods.pod.cluster.local.", "AAAA", records({"@ 5 IN AAAA 172:0::2"})},
        {"one.pods.pod.cluster.local.", "A", nxdomain()},
        {"-.pods.pod.cluster.local.", "A", nxdomain()},
        {"fd00-xyz--1.pods.pod.cluster.local.", "AAAA", nxdomain()},
        {"fd00--1--2.pods.pod.cluster.local.", "AAAA", nxdomain()},
        // One or two labels in front count for nothing.
        {"a.172-0-0-2.pods.pod.cluster.local.", "A", records({"@ 5 IN A 172.0.0.2"})},
        {"a.b.172-0-0-2.pods.pod.cluster.local.", "A", records({"@ 5 IN A 172.0.0.2"})},
        {"a.b.c.172-0-0-2.pods.pod.cluster.local.", "A", nxdomain()},
        {"pods.pod.cluster.local.", "A", nodata()},
        {"nons.pod.cluster.local.", "A", nxdomain()},
    };
}

std::vector<DnsCase> pods_verified_cases() {
    return {
        {"10-240-0-1.pods.pod.cluster.local.", "A", records({"@ 5 IN A 10.240.0.1"})},
        {"10-240-0-1.pods.pod.cluster.local.", "AAAA", nodata()},
        {"fd00-240--1.pods.pod.cluster.local.", "AAAA", records({"@ 5 IN AAAA fd00:240::1"})},
        {"fd00-240--6.pods.pod.cluster.local.", "AAAA", records({"@ 5 IN AAAA fd00:240::6"})},
        {"10-240-0-2.pods.pod.cluster.local.", "A", nxdomain()},
        {"10-240-0-1.testns.pod.cluster.local.", "A", nxdomain()},
        {"10-240-0-1.nons.pod.cluster.local.", "A", nxdomain()},
        {"10-240-0-7.pods.pod.cluster.local.", "A", nxdomain()},
        {"10-240-0-8.pods.pod.cluster.local.", "A", nxdomain()},
        {"10-240-0-256.pods.pod.cluster.local.", "A", nxdomain()},
        {"one.pods.pod.cluster.local.", "A", nxdomain()},
        {"pods.pod.cluster.local.", "A", nodata()},
    };
}

std::vector<DnsCase> case_cases() {
    const std::string zone = "Cluster.LOCAL.";
    const Expected no_data{
        .answers = {},
        .authorities = {"Cluster.LOCAL. 5 IN SOA ns.dns.Cluster.LOCAL. "
                        "hostmaster.Cluster.LOCAL. 1502989566 7200 1800 86400 5"},
        .additionals = {}};
    Expected no_name = no_data;
    no_name.rcode = "NXDOMAIN";
    return {
        {"SVC1.TestNS.Svc.Cluster.LOCAL.", "A", records({"@ 5 IN A 10.0.0.1"})},
        {"SVC1.TestNS.Svc.Cluster.LOCAL.", "AAAA", no_data},
        {"SVC0.TestNS.Svc.Cluster.LOCAL.", "A", no_name},
        {"Dup-Name.Hdls1.testns.svc.Cluster.LOCAL.", "A",
         records({"@ 5 IN A 172.0.0.4", "@ 5 IN A 172.0.0.5"})},
        {"5678-ABCD--1.hdls1.testns.svc.cluster.local.", "AAAA",
         records({"@ 5 IN AAAA 5678:abcd::1"})},
        {"To-External.testns.svc.cluster.local.", "A",
         records({"@ 5 IN CNAME external.testns.svc.cluster.local.",
                  "external.testns.svc.cluster.local. 5 IN CNAME ext.interwebs.test."})},
        {"DNS-Version.Cluster.LOCAL.", "TXT", records({"@ 28800 IN TXT \"1.1.0\""})},
        {"Cluster.LOCAL.", "SOA",
         records({"@ 5 IN SOA ns.dns.Cluster.LOCAL. hostmaster.Cluster.LOCAL. 1502989566 7200 "
                  "1800 86400 5"})},
    };
}

}  // namespace nameplane::test
