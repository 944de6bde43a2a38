#pragma once
// StateSaver: keeps the saved state (saved_state.hpp) on disk near what the store holds, without
// ever letting the control thread wait for a disk. load_saved_state is the way back.

#include "kube/saved_state.hpp"
#include "services/store.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/metrics.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace nameplane::kube {

struct StateOptions {
    std::string path;  ///< empty: nothing is saved and nothing loaded
    /// SavedHead::fingerprint: the server's URL and every option that decides what it sends us.
    std::string fingerprint;
    std::chrono::milliseconds every{
        10'000};  ///< from the beginning of a save to the next, at least
};

/// Runs `job` on another thread and then `done` on the control thread, which also destroys both:
/// net::Loop::work.
using Work = std::function<void(std::function<void()> job, std::function<void()> done)>;

/// Control thread only.
class StateSaver {
public:
    /// `store`, and what `work` belongs to, outlive this.
    StateSaver(StateOptions options, const services::Store& store, Work work,
               metrics::Registry& metrics, const Clock& clock);
    /// Waits for a save that is under way; saves nothing.
    ~StateSaver();
    StateSaver(const StateSaver&) = delete;
    StateSaver& operator=(const StateSaver&) = delete;

    /// The store has just been filled from the file, which was true at `contact`: what that changed
    /// is saved already.
    void loaded(WallTime contact);
    /// Something in the store is not as it was.
    void changed();
    /// Call about once a second: begins a save if something changed, none is under way, the last
    /// one began long enough ago, and everything has been listed once. `contact`: when the server
    /// last said something.
    void tick(WallTime contact);
    /// For an orderly stop: waits for a save that is under way, and saves what changed since, also
    /// when only the time of contact did. Blocks.
    void stop(WallTime contact);

private:
    struct State;
    std::shared_ptr<State> state_;
    Work work_;
};

/// Says what a good file holds to `sink` and gives the time of the last contact; one log line says
/// so. No file: nothing. A file that is damaged, foreign, too old or too new, or not ours alone is
/// dropped: nothing, and one log line says why. Control thread.
std::optional<WallTime> load_saved_state(const StateOptions& options, metrics::Registry& metrics,
                                         const Clock& clock,
                                         const std::function<void(services::Event)>& sink);

}  // namespace nameplane::kube
