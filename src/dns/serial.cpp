#include "dns/serial.hpp"

#include "dns/walk.hpp"
#include <nameplane/dns/types.hpp>

namespace nameplane::dns {

std::optional<std::uint32_t> serial_asked_with(std::span<const std::uint8_t> message) noexcept {
    ByteReader reader{message};
    const auto header = reader.octets(header_octets);
    if (!header) return std::nullopt;
    ByteReader counts{header->subspan(4)};
    const std::uint16_t questions = *counts.u16();
    const std::uint16_t answers = *counts.u16();
    if (*counts.u16() != 1) return std::nullopt;
    for (unsigned i = 0; i < questions; ++i) {
        if (!skip_name(reader) || !reader.skip(4)) return std::nullopt;
    }
    for (unsigned i = 0; i < answers; ++i) {
        if (!skip_name(reader) || !read_body(reader)) return std::nullopt;
    }
    if (!skip_name(reader)) return std::nullopt;
    const auto soa = read_body(reader);
    if (!soa || soa->type != static_cast<std::uint16_t>(Type::soa)) return std::nullopt;
    // Its names may point at what stands before them.
    const auto end = static_cast<std::size_t>(soa->data.data() - message.data()) + soa->data.size();
    ByteReader rdata{message.first(end)};
    rdata.skip(end - soa->data.size());
    if (!skip_name(rdata) || !skip_name(rdata)) return std::nullopt;
    const auto serial = rdata.u32();
    return rdata.remaining() == 16 ? serial : std::nullopt;
}

}  // namespace nameplane::dns
