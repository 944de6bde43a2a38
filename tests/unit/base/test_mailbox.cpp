#include "base/mailbox.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <future>
#include <memory>
#include <thread>

namespace nameplane {
namespace {

using namespace std::chrono_literals;

TEST_CASE("the newest value wins and is taken once", "[base][mailbox]") {
    Latest<int> box;
    CHECK_FALSE(box.take(0ms).has_value());
    box.put(1);
    box.put(2);
    CHECK(box.take(0ms) == 2);
    CHECK_FALSE(box.take(0ms).has_value());
}

TEST_CASE("values need not be copied", "[base][mailbox]") {
    Latest<std::unique_ptr<int>> box;
    box.put(std::make_unique<int>(3));
    const auto taken = box.take(0ms);
    REQUIRE(taken.has_value());
    CHECK(**taken == 3);
}

TEST_CASE("a closed box gives nothing any more", "[base][mailbox]") {
    Latest<int> box;
    box.put(1);
    CHECK_FALSE(box.closed());
    box.close();
    CHECK(box.closed());
    CHECK_FALSE(box.take(1h).has_value());
}

TEST_CASE("a value wakes the one who waits, and so does the end", "[base][mailbox][threads]") {
    Latest<int> box;
    constexpr int last = 2000;
    std::promise<void> has_last;
    bool in_order = true;
    std::thread taker{[&] {
        int previous = 0;
        while (const auto value = box.take(1h)) {
            in_order = in_order && *value > previous;
            previous = *value;
            if (*value == last) has_last.set_value();
        }
    }};
    for (int i = 1; i <= last; ++i) box.put(i);
    has_last.get_future().wait();
    box.close();
    taker.join();
    CHECK(in_order);
}

}  // namespace
}  // namespace nameplane
