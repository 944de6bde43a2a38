// The tables, and whether they leave something out.

#include "cluster.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

using namespace nameplane;
using namespace nameplane::test;

namespace {

const PluginOptions with_reverse{.zones = {"cluster.local.", "in-addr.arpa.", "ip6.arpa."}};

PluginOptions with_pods(std::string mode) {
    PluginOptions options = with_reverse;
    options.values.emplace_back("pods", std::move(mode));
    return options;
}

std::vector<DnsCase> all_rows() {
    std::vector<DnsCase> rows;
    for (const auto table :
         {cluster_ip_cases, cluster_ip_srv_cases, headless_cases, headless_srv_cases,
          external_name_cases, shape_cases, pods_disabled_cases, pods_insecure_cases,
          pods_verified_cases, reverse_cases, apex_cases, case_cases}) {
        std::ranges::move(table(), std::back_inserter(rows));
    }
    return rows;
}

}  // namespace

TEST_CASE("kubernetes: Services with an address of their own") {
    Example{}.check(cluster_ip_cases());
    Example{}.check(cluster_ip_srv_cases());
}

TEST_CASE("kubernetes: headless Services") {
    Example{}.check(headless_cases());
    Example{}.check(headless_srv_cases());
}

TEST_CASE("kubernetes: ExternalName Services") {
    Example{}.check(external_name_cases());
}

TEST_CASE("kubernetes: names that are no Service's") {
    Example{}.check(shape_cases());
}

TEST_CASE("kubernetes: pods") {
    Example{with_pods("disabled")}.check(pods_disabled_cases());
    Example{}.check(pods_disabled_cases());
    Example{with_pods("insecure")}.check(pods_insecure_cases());
    Example{with_pods("verified")}.check(pods_verified_cases());
}

TEST_CASE("kubernetes: reverse names and the apex") {
    Example{with_reverse}.check(reverse_cases());
    Example{with_reverse}.check(apex_cases());
}

TEST_CASE("kubernetes: upper case is answered like lower case and kept") {
    Example{}.check(case_cases());
}

TEST_CASE("kubernetes: the tables have every type and every kind of answer") {
    std::set<std::string> types;
    std::set<std::string> records;
    std::set<std::string> rcodes;
    for (const DnsCase& row : all_rows()) {
        types.insert(row.type);
        rcodes.insert(row.expected.next ? "next" : row.expected.rcode);
        for (const Lines* section :
             {&row.expected.answers, &row.expected.authorities, &row.expected.additionals}) {
            for (const std::string& line : *section) {
                const std::size_t at = line.find(" IN ") + 4;
                records.insert(line.substr(at, line.find(' ', at) - at));
            }
        }
    }
    for (const char* type : {"A", "AAAA", "SRV", "CNAME", "PTR", "TXT", "SOA", "NS", "MX", "ANY",
                             "HTTPS", "SVCB", "CAA", "HINFO", "NAPTR", "DS", "DNSKEY"}) {
        INFO(type);
        CHECK(types.contains(type));
    }
    CHECK(records == std::set<std::string>{"A", "AAAA", "CNAME", "PTR", "SOA", "SRV", "TXT"});
    CHECK(rcodes == std::set<std::string>{"NOERROR", "NXDOMAIN", "next"});
}

TEST_CASE("kubernetes: the example cluster has every kind of Service, and every one is asked") {
    const std::vector<DnsCase> rows = all_rows();
    std::set<services::ServiceType> kinds;
    std::size_t headless = 0;
    example_cluster()->for_each([&](const services::ServiceEntry& entry) {
        const services::Service& service = *entry.service;
        kinds.insert(service.type);
        headless += service.headless ? 1U : 0U;
        const std::string label = service.key.name + "." + service.key.ns + ".svc.";
        INFO(label);
        CHECK(std::ranges::any_of(rows, [&](const DnsCase& row) {
            const auto in_name = row.name.find(label) != std::string::npos;
            return in_name || std::ranges::any_of(row.expected.answers, [&](const auto& line) {
                       return line.find(label) != std::string::npos;
                   });
        }));
    });
    CHECK(kinds.size() == 4);
    CHECK(headless >= 5);
}
