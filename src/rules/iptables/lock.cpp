#include "rules/iptables/lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>

namespace nameplane::rules::iptables {
namespace {

UniqueFd open_lock(const std::string& path) {
    return UniqueFd{::open(path.c_str(), O_CREAT | O_RDONLY | O_CLOEXEC, 0600)};
}

Status lock_within(int fd, const std::string& path, std::chrono::milliseconds wait) {
    const auto give_up = std::chrono::steady_clock::now() + wait;
    // flock() knows no time limit, and an alarm is not for a thread: ask again, ever less often.
    for (std::chrono::milliseconds pause{1};;
         pause = std::min(pause * 2, std::chrono::milliseconds{20})) {
        if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return {};
        if (errno != EWOULDBLOCK && errno != EINTR) return errno_error(errno, "lock " + path);
        const auto left = give_up - std::chrono::steady_clock::now();
        if (left <= left.zero()) {
            return Error{Errc::again, "lock " + path + ": another program holds it"};
        }
        std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, pause));
    }
}

/// Whether `path` still names the file that is open as `fd`.
bool is_same_file(int fd, const std::string& path) {
    struct stat open {};
    struct stat named {};
    return ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
           open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

}  // namespace

Result<XtablesLock> XtablesLock::take(const std::string& path, std::chrono::milliseconds wait) {
    UniqueFd fd = open_lock(path);
    if (!fd) return errno_error(errno, "open " + path);
    if (Status locked = lock_within(fd.get(), path, wait); !locked) {
        return std::move(locked).error();
    }
    return XtablesLock{std::move(fd)};
}

XtablesLockFile::Held::~Held() {
    if (fd_ >= 0) ::flock(fd_, LOCK_UN);
}

Result<XtablesLockFile::Held> XtablesLockFile::take(std::chrono::milliseconds wait) {
    if (!fd_ || !is_same_file(fd_.get(), path_)) fd_ = open_lock(path_);
    if (!fd_) return errno_error(errno, "open " + path_);
    if (Status locked = lock_within(fd_.get(), path_, wait); !locked) {
        return std::move(locked).error();
    }
    return Held{fd_.get()};
}

bool XtablesLockFile::used_by_others() {
    if (!events_) events_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    // Asked each time, since the file may be another one by now, which has another number.
    const int watch = ::inotify_add_watch(events_.get(), path_.c_str(), IN_CLOSE);
    bool used = watch != std::exchange(watch_, watch);
    std::array<char, 4096> events;
    while (::read(events_.get(), events.data(), events.size()) > 0) used = true;
    return used;
}

}  // namespace nameplane::rules::iptables
