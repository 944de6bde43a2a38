#pragma once
// Latest<T>: one place between two threads, the newest value wins. The rule thread sleeps on it.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace nameplane {

template <class T> class Latest {
public:
    /// Replaces what lies there; from any thread.
    void put(T value) {
        {
            const std::lock_guard lock{mutex_};
            value_ = std::move(value);
        }
        changed_.notify_one();
    }
    /// Wakes the taker for good: take() gives nothing from now on.
    void close() {
        {
            const std::lock_guard lock{mutex_};
            closed_ = true;
        }
        changed_.notify_all();
    }
    bool closed() const {
        const std::lock_guard lock{mutex_};
        return closed_;
    }
    /// Waits at most `wait` for a value and takes it; nothing on timeout or when closed.
    std::optional<T> take(std::chrono::milliseconds wait) {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, wait, [&] { return value_.has_value() || closed_; });
        if (closed_) return std::nullopt;
        return std::exchange(value_, std::nullopt);
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<T> value_;
    bool closed_ = false;
};

}  // namespace nameplane
