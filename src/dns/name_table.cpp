// hot path
#include "dns/name_table.hpp"

#include "dns/octets.hpp"

#include <algorithm>

namespace nameplane::dns {

namespace {

constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
    const std::uint64_t product = (a ^ 0x9e3779b97f4a7c15ULL) * (b | 1U);
    return product ^ product >> 32;
}

/// Of a label with its length octet, case ignored, and its parent's place.
std::uint32_t hash(const std::uint8_t* label, std::uint16_t parent) noexcept {
    const std::size_t octets = 1U + label[0];
    std::uint64_t state = parent * 0xd6e8feb86659fd93ULL;
    if (octets >= 8) {
        for (std::size_t at = 0; at + 8 <= octets; at += 8) {
            state = mix(state ^ fold(load<std::uint64_t>(label + at)), 0xd6e8feb86659fd93ULL);
        }
        state = mix(state ^ fold(load<std::uint64_t>(label + octets - 8)), 0xa0761d6478bd642fULL);
    } else if (octets >= 4) {
        const std::uint64_t ends = std::uint64_t{load<std::uint32_t>(label)} << 32 |
                                   load<std::uint32_t>(label + octets - 4);
        state = mix(state ^ fold(ends), 0xd6e8feb86659fd93ULL);
    } else {
        const std::uint64_t ends = std::uint64_t{load<std::uint16_t>(label)} << 16 |
                                   load<std::uint16_t>(label + octets - 2);
        state = mix(state ^ fold(ends), 0xd6e8feb86659fd93ULL);
    }
    return static_cast<std::uint32_t>(state ^ state >> 16);
}

}  // namespace

NameTable::NameTable(const std::uint8_t* message) noexcept : message_{message} {
    std::fill_n(slots_.begin(), slots_small, Slot{});
}

std::uint16_t NameTable::find(const std::uint8_t* label, std::uint16_t parent) const noexcept {
    std::uint32_t at = hash(label, parent);
    for (std::uint32_t probe = 0; probe < probes_max; ++probe, ++at) {
        const Slot slot = slots_[at & mask_];
        if (slot.offset == 0) return 0;
        if (slot.parent == parent && same_label(message_ + slot.offset, label)) return slot.offset;
    }
    return 0;
}

bool NameTable::add(std::size_t offset, std::uint16_t parent) noexcept {
    if (offset > offset_max) return false;
    if (used_ * 4 >= (mask_ + 1) * 3) {
        if (mask_ + 1 == slots_large) return false;
        grow();
    }
    return place({.offset = static_cast<std::uint16_t>(offset), .parent = parent});
}

bool NameTable::place(Slot entry) noexcept {
    std::uint32_t at = hash(message_ + entry.offset, entry.parent);
    for (std::uint32_t probe = 0; probe < probes_max; ++probe, ++at) {
        Slot& slot = slots_[at & mask_];
        if (slot.offset != 0) continue;
        slot = entry;
        ++used_;
        return true;
    }
    return false;
}

void NameTable::grow() noexcept {
    std::array<Slot, slots_small> kept;
    std::copy_n(slots_.begin(), slots_small, kept.begin());
    slots_.fill(Slot{});
    mask_ = slots_large - 1;
    used_ = 0;
    for (const Slot& entry : kept) {
        if (entry.offset != 0) place(entry);
    }
}

}  // namespace nameplane::dns
