#include "agent/freshness.hpp"
#include "agent/metrics_text.hpp"
#include "agent/proc_stat.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <algorithm>
#include <ctime>

using namespace nameplane;
using namespace nameplane::agent;

TEST_CASE("counters, gauges and histograms are written as Prometheus reads them") {
    metrics::Registry registry{2};
    registry.counter("c_total", "A counter.", {{"result", "done"}}).add_shared(3);
    registry.counter("c_total", "A counter.", {{"result", "refused"}});
    registry.gauge("g", "A gauge.").set(1.5);
    metrics::Histogram& histogram = registry.histogram("h", "A histogram.", {0.1, 1});
    histogram.observe(0, 0.05);
    histogram.observe(1, 0.5);
    histogram.observe(1, 7);
    CHECK(metrics_text(registry.read()) == R"(# HELP c_total A counter.
# TYPE c_total counter
c_total{result="done"} 3
c_total{result="refused"} 0
# HELP g A gauge.
# TYPE g gauge
g 1.5
# HELP h A histogram.
# TYPE h histogram
h_count 3
h_sum 7.55
h_bucket{le="0.1"} 1
h_bucket{le="1"} 2
h_bucket{le="+Inf"} 3
)");
}

TEST_CASE("an infinite age is written as Prometheus reads it") {
    metrics::Registry registry{1};
    FreshnessMetrics{registry}.set({});
    CHECK(metrics_text(registry.read()).ends_with("\nnameplane_api_data_age_seconds +Inf\n"));
}

TEST_CASE("a process tells its memory, time, descriptors and start") {
    const std::vector<metrics::FamilyReading> families = process_metrics();
    const auto value = [&](std::string_view name) {
        const auto found = std::ranges::find(families, name, &metrics::FamilyReading::name);
        REQUIRE(found != families.end());
        REQUIRE(found->samples.size() == 1);
        return found->samples[0].value;
    };
    CHECK(value("process_resident_memory_bytes") > 1'000'000);
    CHECK(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"));
    CHECK(value("process_cpu_seconds_total") >= 0);
    CHECK(value("process_virtual_memory_max_bytes") >= value("process_virtual_memory_bytes"));
    CHECK(value("process_network_receive_bytes_total") >= 0);
    CHECK(value("process_network_transmit_bytes_total") >= 0);
    CHECK(value("process_open_fds") >= 3);
    CHECK(value("process_max_fds") >= value("process_open_fds"));
    const double age =
        static_cast<double>(std::time(nullptr)) - value("process_start_time_seconds");
    CHECK(age > -2);
    CHECK(age < 3600);
}

TEST_CASE("numbers of a process stand behind its command, whatever that is called") {
    const std::string_view stat = "7 (a) 1 2) S 40 50.5 x";
    CHECK(process_stat(stat, 4) == 40);
    CHECK(process_stat(stat, 5) == 50.5);
    for (const std::size_t none : {3U, 6U, 7U}) CHECK_FALSE(process_stat(stat, none));
    for (const std::string_view no_stat : {"", "7 (a", "7 (a)", "7 (a) "}) {
        CHECK_FALSE(process_stat(no_stat, 3));
        CHECK_FALSE(process_stat(no_stat, 4));
    }
}

TEST_CASE("a boot time that is cut is none") {
    const std::string_view stat = "cpu 1 2\nintr 3\nbtime 1764150000\nprocesses 4\n";
    CHECK(boot_time_of(stat) == 1'764'150'000);
    const std::size_t end = stat.find("\nprocesses");
    for (std::size_t size = 0; size <= end; ++size) CHECK_FALSE(boot_time_of(stat.substr(0, size)));
    CHECK_FALSE(boot_time_of("cpu 1\nbtime x\n"));
}

TEST_CASE("octets stand under their name, in the lines of IpExt") {
    const std::string_view netstat = "TcpExt: InOctets Other\nTcpExt: 1 2\n"
                                     "IpExt: InNoRoutes InOctets OutOctets\nIpExt: 0 77 78x\n";
    CHECK(octets_of(netstat, "InOctets") == 77);
    CHECK_FALSE(octets_of(netstat, "OutOctets"));
    CHECK_FALSE(octets_of(netstat, "Other"));
    CHECK_FALSE(octets_of("IpExt: InOctets\n", "InOctets"));
    CHECK_FALSE(octets_of("IpExt: A InOctets\nIpExt: 1\n", "InOctets"));
    CHECK_FALSE(octets_of("", "InOctets"));
}
