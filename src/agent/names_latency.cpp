#include "agent/names_latency.hpp"

#include "services/change_triggers.hpp"
#include "services/delta.hpp"
#include "services/model.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace nameplane::agent {

namespace {

/// 1 ms, doubled 19 times.
std::vector<double> bounds() {
    constexpr std::size_t buckets = 20;
    std::vector<double> bounds;
    for (double bound = 0.001; bounds.size() < buckets; bound *= 2) bounds.push_back(bound);
    return bounds;
}

}  // namespace

NamesLatency::NamesLatency(metrics::Registry& metrics, const Clock& clock)
    : duration_{metrics.histogram("coredns_kubernetes_dns_programming_duration_seconds",
                                  "From a change of endpoints until their names were answered.",
                                  bounds(), {{"service_kind", "headless_with_selector"}})},
      clock_{&clock} {}

void NamesLatency::shown(std::shared_ptr<const services::Snapshot> shown, bool listed) {
    const bool counts = std::exchange(listed_, listed_ || listed);
    const auto before = std::exchange(last_, std::move(shown));
    if (!counts || before == last_) return;
    const WallTime now = clock_->wall();
    services::for_each_changed(
        *before, *last_, [&](const services::ServiceEntry* old, const services::ServiceEntry* is) {
            if (is == nullptr || !is->service->headless) return;
            for (const std::int64_t ns : services::new_change_triggers(old, *is)) {
                const WallTime trigger{
                    std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds{ns})};
                // The clock of who wrote the time may be ahead of ours.
                const auto took = std::max(now - trigger, WallTime::duration{0});
                duration_.observe(0, std::chrono::duration<double>(took).count());
            }
        });
}

}  // namespace nameplane::agent
