#pragma once
// Published<T> and Reader<T>: hand an immutable value from one thread to many. A reader pays one
// atomic load while nothing has changed. The writer keeps every published value until nobody else
// holds it, so that the last reference is dropped, and the memory freed, by the writer and never
// on a worker.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace nameplane {

/// Written by one thread only; must outlive its readers.
template <class T> class Published {
public:
    explicit Published(std::shared_ptr<const T> first) : kept_{first}, current_{std::move(first)} {}

    /// Makes `next` what readers see from their next refresh() on, and sweeps.
    void publish(std::shared_ptr<const T> next) {
        kept_.push_back(next);
        {
            const std::lock_guard lock{mutex_};
            current_ = std::move(next);
        }
        generation_.fetch_add(1, std::memory_order_release);
        sweep();
    }
    /// Frees what no reader holds any more. Call it now and then from the writing thread.
    void sweep() {
        const std::lock_guard lock{mutex_};
        std::erase_if(kept_,
                      [&](const auto& old) { return old != current_ && old.use_count() == 1; });
    }
    /// How many values are alive, the current one included.
    std::size_t kept() const noexcept { return kept_.size(); }

    /// The newest value, by a lock: for readers that look seldom.
    std::shared_ptr<const T> newest() const {
        const std::lock_guard lock{mutex_};
        return current_;
    }
    std::uint64_t generation() const noexcept {
        return generation_.load(std::memory_order_acquire);
    }

private:
    std::vector<std::shared_ptr<const T>> kept_;
    mutable std::mutex mutex_;
    std::shared_ptr<const T> current_;
    std::atomic<std::uint64_t> generation_{1};
};

/// One for each reading thread.
template <class T> class Reader {
public:
    explicit Reader(const Published<T>& source) : source_{&source} {}

    /// The newest value; valid until the next refresh(). Once a batch.
    const T& refresh() {
        const std::uint64_t generation = source_->generation();
        if (generation != seen_) {
            held_ = source_->newest();
            seen_ = generation;
        }
        return *held_;
    }
    /// Keeps what refresh() gave for longer, for a query that waits past its batch.
    std::shared_ptr<const T> pin() const { return held_; }

private:
    const Published<T>* source_;
    std::uint64_t seen_ = 0;
    std::shared_ptr<const T> held_;
};

}  // namespace nameplane
