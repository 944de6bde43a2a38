#pragma once
// WorkerPublished<T>: a Published<T> with a Reader for each worker.

#include "base/published.hpp"
#include <nameplane/base/worker_local.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace nameplane {

template <class T> class WorkerPublished {
public:
    WorkerPublished(std::size_t workers, std::shared_ptr<const T> first)
        : published_{std::move(first)}, readers_{workers} {
        for (std::size_t i = 0; i < workers; ++i) readers_.at(i).reader.emplace(published_);
    }
    WorkerPublished(const WorkerPublished&) = delete;
    WorkerPublished& operator=(const WorkerPublished&) = delete;

    // One thread at a time; old values are freed here, never on a worker.

    void publish(std::shared_ptr<const T> next) { published_.publish(std::move(next)); }
    void sweep() { published_.sweep(); }

    /// By a lock: for others than workers.
    std::shared_ptr<const T> newest() const { return published_.newest(); }

    /// For the worker `worker`, on its thread: no lock while nothing has changed. Valid until its
    /// next call; pin() keeps it for longer.
    const T& at(std::size_t worker) const noexcept { return readers_.at(worker).reader->refresh(); }
    std::shared_ptr<const T> pin(std::size_t worker) const noexcept {
        return readers_.at(worker).reader->pin();
    }

private:
    struct Local {
        std::optional<Reader<T>> reader;
    };
    Published<T> published_;
    mutable WorkerLocal<Local> readers_;
};

}  // namespace nameplane
