// The apex of the zones and reverse names. Asked with the zones cluster.local, in-addr.arpa and
// ip6.arpa.

#include "cluster.hpp"

namespace nameplane::test {

std::vector<DnsCase> apex_cases() {
    return {
        {"cluster.local.", "SOA", records({soa("cluster.local.")})},
        {"in-addr.arpa.", "SOA", records({soa("in-addr.arpa.")})},
        {"dns-version.cluster.local.", "TXT", records({"@ 28800 IN TXT \"1.1.0\""})},
        {"dns-version.cluster.local.", "A", nodata()},
        {"dns-version.cluster.local.", "SRV", nodata()},
        {"ns.dns.cluster.local.", "SRV", nodata()},
        {"ns.dns.cluster.local.", "TXT", nodata()},
        {"in-addr.arpa.", "A", nodata("in-addr.arpa.")},
        {"svc.in-addr.arpa.", "A", nodata("in-addr.arpa.")},
        {"testns.svc.in-addr.arpa.", "A", nxdomain("in-addr.arpa.")},
        {"svc1.testns.svc.in-addr.arpa.", "A", nxdomain("in-addr.arpa.")},
        {"10-240-0-1.pods.pod.in-addr.arpa.", "A", nxdomain("in-addr.arpa.")},
    };
}

std::vector<DnsCase> reverse_cases() {
    const std::string v6 = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.";
    return {
        // Services.
        {"1.0.0.10.in-addr.arpa.", "PTR", records({"@ 5 IN PTR svc1.testns.svc.cluster.local."})},
        {"11.0.0.10.in-addr.arpa.", "PTR", records({"@ 5 IN PTR svc1.other.svc.cluster.local."})},
        {"3.0.0.10.in-addr.arpa.", "PTR",
         records({"@ 5 IN PTR svcdual.testns.svc.cluster.local."})},
        {"3.0.0.0." + v6 + "0.1.0.0.0.0.d.f.ip6.arpa.", "PTR",
         records({"@ 5 IN PTR svcdual.testns.svc.cluster.local."})},
        {"3.0.0.0." + v6 + "0.1.0.0.0.0.D.F.IP6.ARPA.", "PTR",
         records({"@ 5 IN PTR svcdual.testns.svc.cluster.local."})},
        // Endpoints, ready ones, of headless and other Services.
        {"2.0.0.172.in-addr.arpa.", "PTR",
         records({"@ 5 IN PTR 172-0-0-2.hdls1.testns.svc.cluster.local."})},
        {"3.0.0.172.in-addr.arpa.", "PTR",
         records({"@ 5 IN PTR 172-0-0-3.hdls1.testns.svc.cluster.local."})},
        {"4.0.0.172.in-addr.arpa.", "PTR",
         records({"@ 5 IN PTR dup-name.hdls1.testns.svc.cluster.local."})},
        {"1.0.0.172.in-addr.arpa.", "PTR",
         records({"@ 5 IN PTR 172-0-0-1.svc1.testns.svc.cluster.local."})},
        {"9.0.0.172.in-addr.arpa.", "PTR",
         records({"@ 5 IN PTR named.svc1.testns.svc.cluster.local."})},
        {"1.0.250.10.in-addr.arpa.", "PTR",
         records({"@ 5 IN PTR 10-250-0-1.dns-service.kube-system.svc.cluster.local.",
                  "@ 5 IN PTR dns-0.dns-headless.kube-system.svc.cluster.local."})},
        {"0.0.0.0." + v6 + "0.0.0.0.0.0.d.f.ip6.arpa.", "PTR",
         records({"@ 5 IN PTR fd00--0.hdls6.testns.svc.cluster.local."})},
        {"8.0.0.172.in-addr.arpa.", "PTR", nxdomain("in-addr.arpa.")},
        {"99.0.0.172.in-addr.arpa.", "PTR", nxdomain("in-addr.arpa.")},
        // A name that exists has no other type.
        {"1.0.0.10.in-addr.arpa.", "A", nodata("in-addr.arpa.")},
        {"1.0.0.10.in-addr.arpa.", "SOA", nodata("in-addr.arpa.")},
        {"1.0.0.172.in-addr.arpa.", "TXT", nodata("in-addr.arpa.")},
        // Nothing there.
        {"1.240.10.in-addr.arpa.", "PTR", nxdomain("in-addr.arpa.")},
        {"1.0.240.10.in-addr.arpa.", "PTR", nxdomain("in-addr.arpa.")},
        {"99.0.0.10.in-addr.arpa.", "PTR", nxdomain("in-addr.arpa.")},
        {"99.0.0.10.in-addr.arpa.", "A", nxdomain("in-addr.arpa.")},
        {"0.0.10.in-addr.arpa.", "PTR", nxdomain("in-addr.arpa.")},
        {"a.1.0.0.10.in-addr.arpa.", "PTR", nxdomain("in-addr.arpa.")},
        {"01.0.0.10.in-addr.arpa.", "PTR", nxdomain("in-addr.arpa.")},
        {"1.0.0.266.in-addr.arpa.", "PTR", nxdomain("in-addr.arpa.")},
        {"3.0.0.0." + v6 + "0.1.0.0.0.0.d.ip6.arpa.", "PTR", nxdomain("ip6.arpa.")},
        {"g.0.0.0." + v6 + "0.1.0.0.0.0.d.f.ip6.arpa.", "PTR", nxdomain("ip6.arpa.")},
        {"in-addr.arpa.", "PTR", nodata("in-addr.arpa.")},
        // Forward names have no PTR.
        {"svc1.testns.svc.cluster.local.", "PTR", nodata()},
        {"svc0.testns.svc.cluster.local.", "PTR", nxdomain()},
    };
}

}  // namespace nameplane::test
