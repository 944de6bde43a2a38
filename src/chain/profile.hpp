#pragma once
// Profile: where the time of queries goes, stage by stage. Only one batch of queries in
// `one_batch_in` is looked at, and then the clock is read once a stage; else a query costs one
// comparison a plugin.

#include <nameplane/base/worker_local.hpp>
#include <nameplane/stage_clock.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::chain {

/// Made before the workers and read by any thread; each worker writes what carries its number.
class Profile {
public:
    /// Odd and prime, so that no habit of clients falls into step with it.
    static constexpr unsigned one_batch_in = 61;

    explicit Profile(std::size_t workers) : cells_{workers} {}

    StageClock::Cells& cells(std::size_t worker) noexcept { return cells_.at(worker); }
    /// A table for people, plugins in the order of a chain.
    std::string text() const;

private:
    WorkerLocal<StageClock::Cells> cells_;
};

/// Of one worker: which batches are looked at.
class Sampler {
public:
    Sampler() = default;
    /// nullptr: none are.
    explicit Sampler(StageClock::Cells* cells) noexcept : clock_{cells}, on_{cells != nullptr} {}

    /// The clock, started, if this is to be looked at and nothing else is at the moment.
    StageClock* begin() noexcept {
        if (!on_ || busy_ || ++count_ % Profile::one_batch_in != 0) return nullptr;
        busy_ = true;
        clock_.start();
        return &clock_;
    }
    void end() noexcept { busy_ = false; }

private:
    StageClock clock_{nullptr};
    unsigned count_ = 0;
    bool on_ = false;
    bool busy_ = false;
};

}  // namespace nameplane::chain
