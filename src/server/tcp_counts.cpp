#include "server/tcp_counts.hpp"

#include <algorithm>
#include <string>

namespace nameplane::server {

namespace {

metrics::Counter& responses(metrics::Registry& metrics, std::string_view server,
                            const std::string& status) {
    return metrics.counter("coredns_dns_https_responses_total",
                           "Counter of DoH responses per server and http status code.",
                           {{"server", std::string{server}}, {"status", status}});
}

metrics::Counter& handshakes(metrics::Registry& metrics, const char* result) {
    return metrics.counter("nameplane_dns_tls_handshakes_total", "TLS handshakes of clients.",
                           {{"result", result}});
}

}  // namespace

HttpsCounts::HttpsCounts(metrics::Registry& metrics, std::string_view server)
    : other_{&responses(metrics, server, "other")} {
    for (std::size_t i = 0; i < statuses.size(); ++i) {
        responses_[i] = &responses(metrics, server, std::to_string(statuses[i]));
    }
}

void HttpsCounts::responded(std::size_t worker, unsigned status) noexcept {
    const auto* const found = std::ranges::find(statuses, status);
    if (found == statuses.end()) return other_->add(worker);
    responses_[static_cast<std::size_t>(found - statuses.begin())]->add(worker);
}

bool HttpsCounts::take(std::size_t most) noexcept {
    if (open_.fetch_add(1, std::memory_order_relaxed) < most || most == 0) return true;
    give_back();
    return false;
}

TcpCounts::TcpCounts(metrics::Registry& metrics)
    : done{handshakes(metrics, "done")}, resumed{handshakes(metrics, "resumed")}, failed{handshakes(
                                                                                      metrics,
                                                                                      "failed")},
      expired{handshakes(metrics, "expired")}, evicted{handshakes(metrics, "evicted")} {}

}  // namespace nameplane::server
