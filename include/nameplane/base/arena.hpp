#pragma once
// Arena: bump memory for one query, emptied after it. The block is allocated once, when a worker
// starts; nothing here touches the heap afterwards. A large block takes memory page by page as it
// is used, so that many of them may lie about.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

namespace nameplane {

/// Owned and used by one thread. Objects in it are never destroyed: trivial types only.
class Arena {
public:
    explicit Arena(std::size_t capacity_octets)
        : block_{take_block(capacity_octets), GiveBack{capacity_octets}}, capacity_{
                                                                              capacity_octets} {}

    /// `octets` of memory, or nullptr when the arena is full (the query then gets SERVFAIL).
    void* allocate(std::size_t octets, std::size_t alignment) noexcept {
        const std::size_t start = (used_ + alignment - 1) & ~(alignment - 1);
        if (start > capacity_ || octets > capacity_ - start) return nullptr;
        used_ = start + octets;
        return block_.get() + start;
    }
    /// `count` uninitialised T, or an empty span when the arena is full.
    template <class T> std::span<T> array(std::size_t count) noexcept {
        static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
        if (count > capacity_ / sizeof(T)) return {};
        void* memory = allocate(count * sizeof(T), alignof(T));
        return memory == nullptr ? std::span<T>{} : std::span<T>{static_cast<T*>(memory), count};
    }
    /// Gives back everything at once.
    void clear() noexcept { used_ = 0; }
    std::size_t used() const noexcept { return used_; }
    std::size_t capacity() const noexcept { return capacity_; }

private:
    struct GiveBack {
        std::size_t octets = 0;
        void operator()(std::byte* block) const noexcept;
    };
    static std::byte* take_block(std::size_t octets);

    std::unique_ptr<std::byte[], GiveBack> block_;
    std::size_t capacity_;
    std::size_t used_ = 0;
};

}  // namespace nameplane
