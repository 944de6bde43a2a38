#include "chain/traffic.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <source_location>
#include <string>
#include <vector>

using namespace nameplane;
using chain::Traffic;

namespace {

const std::vector<std::string_view> plugins{"", "cache", "forward"};

/// name{key="value",...} -> value, of all counters that are not zero.
std::map<std::string, double> counts(const metrics::Registry& metrics) {
    std::map<std::string, double> out;
    for (const metrics::FamilyReading& family : metrics.read()) {
        for (const metrics::Sample& sample : family.samples) {
            std::string key = family.name + "{";
            for (const auto& [label, value] : sample.labels) key += label + "=" + value + ",";
            key.back() = '}';
            const bool is_histogram = family.kind == metrics::Kind::histogram;
            const double value =
                is_histogram ? static_cast<double>(sample.histogram.count) : sample.value;
            if (value > 0) out[key] = value;
        }
    }
    return out;
}

struct Case {
    std::uint16_t type;
    const char* label;
    std::source_location at = std::source_location::current();
};

}  // namespace

TEST_CASE("requests, responses and sizes are counted under CoreDNS' names") {
    metrics::Registry metrics{2};
    const Traffic traffic{metrics, {"dns://:53", "cluster.local.", "office"}, plugins};
    traffic.asked(0, {Transport::udp, Family::ipv4, dns::Type::a, 40});
    traffic.asked(1, {Transport::udp, Family::ipv4, dns::Type::a, 40, true});
    traffic.asked(0, {Transport::tcp, Family::ipv6, dns::Type::srv, 50});
    traffic.answered(0, Transport::udp, dns::Rcode::no_error, 100, 2);
    traffic.answered(1, Transport::udp, dns::Rcode::nx_domain, 120, 1);
    traffic.answered(0, Transport::tcp, dns::Rcode{24}, 30, 0);
    traffic.took(0, 0.001, 3);
    const std::string zone = "server=dns://:53,zone=cluster.local.,view=office";
    CHECK(counts(metrics) ==
          std::map<std::string, double>{
              {"coredns_dns_requests_total{" + zone + ",proto=udp,family=1,type=A}", 2},
              {"coredns_dns_requests_total{" + zone + ",proto=tcp,family=2,type=SRV}", 1},
              {"coredns_dns_do_requests_total{" + zone + "}", 1},
              {"coredns_dns_responses_total{" + zone + ",rcode=NOERROR,plugin=forward}", 1},
              {"coredns_dns_responses_total{" + zone + ",rcode=NXDOMAIN,plugin=cache}", 1},
              {"coredns_dns_responses_total{" + zone + ",rcode=other,plugin=}", 1},
              {"coredns_dns_request_size_bytes{" + zone + ",proto=udp}", 2},
              {"coredns_dns_request_size_bytes{" + zone + ",proto=tcp}", 1},
              {"coredns_dns_response_size_bytes{" + zone + ",proto=udp}", 2},
              {"coredns_dns_response_size_bytes{" + zone + ",proto=tcp}", 1},
              {"coredns_dns_request_duration_seconds{" + zone + "}", 3},
          });
}

TEST_CASE("the types that CoreDNS tells apart have a label, all others are \"other\"") {
    const Case cases[] = {
        {1, "A"},      {2, "NS"},     {5, "CNAME"},     {6, "SOA"},     {12, "PTR"},
        {15, "MX"},    {16, "TXT"},   {28, "AAAA"},     {33, "SRV"},    {43, "DS"},
        {46, "RRSIG"}, {47, "NSEC"},  {48, "DNSKEY"},   {251, "IXFR"},  {252, "AXFR"},
        {255, "ANY"},  {13, "other"}, {35, "other"},    {41, "other"},  {52, "other"},
        {64, "SVCB"},  {65, "HTTPS"}, {50, "NSEC3"},    {250, "other"}, {257, "other"},
        {0, "other"},  {51, "other"}, {65280, "other"},
    };
    for (const Case& row : cases) {
        INFO("row at line " << row.at.line() << ", type " << row.type);
        metrics::Registry metrics{1};
        const Traffic traffic{metrics, {"s", "z", ""}, plugins};
        traffic.asked(0, {Transport::udp, Family::ipv4, dns::Type{row.type}, 40});
        CHECK(counts(metrics).contains(
            std::string{
                "coredns_dns_requests_total{server=s,zone=z,view=,proto=udp,family=1,type="} +
            row.label + "}"));
    }
}

TEST_CASE("every response code has one series, and no two share one") {
    metrics::Registry metrics{1};
    const Traffic traffic{metrics, {"s", "z", ""}, plugins};
    const std::uint16_t known[] = {0, 1, 2, 3, 4, 5, 9, 10, 16, 23};
    for (const std::uint16_t rcode : known) {
        traffic.answered(0, Transport::udp, dns::Rcode{rcode}, 12, 0);
    }
    for (const auto& [key, value] : counts(metrics)) {
        if (key.starts_with("coredns_dns_responses_total")) {
            INFO(key);
            CHECK(value == 1);
            CHECK(key.find("rcode=other") == std::string::npos);
        }
    }
}

TEST_CASE("a zone that comes again after a reload goes on counting where it was") {
    metrics::Registry metrics{1};
    {
        const Traffic before{metrics, {"s", "z", ""}, plugins};
        before.answered(0, Transport::udp, dns::Rcode::no_error, 12, 1);
    }
    const Traffic after{metrics, {"s", "z", ""}, plugins};
    after.answered(0, Transport::udp, dns::Rcode::no_error, 12, 1);
    CHECK(counts(metrics).at(
              "coredns_dns_responses_total{server=s,zone=z,view=,rcode=NOERROR,plugin=cache}") ==
          2);
}
