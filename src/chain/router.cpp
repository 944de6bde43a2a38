// hot path
#include "chain/router.hpp"

#include <algorithm>
#include <cstring>

namespace nameplane::chain {

namespace {

// Eight octets at a time.
std::size_t hash_of(dns::NameView name) noexcept {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15ULL;
    const std::uint8_t* at = name.data();
    std::size_t left = name.size();
    std::uint64_t hash = left * odd;
    while (left > 0) {
        std::uint64_t word = 0;
        const std::size_t octets = std::min<std::size_t>(left, 8);
        std::memcpy(&word, at, octets);
        hash = (hash ^ word) * 0xd6e8feb86659fd93ULL;
        hash ^= hash >> 32;
        at += octets;
        left -= octets;
    }
    return hash;
}

bool same(dns::NameView a, dns::NameView b) noexcept {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

std::size_t Router::slot_of(dns::NameView zone) const noexcept {
    std::size_t slot = hash_of(zone) & slot_mask_;
    while (slots_[slot] != 0 && !same(zones_[slots_[slot] - 1].name, zone)) {
        slot = (slot + 1) & slot_mask_;
    }
    return slot;
}

const Zone* Router::find(dns::NameView name) const noexcept {
    if (slots_ == nullptr) return nullptr;
    std::size_t labels = name.label_count();
    for (dns::NameView suffix = name;; suffix = suffix.parent(), --labels) {
        if (label_counts_[labels]) {
            const std::uint32_t number = slots_[slot_of(suffix)];
            if (number != 0) return &zones_[number - 1];
        }
        if (suffix.is_root()) return nullptr;
    }
}

}  // namespace nameplane::chain
