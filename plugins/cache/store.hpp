#pragma once
// Store: answers by question, for all workers, in memory that is taken once. To find and to read
// takes no lock and no heap; see shard.hpp. A question always belongs to the same of a few shards,
// so that writers seldom meet.

#include "plugins/cache/entry.hpp"
#include "plugins/cache/shard.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace nameplane::plugins::caching {

/// Any thread.
class Store {
public:
    /// At most `entries` answers (not 0), and 512 octets for each of them on average.
    explicit Store(std::size_t entries);

    /// Asks the processor for the memory that find() and read() of a key with this hash will go
    /// through: with step 0 where they begin, with 1 and 2 where that leads to by now.
    void foresee(std::uint64_t hash, unsigned step) const noexcept {
        shards_[shard_of(hash)].foresee(hash, step);
    }
    /// The answer to `key`, and remembers that it was asked for; false: there is none.
    bool find(const Key& key, Entry& out) const noexcept;
    /// Copies the answer into `out`, which has words_for(entry.octets) words. False: it has been
    /// replaced since it was found.
    [[nodiscard]] bool read(const Entry& entry, std::span<std::uint64_t> out) const noexcept;

    // Of an answer that has been replaced since it was found, these may hit the one in its place:
    // then that is refreshed a little later, or counts one hit more.

    /// Whether the caller is the one to refresh it, until which time nobody else is.
    bool begin_refresh(const Entry& entry, Time now, Time until) const noexcept;
    /// Nobody is to refresh it before `until`.
    void end_refresh(const Entry& entry, bool good, Time until) const noexcept;
    /// How often it was asked for without a gap of `gap`.
    std::uint32_t count_hit(const Entry& entry, Time now, Time gap) const noexcept;

    /// Puts `answer` in place of what is there; not kept if it is too large for any room.
    Change put(const Key& key, const Facts& facts, std::span<const std::uint8_t> answer);
    Change remove(const Key& key);

    std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
    /// Octets that names and answers can take at most.
    std::size_t octets_max() const noexcept { return octets_max_; }

private:
    /// Pages that are zeros and taken when they are first touched.
    class Pages {
    public:
        explicit Pages(std::size_t octets);
        ~Pages();
        Pages(const Pages&) = delete;
        Pages& operator=(const Pages&) = delete;
        /// The next `count` of them. Begins a cache line.
        template <class T> std::span<T> take(std::size_t count) noexcept;

    private:
        std::byte* begin_;
        std::size_t octets_;
        std::size_t used_ = 0;
    };

    std::uint32_t shard_of(std::uint64_t hash) const noexcept {
        return static_cast<std::uint32_t>(hash >> 32) & shard_mask_;
    }
    Change count(Change change) noexcept;

    std::uint32_t shard_mask_;
    std::size_t octets_max_ = 0;
    Pages pages_;
    std::unique_ptr<Shard[]> shards_;
    std::atomic<std::size_t> size_{0};
};

}  // namespace nameplane::plugins::caching
