#include "message.hpp"

#include <algorithm>

namespace nameplane::test {

namespace {

void put16(Octets& to, unsigned value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8U));
    to.push_back(static_cast<std::uint8_t>(value & 0xffU));
}

void put_name(Octets& to, std::string_view name) {
    while (!name.empty()) {
        const std::string_view label = name.substr(0, name.find('.'));
        to.push_back(static_cast<std::uint8_t>(label.size()));
        to.insert(to.end(), label.begin(), label.end());
        name.remove_prefix(std::min(label.size() + 1, name.size()));
    }
    to.push_back(0);
}

}  // namespace

Octets query(std::string_view name, const Ask& ask) {
    Octets out;
    put16(out, ask.id);
    put16(out, ask.flags);
    put16(out, ask.questions);
    put16(out, 0);
    put16(out, 0);
    put16(out, ask.edns_size < 0 ? 0 : 1);
    put_name(out, name);
    put16(out, ask.type);
    put16(out, ask.klass);
    if (ask.edns_size >= 0) {
        out.push_back(0);
        put16(out, 41);
        put16(out, static_cast<unsigned>(ask.edns_size));
        out.insert(out.end(), {0, ask.edns_version, 0, 0, 0, 0});
    }
    return out;
}

Octets framed(const Octets& message) {
    Octets out;
    put16(out, static_cast<unsigned>(message.size()));
    out.insert(out.end(), message.begin(), message.end());
    return out;
}

std::uint16_t id_of(const Octets& message) {
    return static_cast<std::uint16_t>(message.at(0) << 8U | message.at(1));
}

}  // namespace nameplane::test
