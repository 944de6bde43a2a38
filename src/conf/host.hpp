#pragma once
// host: another server, as transfers name it.

#include <nameplane/base/ip.hpp>

#include <optional>
#include <string_view>

namespace nameplane::conf {

struct Host {
    SocketAddress address;
    bool has_interface = false;  ///< "%eth0" stood behind the address
};

/// "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353"; "%eth0" may stand behind an
/// IPv6 address. Without a port it is 53.
std::optional<Host> parse_host(std::string_view text);

}  // namespace nameplane::conf
