// hot path
#include "plugins/cache/store.hpp"

#include "plugins/cache/words.hpp"

#include <algorithm>

namespace nameplane::plugins::caching {

Key hashed(Key key, std::uint64_t seed) noexcept {
    const std::uint64_t salt = seed | 1;
    const std::span<const std::uint8_t> name = key.name.wire();
    std::uint64_t hash = salt ^ (static_cast<std::uint64_t>(key.type) << 32 |
                                 static_cast<std::uint64_t>(key.klass) << 16 |
                                 (key.dnssec_ok ? 1U : 0U) | (key.checking_disabled ? 2U : 0U));
    for (std::size_t i = 0; i < words_for(name.size()); ++i) {
        hash = (hash ^ word_of(name, i)) * 0x9e3779b97f4a7c15ULL;
        hash ^= hash >> 32 ^ salt;
    }
    hash *= 0xd6e8feb86659fd93ULL;
    key.hash = hash ^ hash >> 32;
    return key;
}

bool Store::find(const Key& key, Entry& out) const noexcept {
    out.shard = shard_of(key.hash);
    return shards_[out.shard].find(key, out);
}

bool Store::read(const Entry& entry, std::span<std::uint64_t> out) const noexcept {
    return shards_[entry.shard].read(entry, out);
}

bool Store::begin_refresh(const Entry& entry, Time now, Time until) const noexcept {
    const std::atomic_ref<Time> taken{shards_[entry.shard].slot_of(entry).refresh_until};
    Time before = taken.load(std::memory_order_relaxed);
    return now >= before && taken.compare_exchange_strong(before, until);
}

void Store::end_refresh(const Entry& entry, bool good, Time until) const noexcept {
    Shard::Slot& slot = shards_[entry.shard].slot_of(entry);
    write_word(slot.failed_refresh, static_cast<std::uint8_t>(good ? 0 : 1));
    write_word(slot.refresh_until, until);
}

std::uint32_t Store::count_hit(const Entry& entry, Time now, Time gap) const noexcept {
    Shard::Slot& slot = shards_[entry.shard].slot_of(entry);
    const Time before = read_word(slot.last_hit);
    if (before != now) write_word(slot.last_hit, now);
    const std::atomic_ref<std::uint32_t> hits{slot.hits};
    if (now - before > gap) {
        hits.store(1, std::memory_order_relaxed);
        return 1;
    }
    return hits.fetch_add(1, std::memory_order_relaxed) + 1;
}

Change Store::count(Change change) noexcept {
    if (change.entries != 0) {
        size_.fetch_add(static_cast<std::size_t>(change.entries), std::memory_order_relaxed);
    }
    return change;
}

Change Store::put(const Key& key, const Facts& facts, std::span<const std::uint8_t> answer) {
    return count(shards_[shard_of(key.hash)].put(key, facts, answer));
}

Change Store::remove(const Key& key) {
    return count(shards_[shard_of(key.hash)].remove(key));
}

}  // namespace nameplane::plugins::caching
