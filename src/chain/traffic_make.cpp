// The set-up of Traffic: which series there are.

#include "chain/traffic.hpp"

#include <array>
#include <string>
#include <utility>

namespace nameplane::chain {

namespace {

using enum dns::Type;
using enum dns::Rcode;

// What stands here has a label of its own, as in CoreDNS; all else counts as "other".
constexpr std::array types_known{a,      aaaa,  srv,  ptr,  cname, txt, soa,   ns,   mx,   ds,
                                 dnskey, rrsig, nsec, ixfr, axfr,  any, https, svcb, nsec3};
constexpr std::array rcodes_known{no_error, form_err, serv_fail, nx_domain, not_imp,
                                  refused,  not_auth, not_zone,  bad_vers,  bad_cookie};
constexpr std::array<const char*, 2> protos{"udp", "tcp"};
constexpr std::array<const char*, 2> family_numbers{"1", "2"};  // as in CoreDNS

std::vector<double> size_bounds() {
    return {0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3};
}

std::vector<double> duration_bounds() {
    std::vector<double> bounds;
    for (double seconds = 0.00025; bounds.size() < 16; seconds *= 2) bounds.push_back(seconds);
    return bounds;
}

}  // namespace

void Traffic::make_requests(metrics::Registry& metrics, const metrics::Labels& base) {
    const auto counter = [&](std::size_t transport, std::size_t family, const std::string& type) {
        metrics::Labels labels = base;
        labels.insert(
            labels.end(),
            {{"proto", protos[transport]}, {"family", family_numbers[family]}, {"type", type}});
        return &metrics.counter("coredns_dns_requests_total", "Counter of DNS requests made.",
                                std::move(labels));
    };
    for (std::size_t transport = 0; transport < transports; ++transport) {
        for (std::size_t family = 0; family < families; ++family) {
            auto& slots = requests_[transport][family];
            slots[types - 1] = counter(transport, family, "other");
            for (const dns::Type type : types_known) {
                slots[type_slot(type)] = counter(transport, family, dns::to_string(type));
            }
        }
    }
}

Traffic::Traffic(metrics::Registry& metrics, const Place& place,
                 std::span<const std::string_view> plugins) {
    const metrics::Labels base{
        {"server", place.server}, {"zone", place.zone}, {"view", place.view}};
    const auto with = [&base](std::string_view key, const std::string& value) {
        metrics::Labels labels = base;
        labels.emplace_back(key, value);
        return labels;
    };
    make_requests(metrics, base);
    do_requests_ = &metrics.counter("coredns_dns_do_requests_total",
                                    "Counter of DNS requests with DO bit set.", base);
    std::vector<std::string> rcode_names(rcodes, "other");
    for (const dns::Rcode rcode : rcodes_known) {
        rcode_names[rcode_slot(rcode)] = dns::to_string(rcode);
    }
    responses_ = &metrics.counter_table(
        "coredns_dns_responses_total", "Counter of response status codes.", base,
        {"rcode", std::move(rcode_names)}, {"plugin", {plugins.begin(), plugins.end()}});
    for (std::size_t i = 0; i < transports; ++i) {
        request_size_[i] = &metrics.histogram("coredns_dns_request_size_bytes",
                                              "Size of the requests in bytes, without framing.",
                                              size_bounds(), with("proto", protos[i]));
        response_size_[i] = &metrics.histogram("coredns_dns_response_size_bytes",
                                               "Size of the responses in bytes, without framing.",
                                               size_bounds(), with("proto", protos[i]));
    }
    duration_ = &metrics.histogram("coredns_dns_request_duration_seconds",
                                   "Time from receiving to sending, taken for a batch of queries.",
                                   duration_bounds(), base);
}

}  // namespace nameplane::chain
