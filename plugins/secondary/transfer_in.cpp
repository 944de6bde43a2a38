#include "plugins/secondary/transfer_in.hpp"

#include "dns/octets.hpp"
#include "dns/parse_answer.hpp"
#include <nameplane/reply.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace nameplane::plugins::secondary {

namespace {

constexpr std::size_t length_octets = 2;
constexpr std::size_t header_octets = 12;

Error wrong(std::string text) {
    return {Errc::invalid, std::move(text)};
}

/// Whether `message` answers the question `id`. Messages behind the first one may leave the
/// question out (RFC 5936 2.2.1); `reply` then lacks nothing.
Status read(std::span<const std::uint8_t> message, dns::NameView origin, std::uint16_t id,
            Arena& arena, Reply& reply) {
    if (message.size() < header_octets) return wrong("a message shorter than a header");
    if ((message[0] << 8U | message[1]) != id) return wrong("an answer to another question");
    const unsigned flags = static_cast<unsigned>(message[2]) << 8U | message[3];
    if ((flags & 0x8000U) == 0) return wrong("a message that is no answer");
    if ((flags & 0x7800U) != 0) return wrong("an answer with another opcode");
    if ((flags & 0x0200U) != 0) return wrong("an answer that was cut");
    const auto rcode = static_cast<dns::Rcode>(flags & 0xfU);
    if (rcode != dns::Rcode::no_error) return wrong("answered " + dns::to_string(rcode));
    if (const auto head = dns::read_answer_head(message); head && !head->name.equals(origin)) {
        return wrong("an answer about another name");
    }
    if (!dns::read_answer_part(message, origin, arena, reply)) return wrong("a malformed message");
    return {};
}

const dns::SoaData* soa_of(const dns::Record& record, dns::NameView origin) noexcept {
    if (record.type != dns::Type::soa || !record.owner.equals(origin)) return nullptr;
    return std::get_if<dns::SoaData>(&record.data);
}

}  // namespace

std::vector<std::uint8_t> question_octets(dns::NameView origin, dns::Type type, std::uint16_t id) {
    const std::size_t size = header_octets + origin.size() + 4;
    std::vector<std::uint8_t> octets(length_octets + size);
    dns::store16(octets.data(), static_cast<std::uint16_t>(size));
    dns::store16(octets.data() + 2, id);
    dns::store16(octets.data() + 6, 1);
    std::uint8_t* const behind =
        std::ranges::copy(origin.wire(), octets.data() + length_octets + header_octets).out;
    dns::store16(behind, static_cast<std::uint16_t>(type));
    dns::store16(behind + 2, static_cast<std::uint16_t>(dns::Class::in));
    return octets;
}

Result<std::uint32_t> read_serial(std::span<const std::uint8_t> message, dns::NameView origin,
                                  std::uint16_t id, Arena& arena) {
    Reply reply{arena};
    if (Status done = read(message, origin, id, arena, reply); !done) return done.error();
    for (const dns::Record& record : reply.answers().records()) {
        if (const dns::SoaData* const soa = soa_of(record, origin)) return soa->serial;
    }
    return wrong("an answer without a SOA");
}

TransferIn::TransferIn(dns::NameView origin, std::uint16_t id, Bounds bounds)
    : origin_{origin}, id_{id}, bounds_{bounds}, builder_{origin_} {}

Result<TransferIn::Went> TransferIn::take(std::span<const std::uint8_t> message, Arena& arena) {
    octets_ += message.size();
    if (octets_ > bounds_.octets) {
        return wrong("more than " + std::to_string(bounds_.octets) + " octets");
    }
    Reply reply{arena};
    if (Status done = read(message, origin_, id_, arena, reply); !done) return done.error();
    if (reply.answers().empty()) return wrong("a message without records");
    for (const dns::Record& record : reply.answers().records()) {
        if (Status taken = take_record(record); !taken) return taken.error();
    }
    if (!ended_) return Went::more;
    Result<zone::ZonePtr> made = builder_.finish();
    if (!made) return made.error();
    zone_ = std::move(*made);
    return Went::done;
}

Status TransferIn::take_record(const dns::Record& record) {
    if (ended_) return wrong("records behind the last SOA");
    if (record.klass != dns::Class::in) return wrong("a record of another class");
    if (++records_ > bounds_.records) {
        return wrong("more than " + std::to_string(bounds_.records) + " records");
    }
    const dns::SoaData* const soa = soa_of(record, origin_);
    if (!serial_) {
        if (soa == nullptr) return wrong("no SOA at the beginning");
        serial_ = soa->serial;
        return builder_.add(record);
    }
    if (soa == nullptr) {
        // The builder would take it for the zone's.
        const bool is_of_another = record.type == dns::Type::soa && !record.owner.equals(origin_);
        if (!is_of_another) return builder_.add(record);
        ++other_soas_;
        return {};
    }
    if (soa->serial != *serial_) return wrong("another SOA at the end than at the beginning");
    ended_ = true;
    return {};
}

}  // namespace nameplane::plugins::secondary
