#pragma once
// processors: how many of them are ours to use. The kernel's scheduler says which we may run on; a
// control group says for how much of the time, as a pod's `resources.limits.cpu` does.

#include <cstddef>
#include <string>

namespace nameplane::agent {

/// Where the control groups are; others in tests.
struct ControlGroupPaths {
    std::string own = "/proc/self/cgroup";
    std::string mounts = "/sys/fs/cgroup";
};

/// `processors`, or fewer where our control group or one above it has a limit: as many as its time
/// is worth, rounded up, at least one. What cannot be read is no limit. Both versions of control
/// groups (cgroups(7); `cpu.max`, and `cpu.cfs_quota_us` of version 1).
std::size_t within_limit(std::size_t processors, const ControlGroupPaths& paths = {});

}  // namespace nameplane::agent
