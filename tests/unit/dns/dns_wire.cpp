#include "dns_wire.hpp"

namespace nameplane::test {

WireMaker& WireMaker::u8(unsigned value) {
    octets_.push_back(static_cast<std::uint8_t>(value));
    return *this;
}

WireMaker& WireMaker::u16(unsigned value) {
    return u8(value >> 8).u8(value & 0xff);
}

WireMaker& WireMaker::u32(std::uint32_t value) {
    return u16(value >> 16).u16(value & 0xffff);
}

WireMaker& WireMaker::text(std::string_view octets) {
    octets_.insert(octets_.end(), octets.begin(), octets.end());
    return *this;
}

WireMaker& WireMaker::name(std::string_view text) {
    while (!text.empty()) {
        const std::size_t dot = text.find('.');
        const std::string_view label = text.substr(0, dot);
        if (!label.empty()) u8(static_cast<unsigned>(label.size())).text(label);
        text.remove_prefix(dot == std::string_view::npos ? text.size() : dot + 1);
    }
    return u8(0);
}

WireMaker& WireMaker::header(unsigned id, unsigned flags, unsigned questions, unsigned answers,
                             unsigned authorities, unsigned additionals) {
    return u16(id).u16(flags).u16(questions).u16(answers).u16(authorities).u16(additionals);
}

WireMaker& WireMaker::question(std::string_view name, unsigned type, unsigned klass) {
    return this->name(name).u16(type).u16(klass);
}

WireMaker& WireMaker::opt(unsigned udp_size, std::uint32_t ttl, const Octets& options) {
    return record("", 41, udp_size, ttl, options);
}

WireMaker& WireMaker::record(std::string_view owner, unsigned type, unsigned klass,
                             std::uint32_t ttl, const Octets& data) {
    name(owner).u16(type).u16(klass).u32(ttl).u16(static_cast<unsigned>(data.size()));
    octets_.insert(octets_.end(), data.begin(), data.end());
    return *this;
}

Octets plain_query(std::string_view name, unsigned type) {
    return WireMaker{}.header(0x1234, 0x0100, 1).question(name, type);
}

Octets edns_query(std::string_view name, unsigned udp_size, unsigned type) {
    return WireMaker{}.header(0x1234, 0x0100, 1, 0, 0, 1).question(name, type).opt(udp_size);
}

}  // namespace nameplane::test
