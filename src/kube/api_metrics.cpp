#include "kube/api_metrics.hpp"

#include <algorithm>

namespace nameplane::kube {
namespace {

std::string host_of(const std::string& url) {
    const std::size_t scheme = url.find("://");
    const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
    return url.substr(begin, std::min(url.find('/', begin), url.size()) - begin);
}

/// Those of CoreDNS, which are the client library's defaults.
std::vector<double> bounds_s() {
    return {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
}

}  // namespace

ApiMetrics::ApiMetrics(metrics::Registry& registry, const std::string& url)
    : registry_{registry}, host_{host_of(url)},
      duration_{registry.histogram("coredns_kubernetes_rest_client_request_duration_seconds",
                                   "Time from a request to the API server to the end of its "
                                   "answer; watches are left out.",
                                   bounds_s(), {{"verb", "GET"}, {"host", host_}})},
      octets_{registry.counter("nameplane_api_received_bytes_total",
                               "Bytes of answers of the API server, as they came.")},
      connections_{registry.counter("nameplane_api_connections_total",
                                    "Connections made to the API server.")} {}

void ApiMetrics::answered(int status) {
    registry_
        .counter("coredns_kubernetes_rest_client_requests_total",
                 "Requests to the API server, by what came of them.",
                 {{"code", status == 0 ? "<error>" : std::to_string(status)},
                  {"method", "GET"},
                  {"host", host_}})
        .add_shared();
}

void ApiMetrics::took(std::chrono::duration<double> time) {
    duration_.observe(0, time.count());
}

void ApiMetrics::add(const net::HttpTotals& totals) {
    octets_.add_shared(totals.octets_in - seen_.octets_in);
    connections_.add_shared(totals.connections - seen_.connections);
    seen_ = totals;
}

}  // namespace nameplane::kube
