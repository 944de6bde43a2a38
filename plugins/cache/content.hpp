#pragma once
// Content: what a `cache` keeps, for all workers, and what its counters say. It lives on over a
// reload that leaves the cache's settings as they are.

#include "net/loop.hpp"
#include "plugins/cache/settings.hpp"
#include "plugins/cache/store.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/metrics.hpp>
#include <nameplane/base/worker_local.hpp>
#include <nameplane/query.hpp>
#include <nameplane/worker.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

namespace nameplane::plugins::caching {

/// A query that waits for its refresh, but not longer than `due`; lies in its arena.
struct Waiter {
    Query* query = nullptr;
    Time due = 0;
    Waiter* next = nullptr;
};

/// The clock of waiters on one worker.
class Waiting final : public Tenant {
public:
    Waiting(net::Loop& loop, const Clock& clock);
    ~Waiting() override;
    void add(Waiter& waiter) noexcept;
    /// Resumes those that wait for this question.
    void arrived(const Key& key) noexcept;
    void close() noexcept override;

private:
    void tick() noexcept;
    void resume_if(bool (*wanted)(const Waiter&, const void*), const void* what) noexcept;

    const Clock& clock_;
    Waiter* first_ = nullptr;
    std::unique_ptr<net::Timer> timer_;
    bool armed_ = false;
};

enum class Kind : std::uint8_t { success, denial };

/// What one worker keeps.
struct Shelf {
    std::unique_ptr<Store> success;
    std::unique_ptr<Store> denial;
    std::shared_ptr<Waiting> waiting;
    std::array<std::uint64_t, 2> evictions_seen{};
    std::array<std::size_t, 2> sizes_seen{};
    Store& of(Kind kind) noexcept { return kind == Kind::success ? *success : *denial; }
};

struct Content {
    Content(Settings wanted, std::size_t workers, metrics::Registry& metrics,
            std::string_view server, std::string_view view, const Clock* given_clock);

    Time now() const noexcept;

    const Settings settings;
    const SystemClock system_clock;
    const Clock& clock;
    WorkerLocal<Shelf> shelves;
    std::array<std::atomic<std::int64_t>, 2> sizes{};
    std::array<metrics::Gauge*, 2> entries{};
    std::array<metrics::Counter*, 2> hits{};
    std::array<metrics::Counter*, 2> evictions{};
    metrics::Counter* requests = nullptr;
    metrics::Counter* misses = nullptr;
    metrics::Counter* prefetches = nullptr;
    metrics::Counter* drops = nullptr;
    metrics::Counter* served_stale = nullptr;

    /// After a change of a store of `worker`.
    void note_size(std::size_t worker, Kind kind) noexcept;
};

Key key_of(const Query& query) noexcept;
Time now_by(const Clock& clock) noexcept;

}  // namespace nameplane::plugins::caching
