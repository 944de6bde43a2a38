// hot path
#include <nameplane/dns/rdata.hpp>

#include <algorithm>
#include <array>
#include <limits>

namespace nameplane::dns {

namespace {

Record make(NameView owner, Type type, Ttl ttl, const Rdata& data) noexcept {
    return {.owner = owner, .type = type, .klass = Class::in, .ttl = ttl, .data = data};
}

}  // namespace

Record address_record(NameView owner, Ttl ttl, const IpAddress& address) noexcept {
    return make(owner, type_of(address), ttl, address);
}
Record cname_record(NameView owner, Ttl ttl, NameView target) noexcept {
    return make(owner, Type::cname, ttl, target);
}
Record ns_record(NameView owner, Ttl ttl, NameView server) noexcept {
    return make(owner, Type::ns, ttl, server);
}
Record ptr_record(NameView owner, Ttl ttl, NameView target) noexcept {
    return make(owner, Type::ptr, ttl, target);
}
Record srv_record(NameView owner, Ttl ttl, const SrvData& srv) noexcept {
    return make(owner, Type::srv, ttl, srv);
}
Record mx_record(NameView owner, Ttl ttl, const MxData& mx) noexcept {
    return make(owner, Type::mx, ttl, mx);
}
Record soa_record(NameView owner, Ttl ttl, const SoaData& soa) noexcept {
    return make(owner, Type::soa, ttl, soa);
}
Record txt_record(NameView owner, Ttl ttl, RawData data) noexcept {
    return make(owner, Type::txt, ttl, data);
}

std::optional<RawData> txt_data(Arena& arena, std::span<const std::string_view> strings) noexcept {
    constexpr std::size_t string_octets_max = 255;
    constexpr std::array<std::string_view, 1> one_empty{};
    if (strings.empty()) strings = one_empty;
    std::size_t octets = 0;
    for (const std::string_view text : strings) {
        if (text.size() > string_octets_max) return std::nullopt;
        octets += 1 + text.size();
    }
    if (octets > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
    const std::span<std::uint8_t> room = arena.array<std::uint8_t>(octets);
    if (room.empty()) return std::nullopt;
    auto to = room.begin();
    for (const std::string_view text : strings) {
        *to++ = static_cast<std::uint8_t>(text.size());
        to = std::ranges::copy(text, to).out;
    }
    return RawData{room};
}

}  // namespace nameplane::dns
