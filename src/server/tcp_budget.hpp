#pragma once
// TcpBudget: how many TCP connections all workers hold together, and which of them holds the one
// that has been idle longest. Changed when connections come and go, not for each query.

#include <nameplane/base/worker_local.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

namespace nameplane::server {

/// Any thread.
class TcpBudget {
public:
    TcpBudget(std::size_t connections_max, std::size_t workers)
        : max_{connections_max}, oldest_(workers) {}

    /// Room for one connection more; false when all of it is taken.
    [[nodiscard]] bool take() noexcept {
        std::size_t open = open_.load(std::memory_order_relaxed);
        while (open < max_) {
            if (open_.compare_exchange_weak(open, open + 1, std::memory_order_relaxed)) return true;
        }
        return false;
    }
    void give_back() noexcept { open_.fetch_sub(1, std::memory_order_relaxed); }
    std::size_t open() const noexcept { return open_.load(std::memory_order_relaxed); }

    static constexpr std::int64_t none = std::numeric_limits<std::int64_t>::max();
    /// `worker`'s longest idle connection has been so since `ticks` of the steady clock, or it has
    /// `none`.
    void set_oldest_idle(std::size_t worker, std::int64_t ticks) noexcept {
        oldest_.at(worker).store(ticks, std::memory_order_relaxed);
    }
    /// Who holds the connection that has been idle longest; nothing if all are busy.
    std::optional<std::size_t> holder_of_oldest_idle() const noexcept {
        std::optional<std::size_t> holder;
        std::int64_t oldest = none;
        for (std::size_t worker = 0; worker < oldest_.size(); ++worker) {
            const std::int64_t ticks = oldest_.at(worker).load(std::memory_order_relaxed);
            if (ticks < oldest) {
                oldest = ticks;
                holder = worker;
            }
        }
        return holder;
    }

private:
    struct Ticks : std::atomic<std::int64_t> {
        Ticks() noexcept : std::atomic<std::int64_t>{none} {}
    };
    std::size_t max_;
    std::atomic<std::size_t> open_{0};
    WorkerLocal<Ticks> oldest_;
};

}  // namespace nameplane::server
