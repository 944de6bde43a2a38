// hot path
#pragma once
// StageClock: adds the time since its last reading to the stage that has just ended.

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace nameplane {

/// Of one worker.
class StageClock {
public:
    /// What the server does; behind these, two for each plugin, see plugin().
    enum class Stage : std::uint8_t { receive, parse, route, encode, send };
    static constexpr std::size_t server_stages = 5;
    /// More kinds of plugins than there are.
    static constexpr std::size_t kinds_max = 64;

    struct Cell {
        std::atomic<std::uint64_t> nanoseconds{0};
        std::atomic<std::uint64_t> times{0};
    };
    using Cells = std::array<Cell, server_stages + 2 * kinds_max>;

    /// The place of a plugin (by chain::Link::kind) on the way in, or out.
    static constexpr std::size_t plugin(std::size_t kind, bool outwards) noexcept {
        return server_stages + 2 * (kind % kinds_max) + (outwards ? 1 : 0);
    }

    /// `cells` live longer.
    explicit StageClock(Cells* cells) noexcept : cells_{cells} {}

    void start() noexcept { last_ = std::chrono::steady_clock::now(); }
    /// `place` has ended, for so many queries.
    void lap(std::size_t place, std::uint64_t queries = 1) noexcept {
        const auto now = std::chrono::steady_clock::now();
        const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(now - last_);
        last_ = now;
        Cell& cell = (*cells_)[place];
        add(cell.nanoseconds, static_cast<std::uint64_t>(took.count()));
        add(cell.times, queries);
    }
    void lap(Stage stage, std::uint64_t queries = 1) noexcept {
        lap(static_cast<std::size_t>(stage), queries);
    }

private:
    static void add(std::atomic<std::uint64_t>& to, std::uint64_t n) noexcept {
        to.store(to.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }

    Cells* cells_;
    std::chrono::steady_clock::time_point last_;
};

}  // namespace nameplane
