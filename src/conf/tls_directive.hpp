#pragma once
// tls_directive: `tls CERT KEY [CA]` and `tls { acme DOMAIN... }`.

#include "conf/config.hpp"
#include "conf/document.hpp"
#include <nameplane/conf/options.hpp>

#include <optional>
#include <vector>

namespace nameplane::conf {

/// Adds to `problems` what is wrong; nothing if it is.
std::optional<TlsConfig> read_tls(const Options& options, std::vector<Problem>& problems);

}  // namespace nameplane::conf
