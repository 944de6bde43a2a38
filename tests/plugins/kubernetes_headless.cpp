// Headless Services and the names of their endpoints.

#include "cluster.hpp"

namespace nameplane::test {

std::vector<DnsCase> headless_cases() {
    return {
        // Every ready address once, over all slices.
        {"hdls1.testns.svc.cluster.local.", "A",
         records({"@ 5 IN A 172.0.0.2", "@ 5 IN A 172.0.0.3", "@ 5 IN A 172.0.0.4",
                  "@ 5 IN A 172.0.0.5"})},
        {"hdls1.testns.svc.cluster.local.", "AAAA",
         records({"@ 5 IN AAAA 5678:abcd::1", "@ 5 IN AAAA 5678:abcd::2"})},
        {"hdls6.testns.svc.cluster.local.", "A", nodata()},
        {"hdls6.testns.svc.cluster.local.", "AAAA",
         records({"@ 5 IN AAAA fd00::", "@ 5 IN AAAA fd00::1"})},
        {"hdlsdual.testns.svc.cluster.local.", "A",
         records({"@ 5 IN A 172.0.4.1", "@ 5 IN A 172.0.4.2"})},
        {"hdlsdual.testns.svc.cluster.local.", "AAAA", records({"@ 5 IN AAAA fd00:4::1"})},
        {"hdlsnoports.testns.svc.cluster.local.", "A", records({"@ 5 IN A 172.0.2.1"})},
        {"hdlsports.testns.svc.cluster.local.", "A",
         records({"@ 5 IN A 172.0.3.1", "@ 5 IN A 172.0.3.2"})},
        // Without a ready endpoint there is no name.
        {"hdlsnone.testns.svc.cluster.local.", "A", nxdomain()},
        {"hdlsnone.testns.svc.cluster.local.", "TXT", nxdomain()},
        {"hdlsnotready.testns.svc.cluster.local.", "A", nxdomain()},
        {"hdlsnotready.testns.svc.cluster.local.", "AAAA", nxdomain()},
        {"gone.hdlsnotready.testns.svc.cluster.local.", "A", nxdomain()},
        {"172-0-1-1.hdlsnotready.testns.svc.cluster.local.", "A", nxdomain()},
        // Endpoints by hostname; several may share one.
        {"dup-name.hdls1.testns.svc.cluster.local.", "A",
         records({"@ 5 IN A 172.0.0.4", "@ 5 IN A 172.0.0.5"})},
        {"dup-name.hdls1.testns.svc.cluster.local.", "AAAA", nodata()},
        {"v6-name.hdls1.testns.svc.cluster.local.", "AAAA", records({"@ 5 IN AAAA 5678:abcd::2"})},
        {"web-0.hdlsdual.testns.svc.cluster.local.", "A", records({"@ 5 IN A 172.0.4.1"})},
        {"web-0.hdlsdual.testns.svc.cluster.local.", "AAAA", records({"@ 5 IN AAAA fd00:4::1"})},
        {"web-1.hdlsdual.testns.svc.cluster.local.", "AAAA", nodata()},
        {"web-2.hdlsdual.testns.svc.cluster.local.", "A", nxdomain()},
        {"web-0.hdlsdual.testns.svc.cluster.local.", "MX", nodata()},
        {"web-2.hdlsdual.testns.svc.cluster.local.", "MX", nxdomain()},
        // By address, if they have no hostname.
        {"172-0-0-2.hdls1.testns.svc.cluster.local.", "A", records({"@ 5 IN A 172.0.0.2"})},
        {"172-0-0-3.hdls1.testns.svc.cluster.local.", "A", records({"@ 5 IN A 172.0.0.3"})},
        {"172-0-0-4.hdls1.testns.svc.cluster.local.", "A", nxdomain()},
        {"172-0-0-99.hdls1.testns.svc.cluster.local.", "A", nxdomain()},
        {"172-0-0-02.hdls1.testns.svc.cluster.local.", "A", nxdomain()},
        {"172-0-0-256.hdls1.testns.svc.cluster.local.", "A", nxdomain()},
        {"172-0-0.hdls1.testns.svc.cluster.local.", "A", nxdomain()},
        {"5678-abcd--1.hdls1.testns.svc.cluster.local.", "AAAA",
         records({"@ 5 IN AAAA 5678:abcd::1"})},
        {"5678-abcd-0-0-0-0-0-1.hdls1.testns.svc.cluster.local.", "AAAA", nxdomain()},
        {"5678-abcd--2.hdls1.testns.svc.cluster.local.", "AAAA", nxdomain()},
        {"fd00--0.hdls6.testns.svc.cluster.local.", "AAAA", records({"@ 5 IN AAAA fd00::"})},
        {"fd00--.hdls6.testns.svc.cluster.local.", "AAAA", nxdomain()},
        {"fd00--1.hdls6.testns.svc.cluster.local.", "AAAA", records({"@ 5 IN AAAA fd00::1"})},
        // The pod's name counts only with endpoint_pod_names.
        {"web-abc.hdlspods.testns.svc.cluster.local.", "A", nxdomain()},
        {"172-0-5-1.hdlspods.testns.svc.cluster.local.", "A", records({"@ 5 IN A 172.0.5.1"})},
        // Ports: those of the slice decide which endpoints are meant.
        {"_http._tcp.hdlsports.testns.svc.cluster.local.", "A",
         records({"@ 5 IN A 172.0.3.1", "@ 5 IN A 172.0.3.2"})},
        {"_dns._udp.hdlsports.testns.svc.cluster.local.", "A", records({"@ 5 IN A 172.0.3.1"})},
        {"_later._tcp.hdlsports.testns.svc.cluster.local.", "A", records({"@ 5 IN A 172.0.3.1"})},
        {"_dns._tcp.hdlsports.testns.svc.cluster.local.", "A", nxdomain()},
        {"_http._tcp.hdlsnoports.testns.svc.cluster.local.", "A", nxdomain()},
        // An endpoint and a port at once are more labels than a name has.
        {"_http._tcp.web-0.hdlsdual.testns.svc.cluster.local.", "A", nxdomain()},
    };
}

std::vector<DnsCase> headless_srv_cases() {
    return {
        {"_http._tcp.hdls6.testns.svc.cluster.local.", "SRV",
         records({"@ 5 IN SRV 0 50 80 fd00--0.hdls6.testns.svc.cluster.local.",
                  "@ 5 IN SRV 0 50 80 fd00--1.hdls6.testns.svc.cluster.local."},
                 {"fd00--0.hdls6.testns.svc.cluster.local. 5 IN AAAA fd00::",
                  "fd00--1.hdls6.testns.svc.cluster.local. 5 IN AAAA fd00::1"})},
        // One for each target and port; the weight counts endpoints.
        {"_http._tcp.hdls1.testns.svc.cluster.local.", "SRV",
         records({"@ 5 IN SRV 0 16 80 172-0-0-2.hdls1.testns.svc.cluster.local.",
                  "@ 5 IN SRV 0 16 80 172-0-0-3.hdls1.testns.svc.cluster.local.",
                  "@ 5 IN SRV 0 16 80 dup-name.hdls1.testns.svc.cluster.local.",
                  "@ 5 IN SRV 0 16 80 5678-abcd--1.hdls1.testns.svc.cluster.local.",
                  "@ 5 IN SRV 0 16 80 v6-name.hdls1.testns.svc.cluster.local."},
                 {"172-0-0-2.hdls1.testns.svc.cluster.local. 5 IN A 172.0.0.2",
                  "172-0-0-3.hdls1.testns.svc.cluster.local. 5 IN A 172.0.0.3",
                  "dup-name.hdls1.testns.svc.cluster.local. 5 IN A 172.0.0.4",
                  "dup-name.hdls1.testns.svc.cluster.local. 5 IN A 172.0.0.5",
                  "5678-abcd--1.hdls1.testns.svc.cluster.local. 5 IN AAAA 5678:abcd::1",
                  "v6-name.hdls1.testns.svc.cluster.local. 5 IN AAAA 5678:abcd::2"})},
        {"hdlsdual.testns.svc.cluster.local.", "SRV",
         records({"@ 5 IN SRV 0 33 80 web-0.hdlsdual.testns.svc.cluster.local.",
                  "@ 5 IN SRV 0 33 80 web-1.hdlsdual.testns.svc.cluster.local."},
                 {"web-0.hdlsdual.testns.svc.cluster.local. 5 IN A 172.0.4.1",
                  "web-0.hdlsdual.testns.svc.cluster.local. 5 IN AAAA fd00:4::1",
                  "web-1.hdlsdual.testns.svc.cluster.local. 5 IN A 172.0.4.2"})},
        {"web-0.hdlsdual.testns.svc.cluster.local.", "SRV",
         records({"@ 5 IN SRV 0 50 80 web-0.hdlsdual.testns.svc.cluster.local."},
                 {"web-0.hdlsdual.testns.svc.cluster.local. 5 IN A 172.0.4.1",
                  "web-0.hdlsdual.testns.svc.cluster.local. 5 IN AAAA fd00:4::1"})},
        // Numbers are the slice's, not the Service's; the same number once; no number, no record.
        {"hdlsports.testns.svc.cluster.local.", "SRV",
         records({"@ 5 IN SRV 0 20 8080 both.hdlsports.testns.svc.cluster.local.",
                  "@ 5 IN SRV 0 20 5353 both.hdlsports.testns.svc.cluster.local.",
                  "@ 5 IN SRV 0 20 8081 web.hdlsports.testns.svc.cluster.local."},
                 {"both.hdlsports.testns.svc.cluster.local. 5 IN A 172.0.3.1",
                  "web.hdlsports.testns.svc.cluster.local. 5 IN A 172.0.3.2"})},
        {"_http._tcp.hdlsports.testns.svc.cluster.local.", "SRV",
         records({"@ 5 IN SRV 0 50 8080 both.hdlsports.testns.svc.cluster.local.",
                  "@ 5 IN SRV 0 50 8081 web.hdlsports.testns.svc.cluster.local."},
                 {"both.hdlsports.testns.svc.cluster.local. 5 IN A 172.0.3.1",
                  "web.hdlsports.testns.svc.cluster.local. 5 IN A 172.0.3.2"})},
        {"_dns._udp.hdlsports.testns.svc.cluster.local.", "SRV",
         records({"@ 5 IN SRV 0 100 5353 both.hdlsports.testns.svc.cluster.local."},
                 {"both.hdlsports.testns.svc.cluster.local. 5 IN A 172.0.3.1"})},
        {"_later._tcp.hdlsports.testns.svc.cluster.local.", "SRV", nodata()},
        {"_dns._tcp.hdlsports.testns.svc.cluster.local.", "SRV", nxdomain()},
        {"hdlsnoports.testns.svc.cluster.local.", "SRV", nodata()},
        {"hdlsnone.testns.svc.cluster.local.", "SRV", nxdomain()},
        {"_http._tcp.hdlsnotready.testns.svc.cluster.local.", "SRV", nxdomain()},
        {"_HTTP._TCP.hdls6.testns.svc.cluster.local.", "SRV",
         records({"@ 5 IN SRV 0 50 80 fd00--0.hdls6.testns.svc.cluster.local.",
                  "@ 5 IN SRV 0 50 80 fd00--1.hdls6.testns.svc.cluster.local."},
                 {"fd00--0.hdls6.testns.svc.cluster.local. 5 IN AAAA fd00::",
                  "fd00--1.hdls6.testns.svc.cluster.local. 5 IN AAAA fd00::1"})},
    };
}

}  // namespace nameplane::test
