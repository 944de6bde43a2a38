#pragma once
// Pending: a slab of places for queries that wait. Places are made when they are first needed and
// then used again; there is a limit, and who finds it reached is to say SERVFAIL.

#include <cstddef>
#include <memory>
#include <vector>

namespace nameplane::chain {

/// T is what a query needs. One thread.
template <class T> class Pending {
public:
    explicit Pending(std::size_t limit) : limit_{limit} {}

    /// A place that nobody uses, as whoever used it last has left it; nullptr at the limit.
    T* take() {
        if (!free_.empty()) {
            T* place = free_.back();
            free_.pop_back();
            return place;
        }
        if (all_.size() == limit_) return nullptr;
        if (all_.empty()) {
            all_.reserve(limit_);
            free_.reserve(limit_);  // so that giving back cannot fail
        }
        return all_.emplace_back(std::make_unique<T>()).get();
    }
    void give_back(T* place) noexcept { free_.push_back(place); }
    std::size_t in_use() const noexcept { return all_.size() - free_.size(); }
    std::size_t made() const noexcept { return all_.size(); }

private:
    std::size_t limit_;
    std::vector<std::unique_ptr<T>> all_;
    std::vector<T*> free_;
};

}  // namespace nameplane::chain
