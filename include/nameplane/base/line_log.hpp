#pragma once
// LineLog: lines of text from the workers to a file descriptor (the query log), written by a thread
// of its own. A worker copies a line into a ring that only it fills: no lock, no heap, no system
// call but for waking the thread, which happens at most every few milliseconds. Who reads too
// slowly loses lines, not queries: what does not fit is dropped and counted.

#include <nameplane/base/metrics.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

namespace nameplane {

/// Outlives everybody who puts lines. The order of lines holds for each worker, not among them.
class LineLog {
public:
    /// What may wait of one worker.
    static constexpr std::size_t ring_octets = 256 << 10;
    /// Longer lines are dropped.
    static constexpr std::size_t line_octets_max = 8 << 10;

    /// Writes to `fd`, which stays the caller's.
    LineLog(std::size_t workers, int fd, metrics::Counter& dropped);
    /// Writes what waits.
    ~LineLog();
    LineLog(const LineLog&) = delete;
    LineLog& operator=(const LineLog&) = delete;

    /// Starts the thread, once. Until then lines wait in their rings. Any thread.
    void start();
    /// Adds `line`, to which a line's end is added. Only one thread may use the same `worker`.
    void put(std::size_t worker, std::string_view line) noexcept;
    /// The same from any other thread, by a lock.
    void put_shared(std::string_view line);

private:
    // One writer, one reader. Positions only grow; they are taken modulo the size.
    struct alignas(64) Ring {
        std::unique_ptr<char[]> text;
        alignas(64) std::atomic<std::uint64_t> written{0};
        alignas(64) std::atomic<std::uint64_t> read{0};
    };

    bool put(Ring& ring, std::string_view line) noexcept;
    void wake() noexcept;
    void run() noexcept;
    void write_out() noexcept;
    void write_out(Ring& ring) noexcept;
    void write_all(std::span<const char> text) noexcept;

    int fd_;
    metrics::Counter& dropped_;
    std::vector<Ring> rings_;  ///< one a worker, and the last one for the others
    std::mutex shared_;
    std::once_flag started_;
    std::atomic<std::uint32_t> wanted_{0};  ///< 1: something was put since the thread last looked
    std::atomic<bool> ending_{false};
    std::thread thread_;
};

}  // namespace nameplane
