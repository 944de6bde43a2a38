#pragma once
// scan: which zones the files of a folder hold, by their names.

#include <nameplane/base/pattern.hpp>
#include <nameplane/dns/name.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::plugins::zone_folder {

struct Rule {
    std::string folder;
    Pattern pattern;
    std::string origin;  ///< {N} stands for the pattern's group N
};

/// The origin that a file called `name` is for, in lower case; nothing if it is none of ours.
std::optional<dns::Name> origin_of(const Rule& rule, std::string_view name);

struct Found {
    std::string path;
    dns::Name origin;
};
struct Scan {
    std::vector<Found> files;           ///< in the order of their paths, the first one of an origin
    std::vector<std::string> problems;  ///< what could not be read, and further files of an origin;
                                        ///< the first 20, and how many more there are
};
/// All files in the folder and in folders below it. A link to a folder is followed at the top only.
Scan scan(const Rule& rule);

}  // namespace nameplane::plugins::zone_folder
