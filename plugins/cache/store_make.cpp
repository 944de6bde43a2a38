// The set-up of Store.

#include "plugins/cache/store.hpp"
#include <nameplane/base/check.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <bit>

namespace nameplane::plugins::caching {

namespace {

constexpr std::size_t octets_per_entry = 512;
constexpr std::size_t entries_per_shard_min = 1024;
constexpr std::size_t shards_max = 64;
constexpr std::size_t line = 64;

std::size_t shards_for(std::size_t entries) {
    return std::bit_floor(std::clamp<std::size_t>(entries / entries_per_shard_min, 1, shards_max));
}

/// Of one shard.
struct Counts {
    explicit Counts(std::size_t entries)
        // Half as many buckets of eight as entries, or more: hardly one of them is ever full.
        : buckets{std::max<std::size_t>(std::bit_ceil(entries) / 2, 1)}, slots{entries + 1},
          chunks{std::max<std::size_t>(entries * octets_per_entry / sizeof(Shard::Chunk), 4)} {}
    std::size_t octets() const {
        return buckets * sizeof(Shard::Bucket) +
               slots * (sizeof(Shard::Slot) + sizeof(Shard::Link)) + chunks * sizeof(Shard::Chunk) +
               4 * line;
    }
    std::size_t buckets;
    std::size_t slots;
    std::size_t chunks;
};

}  // namespace

Store::Pages::Pages(std::size_t octets) : octets_{octets} {
    void* const pages = ::mmap(nullptr, octets, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    NP_CHECK(pages != MAP_FAILED, "addresses cost nothing; pages come as they are touched");
    begin_ = static_cast<std::byte*>(pages);
}

Store::Pages::~Pages() {
    ::munmap(begin_, octets_);
}

template <class T> std::span<T> Store::Pages::take(std::size_t count) noexcept {
    used_ = (used_ + line - 1) / line * line;
    T* const first = reinterpret_cast<T*>(begin_ + used_);
    used_ += count * sizeof(T);
    NP_CHECK(used_ <= octets_, "all is counted before");
    return {first, count};
}

Store::Store(std::size_t entries)
    : shard_mask_{static_cast<std::uint32_t>(shards_for(entries) - 1)},
      pages_{shards_for(entries) * Counts{entries / shards_for(entries)}.octets()},
      shards_{std::make_unique<Shard[]>(shards_for(entries))} {
    const Counts counts{entries / shards_for(entries)};
    for (std::size_t i = 0; i < shards_for(entries); ++i) {
        Shard::Memory memory;
        memory.buckets = pages_.take<Shard::Bucket>(counts.buckets);
        memory.slots = pages_.take<Shard::Slot>(counts.slots);
        memory.links = pages_.take<Shard::Link>(counts.slots);
        memory.chunks = pages_.take<Shard::Chunk>(counts.chunks);
        octets_max_ += counts.chunks * sizeof(Shard::Chunk);
        shards_[i].begin(memory);
    }
}

}  // namespace nameplane::plugins::caching
