#pragma once
// serial: of zones: which of two is newer (RFC 1982), and the one that a client says it has (RFC
// 1995 3).

#include <cstdint>
#include <optional>
#include <span>

namespace nameplane::dns {

/// Whether `a` comes before `b`.
constexpr bool serial_less(std::uint32_t a, std::uint32_t b) noexcept {
    return a != b && b - a < 0x80000000U;
}

/// The serial of the SOA that is the only record in the authority section; nothing if there is
/// another one, none, or several.
std::optional<std::uint32_t> serial_asked_with(std::span<const std::uint8_t> message) noexcept;

}  // namespace nameplane::dns
