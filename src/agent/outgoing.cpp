#include "agent/outgoing.hpp"

#include <cstdint>
#include <span>

namespace nameplane::agent {

net::Io Outgoing::write(net::TcpStream& to) {
    while (untaken() != 0) {
        const auto* at = reinterpret_cast<const std::uint8_t*>(text.data());
        const net::IoResult written = to.write(std::span{at, text.size()}.subspan(sent));
        if (written.io != net::Io::some) return written.io;
        sent += written.octets;
    }
    *this = {};
    return net::Io::some;
}

}  // namespace nameplane::agent
