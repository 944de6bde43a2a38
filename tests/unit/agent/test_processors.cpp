#include "agent/processors.hpp"
#include "support/temporary_folder.hpp"

#include <catch2/catch.hpp>

using namespace nameplane::agent;

namespace {

/// Control groups as files, gone at the end.
class Groups {
    const nameplane::test::TemporaryFolder folder_;

public:
    void own(const std::string& lines) const { folder_.write("own", lines); }
    void set(const std::string& file, const std::string& content) const {
        folder_.write("mounts" + file, content + '\n');
    }

    const ControlGroupPaths paths{folder_ / "own", folder_ / "mounts"};
};

}  // namespace

TEST_CASE("without a limit all processors are ours") {
    const Groups groups;
    CHECK(within_limit(8, groups.paths) == 8);
    groups.own("0::/pod/container\n");
    CHECK(within_limit(8, groups.paths) == 8);
    groups.set("/pod/container/cpu.max", "max 100000");
    CHECK(within_limit(8, groups.paths) == 8);
}

TEST_CASE("a limit counts in whole processors, rounded up") {
    const Groups groups;
    groups.own("0::/pod/container\n");
    const auto with = [&](const std::string& max) {
        groups.set("/pod/container/cpu.max", max);
        return within_limit(8, groups.paths);
    };
    CHECK(with("100000 100000") == 1);
    CHECK(with("100001 100000") == 2);
    CHECK(with("250000 100000") == 3);
    CHECK(with("10000 100000") == 1);
    CHECK(with("3200000 100000") == 8);
}

TEST_CASE("the least limit on the way to the root counts") {
    const Groups groups;
    groups.own("0::/pod/container\n");
    groups.set("/pod/container/cpu.max", "400000 100000");
    groups.set("/pod/cpu.max", "200000 100000");
    CHECK(within_limit(8, groups.paths) == 2);
    groups.set("/cpu.max", "100000 100000");
    CHECK(within_limit(8, groups.paths) == 1);
}

TEST_CASE("a group that only the host knows is that of the mount") {
    const Groups groups;
    groups.own("0::/../../host/pod/container\n");
    groups.set("/cpu.max", "300000 100000");
    CHECK(within_limit(8, groups.paths) == 3);
}

TEST_CASE("control groups of version 1 count, too") {
    const Groups groups;
    groups.own("4:memory:/pod\n3:cpuset:/pod\n2:cpu,cpuacct:/pod/container\n");
    groups.set("/cpuset/pod/cpu.cfs_quota_us", "1");
    groups.set("/cpuset/pod/cpu.cfs_period_us", "1");
    groups.set("/cpu,cpuacct/pod/cpu.cfs_quota_us", "150000");
    groups.set("/cpu,cpuacct/pod/cpu.cfs_period_us", "100000");
    groups.set("/cpu,cpuacct/pod/container/cpu.cfs_quota_us", "-1");
    groups.set("/cpu,cpuacct/pod/container/cpu.cfs_period_us", "100000");
    CHECK(within_limit(8, groups.paths) == 2);
}

TEST_CASE("what cannot be read is no limit") {
    const Groups groups;
    for (const std::string lines : {"", "\n", "0::\n", "0:cpu\n", "::relative\n", "no colon\n"}) {
        groups.own(lines);
        CHECK(within_limit(8, groups.paths) == 8);
    }
    groups.own("0::/pod\n");
    for (const std::string max : {"", "max", "100000", "0 100000", "-5 100000", "100000 0",
                                  "99999999999999999999 100000", "a b"}) {
        groups.set("/pod/cpu.max", max);
        CHECK(within_limit(8, groups.paths) == 8);
    }
}
