#pragma once
// corefile_flags: what is said and printed as by CoreDNS, for those who start it with its flags or
// read its first lines.

#include "conf/config.hpp"

#include <string>
#include <vector>

namespace nameplane::agent {

/// CoreDNS' flags with one dash or two as ours: "-conf F" is "--config F", "-dns.port=5353" is
/// "--port=5353". Everything else stays as it is.
std::vector<std::string> with_our_flags(std::vector<std::string> arguments);

/// What CoreDNS prints when it has started: a line for each zone and where it is served, then the
/// version.
std::string start_lines(const conf::Config& config);

/// The list behind -plugins.
std::string plugin_list();

}  // namespace nameplane::agent
