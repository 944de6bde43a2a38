#include "net/loop.hpp"

#include "net/uv_loop.hpp"
#include <nameplane/base/check.hpp>

#include <uv.h>

#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace nameplane::net {

namespace {

void check_uv(int status, const char* why) {
    NP_CHECK(status == 0, why);
}

// What libuv holds on to until the close callback: the handle and what it calls. The owner may
// therefore go at any time, also in the middle of its own callback.
struct TimerHandle {
    uv_timer_t uv{};
    std::function<void()> fire;
};
struct PollHandle {
    uv_poll_t uv{};
    int events = 0;  // waited for; 0: stopped
    std::function<void(bool, bool)> ready;
};
struct IdleHandle {
    uv_idle_t uv{};
    std::function<void()> run;
};
struct AsyncHandle {
    uv_async_t uv{};
    std::function<void()> rung;
};
struct SignalHandle {
    uv_signal_t uv{};
    std::function<void()> caught;
};

struct WorkRequest {
    uv_work_t uv{};
    std::function<void()> job;
    std::function<void()> done;
    std::vector<WorkRequest*>* all = nullptr;
    const bool* closing = nullptr;
};

template <class Handle> uv_handle_t* base_of(Handle& handle) noexcept {
    return reinterpret_cast<uv_handle_t*>(&handle.uv);
}

/// Closes `handle`; it is freed by the loop afterwards.
template <class Handle> void close_later(Handle* handle) {
    uv_close(base_of(*handle),
             [](uv_handle_t* closed) { delete static_cast<Handle*>(closed->data); });
}

class UvTimer final : public Timer {
public:
    UvTimer(uv_loop_t& loop, std::function<void()> fire) : handle_{new TimerHandle} {
        check_uv(uv_timer_init(&loop, &handle_->uv), "a timer needs no resources");
        handle_->uv.data = handle_;
        handle_->fire = std::move(fire);
    }
    ~UvTimer() override { close_later(handle_); }
    UvTimer(const UvTimer&) = delete;
    UvTimer& operator=(const UvTimer&) = delete;

    void start(std::chrono::milliseconds delay, std::chrono::milliseconds repeat) override {
        // Timers count from the loop's idea of now, which is as old as the last turn.
        uv_update_time(handle_->uv.loop);
        const auto fire = [](uv_timer_t* timer) { static_cast<TimerHandle*>(timer->data)->fire(); };
        check_uv(uv_timer_start(&handle_->uv, fire, static_cast<std::uint64_t>(delay.count()),
                                static_cast<std::uint64_t>(repeat.count())),
                 "a timer that is not closing starts");
    }
    void stop() override { uv_timer_stop(&handle_->uv); }

private:
    TimerHandle* handle_;
};

class UvFdWatch final : public FdWatch {
public:
    UvFdWatch(uv_loop_t& loop, int fd, std::function<void(bool, bool)> ready)
        : handle_{new PollHandle} {
        check_uv(uv_poll_init(&loop, &handle_->uv, fd), "the descriptor can be polled");
        handle_->uv.data = handle_;
        handle_->ready = std::move(ready);
    }
    ~UvFdWatch() override { close_later(handle_); }
    UvFdWatch(const UvFdWatch&) = delete;
    UvFdWatch& operator=(const UvFdWatch&) = delete;

    void start(bool readable, bool writable) override {
        const int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
        handle_->events = events;
        if (events == 0) return stop();
        begin(*handle_);
    }
    void stop() override {
        handle_->events = 0;
        uv_poll_stop(&handle_->uv);
    }

private:
    static void begin(PollHandle& handle) {
        check_uv(uv_poll_start(&handle.uv, handle.events, seen),
                 "an open descriptor can be polled");
    }
    static void seen(uv_poll_t* poll, int status, int events) {
        auto& handle = *static_cast<PollHandle*>(poll->data);
        // On an error both are reported: the next read or write tells what it was. libuv has
        // stopped then; but some errors pass, and what comes behind them is waited for, too.
        const bool failed = status < 0;
        if (failed) begin(handle);
        handle.ready(failed || (events & UV_READABLE) != 0, failed || (events & UV_WRITABLE) != 0);
    }

    PollHandle* handle_;
};

// With an idle handle the loop does not wait for events: what is called for in the very moment in
// which such work runs has its turn at once, too.
class UvSoon final : public Soon {
public:
    UvSoon(uv_loop_t& loop, std::function<void()> run) : handle_{new IdleHandle} {
        check_uv(uv_idle_init(&loop, &handle_->uv), "an idle handle needs no resources");
        handle_->uv.data = handle_;
        handle_->run = std::move(run);
    }
    ~UvSoon() override { close_later(handle_); }
    UvSoon(const UvSoon&) = delete;
    UvSoon& operator=(const UvSoon&) = delete;

    void call() override {
        const auto run = [](uv_idle_t* idle) {
            uv_idle_stop(idle);
            static_cast<IdleHandle*>(idle->data)->run();
        };
        uv_idle_start(&handle_->uv, run);
    }

private:
    IdleHandle* handle_;
};

class UvBell final : public Bell {
public:
    UvBell(uv_loop_t& loop, std::function<void()> rung) : handle_{new AsyncHandle} {
        const auto call = [](uv_async_t* async) { static_cast<AsyncHandle*>(async->data)->rung(); };
        check_uv(uv_async_init(&loop, &handle_->uv, call), "the loop has its descriptor already");
        handle_->uv.data = handle_;
        handle_->rung = std::move(rung);
    }
    ~UvBell() override { close_later(handle_); }
    UvBell(const UvBell&) = delete;
    UvBell& operator=(const UvBell&) = delete;

    void ring() noexcept override { uv_async_send(&handle_->uv); }

private:
    AsyncHandle* handle_;
};

}  // namespace

struct Loop::State {
    uv_loop_t loop{};
    uv_async_t wake{};
    std::atomic<bool> stop{false};
    std::mutex mutex;
    std::vector<std::function<void()>> posted;  // guarded by mutex
    std::vector<WorkRequest*> works;            // under way
    bool closing = false;

    State() {
        check_uv(uv_loop_init(&loop), "the process has a descriptor for its loop");
        check_uv(
            uv_async_init(&loop, &wake,
                          [](uv_async_t* async) { static_cast<State*>(async->data)->woken(); }),
            "the process has a descriptor for its loop");
        wake.data = this;
    }

    void woken() {
        std::vector<std::function<void()>> jobs;
        {
            const std::lock_guard lock{mutex};
            jobs.swap(posted);
        }
        for (auto& job : jobs) job();
        if (stop.load(std::memory_order_acquire)) uv_stop(&loop);
    }

    /// Signals have no owner outside of the loop, and children that were killed none any more.
    static void close_if_ownerless(uv_handle_t* handle, void*) {
        if (uv_is_closing(handle) != 0) return;
        if (handle->type == UV_SIGNAL) close_later(static_cast<SignalHandle*>(handle->data));
        if (handle->type == UV_PROCESS) collect_orphan(reinterpret_cast<uv_process_t*>(handle));
    }

    /// Runs on the loop's thread when a job is over, or was dropped.
    static void work_over(uv_work_t* uv, int) {
        const std::unique_ptr<WorkRequest> request{static_cast<WorkRequest*>(uv->data)};
        std::erase(*request->all, request.get());
        if (!*request->closing) request->done();
    }

    /// Drops the jobs that have not begun, and waits for the others.
    void finish_works() {
        closing = true;
        for (WorkRequest* request : works) {
            uv_cancel(reinterpret_cast<uv_req_t*>(&request->uv));
        }
        while (!works.empty()) uv_run(&loop, UV_RUN_ONCE);
    }

    ~State() {
        posted.clear();  // what the jobs hold may be handles of this loop
        uv_close(reinterpret_cast<uv_handle_t*>(&wake), nullptr);
        uv_walk(&loop, &State::close_if_ownerless, nullptr);
        finish_works();
        int status = UV_EBUSY;
        // A turn runs the close callbacks; a signal on its way needs one more.
        for (int turn = 0; turn < 100 && status == UV_EBUSY; ++turn) {
            uv_run(&loop, UV_RUN_NOWAIT);
            status = uv_loop_close(&loop);
        }
        check_uv(status, "timers and watches go before their loop");
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
};

uv_loop_t& uv_loop_of(Loop& loop) noexcept {
    return loop.state().loop;
}

Loop::Loop() : state_{std::make_unique<State>()} {}
Loop::~Loop() = default;

void Loop::run() {
    while (!state_->stop.load(std::memory_order_acquire)) uv_run(&state_->loop, UV_RUN_DEFAULT);
    state_->stop.store(false, std::memory_order_release);
}

void Loop::stop() noexcept {
    state_->stop.store(true, std::memory_order_release);
    uv_async_send(&state_->wake);
}

void Loop::post(std::function<void()> job) {
    {
        const std::lock_guard lock{state_->mutex};
        state_->posted.push_back(std::move(job));
    }
    uv_async_send(&state_->wake);
}

void Loop::work(std::function<void()> job, std::function<void()> done) {
    auto request = std::make_unique<WorkRequest>();
    request->job = std::move(job);
    request->done = std::move(done);
    request->all = &state_->works;
    request->closing = &state_->closing;
    request->uv.data = request.get();
    const auto run = [](uv_work_t* uv) { static_cast<WorkRequest*>(uv->data)->job(); };
    check_uv(uv_queue_work(&state_->loop, &request->uv, run, &State::work_over),
             "a job with something to do is taken");
    state_->works.push_back(request.release());
}

std::unique_ptr<Timer> Loop::timer(std::function<void()> fire) {
    return std::make_unique<UvTimer>(state_->loop, std::move(fire));
}

std::unique_ptr<FdWatch> Loop::watch(int fd, std::function<void(bool, bool)> ready) {
    return std::make_unique<UvFdWatch>(state_->loop, fd, std::move(ready));
}

std::unique_ptr<Soon> Loop::soon(std::function<void()> run) {
    return std::make_unique<UvSoon>(state_->loop, std::move(run));
}

std::unique_ptr<Bell> Loop::bell(std::function<void()> rung) {
    return std::make_unique<UvBell>(state_->loop, std::move(rung));
}

void Loop::on_signal(int number, std::function<void()> caught) {
    auto* handle = new SignalHandle;
    check_uv(uv_signal_init(&state_->loop, &handle->uv), "the process has pipes for signals");
    handle->uv.data = handle;
    handle->caught = std::move(caught);
    const auto call = [](uv_signal_t* signal, int) {
        static_cast<SignalHandle*>(signal->data)->caught();
    };
    check_uv(uv_signal_start(&handle->uv, call, number), "the signal can be caught");
}

}  // namespace nameplane::net
