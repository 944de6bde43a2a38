#pragma once
// zone_key: what stands in front of a server block: [SCHEME://]ZONE[:PORT], where the zone may be a
// network that stands for its reverse zones.

#include "conf/config.hpp"
#include <nameplane/base/result.hpp>
#include <nameplane/dns/name.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace nameplane::conf {

struct ZoneKey {
    std::vector<dns::Name> zones;  ///< lower case; several only for a network
    std::optional<std::uint16_t> port;
    Scheme scheme = Scheme::dns;
};

/// The error says "what, expected what". Schemes other than dns://, tls:// and https:// are
/// refused.
Result<ZoneKey> parse_zone_key(std::string_view text);

}  // namespace nameplane::conf
