#pragma once
// Shard: a part of a Store. Readers take no lock and write nothing but a mark; writers take the
// shard's lock for less than a microsecond.
//
// A question is found in a bucket, a cache line of eight words, each of which names a slot. A slot
// has a version that is odd as long as nobody may read it, and changes whenever its content does:
// who read the same even version before and after has read what belongs together. Octets lie in
// chunks of one size, so that nothing is ever moved. An answer is replaced by another slot that
// takes its word in the bucket, so that readers meet the one or the other. When slots or chunks run
// out, those go that were not asked for since they were last looked at (SIEVE: one queue, one
// mark).

#include "plugins/cache/entry.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

namespace nameplane::plugins::caching {

/// What a writer has done.
struct Change {
    bool kept = false;
    int entries = 0;  ///< more than before
    std::uint32_t evictions = 0;
};

class alignas(64) Shard {
public:
    struct alignas(64) Bucket {
        std::array<std::uint64_t, 8>
            words;  ///< half of the hash, and a slot's number plus one; 0: none
    };
    struct alignas(64) Slot {
        std::uint64_t hash;
        std::uint64_t traits;  ///< type, class, DO, CD, octets of the name; rcode and flags
        std::uint64_t place;   ///< first chunk, octets of the answer
        Time stored;
        // Changed while it is read.
        Time last_hit;
        Time refresh_until;  ///< somebody refreshes it, or did so in vain
        dns::Ttl ttl;
        std::uint32_t version;
        std::uint32_t hits;
        std::uint8_t visited;
        std::uint8_t failed_refresh;
    };
    static constexpr std::size_t chunk_words = 15;
    struct alignas(64) Chunk {
        std::uint64_t next;
        std::array<std::uint64_t, chunk_words> words;
    };
    /// The writers'.
    struct Link {
        std::uint32_t newer;
        std::uint32_t older;  ///< of a free slot: the next one
    };
    /// Whose contents do not matter, but those of `buckets`, which are zeros. One slot and link
    /// more than entries.
    struct Memory {
        std::span<Bucket> buckets;  ///< as many as a power of two
        std::span<Slot> slots;
        std::span<Link> links;
        std::span<Chunk> chunks;
    };

    Shard() = default;
    void begin(const Memory& memory) noexcept;

    // Any thread.
    void foresee(std::uint64_t hash, unsigned step) const noexcept;
    bool find(const Key& key, Entry& out) const noexcept;
    bool read(const Entry& entry, std::span<std::uint64_t> out) const noexcept;
    Slot& slot_of(const Entry& entry) const noexcept { return memory_.slots[entry.slot]; }

    // Any thread; takes the lock.
    Change put(const Key& key, const Facts& facts, std::span<const std::uint8_t> answer);
    Change remove(const Key& key);

private:
    static constexpr std::uint32_t none = 0xffffffff;
    enum class Seen : std::uint8_t { right, other, changed };

    Bucket& bucket_of(std::uint64_t hash) const noexcept {
        return memory_.buckets[hash & (memory_.buckets.size() - 1)];
    }
    Seen look(std::uint32_t index, const Key& key, Entry& out) const noexcept;
    bool has_name(std::uint32_t chunk, dns::NameView name) const noexcept;

    std::size_t entries_max() const noexcept { return memory_.slots.size() - 1; }
    std::uint64_t* word_of_slot(std::uint32_t index) noexcept;
    std::uint32_t find_index(const Key& key) const noexcept;
    std::uint64_t& free_word(const Key& key, Change& change) noexcept;
    void make_room(std::size_t chunks, std::size_t slots, Change& change) noexcept;
    std::uint32_t take_slot() noexcept;
    std::uint32_t take_chunk() noexcept;
    void fill(Slot& slot, const Key& key, const Facts& facts,
              std::span<const std::uint8_t> answer) noexcept;
    void enqueue(std::uint32_t index) noexcept;
    void evict(Change& change) noexcept;
    void drop(std::uint32_t index, Change& change) noexcept;
    void give_back(std::uint32_t index) noexcept;

    Memory memory_;  // a line of its own: readers need no other
    alignas(64) std::mutex mutex_;
    // What was never used comes first: memory is touched only as it is needed.
    std::uint32_t slots_touched_ = 0;
    std::uint32_t chunks_touched_ = 0;
    std::uint32_t free_slot_ = none;
    std::uint32_t free_chunk_ = none;
    std::size_t chunks_used_ = 0;
    std::size_t size_ = 0;
    std::uint32_t newest_ = none;
    std::uint32_t oldest_ = none;
    std::uint32_t hand_ = none;
};

}  // namespace nameplane::plugins::caching
