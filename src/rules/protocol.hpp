#pragma once
// protocol: the number that a protocol of Services has in the header of IP (IANA's registry
// "Protocol Numbers").

#include "services/model.hpp"

#include <netinet/in.h>

#include <cstdint>

namespace nameplane::rules {

constexpr std::uint8_t protocol_number(services::Protocol protocol) noexcept {
    switch (protocol) {
    case services::Protocol::tcp: return IPPROTO_TCP;
    case services::Protocol::udp: return IPPROTO_UDP;
    case services::Protocol::sctp: return IPPROTO_SCTP;
    }
    return 0;
}

}  // namespace nameplane::rules
