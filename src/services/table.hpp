#pragma once
// Table: an immutable hash table of small records in shards. A change makes a new table that copies
// the shards it touches and shares the others. Several records may have the same hash; those
// stand together, in the order that the editor gave.

#include <nameplane/base/check.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace nameplane::services {

/// Record has `std::uint64_t hash() const noexcept` with good high bits, and ==. 2^ShardBits
/// shards.
template <class Record, unsigned ShardBits> class Table {
public:
    Table() : shards_{std::make_shared<const Shards>()} {}

    /// Records whose hash may be `hash`, and perhaps others.
    std::span<const Record> candidates(std::uint64_t hash) const noexcept {
        const Shard* shard = (*shards_)[shard_of(hash)].get();
        if (shard == nullptr) return {};
        const std::size_t bucket = bucket_of(*shard, hash);
        const std::uint32_t first = shard->starts[bucket];
        return std::span{shard->records}.subspan(first, shard->starts[bucket + 1] - first);
    }
    /// What candidates() reads first, for who asks the processor to bring it near.
    const void* place_of(std::uint64_t hash) const noexcept {
        const Shard* shard = (*shards_)[shard_of(hash)].get();
        return shard == nullptr ? nullptr : &shard->starts[bucket_of(*shard, hash)];
    }

    /// A table without `removed` (each must be there; one copy is taken out) and with `added`.
    /// `before(a, b)` orders records with equal hash; it is asked about records that stay and
    /// that come only. Both vectors are sorted here.
    template <class Before>
    Table edited(std::vector<Record>& removed, std::vector<Record>& added, Before before) const {
        if (removed.empty() && added.empty()) return *this;
        const auto by_hash = [](const Record& a, const Record& b) { return a.hash() < b.hash(); };
        const auto in_order = [&](const Record& a, const Record& b) {
            const std::uint64_t left = a.hash();
            const std::uint64_t right = b.hash();
            return left != right ? left < right : before(a, b);
        };
        std::ranges::sort(removed, by_hash);
        std::ranges::sort(added, in_order);
        auto shards = std::make_shared<Shards>(*shards_);
        std::span<const Record> out{removed};
        std::span<const Record> in{added};
        while (!out.empty() || !in.empty()) {
            const std::size_t shard =
                std::min(out.empty() ? shard_count : shard_of(out.front().hash()),
                         in.empty() ? shard_count : shard_of(in.front().hash()));
            const std::span<const Record> out_here = take(out, shard);
            const std::span<const Record> in_here = take(in, shard);
            (*shards)[shard] = changed((*shards)[shard].get(), out_here, in_here, in_order);
        }
        Table table;
        table.shards_ = std::move(shards);
        return table;
    }

    template <class Visit> void for_each(Visit visit) const {
        for (const auto& shard : *shards_) {
            if (shard == nullptr) continue;
            for (const Record& record : shard->records) visit(record);
        }
    }
    std::size_t memory_octets() const noexcept {
        std::size_t octets = sizeof(Shards);
        for (const auto& shard : *shards_) {
            if (shard == nullptr) continue;
            octets += sizeof(Shard) + shard->records.capacity() * sizeof(Record);
            octets += shard->starts.capacity() * sizeof(std::uint32_t);
        }
        return octets;
    }
    /// Whether they share everything; two tables with equal records need not.
    bool is_same_as(const Table& other) const noexcept { return shards_ == other.shards_; }
    /// How many shards are not the very same objects in `other`.
    std::size_t shards_differing(const Table& other) const noexcept {
        std::size_t count = 0;
        for (std::size_t i = 0; i < shard_count; ++i) {
            count += (*shards_)[i] != (*other.shards_)[i] ? 1 : 0;
        }
        return count;
    }
    static constexpr std::size_t shard_count = std::size_t{1} << ShardBits;

private:
    /// Records sorted by hash; bucket b is records[starts[b], starts[b + 1]).
    struct Shard {
        unsigned bucket_shift = 63;
        std::vector<std::uint32_t> starts;
        std::vector<Record> records;
    };
    using Shards = std::array<std::shared_ptr<const Shard>, shard_count>;

    static std::size_t shard_of(std::uint64_t hash) noexcept { return hash >> (64 - ShardBits); }
    static std::size_t bucket_of(const Shard& shard, std::uint64_t hash) noexcept {
        return (hash << ShardBits) >> shard.bucket_shift;
    }

    static std::span<const Record> take(std::span<const Record>& from, std::size_t shard) {
        std::size_t count = 0;
        while (count < from.size() && shard_of(from[count].hash()) == shard) ++count;
        const std::span<const Record> taken = from.first(count);
        from = from.subspan(count);
        return taken;
    }

    /// `old` without `removed`, in order. Records of one hash are matched by ==.
    static std::vector<Record> remaining(const Shard* old, std::span<const Record> removed) {
        if (old == nullptr) {
            NP_CHECK(removed.empty(), "only what is in a table is taken out");
            return {};
        }
        std::vector<Record> rest;
        rest.reserve(old->records.size());
        std::vector<Record> due;  // of the hash at hand
        std::uint64_t due_hash = 0;
        for (const Record& record : old->records) {
            const std::uint64_t hash = record.hash();
            if (due.empty() || due_hash != hash) {
                NP_CHECK(due.empty(), "only what is in a table is taken out");
                due_hash = hash;
                for (; !removed.empty() && removed.front().hash() == hash;
                     removed = removed.subspan(1)) {
                    due.push_back(removed.front());
                }
            }
            const auto match = std::ranges::find(due, record);
            if (match == due.end()) {
                rest.push_back(record);
            } else {
                due.erase(match);
            }
        }
        NP_CHECK(due.empty() && removed.empty(), "only what is in a table is taken out");
        return rest;
    }

    template <class InOrder>
    static std::shared_ptr<const Shard> changed(const Shard* old, std::span<const Record> removed,
                                                std::span<const Record> added, InOrder in_order) {
        const std::vector<Record> rest = remaining(old, removed);
        if (rest.empty() && added.empty()) return nullptr;
        auto shard = std::make_shared<Shard>();
        shard->records.resize(rest.size() + added.size());
        std::ranges::merge(rest, added, shard->records.begin(), in_order);
        index(*shard);
        return shard;
    }

    static void index(Shard& shard) {
        // One or two records a bucket.
        const std::size_t buckets =
            std::bit_ceil(std::max<std::size_t>(2, shard.records.size() / 2));
        shard.bucket_shift = 64 - static_cast<unsigned>(std::countr_zero(buckets));
        shard.starts.assign(buckets + 1, 0);
        for (const Record& record : shard.records) {
            ++shard.starts[((record.hash() << ShardBits) >> shard.bucket_shift) + 1];
        }
        for (std::size_t i = 1; i < shard.starts.size(); ++i)
            shard.starts[i] += shard.starts[i - 1];
    }

    std::shared_ptr<const Shards> shards_;
};

}  // namespace nameplane::services
