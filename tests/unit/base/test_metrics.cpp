#include <nameplane/base/metrics.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <thread>
#include <vector>

namespace nameplane::metrics {
namespace {

TEST_CASE("a counter sums what its threads counted", "[base][metrics]") {
    Counter counter{3};
    counter.add(0);
    counter.add(1, 10);
    counter.add(2, 100);
    counter.add_shared(1000);
    CHECK(counter.value() == 1111);
}

TEST_CASE("a histogram counts a value in the first bucket that holds it", "[base][metrics]") {
    Histogram histogram{{1, 2.5, 10}, 2};
    for (const double value : {0.5, 1.0, 1.1, 10.0}) histogram.observe(0, value);
    histogram.observe(1, 11);
    const Histogram::Reading reading = histogram.read();
    CHECK(reading.bounds == std::vector<double>{1, 2.5, 10});
    CHECK(reading.cumulative == std::vector<std::uint64_t>{2, 3, 4, 5});
    CHECK(reading.count == 5);
    CHECK(reading.sum == Approx(23.6));
}

TEST_CASE("a registry gives the same object for the same name and labels", "[base][metrics]") {
    Registry registry{2};
    Counter& plain = registry.counter("requests_total", "Requests.");
    Counter& labelled = registry.counter("requests_total", "Requests.", {{"proto", "udp"}});
    CHECK(&plain != &labelled);
    CHECK(&registry.counter("requests_total", "Requests.") == &plain);
    CHECK(&registry.counter("requests_total", "Requests.", {{"proto", "udp"}}) == &labelled);
    CHECK(registry.workers() == 2);
    plain.add(1);
    registry.gauge("age_seconds", "Age.").set(2.5);
    registry.histogram("wait_seconds", "Wait.", {1}).observe(1, 0.5);

    const std::vector<FamilyReading> families = registry.read();
    REQUIRE(families.size() == 3);
    CHECK(families[0].name == "age_seconds");
    CHECK(families[0].kind == Kind::gauge);
    CHECK(families[0].samples.at(0).value == 2.5);
    CHECK(families[1].name == "requests_total");
    CHECK(families[1].help == "Requests.");
    CHECK(families[1].kind == Kind::counter);
    REQUIRE(families[1].samples.size() == 2);
    CHECK(families[1].samples[0].value == 1);
    CHECK(families[1].samples[1].labels == Labels{{"proto", "udp"}});
    CHECK(families[1].samples[1].value == 0);
    CHECK(families[2].kind == Kind::histogram);
    CHECK(families[2].samples.at(0).histogram.cumulative == std::vector<std::uint64_t>{1, 1});
}

TEST_CASE("a table counts by two labels and shows what was counted", "[base][metrics]") {
    Registry registry{2};
    const CounterTable::Axis rcodes{"rcode", {"NOERROR", "REFUSED"}};
    const CounterTable::Axis plugins{"plugin", {"", "cache", "forward"}};
    CounterTable& table =
        registry.counter_table("answers_total", "Answers.", {{"zone", "a."}}, rcodes, plugins);
    CHECK(&registry.counter_table("answers_total", "Answers.", {{"zone", "a."}}, rcodes, plugins) ==
          &table);
    REQUIRE(registry.read().size() == 1);
    CHECK(registry.read()[0].samples.empty());
    table.add(0, 0, 2);
    table.add(1, 0, 2, 10);
    table.add(1, 1, 0);
    CHECK(table.value(0, 2) == 11);
    CHECK(table.value(0, 1) == 0);
    const std::vector<Sample> samples = registry.read()[0].samples;
    REQUIRE(samples.size() == 2);
    CHECK(samples[0].labels == Labels{{"zone", "a."}, {"rcode", "NOERROR"}, {"plugin", "forward"}});
    CHECK(samples[0].value == 11);
    CHECK(samples[1].labels == Labels{{"zone", "a."}, {"rcode", "REFUSED"}, {"plugin", ""}});
    CHECK(samples[1].value == 1);
}

TEST_CASE("threads count apart while another reads", "[base][metrics][threads]") {
    constexpr std::uint64_t each = 20'000;
    Registry registry{2};
    Counter& counter = registry.counter("requests_total", "Requests.");
    Histogram& histogram = registry.histogram("size", "Size.", {10});
    std::vector<std::thread> threads;
    for (std::size_t worker = 0; worker < 2; ++worker) {
        threads.emplace_back([&, worker] {
            for (std::uint64_t i = 0; i < each; ++i) {
                counter.add(worker);
                counter.add_shared();
                histogram.observe(worker, 1);
            }
        });
    }
    std::uint64_t before = 0;
    bool grows = true;
    for (int i = 0; i < 100; ++i) {
        const std::uint64_t now = counter.value();
        grows = grows && now >= before;
        before = now;
        grows = grows && histogram.read().count <= 2 * each && registry.read().size() == 2;
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(grows);
    CHECK(counter.value() == 4 * each);
    CHECK(histogram.read().count == 2 * each);
}

}  // namespace
}  // namespace nameplane::metrics
