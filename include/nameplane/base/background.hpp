#pragma once
// Background: one thread for work that plugins do now and then and that may block: reading files
// that may have changed, summing up. Never for a query.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

namespace nameplane {

/// Must outlive its tasks. The thread starts with the first one.
class Background {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// Work that goes on as long as this object. Destroying it waits until the work does not run;
    /// it may not happen in the work itself.
    class Task {
    public:
        ~Task();
        Task(const Task&) = delete;
        Task& operator=(const Task&) = delete;

    private:
        friend Background;
        Task(Background& owner, std::chrono::milliseconds interval, std::function<void()> work);

        Background& owner_;
        std::chrono::milliseconds interval_;
        std::function<void()> work_;
        Time due_;
    };

    Background() = default;
    ~Background();
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    /// Calls `work` on the thread every `interval`, the first time when one has passed. `work`
    /// must not throw.
    std::unique_ptr<Task> every(std::chrono::milliseconds interval, std::function<void()> work);

private:
    void run();
    Task* next_task() noexcept;

    std::mutex mutex_;
    std::condition_variable changed_;  ///< tasks_, ending_
    std::condition_variable finished_;
    std::list<Task*> tasks_;
    Task* running_ = nullptr;
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace nameplane
