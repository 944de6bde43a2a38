#pragma once
// zone_file: a zone file (RFC 1035 5.1) to a Zone: $ORIGIN, $TTL, $INCLUDE, $GENERATE, entries over
// several lines; ldns reads what a record says, which knows all types and those without a name (RFC
// 3597).

#include "zone/zone.hpp"
#include <nameplane/base/result.hpp>
#include <nameplane/dns/name.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace nameplane::zone {

/// The whole of a file; regular files only.
Result<std::string> read_whole_file(const std::string& path);

struct ZoneFile {
    ZonePtr zone;             ///< nullptr: the serial is the one that was to be left alone
    std::size_t outside = 0;  ///< records that are not in the zone, left out
};

struct ZoneFileOptions {
    /// Reads an included file, whose path is the text's own or relative to the folder of `path`.
    std::function<Result<std::string>(const std::string& path)> load = read_whole_file;
    /// With a SOA of this serial nothing behind it is read.
    std::optional<std::uint32_t> unless_serial;
};

/// Names without a final dot are below `origin`. `path` is for messages and for $INCLUDE. The error
/// says "path:line: what, expected what".
Result<ZoneFile> read_zone(std::string_view text, const std::string& path, dns::NameView origin,
                           const ZoneFileOptions& options = {});
/// The file at `path`.
Result<ZoneFile> read_zone_file(const std::string& path, dns::NameView origin,
                                const ZoneFileOptions& options = {});

}  // namespace nameplane::zone
