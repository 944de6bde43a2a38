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
    // Under a lock of our own: that of the machine may be held by others.
    const std::string look = "XTABLES_LOCKFILE=" + nameplane::test::own_lock_path() +
                             " unshare -n iptables-legacy -t nat -S >/dev/null 2>&1";
    if (std::system(look.c_str()) != 0) {
        return "the kernel has no legacy iptables nat table";
    }
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    const std::string why = why_not();
    if (!why.empty()) std::printf("skipped: %s\n", why.c_str());
    const int result = why.empty() ? Catch::Session().run(argc, argv) : 77;
    ::unlink(nameplane::test::own_lock_path().c_str());
    return result;
}
