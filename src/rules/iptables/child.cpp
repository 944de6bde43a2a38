#include "rules/iptables/child.hpp"

#include "base/fd.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

extern char** environ;

namespace nameplane::rules::iptables {
namespace {

using Steady = std::chrono::steady_clock;

/// A file without a name. Three of them in place of pipes: nobody has to read while another
/// writes.
Result<UniqueFd> make_file(const char* name) {
    UniqueFd fd{::memfd_create(name, MFD_CLOEXEC)};
    if (!fd) return errno_error(errno, "make a file in memory");
    return fd;
}

Status write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t done = ::write(fd, text.data(), text.size());
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return errno_error(errno, "write to a file in memory");
        text.remove_prefix(static_cast<std::size_t>(done));
    }
    ::lseek(fd, 0, SEEK_SET);
    return {};
}

std::string read_all(int fd) {
    std::string text;
    const off_t size = ::lseek(fd, 0, SEEK_END);
    if (size <= 0) return text;
    text.resize(static_cast<std::size_t>(size));
    std::size_t at = 0;
    while (at < text.size()) {
        const ssize_t got = ::pread(fd, text.data() + at, text.size() - at, static_cast<off_t>(at));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        at += static_cast<std::size_t>(got);
    }
    text.resize(at);
    return text;
}

struct Spawned {
    pid_t pid = 0;
    UniqueFd alive;  ///< hangs up when the child, and whatever it started, is gone
};

Result<Spawned> spawn(const std::vector<std::string>& command, const std::array<int, 3>& standard) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error(errno, "make a pipe");
    UniqueFd alive{ends[0]};
    const UniqueFd held{ends[1]};
    // Above all that dup2() below may overwrite.
    const UniqueFd high{::fcntl(held.get(), F_DUPFD_CLOEXEC, 10)};
    if (!high) return errno_error(errno, "copy a pipe");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    for (int i = 0; i < 3; ++i) {
        ::posix_spawn_file_actions_adddup2(&actions, standard[static_cast<std::size_t>(i)], i);
    }
    ::posix_spawn_file_actions_adddup2(&actions, high.get(), 3);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    sigset_t none;
    ::sigemptyset(&none);
    sigset_t all;
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                POSIX_SPAWN_SETPGROUP);
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    Spawned spawned;
    const int failed = ::posix_spawnp(&spawned.pid, arguments[0], &actions, &attributes,
                                      arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (failed == ENOENT) return Error{Errc::unsupported, command[0] + " is not in PATH"};
    if (failed != 0) return errno_error(failed, "start " + command[0]);
    spawned.alive = std::move(alive);
    return spawned;
}

/// False: it was still there after `time_max`.
bool wait_until_gone(int alive, std::chrono::milliseconds time_max) {
    const auto until = Steady::now() + time_max;
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Steady::now());
        if (left.count() <= 0) return false;
        pollfd look{alive, POLLIN, 0};
        const int ready = ::poll(&look, 1, static_cast<int>(left.count()));
        if (ready < 0 && errno == EINTR) continue;
        return ready > 0;
    }
}

}  // namespace

bool is_in_path(std::string_view program) {
    if (program.find('/') != std::string_view::npos)
        return ::access(std::string{program}.c_str(), X_OK) == 0;
    const char* path = std::getenv("PATH");
    std::string_view folders = path == nullptr ? "/usr/sbin:/usr/bin:/sbin:/bin" : path;
    while (!folders.empty()) {
        const auto end = std::min(folders.find(':'), folders.size());
        const std::string file = std::string{folders.substr(0, end)} + "/" + std::string{program};
        if (::access(file.c_str(), X_OK) == 0) return true;
        folders.remove_prefix(std::min(end + 1, folders.size()));
    }
    return false;
}

Result<ChildEnd> run_child(const std::vector<std::string>& command, std::string_view input,
                           std::chrono::milliseconds time_max) {
    std::array<UniqueFd, 3> files;
    for (UniqueFd& file : files) {
        auto made = make_file("nameplane-child");
        if (!made) return std::move(made).error();
        file = std::move(*made);
    }
    if (auto written = write_all(files[0].get(), input); !written) {
        return std::move(written).error();
    }
    auto child = spawn(command, {files[0].get(), files[1].get(), files[2].get()});
    if (!child) return std::move(child).error();
    const bool in_time = wait_until_gone(child->alive.get(), time_max);
    if (!in_time) ::kill(-child->pid, SIGKILL);
    int status = 0;
    while (::waitpid(child->pid, &status, 0) < 0 && errno == EINTR) continue;
    if (!in_time) return Error{Errc::io, command[0] + " took too long and was killed"};
    if (!WIFEXITED(status)) {
        return Error{Errc::io,
                     command[0] + " was ended by signal " + std::to_string(WTERMSIG(status))};
    }
    return ChildEnd{.pid = child->pid,
                    .status = WEXITSTATUS(status),
                    .output = read_all(files[1].get()),
                    .errors = read_all(files[2].get())};
}

}  // namespace nameplane::rules::iptables
