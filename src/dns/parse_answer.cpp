// hot path
#include "dns/parse_answer.hpp"

#include "dns/reader.hpp"
#include "dns/walk.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace nameplane::dns {

namespace {

constexpr Ttl ttl_max = 0x7fffffff;

using Octets = std::span<const std::uint8_t>;

struct Counts {
    std::uint16_t answers;
    std::uint16_t authorities;
    std::uint16_t additionals;
};

struct Head {
    AnswerHead head;
    Counts counts;
};

/// What stands in an rdata: octets, names, octets to the end.
struct Shape {
    std::uint8_t fixed;        ///< octets before the first name
    std::uint8_t names;        ///< 0: no names at all
    std::uint8_t behind;       ///< octets that must stand behind them; any_number: whatever is left
    std::uint8_t strings = 0;  ///< <character-string>s between the fixed octets and the names
};
constexpr std::uint8_t any_number = 255;

/// The types of RFC 1035 and those of RFC 3597 4, whose names others may have compressed.
std::optional<Shape> shape_of(std::uint16_t type) noexcept {
    switch (type) {
    case 2:   // NS
    case 3:   // MD
    case 4:   // MF
    case 5:   // CNAME
    case 7:   // MB
    case 8:   // MG
    case 9:   // MR
    case 12:  // PTR
    case 39:  // DNAME
        return Shape{0, 1, 0};
    case 6: return Shape{0, 2, 20};  // SOA
    case 14:                         // MINFO
    case 17:                         // RP
        return Shape{0, 2, 0};
    case 15:  // MX
    case 18:  // AFSDB
    case 21:  // RT
    case 36:  // KX
        return Shape{2, 1, 0};
    case 26: return Shape{2, 2, 0};  // PX
    case 33: return Shape{6, 1, 0};  // SRV
    case 24:                         // SIG
    case 46:                         // RRSIG
        return Shape{18, 1, any_number};
    case 30: return Shape{0, 1, any_number};  // NXT
    case 35: return Shape{4, 1, 0, 3};        // NAPTR
    default: return std::nullopt;
    }
}

std::uint16_t load16(const std::uint8_t* from) noexcept {
    return static_cast<std::uint16_t>(from[0] << 8 | from[1]);
}
std::uint32_t load32(const std::uint8_t* from) noexcept {
    return static_cast<std::uint32_t>(load16(from)) << 16 | load16(from + 2);
}

/// Reads the records of one message.
class Reading {
public:
    Reading(Octets message, NameView name, Arena& arena, Reply& reply) noexcept
        : reader_{message}, name_{name}, arena_{arena}, reply_{reply} {}

    ByteReader& reader() noexcept { return reader_; }

    bool section(Section& section, unsigned count, bool additional) noexcept {
        // A record has at least 11 octets: what the count promises cannot cost more than that.
        if (count > reader_.remaining() / 11) return false;
        if (count != 0 && !section.reserve(arena_, count)) return false;
        for (; count != 0; --count) {
            if (!record(section, additional)) return false;
        }
        return true;
    }

private:
    bool record(Section& section, bool additional) noexcept {
        Record record;
        if (!name(reader_, record.owner)) return false;
        const std::optional<Octets> fixed = reader_.octets(10);
        if (!fixed) return false;
        const std::uint16_t type = load16(fixed->data());
        const std::size_t length = load16(fixed->data() + 8);
        if (length > reader_.remaining()) return false;
        record.type = static_cast<Type>(type);
        record.klass = static_cast<Class>(load16(fixed->data() + 2));
        record.ttl = load32(fixed->data() + 4);
        if (type == static_cast<std::uint16_t>(Type::opt)) {
            return additional && opt(record, length);
        }
        if (record.ttl > ttl_max) record.ttl = 0;  // RFC 2181 8
        if (type == static_cast<std::uint16_t>(Type::tsig)) return reader_.skip(length);
        return rdata(record, length) && section.add(arena_, record);
    }

    /// RFC 6891 6.1.3: the upper bits of the rcode; options pass on but those between neighbours.
    bool opt(const Record& record, std::size_t length) noexcept {
        reply_.rcode = static_cast<Rcode>((static_cast<unsigned>(reply_.rcode) & 0xfU) |
                                          record.ttl >> 24 << 4);
        ByteReader options{*reader_.octets(length)};
        while (!options.at_end()) {
            const std::optional<std::uint16_t> code = options.u16();
            const std::optional<std::uint16_t> octets = options.u16();
            if (!code || !octets) return false;
            const std::optional<Octets> data = options.octets(*octets);
            if (!data) return false;
            constexpr std::uint16_t nsid = 3;
            constexpr std::uint16_t client_subnet = 8;
            constexpr std::uint16_t extended_error = 15;
            if (*code == nsid || *code == client_subnet || *code == extended_error) {
                reply_.edns_option(*code, *data);
            }
        }
        return true;
    }

    bool name(ByteReader& reader, NameView& out) noexcept {
        // Most owners are a pointer, and the same one again and again.
        const std::size_t at = reader.offset();
        const Octets message = reader.all();
        std::uint16_t pointer = 0;
        if (at + 1 < message.size() && message[at] >= 0xc0) {
            pointer = load16(message.data() + at);
            if (pointer == last_pointer_) {
                out = last_;
                return reader.skip(2);
            }
        }
        std::size_t size = 0;
        if (!expand_name(reader, expanded_, size)) return false;
        const NameView view = NameView::trusted(expanded_.data(), size);
        if (view.equals(name_)) {
            out = name_;
        } else {
            const std::optional<NameView> copy = view.copy_to(arena_);
            if (!copy) return false;
            out = *copy;
        }
        if (pointer != 0) {
            last_pointer_ = pointer;
            last_ = out;
        }
        return true;
    }

    bool rdata(Record& record, std::size_t length) noexcept {
        const std::optional<Shape> shape = shape_of(static_cast<std::uint16_t>(record.type));
        if (shape) return with_names(record, *shape, length);
        const Octets data = *reader_.octets(length);
        const bool in = record.klass == Class::in;
        if (in && (record.type == Type::a || record.type == Type::aaaa)) {
            if (length != (record.type == Type::a ? 4U : 16U)) return false;
            record.data = *IpAddress::from_bytes(data);
        } else {
            record.data = RawData{data};
        }
        return true;
    }

    /// The names may point anywhere before them, but must end where the rdata says.
    bool with_names(Record& record, const Shape& shape, std::size_t length) noexcept {
        const std::size_t start = reader_.offset();
        const std::size_t end = start + length;
        ByteReader inner{reader_.all().first(end)};
        inner.skip(start);
        if (!inner.skip(shape.fixed)) return false;
        for (unsigned i = 0; i < shape.strings; ++i) {
            const std::optional<std::uint8_t> octets = inner.u8();
            if (!octets || !inner.skip(*octets)) return false;
        }
        const std::size_t names_at = inner.offset();
        std::array<NameView, 2> names;
        for (unsigned i = 0; i < shape.names; ++i) {
            if (!name(inner, names[i])) return false;
        }
        const std::size_t left = end - inner.offset();
        if (shape.behind != any_number && left != shape.behind) return false;
        const Octets before = reader_.all().subspan(start, names_at - start);
        const Octets behind = reader_.all().subspan(inner.offset(), left);
        reader_.skip(length);
        switch (record.type) {
        case Type::ns:
        case Type::cname:
        case Type::ptr: record.data = names[0]; return true;
        case Type::mx: record.data = MxData{load16(before.data()), names[0]}; return true;
        case Type::srv:
            record.data = SrvData{load16(before.data()), load16(before.data() + 2),
                                  load16(before.data() + 4), names[0]};
            return true;
        case Type::soa:
            record.data = SoaData{names[0],
                                  names[1],
                                  load32(behind.data()),
                                  load32(behind.data() + 4),
                                  load32(behind.data() + 8),
                                  load32(behind.data() + 12),
                                  load32(behind.data() + 16)};
            return true;
        case Type::a:
        case Type::hinfo:
        case Type::txt:
        case Type::aaaa:
        case Type::naptr:
        case Type::opt:
        case Type::ds:
        case Type::rrsig:
        case Type::nsec:
        case Type::nsec3:
        case Type::dnskey:
        case Type::tlsa:
        case Type::svcb:
        case Type::https:
        case Type::tsig:
        case Type::ixfr:
        case Type::axfr:
        case Type::any:
        case Type::caa: break;
        }
        return put_together(record, before, {names.data(), shape.names}, behind);
    }

    bool put_together(Record& record, Octets before, std::span<const NameView> names,
                      Octets behind) noexcept {
        std::size_t size = before.size() + behind.size();
        for (const NameView& each : names) size += each.size();
        const std::span<std::uint8_t> whole = arena_.array<std::uint8_t>(size);
        if (whole.empty()) return false;
        auto at = std::ranges::copy(before, whole.begin()).out;
        for (const NameView& each : names) at = std::ranges::copy(each.wire(), at).out;
        std::ranges::copy(behind, at);
        record.data = RawData{whole};
        return true;
    }

    ByteReader reader_;
    NameView name_;
    Arena& arena_;
    Reply& reply_;
    std::array<std::uint8_t, name_octets_max> expanded_;
    std::uint16_t last_pointer_ = 0;
    NameView last_;
};

enum class Questions : std::uint8_t { one, one_or_none };

std::optional<Head> read_head(ByteReader& reader, Questions wanted) noexcept {
    const std::optional<Octets> header = reader.octets(header_octets);
    if (!header) return std::nullopt;
    const std::uint8_t* const h = header->data();
    const std::uint16_t flags = load16(h + 2);
    const bool response = (flags & 0x8000U) != 0;
    const bool query = (flags >> 11 & 0xfU) == 0;
    if (!response || !query) return std::nullopt;
    Head out{{.id = load16(h),
              .authoritative = (flags & 0x0400U) != 0,
              .truncated = (flags & 0x0200U) != 0,
              .recursion_available = (flags & 0x0080U) != 0,
              .rcode = static_cast<Rcode>(flags & 0xfU)},
             {load16(h + 6), load16(h + 8), load16(h + 10)}};
    const std::uint16_t questions = load16(h + 4);
    if (questions == 0 && wanted == Questions::one_or_none) return out;
    if (questions != 1) return std::nullopt;
    // The question is not compressed: nothing stands before it.
    const std::size_t start = reader.offset();
    std::size_t at = start;
    const Octets all = reader.all();
    while (at < all.size() && all[at] != 0) {
        if (all[at] > label_octets_max) return std::nullopt;
        at += 1U + all[at];
    }
    if (at >= all.size() || at + 1 - start > name_octets_max) return std::nullopt;
    reader.skip(at + 1 - start);
    const std::optional<Octets> rest = reader.octets(4);
    if (!rest) return std::nullopt;
    out.head.name = NameView::trusted(all.data() + start, at + 1 - start);
    out.head.type = static_cast<Type>(load16(rest->data()));
    out.head.klass = static_cast<Class>(load16(rest->data() + 2));
    return out;
}

bool read_whole(std::span<const std::uint8_t> message, Questions wanted, NameView name,
                Arena& arena, Reply& reply) noexcept {
    Reading reading{message, name, arena, reply};
    const std::optional<Head> head = read_head(reading.reader(), wanted);
    if (!head) return false;
    reply.rcode = head->head.rcode;
    reply.authoritative = head->head.authoritative;
    reply.truncated = head->head.truncated;
    reply.recursion_available = head->head.recursion_available;
    return reading.section(reply.answers(), head->counts.answers, false) &&
           reading.section(reply.authorities(), head->counts.authorities, false) &&
           reading.section(reply.additionals(), head->counts.additionals, true);
}

}  // namespace

std::optional<AnswerHead> read_answer_head(std::span<const std::uint8_t> message) noexcept {
    ByteReader reader{message};
    const std::optional<Head> head = read_head(reader, Questions::one);
    if (!head) return std::nullopt;
    return head->head;
}

bool read_answer(std::span<const std::uint8_t> message, NameView name, Arena& arena,
                 Reply& reply) noexcept {
    return read_whole(message, Questions::one, name, arena, reply);
}

bool read_answer_part(std::span<const std::uint8_t> message, NameView name, Arena& arena,
                      Reply& reply) noexcept {
    return read_whole(message, Questions::one_or_none, name, arena, reply);
}

}  // namespace nameplane::dns
