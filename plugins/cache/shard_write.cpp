// What writers do, under the shard's lock. Everything that readers may look at is written word by
// word, and only while its slot's version is odd; octets of a slot that was let go are others' only
// after that.

#include "plugins/cache/shard.hpp"
#include "plugins/cache/slot_words.hpp"
#include "plugins/cache/words.hpp"

#include <algorithm>
#include <utility>

namespace nameplane::plugins::caching {

void Shard::begin(const Memory& memory) noexcept {
    memory_ = memory;
}

std::uint32_t Shard::find_index(const Key& key) const noexcept {
    for (const std::uint64_t& place : bucket_of(key.hash).words) {
        const std::uint64_t word = read_word(place);
        if (!slot_words::may_have(word, key.hash)) continue;
        const std::uint32_t index = slot_words::index_in(word);
        const Slot& slot = memory_.slots[index];
        if (read_word(slot.hash) == key.hash &&
            (read_word(slot.traits) & slot_words::of_key) == slot_words::key_traits(key) &&
            has_name(static_cast<std::uint32_t>(read_word(slot.place)), key.name)) {
            return index;
        }
    }
    return none;
}

std::uint64_t* Shard::word_of_slot(std::uint32_t index) noexcept {
    const std::uint64_t hash = read_word(memory_.slots[index].hash);
    return std::ranges::find(bucket_of(hash).words, slot_words::bucket_word(hash, index));
}

Change Shard::put(const Key& key, const Facts& facts, std::span<const std::uint8_t> answer) {
    const std::size_t words = words_for(key.name.size()) + words_for(answer.size());
    const std::size_t chunks = (words + chunk_words - 1) / chunk_words;
    Change change;
    const std::lock_guard lock{mutex_};
    std::uint32_t before = find_index(key);
    if (chunks > memory_.chunks.size() / 4) {
        if (before != none) drop(before, change);
        return change;
    }
    // There is one slot more than entries: one that is replaced stays until the other is there.
    make_room(chunks, before == none ? 1 : 0, change);
    before = find_index(key);
    const std::uint32_t index = take_slot();
    Slot& slot = memory_.slots[index];
    fill(slot, key, facts, answer);
    const bool replaces = before != none;
    write_word(slot.hits, replaces ? read_word(memory_.slots[before].hits) : 0);
    write_word(slot.last_hit, replaces ? read_word(memory_.slots[before].last_hit) : Time{0});
    write_word(slot.visited,
               std::uint8_t{replaces && read_word(memory_.slots[before].visited) != 0});
    write_word(slot.version, slot.version + 1);
    std::uint64_t& word = replaces ? *word_of_slot(before) : free_word(key, change);
    write_word(word, slot_words::bucket_word(key.hash, index));
    enqueue(index);
    ++change.entries;
    ++size_;
    if (replaces) {
        give_back(before);
        --change.entries;
    }
    change.kept = true;
    return change;
}

Change Shard::remove(const Key& key) {
    Change change;
    const std::lock_guard lock{mutex_};
    const std::uint32_t index = find_index(key);
    if (index != none) drop(index, change);
    return change;
}

/// A word of the key's bucket that names no slot. Where all eight are in use one has to go: seldom,
/// for there are half as many buckets as entries, or more.
std::uint64_t& Shard::free_word(const Key& key, Change& change) noexcept {
    Bucket& bucket = bucket_of(key.hash);
    std::uint64_t* const free = std::ranges::find(bucket.words, 0ULL);
    if (free != bucket.words.end()) return *free;
    std::uint64_t* const idle = std::ranges::find_if(bucket.words, [this](std::uint64_t word) {
        return read_word(memory_.slots[slot_words::index_in(word)].visited) == 0;
    });
    std::uint64_t& word = idle != bucket.words.end() ? *idle : bucket.words.front();
    drop(slot_words::index_in(word), change);
    ++change.evictions;
    return word;
}

void Shard::make_room(std::size_t chunks, std::size_t slots, Change& change) noexcept {
    while (size_ + slots > entries_max() || memory_.chunks.size() - chunks_used_ < chunks) {
        evict(change);
    }
}

std::uint32_t Shard::take_slot() noexcept {
    if (free_slot_ != none) return std::exchange(free_slot_, memory_.links[free_slot_].older);
    const std::uint32_t index = slots_touched_++;
    memory_.slots[index] = {};
    memory_.slots[index].version = 1;
    return index;
}

std::uint32_t Shard::take_chunk() noexcept {
    ++chunks_used_;
    if (free_chunk_ == none) return chunks_touched_++;
    const std::uint32_t chunk = free_chunk_;
    free_chunk_ = static_cast<std::uint32_t>(read_word(memory_.chunks[chunk].next));
    return chunk;
}

/// The slot's version is odd.
void Shard::fill(Slot& slot, const Key& key, const Facts& facts,
                 std::span<const std::uint8_t> answer) noexcept {
    const std::span<const std::uint8_t> name = key.name.wire();
    const std::size_t name_words = words_for(name.size());
    const std::size_t words = name_words + words_for(answer.size());
    const std::uint32_t first = take_chunk();
    std::uint32_t chunk = first;
    for (std::size_t i = 0; i < words; ++i) {
        if (i != 0 && i % chunk_words == 0) {
            const std::uint32_t next = take_chunk();
            write_word(memory_.chunks[chunk].next, std::uint64_t{next});
            chunk = next;
        }
        write_word(memory_.chunks[chunk].words[i % chunk_words],
                   i < name_words ? word_of(name, i) : word_of(answer, i - name_words));
    }
    write_word(memory_.chunks[chunk].next, std::uint64_t{none});
    write_word(slot.hash, key.hash);
    write_word(slot.traits, slot_words::key_traits(key) | slot_words::fact_traits(facts));
    write_word(slot.place, static_cast<std::uint64_t>(answer.size()) << 32 | first);
    write_word(slot.stored, facts.stored);
    write_word(slot.ttl, facts.ttl);
    write_word(slot.refresh_until, Time{0});
    write_word(slot.failed_refresh, std::uint8_t{0});
}

void Shard::enqueue(std::uint32_t index) noexcept {
    memory_.links[index] = {.newer = none, .older = newest_};
    (newest_ == none ? oldest_ : memory_.links[newest_].newer) = index;
    newest_ = index;
}

/// From the oldest to the newest and round again: who was asked for since stays this time.
void Shard::evict(Change& change) noexcept {
    std::uint32_t index = hand_ == none ? oldest_ : hand_;
    while (read_word(memory_.slots[index].visited) != 0) {
        write_word(memory_.slots[index].visited, std::uint8_t{0});
        const std::uint32_t newer = memory_.links[index].newer;
        index = newer == none ? oldest_ : newer;
    }
    hand_ = memory_.links[index].newer;
    drop(index, change);
    ++change.evictions;
}

void Shard::drop(std::uint32_t index, Change& change) noexcept {
    write_word(*word_of_slot(index), std::uint64_t{0});
    give_back(index);
    --change.entries;
}

/// No bucket names it any more.
void Shard::give_back(std::uint32_t index) noexcept {
    Slot& slot = memory_.slots[index];
    write_word(slot.version, slot.version + 1);
    Link& link = memory_.links[index];
    (link.newer == none ? newest_ : memory_.links[link.newer].older) = link.older;
    (link.older == none ? oldest_ : memory_.links[link.older].newer) = link.newer;
    if (hand_ == index) hand_ = link.newer;
    auto chunk = static_cast<std::uint32_t>(read_word(slot.place));
    while (chunk != none) {
        std::uint64_t& next = memory_.chunks[chunk].next;
        const std::uint32_t behind = static_cast<std::uint32_t>(read_word(next));
        write_word(next, std::uint64_t{free_chunk_});
        free_chunk_ = chunk;
        --chunks_used_;
        chunk = behind;
    }
    link.older = free_slot_;
    free_slot_ = index;
    --size_;
}

}  // namespace nameplane::plugins::caching
