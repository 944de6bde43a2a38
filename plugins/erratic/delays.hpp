#pragma once
// Delays: the queries of one worker that wait for the same time each, and so come out in the order
// they went in.

#include "net/loop.hpp"
#include <nameplane/query.hpp>
#include <nameplane/worker.hpp>

#include <chrono>
#include <memory>

namespace nameplane::plugins::erratic {

using Time = std::chrono::steady_clock::time_point;

/// A query that waits; lies in its arena.
struct Waiter {
    Query* query = nullptr;
    Time due;
    Waiter* next = nullptr;
};

class Delays final : public Tenant {
public:
    Delays(net::Loop& loop, std::chrono::milliseconds delay);
    ~Delays() override;

    /// `waiter.query`, which can wait, is resumed after the delay.
    void add(Waiter& waiter) noexcept;
    void close() noexcept override;
    bool is_closed() const noexcept { return timer_ == nullptr; }

private:
    void tick() noexcept;
    void arm() noexcept;

    std::chrono::milliseconds delay_;
    Waiter* first_ = nullptr;
    Waiter* last_ = nullptr;
    std::unique_ptr<net::Timer> timer_;
};

}  // namespace nameplane::plugins::erratic
