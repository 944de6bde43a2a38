// hot path
#include "plugins/cache/store.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace nameplane::plugins::caching {

namespace {

std::uint16_t traits_of(const Key& key) noexcept {
    return static_cast<std::uint16_t>((key.dnssec_ok ? 1U : 0U) |
                                      (key.checking_disabled ? 2U : 0U));
}

}  // namespace

std::uint64_t Store::hash_of(const Key& key) const noexcept {
    const std::uint8_t* at = key.name.data();
    std::size_t left = key.name.size();
    std::uint64_t hash = seed_ ^ (static_cast<std::uint64_t>(key.type) << 32 |
                                  static_cast<std::uint64_t>(key.klass) << 16 | traits_of(key));
    while (left > 0) {
        std::uint64_t word = 0;
        const std::size_t octets = std::min<std::size_t>(left, 8);
        std::memcpy(&word, at, octets);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
        hash ^= hash >> 32 ^ seed_;
        at += octets;
        left -= octets;
    }
    hash *= 0xd6e8feb86659fd93ULL;
    return hash ^ hash >> 32;
}

bool Store::is_for(const Entry& entry, const Key& key, std::uint64_t hash) const noexcept {
    if (entry.hash != hash || entry.type != key.type || entry.klass != key.klass ||
        entry.traits != traits_of(key) || entry.name_octets != key.name.size()) {
        return false;
    }
    const std::uint8_t* name = key.name.data();
    std::size_t left = key.name.size();
    for (std::uint32_t chunk = entry.chunk; left > 0; chunk = chunks_[chunk].next) {
        const std::size_t octets = std::min(left, chunk_data);
        if (std::memcmp(chunks_[chunk].data, name, octets) != 0) return false;
        name += octets;
        left -= octets;
    }
    return true;
}

std::uint32_t Store::find_index(const Key& key, std::uint64_t hash) const noexcept {
    std::uint32_t index = buckets_[hash & bucket_mask_];
    while (index != none && !is_for(entries_[index], key, hash)) {
        index = entries_[index].bucket_next;
    }
    return index;
}

Entry* Store::find(const Key& key) noexcept {
    const std::uint32_t index = find_index(key, hash_of(key));
    if (index == none) return nullptr;
    entries_[index].visited = true;
    return &entries_[index];
}

void Store::remove(const Key& key) noexcept {
    const std::uint32_t index = find_index(key, hash_of(key));
    if (index != none) drop(index);
}

void Store::copy_out(std::uint32_t chunk, std::size_t skip,
                     std::span<std::uint8_t> out) const noexcept {
    for (; skip >= chunk_data; skip -= chunk_data) chunk = chunks_[chunk].next;
    std::size_t done = 0;
    while (done < out.size()) {
        const std::size_t octets = std::min(out.size() - done, chunk_data - skip);
        std::memcpy(out.data() + done, chunks_[chunk].data + skip, octets);
        done += octets;
        skip = 0;
        chunk = chunks_[chunk].next;
    }
}

void Store::read(const Entry& entry, std::span<std::uint8_t> out) const noexcept {
    copy_out(entry.chunk, entry.name_octets, out.first(answer_octets(entry)));
}

std::uint32_t Store::take_chunk() noexcept {
    ++chunks_used_;
    if (free_chunk_ == none) return chunks_touched_++;
    const std::uint32_t chunk = free_chunk_;
    free_chunk_ = chunks_[chunk].next;
    return chunk;
}

bool Store::make_room(std::size_t chunks) noexcept {
    if (chunks > chunks_max_ / 4) return false;
    while (size_ == entries_max_ || chunks_max_ - chunks_used_ < chunks) evict();
    return true;
}

Entry* Store::put(const Key& key, std::span<const std::uint8_t> answer) noexcept {
    const std::uint64_t hash = hash_of(key);
    const std::uint32_t there = find_index(key, hash);
    if (there != none) drop(there);
    const std::size_t octets = key.name.size() + answer.size();
    const std::size_t chunks = (octets + chunk_data - 1) / chunk_data;
    if (!make_room(chunks)) return nullptr;

    std::uint32_t index = free_entry_;
    if (index == none) {
        index = entries_touched_++;
    } else {
        free_entry_ = entries_[index].bucket_next;
    }
    Entry& entry = entries_[index];
    entry = Entry{};
    entry.hash = hash;
    entry.traits = traits_of(key);
    entry.type = key.type;
    entry.klass = key.klass;
    entry.name_octets = static_cast<std::uint8_t>(key.name.size());
    entry.octets = static_cast<std::uint32_t>(octets);

    std::uint32_t* link = &entry.chunk;
    std::size_t done = 0;
    for (std::size_t i = 0; i < chunks; ++i) {
        const std::uint32_t chunk = take_chunk();
        *link = chunk;
        link = &chunks_[chunk].next;
        std::uint8_t* to = chunks_[chunk].data;
        std::size_t room = chunk_data;
        if (done < key.name.size()) {
            const std::size_t part = std::min(room, key.name.size() - done);
            std::memcpy(to, key.name.data() + done, part);
            to += part;
            room -= part;
            done += part;
        }
        const std::size_t part = std::min(room, octets - done);
        if (part != 0) std::memcpy(to, answer.data() + (done - key.name.size()), part);
        done += part;
    }
    *link = none;

    std::uint32_t& bucket = buckets_[hash & bucket_mask_];
    entry.bucket_next = bucket;
    bucket = index;
    entry.newer = none;
    entry.older = newest_;
    (newest_ == none ? oldest_ : entries_[newest_].newer) = index;
    newest_ = index;
    ++size_;
    return &entry;
}

/// From the oldest to the newest and round again: who was asked for since stays this time.
void Store::evict() noexcept {
    std::uint32_t index = hand_ == none ? oldest_ : hand_;
    while (entries_[index].visited) {
        entries_[index].visited = false;
        index = entries_[index].newer == none ? oldest_ : entries_[index].newer;
    }
    hand_ = entries_[index].newer;
    drop(index);
    ++evictions_;
}

void Store::drop(std::uint32_t index) noexcept {
    Entry& entry = entries_[index];
    std::uint32_t* link = &buckets_[entry.hash & bucket_mask_];
    while (*link != index) link = &entries_[*link].bucket_next;
    *link = entry.bucket_next;
    (entry.newer == none ? newest_ : entries_[entry.newer].older) = entry.older;
    (entry.older == none ? oldest_ : entries_[entry.older].newer) = entry.newer;
    if (hand_ == index) hand_ = entry.newer;
    for (std::uint32_t chunk = entry.chunk; chunk != none;) {
        const std::uint32_t next = chunks_[chunk].next;
        chunks_[chunk].next = free_chunk_;
        free_chunk_ = chunk;
        --chunks_used_;
        chunk = next;
    }
    entry.bucket_next = free_entry_;
    free_entry_ = index;
    --size_;
}

}  // namespace nameplane::plugins::caching
