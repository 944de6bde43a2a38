#include "plugins/erratic/delays.hpp"

#include <algorithm>

namespace nameplane::plugins::erratic {

using std::chrono::milliseconds;

Delays::Delays(net::Loop& loop, milliseconds delay)
    : delay_{delay}, timer_{loop.timer([this] { tick(); })} {}

Delays::~Delays() = default;

void Delays::close() noexcept {
    first_ = last_ = nullptr;
    timer_ = nullptr;
}

void Delays::add(Waiter& waiter) noexcept {
    waiter.due = std::chrono::steady_clock::now() + delay_;
    waiter.next = nullptr;
    if (first_ == nullptr) {
        first_ = last_ = &waiter;
        arm();
    } else {
        last_ = last_->next = &waiter;
    }
}

void Delays::arm() noexcept {
    const auto left =
        std::chrono::ceil<milliseconds>(first_->due - std::chrono::steady_clock::now());
    timer_->start(std::max(left, milliseconds{1}));
}

void Delays::tick() noexcept {
    const Time now = std::chrono::steady_clock::now();
    while (first_ != nullptr && first_->due <= now) {
        Query* const query = first_->query;
        first_ = first_->next;
        query->resume();  // it may be gone now, and others have come
    }
    if (first_ != nullptr && timer_ != nullptr) arm();
}

}  // namespace nameplane::plugins::erratic
