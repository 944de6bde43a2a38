#pragma once
// FakeApi: an API server that does what a test says, octet by octet, with a clock and timers that
// the test turns.

#include "kube/api.hpp"
#include "net/loop.hpp"
#include <nameplane/base/clock.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nameplane::tests {

/// Time that stands still until advance(), and the timers that live in it.
class FakeTime final : public Clock {
public:
    Monotonic now() const noexcept override { return now_; }
    WallTime wall() const noexcept override { return WallTime{now_.time_since_epoch()}; }

    std::unique_ptr<net::Timer> timer(std::function<void()> fire) {
        return std::make_unique<FakeTimer>(*this, std::move(fire));
    }
    /// Lets time pass; timers fire on the way, each at its time.
    void advance(std::chrono::milliseconds time) {
        const Monotonic end = now_ + time;
        while (FakeTimer* next = first_due(end)) {
            now_ = std::max(now_, *next->due);
            next->due.reset();
            next->fire();
        }
        now_ = end;
    }
    /// The time until the next timer fires.
    std::optional<std::chrono::milliseconds> next_in() const {
        std::optional<Monotonic> first;
        for (const FakeTimer* timer : timers_)
            if (timer->due && (!first || *timer->due < *first)) first = timer->due;
        if (!first) return std::nullopt;
        return std::chrono::duration_cast<std::chrono::milliseconds>(*first - now_);
    }

private:
    struct FakeTimer final : net::Timer {
        FakeTimer(FakeTime& its_time, std::function<void()> its_fire)
            : time{its_time}, fire{std::move(its_fire)} {
            time.timers_.push_back(this);
        }
        ~FakeTimer() override { std::erase(time.timers_, this); }
        void start(std::chrono::milliseconds delay, std::chrono::milliseconds) override {
            due = time.now_ + delay;
        }
        void stop() override { due.reset(); }

        FakeTime& time;
        std::function<void()> fire;
        std::optional<Monotonic> due;
    };
    FakeTimer* first_due(Monotonic end) {
        FakeTimer* first = nullptr;
        for (FakeTimer* timer : timers_)
            if (timer->due && *timer->due <= end && (!first || *timer->due < *first->due))
                first = timer;
        return first;
    }

    Monotonic now_{std::chrono::hours{1000}};
    std::vector<FakeTimer*> timers_;
};

/// Answers nothing by itself. A call that its owner has destroyed is out of calls().
class FakeApi final : public kube::Api {
public:
    struct Call {
        kube::ApiRequest request;
        kube::ApiCallbacks callbacks;
        bool begun = false;

        bool watches() const { return request.target.find("watch=1") != std::string::npos; }
        bool streams() const {
            return request.target.find("sendInitialEvents=true") != std::string::npos;
        }
        bool has(std::string_view part) const {
            return request.target.find(part) != std::string::npos;
        }
    };

    std::unique_ptr<kube::ApiCall> get(kube::ApiRequest request,
                                       kube::ApiCallbacks callbacks) override {
        calls_.push_back(std::make_shared<Call>(Call{std::move(request), std::move(callbacks)}));
        ++asked_;
        return std::make_unique<Handle>(*this, calls_.back());
    }

    const std::vector<std::shared_ptr<Call>>& calls() const { return calls_; }
    std::size_t asked() const { return asked_; }
    /// The only call under way.
    std::shared_ptr<Call> call() const {
        REQUIRE(calls_.size() == 1);
        return calls_[0];
    }
    bool open(const std::shared_ptr<Call>& call) const {
        return std::ranges::find(calls_, call) != calls_.end();
    }

    // What the server does with a call. Nothing, if it is not under way any more.

    void begin(const std::shared_ptr<Call>& call) {
        if (open(call) && !std::exchange(call->begun, true)) call->callbacks.begun();
    }
    /// Begins it, too. `octets` in pieces of `piece` octets; 0: all at once.
    void body(const std::shared_ptr<Call>& call, std::string_view octets, std::size_t piece = 0) {
        begin(call);
        if (piece == 0) piece = octets.size();
        for (std::size_t at = 0; at < octets.size() && open(call); at += piece) {
            // A block of its own, so that a sanitizer sees reads outside of it.
            const std::vector<char> copy(
                octets.begin() + static_cast<std::ptrdiff_t>(at),
                octets.begin() + static_cast<std::ptrdiff_t>(std::min(octets.size(), at + piece)));
            call->callbacks.body({copy.data(), copy.size()});
        }
    }
    void end(const std::shared_ptr<Call>& call) { finish(call, {.status = 200, .ok = true}); }
    /// The connection breaks.
    void cut(const std::shared_ptr<Call>& call, int status = 200) {
        finish(call, {.status = status, .error = call->request.what + ": the connection was cut"});
    }
    void fail(const std::shared_ptr<Call>& call, int status,
              std::optional<std::chrono::seconds> retry_after = {}) {
        finish(call, {.status = status,
                      .retry_after = retry_after,
                      .error = call->request.what + ": HTTP " + std::to_string(status)});
    }

private:
    struct Handle final : kube::ApiCall {
        Handle(FakeApi& its_api, std::shared_ptr<Call> its_call)
            : api{its_api}, call{std::move(its_call)} {}
        ~Handle() override { std::erase(api.calls_, call); }
        FakeApi& api;
        std::shared_ptr<Call> call;
    };
    void finish(const std::shared_ptr<Call>& call, kube::ApiEnd end) {
        if (!open(call)) return;
        const std::shared_ptr<Call> kept = call;
        kept->callbacks.end(end);
        REQUIRE_FALSE(open(kept));
    }

    std::vector<std::shared_ptr<Call>> calls_;
    std::size_t asked_ = 0;
};

}  // namespace nameplane::tests
