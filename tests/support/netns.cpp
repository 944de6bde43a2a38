#include "support/netns.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace nameplane::test {
namespace {

constexpr const char* folder = "/run/netns";

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error{what + ": " + std::strerror(errno)};
}

std::string path_of(const std::string& name) {
    return std::string{folder} + "/" + name;
}

void remove(const std::string& name) {
    ::umount2(path_of(name).c_str(), MNT_DETACH);
    ::unlink(path_of(name).c_str());
}

/// The pid in "np-label-pid-number", or 0.
pid_t owner_of(std::string_view name) {
    if (!name.starts_with("np-")) return 0;
    const std::size_t last = name.rfind('-');
    const std::size_t before = name.rfind('-', last - 1);
    if (last == std::string_view::npos || before == std::string_view::npos) return 0;
    pid_t pid = 0;
    std::from_chars(name.data() + before + 1, name.data() + last, pid);
    return pid;
}

/// Namespaces of runs that were killed.
void sweep() {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator{folder, ignored}) {
        const std::string name = entry.path().filename();
        const pid_t pid = owner_of(name);
        if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH) remove(name);
    }
}

/// Makes the namespace on a thread that ends with it, so that the caller stays where it is.
void create(const std::string& name) {
    const int fd = ::open(path_of(name).c_str(), O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0444);
    if (fd < 0) fail("create " + path_of(name));
    ::close(fd);
    int failed = 0;
    std::thread{[&] {
        if (::unshare(CLONE_NEWNET) != 0 ||
            ::mount("/proc/thread-self/ns/net", path_of(name).c_str(), "none", MS_BIND, nullptr) !=
                0) {
            failed = errno;
        }
    }}.join();
    if (failed == 0) return;
    remove(name);
    errno = failed;
    fail("make network namespace " + name);
}

/// What `ip netns` does before its first namespace: mounts must reach other mount namespaces.
void prepare_folder() {
    ::mkdir(folder, 0755);
    if (::mount("", folder, "none", MS_SHARED | MS_REC, nullptr) == 0) return;
    if (::mount(folder, folder, "none", MS_BIND | MS_REC, nullptr) != 0) fail("mount /run/netns");
    if (::mount("", folder, "none", MS_SHARED | MS_REC, nullptr) != 0) fail("share /run/netns");
}

std::string output_of(const std::string& command) {
    FILE* pipe = ::popen(command.c_str(), "re");
    if (pipe == nullptr) fail("start a shell");
    std::string output;
    char buffer[4096];
    while (const std::size_t read = std::fread(buffer, 1, sizeof buffer, pipe)) {
        output.append(buffer, read);
    }
    const int status = ::pclose(pipe);
    if (status != 0) throw std::runtime_error{"failed: " + command + "\n" + output};
    return output;
}

std::string quoted(const std::string& script) {
    std::string text = "'";
    for (const char c : script) {
        if (c == '\'') {
            text += "'\\''";
        } else {
            text += c;
        }
    }
    return text + "'";
}

}  // namespace

std::string why_no_netns() {
    if (::geteuid() != 0) return "not root: network namespaces cannot be made";
    int failed = 0;
    std::thread{[&] { failed = ::unshare(CLONE_NEWNET) == 0 ? 0 : errno; }}.join();
    if (failed != 0) return std::string{"no network namespaces: "} + std::strerror(failed);
    if (std::system("ip -V >/dev/null 2>&1") != 0) return "no `ip` (Debian package iproute2)";
    return {};
}

Netns Netns::make(std::string_view label) {
    static std::atomic<unsigned> number{0};
    if (number == 0) {
        prepare_folder();
        sweep();
    }
    Netns made{"np-" + std::string{label} + "-" + std::to_string(::getpid()) + "-" +
               std::to_string(++number)};
    create(made.name_);
    // Link-local addresses, too, are usable at once: nobody else is on these links to collide with,
    // and neighbour discovery may need them for the very first packet.
    made.sh("ip link set lo up; cd /proc/sys/net/ipv6/conf && echo 0 > all/accept_dad &&"
            " echo 0 > default/accept_dad && echo 0 > default/dad_transmits");
    return made;
}

Netns::~Netns() {
    if (!name_.empty()) remove(name_);
}

void Netns::enter() const {
    const int fd = ::open(path_of(name_).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail("open " + path_of(name_));
    const int entered = ::setns(fd, CLONE_NEWNET);
    ::close(fd);
    if (entered != 0) fail("enter " + name_);
}

void Netns::run(const std::function<void()>& work) const {
    std::exception_ptr thrown;
    std::thread{[&] {
        try {
            enter();
            work();
        } catch (...) {
            thrown = std::current_exception();
        }
    }}.join();
    if (thrown) std::rethrow_exception(thrown);
}

std::string Netns::sh(const std::string& script) const {
    // Without `ip netns exec`, which would need a mount namespace of its own.
    return output_of("nsenter --net=" + path_of(name_) + " bash -ec " + quoted(script) + " 2>&1");
}

void connect_veth(const Netns& one, const std::string& one_end, const Netns& other,
                  const std::string& other_end) {
    one.sh("ip link add " + one_end + " type veth peer name " + other_end + " netns " +
           path_of(other.name()) + "; ip link set " + one_end + " up");
    other.sh("ip link set " + other_end + " up");
}

std::string shell(const std::string& script) {
    return output_of("bash -ec " + quoted(script) + " 2>&1");
}

}  // namespace nameplane::test
