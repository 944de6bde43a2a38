// Runs the tests of one executable, or exits 77 with the reason when this machine cannot.

#include "kernel/rules_case.hpp"
#include "support/netns.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

namespace {

std::string why_not() {
    if (const std::string why = nameplane::test::why_no_netns(); !why.empty()) return why;
    if (std::system("iptables-legacy-save --version >/dev/null 2>&1") != 0) {
        return "no iptables-legacy-save (Debian package iptables)";
    }
    if (std::system("unshare -n iptables-legacy -w 60 -t nat -S >/dev/null 2>&1") != 0) {
        return "the kernel has no legacy iptables nat table";
    }
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    if (const std::string why = why_not(); !why.empty()) {
        std::printf("skipped: %s\n", why.c_str());
        return 77;
    }
    const std::string lock = nameplane::test::own_lock_path();
    const int failed = Catch::Session().run(argc, argv);
    ::unlink(lock.c_str());
    return failed;
}
