// hot path
#pragma once
// Small hash tables in a query's arena, for answers without duplicates: one pass over any number
// of endpoints, no heap. Both hold as many entries as they were made for and no more.

#include <nameplane/base/arena.hpp>
#include <nameplane/dns/name.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

namespace nameplane::plugins::kubernetes {

/// Spreads hashes that differ in any bit over the upper bits.
constexpr std::size_t spread(std::size_t hash) noexcept {
    hash *= 0x9E3779B97F4A7C15U;
    return hash ^ (hash >> 32U);
}

/// A set of `Key`s.
template <class Key> class ArenaSet {
public:
    /// For at most `count` keys. ok() tells whether the arena had room.
    ArenaSet(Arena& arena, std::size_t count) noexcept
        : slots_{arena.array<Slot>(std::bit_ceil(2 * count + 2))} {
        for (Slot& slot : slots_) slot = Slot{};
    }
    bool ok() const noexcept { return !slots_.empty(); }
    /// Whether `key` was not in it yet; it is now.
    bool insert(const Key& key) noexcept {
        for (std::size_t at = spread(std::hash<Key>{}(key));; ++at) {
            Slot& slot = slots_[at & (slots_.size() - 1)];
            if (slot.used && slot.key == key) return false;
            if (slot.used) continue;
            slot = {key, true};
            return true;
        }
    }

private:
    struct Slot {
        Key key{};
        bool used = false;
    };
    std::span<Slot> slots_;
};

/// Names made of one or two labels in front of the same suffix, each built once, so that all
/// records that mention one share its view.
class TargetTable {
public:
    static constexpr std::uint32_t no_run = ~0U;

    struct Target {
        dns::NameView name;          ///< the root marks a free slot
        std::uint32_t number = 0;    ///< 0 for the first one that was built
        std::uint32_t run = no_run;  ///< for the user: the address it was last given
    };

    TargetTable(Arena& arena, dns::NameView suffix, std::size_t count) noexcept
        : arena_{&arena}, suffix_{suffix}, slots_{
                                               arena.array<Target>(std::bit_ceil(2 * count + 2))} {
        for (Target& slot : slots_) slot = Target{};
    }
    bool ok() const noexcept { return !slots_.empty(); }
    /// How many names it has built.
    std::uint32_t size() const noexcept { return size_; }
    /// The name of `label` and, behind it, `second` if that is not empty; nullptr if it cannot be
    /// built (no label, too long, arena full).
    Target* find(std::string_view label, std::string_view second = {}) noexcept {
        const std::hash<std::string_view> hash;
        const std::size_t begin = second.empty() ? hash(label) : hash(label) ^ spread(hash(second));
        for (std::size_t at = spread(begin);; ++at) {
            Target& slot = slots_[at & (slots_.size() - 1)];
            if (slot.name.is_root()) return build(label, second, slot) ? &slot : nullptr;
            if (is(slot.name, label, second)) return &slot;
        }
    }

private:
    bool is(dns::NameView name, std::string_view label, std::string_view second) const noexcept {
        const std::size_t front = 1 + label.size() + (second.empty() ? 0 : 1 + second.size());
        return name.size() == front + suffix_.size() && name.first_label() == label &&
               (second.empty() || name.parent().first_label() == second);
    }
    bool build(std::string_view label, std::string_view second, Target& slot) noexcept {
        dns::NameBuilder builder{*arena_};
        builder.label(label);
        if (!second.empty()) builder.label(second);
        const auto name = builder.finish(suffix_);
        if (!name) return false;
        slot = {.name = *name, .number = size_++};
        return true;
    }

    Arena* arena_;
    dns::NameView suffix_;
    std::span<Target> slots_;
    std::uint32_t size_ = 0;
};

}  // namespace nameplane::plugins::kubernetes
