#include <nameplane/base/background.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace nameplane {
namespace {

using namespace std::chrono_literals;

TEST_CASE("tasks run again and again, each at its own pace", "[base][background]") {
    Background background;
    std::mutex mutex;
    std::condition_variable changed;
    int quick = 0;
    int slow = 0;
    std::thread::id thread;
    const auto first = background.every(1ms, [&] {
        const std::lock_guard lock{mutex};
        ++quick;
        thread = std::this_thread::get_id();
        changed.notify_all();
    });
    const auto second = background.every(1h, [&] {
        const std::lock_guard lock{mutex};
        ++slow;
    });
    std::unique_lock lock{mutex};
    CHECK(changed.wait_for(lock, 1min, [&] { return quick >= 5; }));
    CHECK(slow == 0);
    CHECK(thread != std::this_thread::get_id());
}

TEST_CASE("a task that is gone does not run, and is waited for while it does",
          "[base][background]") {
    Background background;
    std::atomic<bool> inside{false};
    std::atomic<bool> over{false};
    std::atomic<int> runs{0};
    auto task = background.every(1ms, [&] {
        inside = true;
        inside.notify_all();
        std::this_thread::sleep_for(20ms);
        over = true;
        ++runs;
    });
    inside.wait(false);
    task.reset();
    CHECK(over);
    const int after = runs;
    // Another one is run by the same thread: had the first one been due again, it came first.
    std::atomic<int> others{0};
    const auto other = background.every(1ms, [&] {
        ++others;
        others.notify_all();
    });
    for (int seen = others; seen < 3; seen = others) others.wait(seen);
    CHECK(runs == after);
}

}  // namespace
}  // namespace nameplane
