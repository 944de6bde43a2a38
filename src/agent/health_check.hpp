#pragma once
// HealthCheck: asks our own /health once a second, as CoreDNS' plugin health does, and enters how
// long that took: a machine, or a process, that has too much to do shows here first.
//
//     coredns_health_request_duration_seconds
//     coredns_health_request_failures_total

#include "net/http_client.hpp"
#include "net/loop.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/ip.hpp>
#include <nameplane/base/metrics.hpp>

#include <memory>
#include <optional>

namespace nameplane::agent {

/// Belongs to the loop's thread. The metrics are there from the start, whether anybody asks or not.
class HealthCheck {
public:
    HealthCheck(net::Loop& loop, metrics::Registry& metrics, const Clock& clock);
    ~HealthCheck();

    /// From now on; `page` is where /health is bound. For the address of all addresses, loopback.
    void start(const SocketAddress& page);
    void stop();

private:
    void ask();
    void ended(const net::HttpEnd& end);

    net::Loop& loop_;
    const Clock& clock_;
    metrics::Histogram& duration_;
    metrics::Counter& failures_;
    std::optional<net::HttpClient> client_;
    std::unique_ptr<net::HttpTransfer> transfer_;
    std::unique_ptr<net::Timer> timer_;
    std::chrono::steady_clock::time_point asked_;
    bool failing_ = false;
    bool slow_ = false;
};

}  // namespace nameplane::agent
