// hot path
#include "dns/parse.hpp"

#include "dns/octets.hpp"
#include "dns/reader.hpp"
#include "dns/walk.hpp"

#include <algorithm>

namespace nameplane::dns {

namespace {

struct Counts {
    std::uint16_t questions;
    std::uint16_t answers;
    std::uint16_t authorities;
    std::uint16_t additionals;
};

/// The question's name: never compressed, since nothing stands before it that it could refer to.
/// Consumes it; nothing if it is malformed.
std::optional<NameView> read_plain_name(ByteReader& reader) noexcept {
    const std::uint8_t* const start = reader.all().data() + reader.offset();
    const std::size_t room = std::min(reader.remaining(), name_octets_max);
    std::size_t at = 0;
    while (at < room && start[at] != 0) {
        if (start[at] > label_octets_max) return std::nullopt;
        at += 1U + start[at];
    }
    if (at >= room) return std::nullopt;
    reader.skip(at + 1);
    return NameView::trusted(start, at + 1);
}

bool options_well_formed(std::span<const std::uint8_t> options) noexcept {
    ByteReader reader{options};
    while (!reader.at_end()) {
        const std::optional<std::uint16_t> code = reader.u16();
        const std::optional<std::uint16_t> length = reader.u16();
        if (!code || !length || !reader.skip(*length)) return false;
    }
    return true;
}

/// RFC 6891 6.1: the class is the size, the TTL holds extended rcode, version and flags.
Edns edns_of(const RecordBody& body) noexcept {
    return {.udp_size = std::max<std::uint16_t>(body.klass, 512),
            .version = static_cast<std::uint8_t>(body.ttl >> 16),
            .dnssec_ok = (body.ttl & 0x8000U) != 0,
            .options = body.data};
}

/// Answer and authority: only walked over. OPT and TSIG have no place there (RFC 6891 6.1.1,
/// RFC 8945 5.1).
bool walk_records(ByteReader& reader, unsigned count) noexcept {
    for (; count != 0; --count) {
        if (!skip_name(reader)) return false;
        const std::optional<RecordBody> body = read_body(reader);
        if (!body) return false;
        if (body->type == static_cast<std::uint16_t>(Type::opt)) return false;
        if (body->type == static_cast<std::uint16_t>(Type::tsig)) return false;
    }
    return true;
}

/// At most one OPT, anywhere, owned by the root; a TSIG only at the end (RFC 8945 5.1).
bool read_additionals(ByteReader& reader, unsigned count, std::optional<Edns>& edns) noexcept {
    for (; count != 0; --count) {
        const std::size_t start = reader.offset();
        if (!skip_name(reader)) return false;
        const std::optional<RecordBody> body = read_body(reader);
        if (!body) return false;
        if (body->type == static_cast<std::uint16_t>(Type::opt)) {
            if (edns || reader.all()[start] != 0) return false;
            if (!options_well_formed(body->data)) return false;
            edns = edns_of(*body);
        } else if (body->type == static_cast<std::uint16_t>(Type::tsig) && count != 1) {
            return false;
        }
    }
    return true;
}

bool read_question(ByteReader& reader, Question& out) noexcept {
    const std::optional<NameView> asked = read_plain_name(reader);
    if (!asked) return false;
    const std::optional<std::uint16_t> type = reader.u16();
    const std::optional<std::uint16_t> klass = reader.u16();
    if (!type || !klass) return false;
    copy_folded(out.lowered.data(), asked->data(), asked->size());
    out.asked = *asked;
    out.name = NameView::trusted(out.lowered.data(), asked->size());
    out.type = static_cast<Type>(*type);
    out.klass = static_cast<Class>(*klass);
    return true;
}

}  // namespace

ParseError parse_query(std::span<const std::uint8_t> message, Question& out) noexcept {
    ByteReader reader{message};
    const std::optional<std::span<const std::uint8_t>> header = reader.octets(header_octets);
    if (!header) return ParseError::too_short;
    ByteReader fields{*header};
    out.id = *fields.u16();
    const std::uint16_t flags = *fields.u16();
    out.opcode = static_cast<Opcode>(flags >> 11 & 0xfU);
    out.recursion_desired = (flags & 0x0100U) != 0;
    out.checking_disabled = (flags & 0x0010U) != 0;
    out.edns.reset();
    const Counts counts{.questions = *fields.u16(),
                        .answers = *fields.u16(),
                        .authorities = *fields.u16(),
                        .additionals = *fields.u16()};

    if ((flags & 0x8000U) != 0) return ParseError::response;
    if (out.opcode != Opcode::query && out.opcode != Opcode::notify) return ParseError::opcode;
    if (counts.questions != 1) return ParseError::no_question;
    if (!read_question(reader, out)) return ParseError::malformed;
    if (!walk_records(reader, counts.answers)) return ParseError::malformed;
    if (!walk_records(reader, counts.authorities)) return ParseError::malformed;
    if (!read_additionals(reader, counts.additionals, out.edns)) return ParseError::malformed;
    if (out.edns && out.edns->version != 0) return ParseError::edns_version;
    return ParseError::none;
}

}  // namespace nameplane::dns
