#include "agent/health_check.hpp"

#include <nameplane/base/log.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace nameplane::agent {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds every{1000};
constexpr milliseconds time_max{3000};
constexpr milliseconds slow_from{1000};

// Those of CoreDNS.
std::vector<double> bounds() {
    return {0.00025, 0.0025, 0.025, 0.25, 2.5};
}

std::string url_of(const SocketAddress& page) {
    SocketAddress asked = page;
    if (page.address.is_unspecified()) asked.address = IpAddress::v4(127, 0, 0, 1);
    return "http://" + asked.to_string();
}

}  // namespace

HealthCheck::HealthCheck(net::Loop& loop, metrics::Registry& metrics, const Clock& clock)
    : loop_{loop}, clock_{clock}, duration_{metrics.histogram(
                                      "coredns_health_request_duration_seconds",
                                      "Histogram of the time (in seconds) each request took.",
                                      bounds())},
      failures_{metrics.counter("coredns_health_request_failures_total",
                                "The number of times the health check failed.")},
      timer_{loop.timer([this] { ask(); })} {}

HealthCheck::~HealthCheck() = default;

void HealthCheck::start(const SocketAddress& page) {
    client_.emplace(net::HttpPeer{.url = url_of(page)}, loop_);
    timer_->start(every, every);
}

void HealthCheck::stop() {
    timer_->stop();
    transfer_ = nullptr;
    client_.reset();
}

void HealthCheck::ask() {
    if (transfer_ != nullptr) return;
    asked_ = clock_.now();
    // A connection that is kept would hold one of the page's threads.
    transfer_ = client_->start(
        {.target = "/health", .headers = {"Connection: close"}, .time_max = time_max},
        {.head = [](const net::HttpHead&) {},
         .body = [](std::string_view) {},
         .end = [this](const net::HttpEnd& end) { ended(end); }});
}

void HealthCheck::ended(const net::HttpEnd& end) {
    const auto took = clock_.now() - asked_;
    transfer_ = nullptr;
    duration_.observe(0, std::chrono::duration<double>(took).count());
    const bool failed = end.failure != net::HttpFailure::none;
    if (failed) failures_.add_shared();
    const bool slow = took > slow_from;
    // Said once while it lasts.
    if (failed && !std::exchange(failing_, failed)) {
        NP_LOG_WARNING("health.failed", "error", end.reason);
    } else if (slow && !std::exchange(slow_, slow)) {
        NP_LOG_WARNING("health.slow", "ms", std::chrono::duration_cast<milliseconds>(took).count());
    }
    failing_ = failed;
    slow_ = slow;
}

}  // namespace nameplane::agent
