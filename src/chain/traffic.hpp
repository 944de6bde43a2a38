// hot path
#pragma once
// Traffic: what passed through one zone, under CoreDNS' metric names:
//
//     coredns_dns_requests_total{server,zone,view,proto,family,type}
//     coredns_dns_do_requests_total{server,zone,view}
//     coredns_dns_responses_total{server,zone,view,rcode,plugin}
//     coredns_dns_request_size_bytes{server,zone,view,proto}
//     coredns_dns_response_size_bytes{server,zone,view,proto}
//     coredns_dns_request_duration_seconds{server,zone,view}
//
// All series are made with the zone, so that a query only adds to cells that its worker owns. The
// duration is not taken for each query: a worker reads the clock before and after a batch and
// enters the whole batch, receiving to sending, as the time of every query in it (which is what a
// client sees of us), once for each zone that was asked.

#include "chain/place.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/metrics.hpp>
#include <nameplane/dns/types.hpp>
#include <nameplane/query.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace nameplane::chain {

/// Owned by Chains; const for workers, each of which writes only what carries its number.
class Traffic {
public:
    /// Takes its series from `metrics`, so that the counts go on over a reload. `plugins`: names by
    /// Link::kind.
    Traffic(metrics::Registry& metrics, const Place& place,
            std::span<const std::string_view> plugins);

    struct Request {
        Transport transport;
        Family family;
        dns::Type type;
        std::size_t octets;
        bool dnssec_ok = false;
    };
    /// A query came in.
    void asked(std::size_t worker, const Request& request) const noexcept;
    /// Its answer is written; `plugin` made it (Link::kind).
    void answered(std::size_t worker, Transport transport, dns::Rcode rcode, std::size_t octets,
                  std::size_t plugin) const noexcept;
    /// How long `queries` of one batch took.
    void took(std::size_t worker, double seconds, std::uint64_t queries) const noexcept {
        duration_->observe(worker, seconds, queries);
    }

private:
    static constexpr std::size_t transports = 2;
    static constexpr std::size_t families = 2;
    static constexpr std::size_t types = 20;   // the last one is "other"
    static constexpr std::size_t rcodes = 11;  // the last one is "other"

    void make_requests(metrics::Registry& metrics, const metrics::Labels& base);
    static std::size_t type_slot(dns::Type type) noexcept;
    static std::size_t rcode_slot(dns::Rcode rcode) noexcept;

    std::array<std::array<std::array<metrics::Counter*, types>, families>, transports> requests_{};
    metrics::Counter* do_requests_ = nullptr;
    metrics::CounterTable* responses_ = nullptr;
    std::array<metrics::Histogram*, transports> request_size_{};
    std::array<metrics::Histogram*, transports> response_size_{};
    metrics::Histogram* duration_ = nullptr;
};

}  // namespace nameplane::chain
