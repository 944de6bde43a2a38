#pragma once
// TcpCounts: what is counted of connections over TLS and HTTPS. Made once for all workers.

#include "server/terms.hpp"
#include <nameplane/base/metrics.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace nameplane::server {

/// The responses of one listener, coredns_dns_https_responses_total{server,status}, and how many
/// connections to it there are.
class HttpsCounts {
public:
    HttpsCounts(metrics::Registry& metrics, std::string_view server);

    /// Any worker.
    void responded(std::size_t worker, unsigned status) noexcept;
    /// Room for one connection more, of `most` (0: any number). Any thread.
    [[nodiscard]] bool take(std::size_t most) noexcept;
    void give_back() noexcept { open_.fetch_sub(1, std::memory_order_relaxed); }

private:
    static constexpr std::array<unsigned, 7> statuses{200, 400, 404, 413, 431, 500, 501};
    std::array<metrics::Counter*, statuses.size()> responses_{};
    metrics::Counter* other_;
    std::atomic<std::size_t> open_{0};
};

struct TcpCounts {
    explicit TcpCounts(metrics::Registry& metrics);

    // nameplane_dns_tls_handshakes_total{result}.
    metrics::Counter& done;
    metrics::Counter& resumed;  ///< done, by a ticket
    metrics::Counter& failed;
    metrics::Counter& expired;  ///< not done in time
    metrics::Counter& evicted;  ///< had to make room for a newer one

    /// By listener; nullptr where it is not HTTPS.
    std::vector<std::unique_ptr<HttpsCounts>> https;
};

}  // namespace nameplane::server
