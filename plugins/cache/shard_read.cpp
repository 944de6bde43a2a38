// hot path
#include "plugins/cache/shard.hpp"
#include "plugins/cache/slot_words.hpp"
#include "plugins/cache/words.hpp"

#include <algorithm>

namespace nameplane::plugins::caching {

namespace {

/// Who is overtaken by writers so often has found nothing.
constexpr int tries_max = 8;

}  // namespace

/// The chunk may be another one's by now; then its octets do not matter, and the version tells.
bool Shard::has_name(std::uint32_t chunk, dns::NameView name) const noexcept {
    const std::span<const std::uint8_t> octets = name.wire();
    const std::size_t words = words_for(octets.size());
    std::size_t done = 0;
    while (done < words && chunk != none) {
        const Chunk& at = memory_.chunks[chunk];
        const std::size_t end = std::min(words - done, chunk_words);
        for (std::size_t i = 0; i < end; ++i) {
            if (read_word(at.words[i]) != word_of(octets, done + i)) return false;
        }
        done += end;
        chunk = static_cast<std::uint32_t>(read_word(at.next));
    }
    return done == words;
}

Shard::Seen Shard::look(std::uint32_t index, const Key& key, Entry& out) const noexcept {
    Slot& slot = memory_.slots[index];
    const std::uint32_t version = read_word(slot.version);
    if (version % 2 != 0) return Seen::changed;
    const std::uint64_t traits = read_word(slot.traits);
    const std::uint64_t place = read_word(slot.place);
    const bool right = read_word(slot.hash) == key.hash &&
                       (traits & slot_words::of_key) == slot_words::key_traits(key) &&
                       has_name(static_cast<std::uint32_t>(place), key.name);
    out.facts = slot_words::facts_of(traits, read_word(slot.stored), read_word(slot.ttl));
    out.failed_refresh = read_word(slot.failed_refresh) != 0;
    if (read_word(slot.version) != version) return Seen::changed;
    if (!right) return Seen::other;
    out.octets = static_cast<std::uint32_t>(place >> 32);
    out.name_octets = static_cast<std::uint32_t>(key.name.size());
    out.slot = index;
    out.version = version;
    out.chunk = static_cast<std::uint32_t>(place);
    // A line that is only read stays in the caches of all workers.
    if (read_word(slot.visited) == 0) write_word(slot.visited, std::uint8_t{1});
    return Seen::right;
}

void Shard::foresee(std::uint64_t hash, unsigned step) const noexcept {
    const Bucket& bucket = bucket_of(hash);
    if (step == 0) return __builtin_prefetch(&bucket);
    for (const std::uint64_t& place : bucket.words) {
        const std::uint64_t word = read_word(place);
        if (!slot_words::may_have(word, hash)) continue;
        const Slot& slot = memory_.slots[slot_words::index_in(word)];
        if (step == 1) return __builtin_prefetch(&slot);
        // Name and answer lie in two lines, if they are short; of a slot that is let go meanwhile,
        // whatever is there.
        const Chunk* const chunk =
            memory_.chunks.data() + static_cast<std::uint32_t>(read_word(slot.place));
        __builtin_prefetch(chunk);
        return __builtin_prefetch(&chunk->words[chunk_words / 2]);
    }
}

bool Shard::find(const Key& key, Entry& out) const noexcept {
    for (int i = 0; i < tries_max; ++i) {
        bool changed = false;
        for (const std::uint64_t& place : bucket_of(key.hash).words) {
            const std::uint64_t word = read_word(place);
            if (!slot_words::may_have(word, key.hash)) continue;
            const Seen seen = look(slot_words::index_in(word), key, out);
            if (seen == Seen::right) return true;
            changed = changed || seen == Seen::changed;
        }
        if (!changed) return false;
    }
    return false;
}

bool Shard::read(const Entry& entry, std::span<std::uint64_t> out) const noexcept {
    std::uint32_t chunk = entry.chunk;
    std::size_t skip = words_for(entry.name_octets);
    for (; skip >= chunk_words && chunk != none; skip -= chunk_words) {
        chunk = static_cast<std::uint32_t>(read_word(memory_.chunks[chunk].next));
    }
    std::size_t done = 0;
    while (done < out.size() && chunk != none) {
        const Chunk& at = memory_.chunks[chunk];
        const std::size_t count = std::min(out.size() - done, chunk_words - skip);
        for (std::size_t i = 0; i < count; ++i) out[done + i] = read_word(at.words[skip + i]);
        done += count;
        skip = 0;
        chunk = static_cast<std::uint32_t>(read_word(at.next));
    }
    return done == out.size() && read_word(memory_.slots[entry.slot].version) == entry.version;
}

}  // namespace nameplane::plugins::caching
