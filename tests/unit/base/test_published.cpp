#include "base/published.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace nameplane {
namespace {

/// Says where it died.
struct Value {
    explicit Value(int n) : number{n}, copy{n} {}
    Value(int n, std::thread::id writer, std::atomic<int>& elsewhere)
        : number{n}, copy{n}, writer_{writer}, elsewhere_{&elsewhere} {}
    ~Value() {
        if (elsewhere_ != nullptr && std::this_thread::get_id() != writer_) ++*elsewhere_;
        number = -1;
    }
    Value(const Value&) = delete;
    Value& operator=(const Value&) = delete;

    int number;
    int copy;

private:
    std::thread::id writer_;
    std::atomic<int>* elsewhere_ = nullptr;
};

TEST_CASE("a reader sees the newest value from its next refresh on", "[base][published]") {
    Published<Value> published{std::make_shared<const Value>(1)};
    Reader<Value> reader{published};
    const Value& first = reader.refresh();
    CHECK(first.number == 1);
    published.publish(std::make_shared<const Value>(2));
    CHECK(first.number == 1);
    CHECK(published.newest()->number == 2);
    CHECK(reader.refresh().number == 2);
    CHECK(published.generation() == 2);
}

TEST_CASE("a value lives as long as a reader has it, and not longer", "[base][published]") {
    Published<Value> published{std::make_shared<const Value>(1)};
    Reader<Value> slow{published};
    Reader<Value> quick{published};
    slow.refresh();
    published.publish(std::make_shared<const Value>(2));
    quick.refresh();
    published.publish(std::make_shared<const Value>(3));
    CHECK(published.kept() == 3);
    const auto pinned = quick.pin();
    CHECK(slow.refresh().number == 3);
    CHECK(quick.refresh().number == 3);
    published.sweep();
    CHECK(published.kept() == 2);
    CHECK(pinned->number == 2);
}

TEST_CASE("a value published twice is kept", "[base][published]") {
    const auto value = std::make_shared<const Value>(1);
    Published<Value> published{value};
    published.publish(value);
    published.sweep();
    CHECK(published.newest()->number == 1);
    published.publish(std::make_shared<const Value>(2));
    CHECK(published.newest()->number == 2);
}

TEST_CASE("values are freed by the writer, whatever the readers do", "[base][published][threads]") {
    constexpr int rounds = 5000;
    std::atomic<int> freed_elsewhere{0};
    std::atomic<int> broken{0};
    std::atomic<bool> finished{false};
    const std::thread::id writer = std::this_thread::get_id();
    {
        Published<Value> published{std::make_shared<const Value>(0, writer, freed_elsewhere)};
        std::vector<std::thread> threads;
        for (int i = 0; i < 3; ++i) {
            threads.emplace_back([&] {
                Reader<Value> reader{published};
                int seen = 0;
                for (bool last = false; !last;) {
                    last = finished.load();
                    const Value& value = reader.refresh();
                    if (value.number != value.copy || value.number < seen) ++broken;
                    seen = value.number;
                    const auto pinned = reader.pin();
                    reader.refresh();
                    if (pinned->number != seen) ++broken;
                }
                if (seen != rounds) ++broken;
            });
        }
        for (int i = 1; i <= rounds; ++i) {
            published.publish(std::make_shared<const Value>(i, writer, freed_elsewhere));
        }
        finished = true;
        for (std::thread& thread : threads) thread.join();
        published.sweep();
        CHECK(published.kept() == 1);
    }
    CHECK(broken == 0);
    CHECK(freed_elsewhere == 0);
}

}  // namespace
}  // namespace nameplane
