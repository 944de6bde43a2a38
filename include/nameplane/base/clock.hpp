#pragma once
// Clock: time as a dependency, so that tests turn it by hand.

#include <chrono>

namespace nameplane {

using Monotonic = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

/// Safe from any thread.
class Clock {
public:
    virtual ~Clock() = default;
    virtual Monotonic now() const noexcept = 0;
    virtual WallTime wall() const noexcept = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
public:
    Monotonic now() const noexcept override { return std::chrono::steady_clock::now(); }
    WallTime wall() const noexcept override { return std::chrono::system_clock::now(); }
};

}  // namespace nameplane
