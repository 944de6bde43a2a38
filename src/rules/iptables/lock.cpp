#include "rules/iptables/lock.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace nameplane::rules::iptables {

Result<XtablesLock> XtablesLock::take(const std::string& path, std::chrono::milliseconds wait) {
    UniqueFd fd{::open(path.c_str(), O_CREAT | O_RDONLY | O_CLOEXEC, 0600)};
    if (!fd) return errno_error(errno, "open " + path);
    const auto give_up = std::chrono::steady_clock::now() + wait;
    // flock() knows no time limit, and an alarm is not for a thread: ask again, ever less often.
    for (std::chrono::milliseconds pause{1};;
         pause = std::min(pause * 2, std::chrono::milliseconds{20})) {
        if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return XtablesLock{std::move(fd)};
        if (errno != EWOULDBLOCK && errno != EINTR) return errno_error(errno, "lock " + path);
        const auto left = give_up - std::chrono::steady_clock::now();
        if (left <= left.zero()) {
            return Error{Errc::again, "lock " + path + ": another program holds it"};
        }
        std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, pause));
    }
}

}  // namespace nameplane::rules::iptables
