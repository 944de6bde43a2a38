#pragma once
// Shared: what all workers of one `forward` have in common: its settings, how its upstreams are,
// and counters. Workers write to atomics only, and to those seldom.

#include "net/tls.hpp"
#include "plugins/forward/channel.hpp"
#include "plugins/forward/settings.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/metrics.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace nameplane::plugins::forwarding {

/// How one upstream is.
struct Upstream {
    std::atomic<std::uint32_t> fails{0};  ///< health checks in a row that failed
    std::atomic<bool> checking{false};    ///< some worker does
    // Of metrics, under CoreDNS' names.
    std::array<metrics::Histogram*, 12> durations{};  ///< by rcode; the last one: all others
    metrics::Counter* check_failures = nullptr;
    std::array<metrics::Counter*, protos_count> hits{};  ///< by Proto
    std::array<metrics::Counter*, protos_count> misses{};
};

/// Who we are and whom we trust; nullptr where nobody is asked so.
struct TlsClients {
    std::shared_ptr<const net::TlsClient> tls;
    std::shared_ptr<const net::TlsClient> https;
};

struct Shared {
    Shared(Settings wanted, std::size_t workers, metrics::Registry& metrics, TlsClients clients,
           const Clock* given_clock);

    const Settings settings;
    /// Of one worker's Outbox.
    const std::uint32_t window;
    const SystemClock system_clock;
    /// By which questions are late and channels old: the one given, else the machine's.
    const Clock& clock;
    const std::shared_ptr<const net::TlsClient> tls;
    const std::shared_ptr<const net::TlsClient> https;
    std::vector<Upstream> upstreams;  ///< one for each target, in their order
    std::atomic<std::int64_t> concurrent{0};
    std::atomic<std::uint32_t> turn{0};  ///< of round_robin
    metrics::Counter& broken;
    metrics::Counter& rejected;
    metrics::Counter& full;
    metrics::Counter& joined;
    metrics::Counter& hedged;
    metrics::Counter& strays;

    bool is_down(std::size_t target) const noexcept {
        return settings.max_fails != 0 &&
               upstreams[target].fails.load(std::memory_order_relaxed) > settings.max_fails;
    }
    metrics::Histogram& duration(std::size_t target, dns::Rcode rcode) noexcept;
};

}  // namespace nameplane::plugins::forwarding
