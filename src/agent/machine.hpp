#pragma once
// machine: what is set of the machine and of our process once, at start: sysctls of connection
// tracking, how early the kernel ends us, and how many descriptors we may have. What the kernel
// refuses is logged, and nothing else comes of it.

#include "conf/config.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace nameplane::agent {

/// Where it is set; others in tests.
struct MachinePaths {
    std::string netfilter = "/proc/sys/net/netfilter/";
    std::string hash_size = "/sys/module/nf_conntrack/parameters/hashsize";
    std::string oom_score_adj = "/proc/self/oom_score_adj";
};

/// How many connections may be tracked, as kube-proxy counts; 0: the limit stays as it is.
std::size_t conntrack_max(const conf::ConntrackConfig& config, std::size_t processors) noexcept;

/// Writes what differs from `config`. The hash table is only ever made larger.
void set_conntrack(const conf::ConntrackConfig& config, const MachinePaths& paths = {});

/// Nothing leaves it as it is.
void set_oom_score(std::optional<std::int16_t> score, const MachinePaths& paths = {});

/// Allows us as many descriptors as we may have at most: whoever connects to us takes one, and
/// asking others must not end with that.
void raise_descriptors() noexcept;

/// `wanted`, or a `share`th of the descriptors that we may have, if that is less.
std::size_t share_of_descriptors(std::size_t wanted, std::size_t share) noexcept;

/// So many of `wanted` connections by TCP may be held: half of the descriptors that we may have is
/// for all else. That there are fewer is logged.
std::size_t connections_allowed(std::size_t wanted);

}  // namespace nameplane::agent
