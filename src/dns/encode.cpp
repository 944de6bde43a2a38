// hot path
#include "dns/encode.hpp"

#include "dns/octets.hpp"
#include "dns/writer.hpp"

#include <algorithm>
#include <limits>

namespace nameplane::dns {

namespace {

constexpr std::size_t header_octets = 12;
constexpr std::size_t opt_octets = 11;  // root owner, fixed part, without options
constexpr std::uint16_t udp_size_least = 512;

std::size_t size_limit(const Question& question, const EncodeLimits& limits,
                       std::size_t out_octets) noexcept {
    constexpr std::size_t tcp_size_max = std::numeric_limits<std::uint16_t>::max();
    if (limits.tcp) return std::min(out_octets, tcp_size_max);
    if (!question.edns) return std::min<std::size_t>(out_octets, udp_size_least);
    const std::uint16_t agreed = std::min(question.edns->udp_size, limits.udp_size_max);
    return std::min<std::size_t>(out_octets, std::max(agreed, udp_size_least));
}

/// Writes records from the front until one does not fit; returns how many were written.
std::uint16_t write_section(Writer& writer, std::span<const Record> records) noexcept {
    std::uint16_t written = 0;
    for (const Record& record : records) {
        const std::size_t before = writer.size();
        if (!writer.record(record)) {
            writer.rewind(before);
            break;
        }
        ++written;
    }
    return written;
}

bool same_rrset(const Record& a, const Record& b) noexcept {
    return a.type == b.type && a.klass == b.klass && a.owner.equals(b.owner);
}

/// The like for additional records: an RRset (its records stand side by side) that does not fit is
/// left out as a whole, and so are those behind it (RFC 2181 9).
std::uint16_t write_additionals(Writer& writer, std::span<const Record> records) noexcept {
    std::size_t set_start = writer.size();
    std::size_t set_first = 0;
    for (std::size_t i = 0; i < records.size(); ++i) {
        if (i != 0 && !same_rrset(records[i - 1], records[i])) {
            set_start = writer.size();
            set_first = i;
        }
        if (!writer.record(records[i])) {
            writer.rewind(set_start);
            return static_cast<std::uint16_t>(set_first);
        }
    }
    return static_cast<std::uint16_t>(records.size());
}

struct Counts {
    std::uint16_t questions = 0;
    std::uint16_t answers = 0;
    std::uint16_t authorities = 0;
    std::uint16_t additionals = 0;
};

std::uint16_t flags_of(const Question& question, bool recursion_desired, Rcode rcode) noexcept {
    unsigned flags = 0x8000U | static_cast<unsigned>(question.opcode) << 11;
    if (recursion_desired) flags |= 0x0100U;
    if (question.checking_disabled) flags |= 0x0010U;
    return static_cast<std::uint16_t>(flags | (static_cast<unsigned>(rcode) & 0xfU));
}

void write_header(std::uint8_t* to, std::uint16_t id, std::uint16_t flags, Counts counts) noexcept {
    store16(to, id);
    store16(to + 2, flags);
    store16(to + 4, counts.questions);
    store16(to + 6, counts.answers);
    store16(to + 8, counts.authorities);
    store16(to + 10, counts.additionals);
}

/// RFC 6891 6.1: version 0, our size, DO as the client sent it (RFC 3225 3).
void write_opt(std::uint8_t* to, const Edns& asked, Rcode rcode, std::uint16_t udp_size,
               std::span<const std::uint8_t> options) noexcept {
    to[0] = 0;
    store16(to + 1, static_cast<std::uint16_t>(Type::opt));
    store16(to + 3, udp_size);
    store32(to + 5,
            static_cast<std::uint32_t>(rcode) >> 4 << 24 | (asked.dnssec_ok ? 0x8000U : 0U));
    store16(to + 9, static_cast<std::uint16_t>(options.size()));
    std::copy(options.begin(), options.end(), to + opt_octets);
}

/// Without an OPT there is no place for the upper bits; cut off, BADVERS would read NOERROR.
Rcode rcode_that_fits(Rcode rcode, bool has_edns) noexcept {
    return has_edns || static_cast<unsigned>(rcode) <= 0xfU ? rcode : Rcode::serv_fail;
}

}  // namespace

std::size_t encode(const Question& question, const Reply& reply, const EncodeLimits& limits,
                   std::span<std::uint8_t> out) noexcept {
    std::size_t limit = size_limit(question, limits, out.size());
    if (!limits.tcp && reply.udp_size_max != 0) {
        limit = std::min<std::size_t>(limit, std::max(reply.udp_size_max, udp_size_least));
    }
    std::span<const std::uint8_t> options = reply.edns_options();
    const std::size_t least = header_octets + question.asked.size() + 4 + opt_octets;
    // Where not even the question would be left, a signature goes over the limit.
    if (limits.octets_behind != 0) {
        const std::size_t room = out.size() - std::min(out.size(), limits.octets_behind);
        limit = limit > limits.octets_behind ? limit - limits.octets_behind : 0;
        limit = std::min(std::max(limit, least), room);
    }
    if (options.size() + least > limit) options = {};
    const std::size_t reserved = question.edns ? opt_octets + options.size() : 0;
    if (limit < header_octets + reserved) return 0;
    Writer writer{out.first(limit - reserved)};
    if (!writer.question(question)) return 0;

    Counts counts{.questions = 1};
    counts.answers = write_section(writer, reply.answers().records());
    bool complete = counts.answers == reply.answers().size();
    if (complete) {
        counts.authorities = write_section(writer, reply.authorities().records());
        complete = counts.authorities == reply.authorities().size();
    }
    if (complete) counts.additionals = write_additionals(writer, reply.additionals().records());

    std::size_t size = writer.size();
    const Rcode rcode = rcode_that_fits(reply.rcode, question.edns.has_value());
    if (question.edns) {
        write_opt(out.data() + size, *question.edns, rcode, limits.udp_size_advertised, options);
        size += reserved;
        ++counts.additionals;
    }
    const bool recursion_desired = reply.recursion_desired.value_or(question.recursion_desired);
    std::uint16_t flags = flags_of(question, recursion_desired, rcode);
    if (reply.authoritative) flags |= 0x0400U;
    if (reply.truncated || !complete) flags |= 0x0200U;
    if (reply.recursion_available) flags |= 0x0080U;
    write_header(out.data(), question.id, flags, counts);
    return size;
}

std::size_t encode_header_only(const Question& question, Rcode rcode,
                               std::span<std::uint8_t> out) noexcept {
    if (out.size() < header_octets) return 0;
    const std::uint16_t flags =
        flags_of(question, question.recursion_desired, rcode_that_fits(rcode, false));
    write_header(out.data(), question.id, flags, {});
    return header_octets;
}

}  // namespace nameplane::dns
