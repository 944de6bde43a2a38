#pragma once
// Gate: rules first, names second. DNS workers may see a snapshot once its rules are in the kernel;
// a broken or slow writer delays them by `publish_wait` at most. With rules off there is no gate.

#include "base/published.hpp"
#include "services/snapshot.hpp"
#include <nameplane/base/clock.hpp>

#include <chrono>
#include <cstdint>
#include <memory>

namespace nameplane::services {

/// Control thread only, but for published(), which workers read.
class Gate {
public:
    /// `rules`: whether a rule writer exists. `wait`: how long a snapshot may be held back.
    Gate(bool rules, std::chrono::milliseconds wait, const Clock& clock);

    /// A new snapshot from the store. Published at once without rules, or if the gate is open
    /// already for its version; else held. Names that vanish wait for nothing: a held snapshot's
    /// removals are not delayed beyond `wait` either.
    void offer(std::shared_ptr<const Snapshot> next);
    /// The rule thread has the rules of this version in the kernel.
    void applied(std::uint64_t version);
    /// Call at least every 50 ms while held(): publishes what has waited too long.
    void tick();

    bool held() const noexcept { return held_ != nullptr; }
    /// How often names were published before their rules.
    std::uint64_t overtaken() const noexcept { return overtaken_; }
    const Published<Snapshot>& published() const noexcept { return published_; }
    /// Frees retired snapshots.
    void sweep() { published_.sweep(); }

private:
    void release();

    bool rules_;
    std::chrono::milliseconds wait_;
    const Clock* clock_;
    Published<Snapshot> published_;
    std::shared_ptr<const Snapshot> held_;
    Monotonic held_since_{};
    std::uint64_t applied_ = 0;
    std::uint64_t overtaken_ = 0;
};

} // namespace nameplane::services
