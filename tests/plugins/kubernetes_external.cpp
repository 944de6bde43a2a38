// ExternalName Services.

#include "cluster.hpp"

namespace nameplane::test {

namespace {

/// A chain that ends in our zone without an address: the CNAMEs, and the SOA for what is missing.
Expected dead_end(Lines answers) {
    return {
        .answers = std::move(answers), .authorities = {soa("cluster.local.")}, .additionals = {}};
}

std::string name(const std::string& service) {
    return service + ".testns.svc.cluster.local.";
}
std::string cname(const std::string& from, const std::string& to) {
    return name(from) + " 5 IN CNAME " + name(to);
}

/// Ten links of the chain of twelve.
Lines ten_links() {
    Lines lines;
    for (int i = 0; i < 10; ++i) {
        lines.push_back(cname("chain-" + std::to_string(i), "chain-" + std::to_string(i + 1)));
    }
    return lines;
}

}  // namespace

std::vector<DnsCase> external_name_cases() {
    return {
        // Outside of the zone: the CNAME alone.
        {name("external"), "A", records({"@ 5 IN CNAME ext.interwebs.test."})},
        {name("external"), "AAAA", records({"@ 5 IN CNAME ext.interwebs.test."})},
        {name("external"), "CNAME", records({"@ 5 IN CNAME ext.interwebs.test."})},
        {name("external-dot"), "A", records({"@ 5 IN CNAME Ext.Interwebs.Test."})},
        {name("external"), "SRV", nodata()},
        {name("external"), "TXT", nodata()},
        {name("external"), "MX", nodata()},
        {name("external"), "PTR", nodata()},
        {name("external"), "HTTPS", nodata()},
        // Inside: followed.
        {name("to-svc1"), "A",
         records({cname("to-svc1", "svc1"), name("svc1") + " 5 IN A 10.0.0.1"})},
        {name("to-svc1"), "CNAME", records({cname("to-svc1", "svc1")})},
        {name("to-svc1"), "AAAA", dead_end({cname("to-svc1", "svc1")})},
        {name("to-upper"), "A",
         records({"@ 5 IN CNAME SVC1.testns.svc.cluster.local.",
                  "SVC1.testns.svc.cluster.local. 5 IN A 10.0.0.1"})},
        {name("to-dual"), "A",
         records({cname("to-dual", "svcdual"), name("svcdual") + " 5 IN A 10.0.0.3"})},
        {name("to-dual"), "AAAA",
         records({cname("to-dual", "svcdual"), name("svcdual") + " 5 IN AAAA fd00:10::3"})},
        {name("to-hdls"), "A",
         records({cname("to-hdls", "hdlsdual"), name("hdlsdual") + " 5 IN A 172.0.4.1",
                  name("hdlsdual") + " 5 IN A 172.0.4.2"})},
        {name("to-endpoint"), "A",
         records({"@ 5 IN CNAME web-0." + name("hdlsdual"),
                  "web-0." + name("hdlsdual") + " 5 IN A 172.0.4.1"})},
        {name("to-to-svc1"), "A",
         records({cname("to-to-svc1", "to-svc1"), cname("to-svc1", "svc1"),
                  name("svc1") + " 5 IN A 10.0.0.1"})},
        {name("to-to-svc1"), "CNAME", records({cname("to-to-svc1", "to-svc1")})},
        {name("to-external"), "A",
         records({cname("to-external", "external"),
                  name("external") + " 5 IN CNAME ext.interwebs.test."})},
        // A target that is missing, or further than ten links away, or a circle.
        {name("to-missing"), "A", dead_end({cname("to-missing", "missing")})},
        {name("to-missing"), "CNAME", records({cname("to-missing", "missing")})},
        {name("to-missing"), "SRV", nodata()},
        {name("to-self"), "A", nodata()},
        {name("to-self"), "CNAME", records({cname("to-self", "to-self")})},
        {name("to-below"), "A", dead_end({"@ 5 IN CNAME a." + name("to-below")})},
        {name("loop-a"), "A", dead_end({cname("loop-a", "loop-b"), cname("loop-b", "loop-a")})},
        {name("loop-b"), "AAAA", dead_end({cname("loop-b", "loop-a"), cname("loop-a", "loop-b")})},
        {name("chain-0"), "A", dead_end(ten_links())},
        {name("chain-9"), "A",
         records({cname("chain-9", "chain-10"), cname("chain-10", "chain-11"),
                  cname("chain-11", "svc1"), name("svc1") + " 5 IN A 10.0.0.1"})},
        // Nothing lies below one, and an address is no name.
        {"a." + name("external"), "A", nxdomain()},
        {"_http._tcp." + name("external"), "A", nxdomain()},
        {"_http._tcp." + name("external"), "SRV", nxdomain()},
        {"_._." + name("external"), "A", records({"@ 5 IN CNAME ext.interwebs.test."})},
        {name("to-address"), "A", nxdomain()},
        {name("to-address"), "CNAME", nxdomain()},
        {name("to-address6"), "AAAA", nxdomain()},
        // This machine has no address here, so the name is there and empty.
        {name("to-ns"), "A", dead_end({"@ 5 IN CNAME ns.dns.cluster.local."})},
    };
}

}  // namespace nameplane::test
