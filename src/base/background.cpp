#include <nameplane/base/background.hpp>

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <utility>

namespace nameplane {

Background::Task::Task(Background& owner, std::chrono::milliseconds interval,
                       std::function<void()> work)
    : owner_{owner}, interval_{interval}, work_{std::move(work)},
      due_{std::chrono::steady_clock::now() + interval} {}

Background::Task::~Task() {
    std::unique_lock lock{owner_.mutex_};
    owner_.tasks_.remove(this);
    owner_.finished_.wait(lock, [this] { return owner_.running_ != this; });
}

Background::~Background() {
    {
        const std::lock_guard lock{mutex_};
        ending_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
}

std::unique_ptr<Background::Task> Background::every(std::chrono::milliseconds interval,
                                                    std::function<void()> work) {
    std::unique_ptr<Task> task{new Task{*this, interval, std::move(work)}};
    {
        const std::lock_guard lock{mutex_};
        tasks_.push_back(task.get());
        if (!thread_.joinable()) thread_ = std::thread{[this] { run(); }};
    }
    changed_.notify_one();
    return task;
}

Background::Task* Background::next_task() noexcept {
    const auto next =
        std::ranges::min_element(tasks_, {}, [](const Task* task) { return task->due_; });
    return next == tasks_.end() ? nullptr : *next;
}

void Background::run() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    pthread_setname_np(pthread_self(), "np-background");
    std::unique_lock lock{mutex_};
    while (!ending_) {
        Task* const task = next_task();
        if (task == nullptr) {
            changed_.wait(lock);
        } else if (task->due_ > std::chrono::steady_clock::now()) {
            const Time due = task->due_;
            changed_.wait_until(lock, due);
        } else {
            running_ = task;
            lock.unlock();
            task->work_();
            lock.lock();
            running_ = nullptr;
            // Its destructor waits for running_, so it is still there.
            task->due_ = std::chrono::steady_clock::now() + task->interval_;
            finished_.notify_all();
        }
    }
}

}  // namespace nameplane
