#pragma once
// ApiMetrics: what is counted of requests to the API server, by the names that CoreDNS has for it.

#include "net/http_client.hpp"
#include <nameplane/base/metrics.hpp>

#include <chrono>
#include <string>

namespace nameplane::kube {

/// Control thread only.
class ApiMetrics {
public:
    ApiMetrics(metrics::Registry& registry, const std::string& url);

    /// A request was answered with `status`; 0: not at all.
    void answered(int status);
    /// A request that has an end came to it.
    void took(std::chrono::duration<double> time);
    void add(const net::HttpTotals& totals);

private:
    metrics::Registry& registry_;
    std::string host_;
    metrics::Histogram& duration_;
    metrics::Counter& octets_;
    metrics::Counter& connections_;
    net::HttpTotals seen_;
};

}  // namespace nameplane::kube
