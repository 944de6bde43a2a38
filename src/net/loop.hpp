#pragma once
// Loop: an event loop of libuv with its timers and descriptors. Everything made from it belongs to
// the thread that runs it, except post() and stop().

#include <chrono>
#include <functional>
#include <memory>

namespace nameplane::net {

/// Runs once or repeatedly; stopped and closed on destruction. Loop thread only.
class Timer {
public:
    virtual ~Timer() = default;
    /// First after `delay`, then every `repeat` (zero: once). Starting again replaces the time.
    virtual void start(std::chrono::milliseconds delay,
                       std::chrono::milliseconds repeat = std::chrono::milliseconds{0}) = 0;
    virtual void stop() = 0;
};

/// Watches a descriptor that somebody else owns; stopped and closed on destruction, which must come
/// before the descriptor is closed. Loop thread only.
class FdWatch {
public:
    virtual ~FdWatch() = default;
    virtual void start(bool readable, bool writable) = 0;
    virtual void stop() = 0;
};

/// Something to be done once, before the loop waits for events again; closed on destruction. Loop
/// thread only.
class Soon {
public:
    virtual ~Soon() = default;
    /// Calling it several times before it is done is as good as once.
    virtual void call() = 0;
};

/// Calls something on the loop's thread when another thread rings; closed on destruction.
class Bell {
public:
    virtual ~Bell() = default;
    /// From any thread as long as the bell is there; no heap, no lock. Rung several times before
    /// the loop has heard it is as good as once.
    virtual void ring() noexcept = 0;
};

class Loop {
public:
    Loop();
    /// Closes every handle that is left, then the loop.
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Runs until stop().
    void run();
    /// From any thread, or a signal-safe place of the loop itself.
    void stop() noexcept;
    /// Runs `job` on the loop's thread, in order of posting. From any thread. Jobs posted after
    /// run() has returned are dropped with the loop.
    void post(std::function<void()> job);

    /// Runs `job` on a thread of a small pool, for what blocks (files), then `done` on the loop's.
    /// Both are destroyed on the loop's thread. Loop thread only. The loop waits for jobs that run
    /// when it goes; those that wait are dropped, and so is every `done`.
    void work(std::function<void()> job, std::function<void()> done);

    /// Timers, watches and the like must go before the Loop does.
    std::unique_ptr<Timer> timer(std::function<void()> fire);
    /// `ready(readable, writable)`.
    std::unique_ptr<FdWatch> watch(int fd, std::function<void(bool, bool)> ready);
    std::unique_ptr<Soon> soon(std::function<void()> run);
    std::unique_ptr<Bell> bell(std::function<void()> rung);
    /// Calls `caught` on this loop when the process gets `number`; the handler stays until the loop
    /// goes.
    void on_signal(int number, std::function<void()> caught);

    struct State;
    State& state() noexcept { return *state_; }

private:
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::net
