#pragma once
// Content: what a `cache` keeps, for all workers together, and what its counters say. It lives on
// over a reload that leaves the cache's settings as they are.

#include "net/loop.hpp"
#include "plugins/cache/settings.hpp"
#include "plugins/cache/store.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/metrics.hpp>
#include <nameplane/base/worker_local.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/query.hpp>
#include <nameplane/worker.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

namespace nameplane::plugins::caching {

struct Content;

/// A query that waits for its refresh, but not longer than `due`; lies in its arena.
struct Waiter {
    Query* query = nullptr;
    Time due = 0;
    bool refreshes = false;  ///< the refresh is its own; else perhaps another worker's
    Waiter* next = nullptr;
};

/// The clock of waiters on one worker.
class Waiting final : public Tenant {
public:
    /// `content` outlives every query that waits.
    Waiting(net::Loop& loop, const Content& content);
    ~Waiting() override;
    void add(Waiter& waiter) noexcept;
    /// Resumes those that wait for this question.
    void arrived(const Key& key) noexcept;
    void close() noexcept override;

private:
    void tick() noexcept;
    template <class Wanted> void resume_if(Wanted wanted) noexcept;

    const Content& content_;
    Waiter* first_ = nullptr;
    std::unique_ptr<net::Timer> timer_;
    bool armed_ = false;
};

enum class Kind : std::uint8_t { success, denial };

struct Content {
    Content(Settings wanted, std::size_t workers, metrics::Registry& metrics,
            std::string_view server, std::string_view view, const Clock* given_clock);

    Time now() const noexcept;

    const Settings settings;
    const SystemClock system_clock;
    const Clock& clock;
    const std::uint64_t seed;
    Store success;
    Store denial;
    WorkerLocal<std::shared_ptr<Waiting>> waiting;
    std::array<metrics::Gauge*, 2> entries{};
    std::array<metrics::Counter*, 2> hits{};
    std::array<metrics::Counter*, 2> evictions{};
    metrics::Counter* requests = nullptr;
    metrics::Counter* misses = nullptr;
    metrics::Counter* prefetches = nullptr;
    metrics::Counter* drops = nullptr;
    metrics::Counter* served_stale = nullptr;

    Store& of(Kind kind) noexcept { return kind == Kind::success ? success : denial; }
    const Store& of(Kind kind) const noexcept { return kind == Kind::success ? success : denial; }
    Key key_of(const Query& query) const noexcept;
    /// The same, whose hash is known.
    static Key key_of(const Query& query, std::uint64_t hash) noexcept;
    Key key_of(const Foreseen& question) const noexcept;
    /// Whether a refresh of `key` has come to an end: what is there is good, or failed, or gone.
    bool is_settled(const Key& key, Time now) const noexcept;
    /// Enters what `worker` has done to a store.
    void note(std::size_t worker, Kind kind, const Change& change) noexcept;
};

}  // namespace nameplane::plugins::caching
