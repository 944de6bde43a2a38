#pragma once
// search_domains: the search list of a file like /etc/resolv.conf (resolv.conf(5)).

#include <nameplane/base/result.hpp>
#include <nameplane/dns/name.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace nameplane::dns {

/// In lower case; of several lines `search` and `domain` the last one counts. Words that are no
/// names are left out.
std::vector<Name> search_domains(std::string_view text);
/// Those of a file; fails if it cannot be read.
Result<std::vector<Name>> read_search_domains(const std::string& path);

}  // namespace nameplane::dns
