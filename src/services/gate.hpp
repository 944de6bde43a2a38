#pragma once
// Gate: rules first, names second. DNS workers may see a snapshot once its rules are in the kernel;
// a broken or slow writer delays them by `publish_wait` at most. With rules off there is no gate.
//
// While a snapshot is held, everything in it that needs no rule is seen already: Services that are
// gone, headless and ExternalName Services, endpoints that are gone or no longer ready, namespaces.
// Only Services with a cluster IP that are new or changed stay as they were. Hence the workers see
// either a snapshot of the store, or one that the gate has made of two of them.

#include "base/published.hpp"
#include "services/snapshot.hpp"
#include <nameplane/base/clock.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

namespace nameplane::services {

/// Control thread only, but for published(), which workers read.
class Gate {
public:
    /// Snapshots that wait at the same time; a further one takes the place of the newest.
    static constexpr std::size_t held_max = 64;

    /// `rules`: whether a rule writer exists. `wait`: how long a snapshot may be held back.
    Gate(bool rules, std::chrono::milliseconds wait, const Clock& clock);

    /// A new snapshot from the store, in order. Published at once without rules, or if its rules
    /// are in already, or if nothing in it needs any; else held, and published in part.
    void offer(std::shared_ptr<const Snapshot> next);
    /// The rule thread has the rules of this version in the kernel: that snapshot and older ones
    /// are held no longer.
    void applied(std::uint64_t version);
    /// Call at least every 50 ms while held(): publishes what has waited too long.
    void tick();

    bool held() const noexcept { return !held_.empty(); }
    /// How often names were published before their rules.
    std::uint64_t overtaken() const noexcept { return overtaken_; }
    const Published<Snapshot>& published() const noexcept { return published_; }
    /// Frees retired snapshots.
    void sweep() { published_.sweep(); }

private:
    struct Held {
        std::shared_ptr<const Snapshot> snapshot;
        Monotonic since;
    };

    void release(std::size_t count);
    void show();

    bool rules_;
    std::chrono::milliseconds wait_;
    const Clock* clock_;
    /// The newest that may be seen whole.
    std::shared_ptr<const Snapshot> open_;
    std::deque<Held> held_;  ///< newer than open_, oldest first
    std::shared_ptr<const Snapshot> shown_;
    Published<Snapshot> published_;
    std::uint64_t applied_ = 0;
    std::uint64_t overtaken_ = 0;
};

}  // namespace nameplane::services
