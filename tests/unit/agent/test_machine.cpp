#include "agent/machine.hpp"
#include "support/temporary_folder.hpp"

#include <catch2/catch.hpp>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

using namespace nameplane;
using namespace nameplane::agent;

namespace {

/// Files in the place of the kernel's, gone at the end.
class Machine {
public:
    Machine() {
        paths.netfilter = folder_ / "nf/";
        paths.hash_size = folder_ / "hashsize";
        paths.oom_score_adj = folder_ / "oom";
        std::filesystem::create_directory(paths.netfilter);
        for (const char* const name :
             {"nf_conntrack_max", "nf_conntrack_tcp_timeout_established",
              "nf_conntrack_tcp_timeout_close_wait", "nf_conntrack_tcp_be_liberal",
              "nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"}) {
            write(paths.netfilter + name, 7);
        }
        write(paths.hash_size, 1000);
        write(paths.oom_score_adj, 3);
    }

    static void write(const std::string& path, int value) { std::ofstream{path} << value << '\n'; }
    static int read(const std::string& path) {
        int value = -1;
        std::ifstream{path} >> value;
        return value;
    }
    int sysctl(const char* name) const { return read(paths.netfilter + name); }

    MachinePaths paths;

private:
    test::TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("the limit grows with the processors and has a floor") {
    CHECK(conntrack_max({}, 8) == 0);
    CHECK(conntrack_max({.max_per_core = 0, .min = 131072}, 8) == 0);
    CHECK(conntrack_max({.max_per_core = 32768, .min = 131072}, 2) == 131072);
    CHECK(conntrack_max({.max_per_core = 32768, .min = 131072}, 8) == 262144);
    CHECK(conntrack_max({.max_per_core = 2'000'000'000, .min = 0}, 64) == 128'000'000'000);
}

TEST_CASE("what is asked for is set, and nothing else") {
    const Machine machine;
    set_conntrack({}, machine.paths);
    CHECK(machine.sysctl("nf_conntrack_max") == 7);
    CHECK(machine.sysctl("nf_conntrack_tcp_be_liberal") == 7);
    set_oom_score({}, machine.paths);
    CHECK(Machine::read(machine.paths.oom_score_adj) == 3);

    set_conntrack({.max_per_core = 1,
                   .min = 40'000,
                   .tcp_established = std::chrono::hours{24},
                   .tcp_close_wait = std::chrono::hours{1},
                   .tcp_be_liberal = true,
                   .udp = std::chrono::milliseconds{30'900},
                   .udp_stream = std::chrono::milliseconds{180'000}},
                  machine.paths);
    CHECK(machine.sysctl("nf_conntrack_max") == 40'000);
    CHECK(Machine::read(machine.paths.hash_size) == 10'000);
    CHECK(machine.sysctl("nf_conntrack_tcp_timeout_established") == 86'400);
    CHECK(machine.sysctl("nf_conntrack_tcp_timeout_close_wait") == 3600);
    CHECK(machine.sysctl("nf_conntrack_tcp_be_liberal") == 1);
    CHECK(machine.sysctl("nf_conntrack_udp_timeout") == 30);
    CHECK(machine.sysctl("nf_conntrack_udp_timeout_stream") == 180);
    set_oom_score(-999, machine.paths);
    CHECK(Machine::read(machine.paths.oom_score_adj) == -999);
    set_oom_score(0, machine.paths);
    CHECK(Machine::read(machine.paths.oom_score_adj) == 0);
}

TEST_CASE("the hash table is never made smaller, and what is missing stops nothing") {
    const Machine machine;
    std::filesystem::remove(machine.paths.netfilter + "nf_conntrack_max");
    std::filesystem::create_directory(machine.paths.netfilter + "nf_conntrack_max");
    set_conntrack({.max_per_core = 1, .min = 9000, .udp = std::chrono::seconds{9}}, machine.paths);
    CHECK(Machine::read(machine.paths.hash_size) == 1000);
    CHECK(machine.sysctl("nf_conntrack_udp_timeout") == 9);
    const Machine other;
    set_conntrack({.max_per_core = 1, .min = 100}, other.paths);
    CHECK(other.sysctl("nf_conntrack_max") == 100);
    CHECK(Machine::read(other.paths.hash_size) == 1000);
}

TEST_CASE("as many descriptors as we may have, of which connections get half") {
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit few = before;
    few.rlim_cur = std::min<rlim_t>(500, before.rlim_max);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
    CHECK(connections_allowed(200) == 200);
    CHECK(connections_allowed(1000) == 250);
    CHECK(share_of_descriptors(100, 5) == 100);
    CHECK(share_of_descriptors(101, 5) == 100);
    CHECK(share_of_descriptors(7, 1000) == 1);
    raise_descriptors();
    rlimit after{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &after) == 0);
    CHECK(after.rlim_cur == before.rlim_max);
    CHECK(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}
