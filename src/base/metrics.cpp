#include <nameplane/base/check.hpp>
#include <nameplane/base/metrics.hpp>

#include <algorithm>
#include <map>
#include <mutex>

namespace nameplane::metrics {

Counter::Counter(std::size_t cells) : cells_(cells) {}

std::uint64_t Counter::value() const noexcept {
    std::uint64_t sum = shared_.load(std::memory_order_relaxed);
    for (const Cell& cell : cells_) sum += cell.value.load(std::memory_order_relaxed);
    return sum;
}

CounterTable::CounterTable(Axis rows, Axis columns, std::size_t cells)
    : rows_{std::move(rows)}, columns_{std::move(columns)}, cells_(cells) {
    const std::size_t pairs = rows_.values.size() * columns_.values.size();
    for (Cell& cell : cells_) {
        cell.counts = std::make_unique<std::atomic<std::uint64_t>[]>(pairs);
    }
}

std::uint64_t CounterTable::value(std::size_t row, std::size_t column) const noexcept {
    std::uint64_t sum = 0;
    for (const Cell& cell : cells_) {
        sum += cell.counts[row * columns_.values.size() + column].load(std::memory_order_relaxed);
    }
    return sum;
}

Histogram::Histogram(std::vector<double> bounds, std::size_t cells)
    : bounds_{std::move(bounds)}, cells_(cells) {
    for (Cell& cell : cells_) {
        cell.counts = std::make_unique<std::atomic<std::uint64_t>[]>(bounds_.size() + 1);
    }
}

void Histogram::observe(std::size_t worker, double value, std::uint64_t times) noexcept {
    Cell& cell = cells_[worker];
    const auto at = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
    auto& count = cell.counts[static_cast<std::size_t>(at)];
    count.store(count.load(std::memory_order_relaxed) + times, std::memory_order_relaxed);
    cell.sum.store(cell.sum.load(std::memory_order_relaxed) + value * static_cast<double>(times),
                   std::memory_order_relaxed);
}

Histogram::Reading Histogram::read() const {
    Reading reading;
    reading.bounds = bounds_;
    reading.cumulative.assign(bounds_.size() + 1, 0);
    for (const Cell& cell : cells_) {
        for (std::size_t i = 0; i <= bounds_.size(); ++i) {
            reading.cumulative[i] += cell.counts[i].load(std::memory_order_relaxed);
        }
        reading.sum += cell.sum.load(std::memory_order_relaxed);
    }
    for (std::size_t i = 1; i <= bounds_.size(); ++i) {
        reading.cumulative[i] += reading.cumulative[i - 1];
    }
    reading.count = reading.cumulative.back();
    return reading;
}

namespace {

struct Series {
    std::unique_ptr<Counter> counter;
    std::unique_ptr<CounterTable> table;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
};

struct Family {
    std::string help;
    Kind kind = Kind::counter;
    std::map<Labels, Series> series;
    std::vector<const std::pair<const Labels, Series>*> in_order;  ///< as they came
};

Sample sample_of(const Labels& labels, const Series& series) {
    Sample sample{.labels = labels, .value = 0, .histogram = {}};
    if (series.counter) sample.value = static_cast<double>(series.counter->value());
    if (series.gauge) sample.value = series.gauge->value();
    if (series.histogram) sample.histogram = series.histogram->read();
    return sample;
}

void add_table(const Labels& labels, const CounterTable& table, std::vector<Sample>& samples) {
    for (std::size_t row = 0; row < table.rows().values.size(); ++row) {
        for (std::size_t column = 0; column < table.columns().values.size(); ++column) {
            const std::uint64_t value = table.value(row, column);
            if (value == 0) continue;
            Sample sample{.labels = labels, .value = static_cast<double>(value), .histogram = {}};
            sample.labels.emplace_back(table.rows().label, table.rows().values[row]);
            sample.labels.emplace_back(table.columns().label, table.columns().values[column]);
            samples.push_back(std::move(sample));
        }
    }
}

}  // namespace

struct Registry::State {
    std::size_t workers = 1;
    mutable std::mutex mutex;
    std::map<std::string, Family, std::less<>> families;

    /// The series of that name and labels, new and empty if it was not there. Lock held.
    Series& series(std::string_view name, std::string_view help, Kind kind, Labels labels) {
        auto [at, is_new] = families.try_emplace(std::string{name});
        Family& family = at->second;
        if (is_new) {
            family.help = help;
            family.kind = kind;
        }
        NP_CHECK(family.kind == kind, "a metric has one kind");
        const auto [known, is_new_series] = family.series.try_emplace(std::move(labels));
        if (is_new_series) family.in_order.push_back(&*known);
        return known->second;
    }
};

Registry::Registry(std::size_t workers) : state_{std::make_unique<State>()} {
    NP_CHECK(workers >= 1 && workers <= cells_max, "the number of workers is bounded");
    state_->workers = workers;
}

Registry::~Registry() = default;

Counter& Registry::counter(std::string_view name, std::string_view help, Labels labels) {
    const std::lock_guard lock{state_->mutex};
    Series& series = state_->series(name, help, Kind::counter, std::move(labels));
    if (!series.counter) series.counter = std::make_unique<Counter>(state_->workers);
    return *series.counter;
}

CounterTable& Registry::counter_table(std::string_view name, std::string_view help, Labels labels,
                                      CounterTable::Axis rows, CounterTable::Axis columns) {
    const std::lock_guard lock{state_->mutex};
    Series& series = state_->series(name, help, Kind::counter, std::move(labels));
    if (!series.table) {
        series.table =
            std::make_unique<CounterTable>(std::move(rows), std::move(columns), state_->workers);
        return *series.table;
    }
    NP_CHECK(series.table->rows() == rows && series.table->columns() == columns,
             "a table of counters keeps its axes");
    return *series.table;
}

Gauge& Registry::gauge(std::string_view name, std::string_view help, Labels labels) {
    const std::lock_guard lock{state_->mutex};
    Series& series = state_->series(name, help, Kind::gauge, std::move(labels));
    if (!series.gauge) series.gauge = std::make_unique<Gauge>();
    return *series.gauge;
}

Histogram& Registry::histogram(std::string_view name, std::string_view help,
                               std::vector<double> bounds, Labels labels) {
    const std::lock_guard lock{state_->mutex};
    Series& series = state_->series(name, help, Kind::histogram, std::move(labels));
    if (!series.histogram) {
        series.histogram = std::make_unique<Histogram>(std::move(bounds), state_->workers);
    }
    return *series.histogram;
}

std::vector<FamilyReading> Registry::read() const {
    const std::lock_guard lock{state_->mutex};
    std::vector<FamilyReading> readings;
    for (const auto& [name, family] : state_->families) {
        FamilyReading reading{
            .name = name, .help = family.help, .kind = family.kind, .samples = {}};
        for (const auto* series : family.in_order) {
            if (series->second.table) {
                add_table(series->first, *series->second.table, reading.samples);
            } else {
                reading.samples.push_back(sample_of(series->first, series->second));
            }
        }
        readings.push_back(std::move(reading));
    }
    return readings;
}

std::size_t Registry::workers() const noexcept {
    return state_->workers;
}

}  // namespace nameplane::metrics
