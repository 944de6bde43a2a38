#pragma once
// host_lookup: the addresses of upstreams that are named by host. It blocks, for seconds if nobody
// answers, and is for the control thread, when a configuration is made.

#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <chrono>
#include <span>
#include <string>
#include <vector>

namespace nameplane::plugins::forwarding {

/// So long all hosts of a configuration may take together, whoever is asked.
inline constexpr std::chrono::milliseconds look_up_time_max{10'000};

/// The addresses of `host`, those of IPv4 first: what the first of `resolvers` to know any says; of
/// the machine (its hosts file and resolv.conf), in the order that it prefers, where there are no
/// resolvers. At least one; the error is a sentence. It is there soon after `until`, come what may.
Result<std::vector<IpAddress>> look_up_host(const std::string& host,
                                            std::span<const SocketAddress> resolvers,
                                            std::chrono::steady_clock::time_point until);

}  // namespace nameplane::plugins::forwarding
