// hot path
#pragma once
// walk: over the names and records of a message whose octets are foreign. Every read is checked
// against the end; compression pointers lead to an earlier place each, behind the header, so that
// a walk ends.

#include "dns/reader.hpp"
#include <nameplane/dns/name.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace nameplane::dns {

inline constexpr std::size_t header_octets = 12;

/// Consumes a name that may be compressed. False if it is malformed.
[[nodiscard]] bool skip_name(ByteReader& reader) noexcept;

/// A name, expanded, with its final zero; consumes what it takes where it stands. False if it is
/// malformed; `to` and `size` are then of no use.
[[nodiscard]] bool expand_name(ByteReader& reader, std::array<std::uint8_t, name_octets_max>& to,
                               std::size_t& size) noexcept;

/// The part of a record behind its owner.
struct RecordBody {
    std::uint16_t type;
    std::uint16_t klass;
    std::uint32_t ttl;
    std::span<const std::uint8_t> data;
};

/// Consumes it; nothing if it does not end within the message.
std::optional<RecordBody> read_body(ByteReader& reader) noexcept;

}  // namespace nameplane::dns
