#include "chain/profile.hpp"

#include "chain/registry.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace nameplane::chain {

namespace {

struct Row {
    std::string_view name;
    std::uint64_t nanoseconds = 0;
    std::uint64_t queries = 0;
};

// "forward in           1234      567   12.3 %"
void add_line(std::string& text, const std::string& name, const Row& row, std::uint64_t all) {
    std::array<char, 128> line;
    const double each =
        row.queries == 0 ? 0.0
                         : static_cast<double>(row.nanoseconds) / static_cast<double>(row.queries);
    const double share =
        all == 0 ? 0.0 : 100.0 * static_cast<double>(row.nanoseconds) / static_cast<double>(all);
    const int size =
        std::snprintf(line.data(), line.size(), "%-20s %12llu %12.0f %8.1f %%\n", name.c_str(),
                      static_cast<unsigned long long>(row.queries), each, share);
    text.append(line.data(), static_cast<std::size_t>(std::max(size, 0)));
}

}  // namespace

std::string Profile::text() const {
    const auto read = [this](std::size_t place) {
        Row row;
        for (std::size_t worker = 0; worker < cells_.size(); ++worker) {
            const StageClock::Cell& cell = cells_.at(worker)[place];
            row.nanoseconds += cell.nanoseconds.load(std::memory_order_relaxed);
            row.queries += cell.times.load(std::memory_order_relaxed);
        }
        return row;
    };
    constexpr std::array<const char*, StageClock::server_stages> names{"receive", "parse", "route",
                                                                       "encode", "send"};
    std::vector<std::pair<std::string, Row>> rows;
    const auto add_stage = [&](StageClock::Stage stage) {
        const auto place = static_cast<std::size_t>(stage);
        rows.emplace_back(names[place], read(place));
    };
    add_stage(StageClock::Stage::receive);
    add_stage(StageClock::Stage::parse);
    add_stage(StageClock::Stage::route);
    const auto kinds = plugin_kinds();
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        for (const bool outwards : {false, true}) {
            const Row row = read(StageClock::plugin(i + 1, outwards));
            if (row.queries == 0) continue;
            rows.emplace_back(std::string{kinds[i].name} + (outwards ? " out" : " in"), row);
        }
    }
    add_stage(StageClock::Stage::encode);
    add_stage(StageClock::Stage::send);
    std::uint64_t all = 0;
    for (const auto& [name, row] : rows) all += row.nanoseconds;
    std::string text = "Time per stage since the start, of one batch of queries in " +
                       std::to_string(one_batch_in) +
                       ".\n\nstage                     queries"
                       "     ns/query      share\n";
    for (const auto& [name, row] : rows) add_line(text, name, row, all);
    return text;
}

}  // namespace nameplane::chain
