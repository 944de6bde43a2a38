// hot path
#include "plugins/cache/pack.hpp"

#include "dns/octets.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace nameplane::plugins::caching {

namespace {

constexpr std::size_t packed_octets_max = 128 << 10;
constexpr std::size_t records_max = 0xffff;

enum class Kind : std::uint8_t { address, name, srv, mx, soa, raw };

class Out {
public:
    explicit Out(std::uint8_t* to) noexcept : at_{to} {}
    void u8(std::uint8_t value) noexcept { *at_++ = value; }
    void u16(std::uint16_t value) noexcept {
        dns::store16(at_, value);
        at_ += 2;
    }
    void u32(std::uint32_t value) noexcept {
        dns::store32(at_, value);
        at_ += 4;
    }
    void octets(std::span<const std::uint8_t> octets) noexcept {
        at_ = std::ranges::copy(octets, at_).out;
    }

private:
    std::uint8_t* at_;
};

/// Our own octets: nothing is checked.
class In {
public:
    explicit In(const std::uint8_t* from) noexcept : at_{from} {}
    std::uint8_t u8() noexcept { return *at_++; }
    std::uint16_t u16() noexcept {
        const auto value = static_cast<std::uint16_t>(at_[0] << 8 | at_[1]);
        at_ += 2;
        return value;
    }
    std::uint32_t u32() noexcept {
        const std::uint32_t high = u16();
        return high << 16 | u16();
    }
    dns::NameView name() noexcept {
        const std::uint8_t* end = at_;
        while (*end != 0) end += 1U + *end;
        const auto view = dns::NameView::trusted(at_, static_cast<std::size_t>(end + 1 - at_));
        at_ = end + 1;
        return view;
    }
    std::span<const std::uint8_t> octets(std::size_t count) noexcept {
        at_ += count;
        return {at_ - count, count};
    }

private:
    const std::uint8_t* at_;
};

std::size_t data_octets(const dns::Rdata& data) noexcept {
    if (const auto* ip = std::get_if<IpAddress>(&data)) return 1 + ip->bytes().size();
    if (const auto* name = std::get_if<dns::NameView>(&data)) return name->size();
    if (const auto* srv = std::get_if<dns::SrvData>(&data)) return 6 + srv->target.size();
    if (const auto* mx = std::get_if<dns::MxData>(&data)) return 2 + mx->exchange.size();
    if (const auto* soa = std::get_if<dns::SoaData>(&data)) {
        return soa->mname.size() + soa->rname.size() + 20;
    }
    return 2 + std::get_if<dns::RawData>(&data)->size();
}

void put(Out& out, const dns::Rdata& data) noexcept {
    if (const auto* ip = std::get_if<IpAddress>(&data)) {
        out.u8(static_cast<std::uint8_t>(ip->bytes().size()));
        out.octets(ip->bytes());
    } else if (const auto* name = std::get_if<dns::NameView>(&data)) {
        out.octets(name->wire());
    } else if (const auto* srv = std::get_if<dns::SrvData>(&data)) {
        out.u16(srv->priority);
        out.u16(srv->weight);
        out.u16(srv->port);
        out.octets(srv->target.wire());
    } else if (const auto* mx = std::get_if<dns::MxData>(&data)) {
        out.u16(mx->preference);
        out.octets(mx->exchange.wire());
    } else if (const auto* soa = std::get_if<dns::SoaData>(&data)) {
        out.octets(soa->mname.wire());
        out.octets(soa->rname.wire());
        for (const std::uint32_t value :
             {soa->serial, soa->refresh, soa->retry, soa->expire, soa->minimum}) {
            out.u32(value);
        }
    } else {
        const dns::RawData& raw = *std::get_if<dns::RawData>(&data);
        out.u16(static_cast<std::uint16_t>(raw.size()));
        out.octets(raw);
    }
}

dns::Rdata take(In& in, Kind kind) noexcept {
    switch (kind) {
    case Kind::address: return *IpAddress::from_bytes(in.octets(in.u8()));
    case Kind::name: return in.name();
    case Kind::srv: {
        dns::SrvData srv{.priority = in.u16(), .weight = in.u16(), .port = in.u16(), .target = {}};
        srv.target = in.name();
        return srv;
    }
    case Kind::mx: {
        dns::MxData mx{.preference = in.u16(), .exchange = {}};
        mx.exchange = in.name();
        return mx;
    }
    case Kind::soa: {
        dns::SoaData soa;
        soa.mname = in.name();
        soa.rname = in.name();
        soa.serial = in.u32();
        soa.refresh = in.u32();
        soa.retry = in.u32();
        soa.expire = in.u32();
        soa.minimum = in.u32();
        return soa;
    }
    case Kind::raw: break;
    }
    return dns::RawData{in.octets(in.u16())};
}

}  // namespace

std::optional<std::span<const std::uint8_t>> pack(const Reply& reply, dns::NameView name,
                                                  Arena& arena) noexcept {
    const std::array<const Section*, 3> sections{&reply.answers(), &reply.authorities(),
                                                 &reply.additionals()};
    std::size_t octets = 6;
    for (const Section* section : sections) {
        if (section->size() > records_max) return std::nullopt;
        for (const dns::Record& record : section->records()) {
            octets += 6U + record.owner.size() + data_octets(record.data);
        }
        if (octets > packed_octets_max) return std::nullopt;
    }
    const std::span<std::uint8_t> room = arena.array<std::uint8_t>(octets);
    if (room.empty()) return std::nullopt;
    Out out{room.data()};
    for (const Section* section : sections) out.u16(static_cast<std::uint16_t>(section->size()));
    std::size_t unused = 0;
    for (const Section* section : sections) {
        for (const dns::Record& record : section->records()) {
            const bool same = record.owner.equals(name);
            out.u8(static_cast<std::uint8_t>(record.data.index() << 1U | (same ? 1U : 0U)));
            if (same) {
                unused += record.owner.size();
            } else {
                out.octets(record.owner.wire());
            }
            out.u16(static_cast<std::uint16_t>(record.type));
            out.u16(static_cast<std::uint16_t>(record.klass));
            put(out, record.data);
            ++unused;  // five octets beside owner and data, and six were counted
        }
    }
    return room.first(octets - unused);
}

void unpack(std::span<const std::uint8_t> packed, dns::NameView name, dns::Ttl ttl, Arena& arena,
            Reply& reply) noexcept {
    In in{packed.data()};
    const std::array<Section*, 3> sections{&reply.answers(), &reply.authorities(),
                                           &reply.additionals()};
    std::array<std::uint16_t, 3> counts{};
    for (std::uint16_t& count : counts) count = in.u16();
    for (std::size_t i = 0; i < sections.size(); ++i) {
        if (counts[i] != 0 && !sections[i]->reserve(arena, counts[i])) return reply.fail();
        for (std::uint16_t left = counts[i]; left != 0; --left) {
            const std::uint8_t head = in.u8();
            dns::Record record{.owner = (head & 1U) != 0 ? name : in.name(), .ttl = ttl};
            record.type = static_cast<dns::Type>(in.u16());
            record.klass = static_cast<dns::Class>(in.u16());
            record.data = take(in, static_cast<Kind>(head >> 1U));
            if (!sections[i]->add(arena, record)) return reply.fail();
        }
    }
}

}  // namespace nameplane::plugins::caching
