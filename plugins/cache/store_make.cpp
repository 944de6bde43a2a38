// The set-up of Store.

#include "plugins/cache/store.hpp"

#include <algorithm>
#include <bit>

namespace nameplane::plugins::caching {

Store::Store(std::size_t entries, std::uint64_t seed)
    : entries_max_{entries}, chunks_max_{std::max<std::size_t>(
                                 entries * octets_per_entry / sizeof(Chunk), 4)},
      bucket_mask_{std::bit_ceil(entries) - 1}, seed_{seed | 1},
      entries_{std::make_unique_for_overwrite<Entry[]>(entries)},
      chunks_{std::make_unique_for_overwrite<Chunk[]>(chunks_max_)},
      buckets_{std::make_unique_for_overwrite<std::uint32_t[]>(bucket_mask_ + 1)} {
    std::fill_n(buckets_.get(), bucket_mask_ + 1, none);
}

}  // namespace nameplane::plugins::caching
