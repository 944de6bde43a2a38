// hot path
#pragma once
// Store: answers by question, in memory that is taken once. Entries are made of chunks of one size,
// so that nothing is ever moved; when entries or chunks run out, those go that were not asked for
// since they were last looked at (SIEVE: one queue, one bit).

#include <nameplane/dns/name.hpp>
#include <nameplane/dns/types.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace nameplane::plugins::caching {

/// Milliseconds of the steady clock.
using Time = std::int64_t;

struct Key {
    dns::NameView name;  ///< lower case
    dns::Type type;
    dns::Class klass;
    bool dnssec_ok;
    bool checking_disabled;
};

/// One answer. What the owner of the store keeps beside it is his.
struct Entry {
    std::uint64_t hash;
    Time stored;
    Time last_hit;
    Time refresh_until;  ///< somebody refreshes it, or did so in vain
    dns::Ttl ttl;        ///< from `stored` on
    std::uint32_t hits;
    dns::Rcode rcode;
    bool recursion_available;
    bool answers;         ///< the question, and not something else
    bool is_denial;       ///< lies in the store for those
    bool failed_refresh;  ///< the last one
    // The store's.
    std::uint16_t traits;  ///< of the key
    dns::Type type;
    dns::Class klass;
    bool visited;
    std::uint8_t name_octets;
    std::uint32_t octets;  ///< of name and answer
    std::uint32_t chunk;
    std::uint32_t bucket_next;
    std::uint32_t newer;
    std::uint32_t older;
};

/// One thread.
class Store {
public:
    /// At most `entries` answers (not 0), and 512 octets for each of them on average.
    Store(std::size_t entries, std::uint64_t seed);

    /// The answer to `key`, and remembers that it was asked for; nullptr: none.
    Entry* find(const Key& key) noexcept;
    /// Puts `answer` in place of what is there. nullptr when it is too large for any room. Fields
    /// that are not the store's are to be set by the caller.
    Entry* put(const Key& key, std::span<const std::uint8_t> answer) noexcept;
    void remove(const Key& key) noexcept;
    /// Copies the answer into `out`, which has answer_octets() of room.
    void read(const Entry& entry, std::span<std::uint8_t> out) const noexcept;
    static std::size_t answer_octets(const Entry& entry) noexcept {
        return entry.octets - entry.name_octets;
    }

    std::size_t size() const noexcept { return size_; }
    /// Entries that had to go for others, since the beginning.
    std::uint64_t evictions() const noexcept { return evictions_; }
    std::size_t octets_max() const noexcept { return chunks_max_ * sizeof(Chunk); }

private:
    static constexpr std::uint32_t none = 0xffffffff;
    static constexpr std::size_t octets_per_entry = 512;
    static constexpr std::size_t chunk_data = 124;
    struct Chunk {
        std::uint32_t next;
        std::uint8_t data[chunk_data];
    };

    std::uint64_t hash_of(const Key& key) const noexcept;
    bool is_for(const Entry& entry, const Key& key, std::uint64_t hash) const noexcept;
    std::uint32_t find_index(const Key& key, std::uint64_t hash) const noexcept;
    void copy_out(std::uint32_t chunk, std::size_t skip,
                  std::span<std::uint8_t> out) const noexcept;
    bool make_room(std::size_t chunks) noexcept;
    std::uint32_t take_chunk() noexcept;
    void evict() noexcept;
    void drop(std::uint32_t index) noexcept;

    std::size_t entries_max_;
    std::size_t chunks_max_;
    std::size_t bucket_mask_;
    std::uint64_t seed_;
    std::unique_ptr<Entry[]> entries_;
    std::unique_ptr<Chunk[]> chunks_;
    std::unique_ptr<std::uint32_t[]> buckets_;
    // What was never used comes first: memory is touched only as it is needed.
    std::uint32_t entries_touched_ = 0;
    std::uint32_t chunks_touched_ = 0;
    std::uint32_t free_entry_ = none;
    std::uint32_t free_chunk_ = none;
    std::size_t chunks_used_ = 0;
    std::uint32_t newest_ = none;
    std::uint32_t oldest_ = none;
    std::uint32_t hand_ = none;
    std::size_t size_ = 0;
    std::uint64_t evictions_ = 0;
};

}  // namespace nameplane::plugins::caching
