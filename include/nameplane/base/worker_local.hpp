#pragma once
// WorkerLocal<T>: one T for each worker, found by the worker's number; each on cache lines of its
// own, so that workers share nothing that is written.

#include <cstddef>
#include <vector>

namespace nameplane {

template <class T> class WorkerLocal {
public:
    explicit WorkerLocal(std::size_t workers) : slots_(workers) {}

    T& at(std::size_t worker) noexcept { return slots_[worker].value; }
    const T& at(std::size_t worker) const noexcept { return slots_[worker].value; }
    std::size_t size() const noexcept { return slots_.size(); }

private:
    struct alignas(64) Slot {
        T value{};
    };
    std::vector<Slot> slots_;
};

}  // namespace nameplane
