// Hosts files, weight files and resolv.conf from anybody: what a hosts file says of a name is found
// under the name, and what it says of an address under the address.

#include "dns/search_domains.hpp"
#include "plugins/forward/settings.hpp"
#include "plugins/hosts/table.hpp"
#include "plugins/loadbalance/weights.hpp"
#include <nameplane/base/check.hpp>

#include <vector>

using namespace nameplane;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const std::vector<dns::Name> zones{dns::Name{}};
    const plugins::hosts::HostTable table{text, zones, true};
    for (const char* const known : {"10.0.0.1", "10.0.0.2", "::1"}) {
        const IpAddress address = *IpAddress::parse(known);
        for (const dns::NameView name : table.names_of(address)) {
            const auto found = address.is_v4() ? table.v4(name) : table.v6(name);
            bool there = false;
            for (const IpAddress& one : found) there = there || one == address;
            NP_CHECK(there, "a name of an address has that address");
        }
    }
    (void)plugins::loadbalancing::Weights::read(text);
    (void)dns::search_domains(text);
    for (const SocketAddress& server : plugins::forwarding::parse_resolv_conf(text)) {
        NP_CHECK(server.port == 53, "resolv.conf names no ports");
    }
    return 0;
}
