#pragma once
// Backoff: how long to wait before the next attempt, so that many agents do not come back to a
// server all at once.

#include <algorithm>
#include <chrono>
#include <functional>

namespace nameplane::kube {

/// Exponential with full jitter: anything from zero to a bound that doubles. `random` gives
/// numbers from 0 to below 1.
class Backoff {
public:
    static constexpr std::chrono::milliseconds first_bound{500};
    static constexpr std::chrono::milliseconds last_bound{30'000};

    explicit Backoff(std::function<double()> random) : random_{std::move(random)} {}

    /// The wait before the next attempt.
    std::chrono::milliseconds next() {
        const auto bound = bound_;
        bound_ = std::min(bound_ * 2, last_bound);
        return std::chrono::milliseconds{
            static_cast<long>(random_() * static_cast<double>(bound.count()))};
    }
    /// Something worked: the next failure is the first again.
    void reset() noexcept { bound_ = first_bound; }

private:
    std::function<double()> random_;
    std::chrono::milliseconds bound_ = first_bound;
};

}  // namespace nameplane::kube
