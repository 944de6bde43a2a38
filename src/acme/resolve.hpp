#pragma once
// resolve: addresses of the host of a URL, asked of one resolver.

#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace nameplane::acme {

/// "ca.example" of "https://ca.example:14000/dir"; an address as it stands, without its brackets.
std::string_view host_of(std::string_view url) noexcept;

/// Asks `resolver`, HOST:PORT, for A and AAAA of `host`; blocks, for some seconds at most. At least
/// one, IPv4 first.
Result<std::vector<IpAddress>> resolve(const std::string& host, const std::string& resolver);

}  // namespace nameplane::acme
