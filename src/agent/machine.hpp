#pragma once
// machine: what is set of the machine and of our process once, at start: sysctls of connection
// tracking, and how early the kernel ends us. What the kernel refuses is logged, and nothing else
// comes of it.

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

}  // namespace nameplane::agent
