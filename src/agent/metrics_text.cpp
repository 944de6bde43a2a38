#include "agent/metrics_text.hpp"

#include "agent/proc_stat.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <utility>

namespace nameplane::agent {

namespace {

prometheus::MetricType type_of(metrics::Kind kind) {
    switch (kind) {
    case metrics::Kind::counter: return prometheus::MetricType::Counter;
    case metrics::Kind::gauge: return prometheus::MetricType::Gauge;
    case metrics::Kind::histogram: return prometheus::MetricType::Histogram;
    }
    return prometheus::MetricType::Untyped;
}

void set_histogram(const metrics::Histogram::Reading& reading, prometheus::ClientMetric& metric) {
    metric.histogram.sample_count = reading.count;
    metric.histogram.sample_sum = reading.sum;
    for (std::size_t i = 0; i < reading.cumulative.size(); ++i) {
        prometheus::ClientMetric::Bucket bucket;
        bucket.cumulative_count = reading.cumulative[i];
        bucket.upper_bound =
            i < reading.bounds.size() ? reading.bounds[i] : std::numeric_limits<double>::infinity();
        metric.histogram.bucket.push_back(bucket);
    }
}

prometheus::ClientMetric metric_of(const metrics::Sample& sample, metrics::Kind kind) {
    prometheus::ClientMetric metric;
    for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
    switch (kind) {
    case metrics::Kind::counter: metric.counter.value = sample.value; break;
    case metrics::Kind::gauge: metric.gauge.value = sample.value; break;
    case metrics::Kind::histogram: set_histogram(sample.histogram, metric); break;
    }
    return metric;
}

std::string read_small_file(const char* path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path, "re"),
                                                               &std::fclose};
    std::array<char, 4096> buffer{};
    if (!file) return {};
    return std::string(buffer.data(), std::fread(buffer.data(), 1, buffer.size(), file.get()));
}

// Seconds since the epoch at which the machine was started.
double boot_time() {
    // /proc/stat is longer than our buffer on machines with many interrupts; then the clocks tell.
    if (const auto told = boot_time_of(read_small_file("/proc/stat"))) return *told;
    timespec wall{};
    timespec since_boot{};
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_BOOTTIME, &since_boot);
    return static_cast<double>(wall.tv_sec - since_boot.tv_sec);
}

// Longer than what read_small_file() reads.
std::string read_netstat() {
    std::ifstream file{"/proc/self/net/netstat"};
    return {std::istreambuf_iterator<char>{file}, {}};
}

void add_one(std::vector<metrics::FamilyReading>& families, const char* name, const char* help,
             metrics::Kind kind, double value) {
    families.push_back({name, help, kind, {{{}, value, {}}}});
}

}  // namespace

std::vector<metrics::FamilyReading> process_metrics() {
    using enum metrics::Kind;
    std::vector<metrics::FamilyReading> families;
    const std::string stat = read_small_file("/proc/self/stat");
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    const auto user = process_stat(stat, 14);
    const auto system = process_stat(stat, 15);
    if (user && system) {
        add_one(families, "process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.", counter,
                (*user + *system) / ticks);
    }
    if (const auto pages = process_stat(stat, 24)) {
        add_one(families, "process_resident_memory_bytes", "Resident memory size in bytes.", gauge,
                *pages * static_cast<double>(::sysconf(_SC_PAGESIZE)));
    }
    if (const auto octets = process_stat(stat, 23)) {
        add_one(families, "process_virtual_memory_bytes", "Virtual memory size in bytes.", gauge,
                *octets);
    }
    if (const auto started = process_stat(stat, 22)) {
        add_one(families, "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.", gauge,
                boot_time() + *started / ticks);
    }
    std::error_code failed;
    double open_fds = 0;
    for (std::filesystem::directory_iterator entry{"/proc/self/fd", failed}, end;
         !failed && entry != end; entry.increment(failed)) {
        open_fds += 1;
    }
    add_one(families, "process_open_fds", "Number of open file descriptors.", gauge, open_fds);
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        add_one(families, "process_max_fds", "Maximum number of open file descriptors.", gauge,
                static_cast<double>(limit.rlim_cur));
    }
    if (::getrlimit(RLIMIT_AS, &limit) == 0) {
        add_one(families, "process_virtual_memory_max_bytes",
                "Maximum amount of virtual memory available in bytes.", gauge,
                static_cast<double>(limit.rlim_cur));
    }
    const std::string netstat = read_netstat();
    if (const auto octets = octets_of(netstat, "InOctets")) {
        add_one(families, "process_network_receive_bytes_total",
                "Number of bytes received by the process over the network.", counter, *octets);
    }
    if (const auto octets = octets_of(netstat, "OutOctets")) {
        add_one(families, "process_network_transmit_bytes_total",
                "Number of bytes sent by the process over the network.", counter, *octets);
    }
    return families;
}

std::string metrics_text(const std::vector<metrics::FamilyReading>& families) {
    std::vector<prometheus::MetricFamily> wanted;
    for (const metrics::FamilyReading& family : families) {
        prometheus::MetricFamily& made = wanted.emplace_back();
        made.name = family.name;
        made.help = family.help;
        made.type = type_of(family.kind);
        for (const metrics::Sample& sample : family.samples) {
            made.metric.push_back(metric_of(sample, family.kind));
        }
    }
    const prometheus::TextSerializer serializer;
    return serializer.Serialize(wanted);
}

}  // namespace nameplane::agent
