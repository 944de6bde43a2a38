// hot path
#pragma once
// ByteReader: takes values off the front of untrusted octets. Every read is checked against the
// end, and octets behind what a read consumed never change its result.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace nameplane::dns {

/// Refers to the octets; a cheap value. A read that fails consumes nothing.
class ByteReader {
public:
    explicit constexpr ByteReader(std::span<const std::uint8_t> octets) noexcept
        : octets_{octets} {}

    constexpr std::size_t offset() const noexcept { return offset_; }
    constexpr std::size_t remaining() const noexcept { return octets_.size() - offset_; }
    constexpr bool at_end() const noexcept { return remaining() == 0; }
    /// All octets, those already read included: what compression pointers refer to.
    constexpr std::span<const std::uint8_t> all() const noexcept { return octets_; }

    constexpr std::optional<std::uint8_t> u8() noexcept {
        if (remaining() < 1) return std::nullopt;
        return octets_[offset_++];
    }
    constexpr std::optional<std::uint16_t> u16() noexcept {
        if (remaining() < 2) return std::nullopt;
        const auto value = static_cast<std::uint16_t>(octets_[offset_] << 8 | octets_[offset_ + 1]);
        offset_ += 2;
        return value;
    }
    constexpr std::optional<std::uint32_t> u32() noexcept {
        if (remaining() < 4) return std::nullopt;
        std::uint32_t value = 0;
        for (int i = 0; i < 4; ++i) value = value << 8 | octets_[offset_++];
        return value;
    }
    constexpr std::optional<std::span<const std::uint8_t>> octets(std::size_t count) noexcept {
        if (remaining() < count) return std::nullopt;
        const std::span<const std::uint8_t> taken = octets_.subspan(offset_, count);
        offset_ += count;
        return taken;
    }
    /// False, and nothing consumed, if fewer than `count` are left.
    constexpr bool skip(std::size_t count) noexcept { return octets(count).has_value(); }

private:
    std::span<const std::uint8_t> octets_;
    std::size_t offset_ = 0;
};

}  // namespace nameplane::dns
