#include "agent/processors.hpp"

#include "base/file.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>

namespace nameplane::agent {

namespace {

constexpr std::size_t file_octets_max = 64 << 10;
constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

/// Of each `period` of the clock, `quota` of processors' time; both in microseconds.
std::size_t processors_of(std::int64_t quota, std::int64_t period) {
    if (quota <= 0 || period <= 0) return no_limit;
    return static_cast<std::size_t>((quota - 1) / period + 1);
}

std::optional<std::int64_t> number_in(const std::string& path) {
    const auto text = read_file(path, file_octets_max);
    std::int64_t number = 0;
    if (!text || !(std::istringstream{*text} >> number)) return std::nullopt;
    return number;
}

// "max 100000" or "150000 100000".
std::size_t limit_by_max(const std::string& folder) {
    const auto text = read_file(folder + "/cpu.max", file_octets_max);
    if (!text) return no_limit;
    std::int64_t quota = 0;
    std::int64_t period = 0;
    return std::istringstream{*text} >> quota >> period ? processors_of(quota, period) : no_limit;
}

std::size_t limit_by_quota(const std::string& folder) {
    return processors_of(number_in(folder + "/cpu.cfs_quota_us").value_or(-1),
                         number_in(folder + "/cpu.cfs_period_us").value_or(0));
}

bool has_cpu(std::string_view controllers) {
    return (',' + std::string{controllers} + ',').find(",cpu,") != std::string::npos;
}

// The least limit from `group` up to the root. In a container the root of what is mounted is often
// our own group, and `group` a path that only the host knows.
template <class LimitOf>
std::size_t least_limit(const std::string& mount, std::string group, LimitOf limit_of) {
    std::size_t least = limit_of(mount);
    while (!group.empty() && group != "/") {
        least = std::min(least, limit_of(mount + group));
        group.erase(group.rfind('/'));
    }
    return least;
}

// A line is HIERARCHY:CONTROLLERS:GROUP; version 2 has no controllers in it.
std::size_t limit_of_line(std::string_view line, const std::string& mounts) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? first : line.find(':', first + 1);
    if (second == line.npos || second + 1 == line.size() || line[second + 1] != '/')
        return no_limit;
    const std::string controllers{line.substr(first + 1, second - first - 1)};
    const std::string group{line.substr(second + 1)};
    if (controllers.empty()) return least_limit(mounts, group, limit_by_max);
    if (!has_cpu(controllers)) return no_limit;
    return least_limit(mounts + '/' + controllers, group, limit_by_quota);
}

}  // namespace

std::size_t within_limit(std::size_t processors, const ControlGroupPaths& paths) {
    const auto own = read_file(paths.own, file_octets_max);
    if (!own) return processors;
    std::size_t least = no_limit;
    std::istringstream lines{*own};
    for (std::string line; std::getline(lines, line);) {
        least = std::min(least, limit_of_line(line, paths.mounts));
    }
    return std::min(processors, least);
}

}  // namespace nameplane::agent
