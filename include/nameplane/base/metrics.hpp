#pragma once
// Metrics: counters, gauges and histograms that cost one relaxed store to change. Made while the
// agent is being built (allocates, takes a lock), changed by any thread afterwards, read by the
// admin thread. Each worker writes cells of its own; a reader sums them.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nameplane::metrics {

using Labels = std::vector<std::pair<std::string, std::string>>;

/// Threads that count apart: workers use 0 .. cells-1; every other thread uses its own number or
/// the shared cell 0 by add_shared().
inline constexpr std::size_t cells_max = 64;

class Counter {
public:
    explicit Counter(std::size_t cells);
    /// Only one thread may use the same `worker`.
    void add(std::size_t worker, std::uint64_t n = 1) noexcept {
        auto& cell = cells_[worker].value;
        cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    /// From any thread, at the price of an atomic addition.
    void add_shared(std::uint64_t n = 1) noexcept {
        shared_.fetch_add(n, std::memory_order_relaxed);
    }
    std::uint64_t value() const noexcept;

private:
    struct alignas(64) Cell {
        std::atomic<std::uint64_t> value{0};
    };
    std::vector<Cell> cells_;
    std::atomic<std::uint64_t> shared_{0};
};

class Gauge {
public:
    void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
    double value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<double> value_{0};
};

/// Cumulative histogram; `bounds` ascending, an infinite last bucket is added.
class Histogram {
public:
    Histogram(std::vector<double> bounds, std::size_t cells);
    /// Only one thread may use the same `worker`.
    /// Counts `value` `times` times.
    void observe(std::size_t worker, double value, std::uint64_t times = 1) noexcept;

    struct Reading {
        std::vector<double> bounds;
        std::vector<std::uint64_t> cumulative;  ///< one more than bounds
        std::uint64_t count = 0;
        double sum = 0;
    };
    Reading read() const;

private:
    struct alignas(64) Cell {
        std::unique_ptr<std::atomic<std::uint64_t>[]> counts;
        std::atomic<double> sum{0};
    };
    std::vector<double> bounds_;
    std::vector<Cell> cells_;
};

/// Counters for each pair of values of two labels. A pair is shown once it was counted, so that
/// there may be many.
class CounterTable {
public:
    /// A label and the values it may have.
    struct Axis {
        std::string label;
        std::vector<std::string> values;
        friend bool operator==(const Axis&, const Axis&) = default;
    };
    CounterTable(Axis rows, Axis columns, std::size_t cells);
    /// Only one thread may use the same `worker`.
    void add(std::size_t worker, std::size_t row, std::size_t column,
             std::uint64_t n = 1) noexcept {
        auto& cell = cells_[worker].counts[row * columns_.values.size() + column];
        cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    std::uint64_t value(std::size_t row, std::size_t column) const noexcept;
    const Axis& rows() const noexcept { return rows_; }
    const Axis& columns() const noexcept { return columns_; }

private:
    struct alignas(64) Cell {
        std::unique_ptr<std::atomic<std::uint64_t>[]> counts;
    };
    Axis rows_;
    Axis columns_;
    std::vector<Cell> cells_;
};

enum class Kind : std::uint8_t { counter, gauge, histogram };

/// One family as the exporter sees it.
struct Sample {
    Labels labels;
    double value = 0;              ///< counter and gauge
    Histogram::Reading histogram;  ///< histogram
};
struct FamilyReading {
    std::string name;
    std::string help;
    Kind kind = Kind::counter;
    std::vector<Sample> samples;
};

/// Owns all metrics of an agent. References it returns live as long as it does. Asking again with
/// the same name and labels gives the same object.
class Registry {
public:
    /// `workers`: how many threads count apart.
    explicit Registry(std::size_t workers);
    ~Registry();
    Registry(const Registry&) = delete;
    Registry& operator=(const Registry&) = delete;

    Counter& counter(std::string_view name, std::string_view help, Labels labels = {});
    /// Asking again for a table means the same axes.
    CounterTable& counter_table(std::string_view name, std::string_view help, Labels labels,
                                CounterTable::Axis rows, CounterTable::Axis columns);
    Gauge& gauge(std::string_view name, std::string_view help, Labels labels = {});
    Histogram& histogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                         Labels labels = {});
    /// All families, sorted by name. From any thread.
    std::vector<FamilyReading> read() const;
    std::size_t workers() const noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::metrics
