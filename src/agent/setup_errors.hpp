#pragma once
// SetupErrors: what went wrong with the network or the configuration of the NodeLocal role, counted
// by the process that does it and read by the one that serves /metrics.

#include <nameplane/base/metrics.hpp>

#include <array>
#include <atomic>
#include <cstdint>

namespace nameplane::agent {

enum class SetupError : std::uint8_t {
    iptables,
    iptables_lock,
    interface_add,
    interface_check,
    configmap,
};

/// Any thread of any process that shares the memory.
class SetupErrors {
public:
    void count(SetupError error) noexcept {
        counts_[static_cast<std::size_t>(error)].fetch_add(1, std::memory_order_relaxed);
    }
    /// coredns_nodecache_setup_errors_total with a sample for each kind.
    metrics::FamilyReading read() const;

private:
    static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "it is in shared memory");
    std::array<std::atomic<std::uint64_t>, 5> counts_{};
};

}  // namespace nameplane::agent
