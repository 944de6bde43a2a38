// hot path
#pragma once
// NameTable: where in a message which name has been written, for compression (RFC 1035 4.1.4). A
// tree in a hash table: each entry is one label, found by its octets and by the entry of the name
// behind it. Lies on the encoder's stack; no heap.

#include <array>
#include <cstddef>
#include <cstdint>

namespace nameplane::dns {

/// Entries are places in the message, so a label's octets are never copied; 0 stands for the root
/// and for "none". Case is ignored.
class NameTable {
public:
    /// A pointer has 14 bits.
    static constexpr std::size_t offset_max = 0x3fff;

    /// `message` is the start of the header; what is added must have been written before.
    explicit NameTable(const std::uint8_t* message) noexcept;

    /// The place of the name made of `label` (length octet first) and the name at `parent`; 0 if
    /// there is none.
    std::uint16_t find(const std::uint8_t* label, std::uint16_t parent) const noexcept;
    /// Adds the name whose first label lies at `offset` and whose rest is the name at `parent`.
    /// False if the table is full or `offset` is more than a pointer can say: names are then found
    /// less often, nothing else.
    bool add(std::size_t offset, std::uint16_t parent) noexcept;

private:
    struct Slot {
        std::uint16_t offset;  ///< 0: free
        std::uint16_t parent;
    };
    /// Most answers need a few names: emptying a large table would cost more than using it.
    static constexpr std::uint32_t slots_small = 32;
    static constexpr std::uint32_t slots_large = 1024;
    /// Bounds the work when labels collide.
    static constexpr std::uint32_t probes_max = 16;

    bool place(Slot entry) noexcept;
    void grow() noexcept;

    const std::uint8_t* message_;
    std::uint32_t mask_ = slots_small - 1;
    std::uint32_t used_ = 0;
    std::array<Slot, slots_large> slots_;  ///< the first mask_ + 1 are in use
};

}  // namespace nameplane::dns
