#include "conf/host.hpp"

#include <algorithm>
#include <string>

namespace nameplane::conf {

std::optional<Host> parse_host(std::string_view text) {
    constexpr std::uint16_t dns_port = 53;
    std::string plain{text};
    Host host;
    if (const std::size_t at = plain.find('%'); at != plain.npos) {
        const std::size_t end = std::min(plain.find(']', at), plain.size());
        if (end == at + 1) return std::nullopt;
        plain.erase(at, end - at);
        host.has_interface = true;
    }
    if (const auto address = IpAddress::parse(plain)) {
        host.address = {*address, dns_port};
    } else if (const auto with_port = SocketAddress::parse(plain)) {
        host.address = *with_port;
    } else {
        return std::nullopt;
    }
    if (host.has_interface && !host.address.address.is_v6()) return std::nullopt;
    return host;
}

}  // namespace nameplane::conf
