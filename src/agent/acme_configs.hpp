#pragma once
// acme_configs: what the blocks of a configuration want of ACME servers.

#include "conf/config.hpp"
#include <nameplane/base/result.hpp>

#include <vector>

namespace nameplane::agent {

/// Each once, with paths of the process. Errc::mistakes: two blocks want one domain in different
/// ways, or a file that vouches for the server has no certificate.
Result<std::vector<conf::AcmeConfig>> acme_of(const std::vector<conf::ServerConfig>& servers);

}  // namespace nameplane::agent
