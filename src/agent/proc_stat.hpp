#pragma once
// proc_stat: numbers out of /proc/self/stat, /proc/stat and /proc/net/netstat. Pure.

#include <cstddef>
#include <optional>
#include <string_view>

namespace nameplane::agent {

/// A number of /proc/PID/stat by its place in proc(5), which counts from 1; from 3 on, since the
/// command, the second, may hold blanks and parentheses. Nothing where there is no such number.
std::optional<double> process_stat(std::string_view stat, std::size_t field);

/// Seconds since the epoch at which the machine was started, of /proc/stat or its beginning;
/// nothing where that ends before or within the number.
std::optional<double> boot_time_of(std::string_view stat);

/// The number called `name` of /proc/net/netstat's "IpExt", of which one line has the names and the
/// next one the numbers, in the same order. Nothing where there is no such number.
std::optional<double> octets_of(std::string_view netstat, std::string_view name);

}  // namespace nameplane::agent
