// hot path
#include "dns/walk.hpp"

#include <cstring>

namespace nameplane::dns {

namespace {

/// A name of 255 octets has at most 127 labels; more pointers than that serve no honest purpose.
constexpr unsigned pointers_max = 127;

}  // namespace

bool skip_name(ByteReader& reader) noexcept {
    const std::span<const std::uint8_t> message = reader.all();
    std::size_t at = reader.offset();
    std::size_t run_start = at;
    std::size_t consumed = 0;  // octets of the name where it stands; known at the first pointer
    std::size_t octets = 1;    // of the expanded name, its final zero counted in advance
    unsigned pointers = 0;
    while (at < message.size()) {
        const std::uint8_t length = message[at];
        if (length == 0) return reader.skip(consumed != 0 ? consumed : at + 1 - reader.offset());
        if (length <= label_octets_max) {
            octets += 1U + length;
            if (octets > name_octets_max) return false;
            at += 1U + length;
            continue;
        }
        if (length < 0xc0 || at + 1 >= message.size()) return false;
        const std::size_t target = (length & 0x3fU) << 8 | message[at + 1];
        if (target < header_octets || target >= run_start || ++pointers > pointers_max)
            return false;
        if (consumed == 0) consumed = at + 2 - reader.offset();
        at = run_start = target;
    }
    return false;
}

bool expand_name(ByteReader& reader, std::array<std::uint8_t, name_octets_max>& to,
                 std::size_t& size) noexcept {
    const std::span<const std::uint8_t> message = reader.all();
    std::size_t at = reader.offset();
    std::size_t run_start = at;
    std::size_t consumed = 0;
    unsigned pointers = 0;
    size = 0;
    while (at < message.size()) {
        const std::uint8_t length = message[at];
        if (length == 0) {
            to[size++] = 0;
            return reader.skip(consumed != 0 ? consumed : at + 1 - reader.offset());
        }
        if (length <= label_octets_max) {
            // The final zero is counted in advance.
            if (size + 1 + length + 1 > name_octets_max || at + 1 + length > message.size()) {
                return false;
            }
            std::memcpy(to.data() + size, message.data() + at, 1U + length);
            size += 1U + length;
            at += 1U + length;
            continue;
        }
        if (length < 0xc0 || at + 1 >= message.size()) return false;
        const std::size_t target = (length & 0x3fU) << 8 | message[at + 1];
        if (target < header_octets || target >= run_start || ++pointers > pointers_max) {
            return false;
        }
        if (consumed == 0) consumed = at + 2 - reader.offset();
        at = run_start = target;
    }
    return false;
}

std::optional<RecordBody> read_body(ByteReader& reader) noexcept {
    const std::optional<std::span<const std::uint8_t>> fixed = reader.octets(10);
    if (!fixed) return std::nullopt;
    ByteReader fields{*fixed};
    RecordBody body{
        .type = *fields.u16(), .klass = *fields.u16(), .ttl = *fields.u32(), .data = {}};
    const std::optional<std::span<const std::uint8_t>> data = reader.octets(*fields.u16());
    if (!data) return std::nullopt;
    body.data = *data;
    return body;
}

}  // namespace nameplane::dns
