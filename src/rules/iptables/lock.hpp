#pragma once
// XtablesLock: the lock that everybody who edits iptables takes (/run/xtables.lock), so that no
// get-modify-replace of ours runs into one of theirs.

#include "base/fd.hpp"
#include <nameplane/base/result.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace nameplane::rules::iptables {

/// Held while it lives; the kernel drops it when the process dies.
class XtablesLock {
public:
    /// Waits at most `wait`; then Errc::again. Makes the file if there is none.
    static Result<XtablesLock> take(const std::string& path, std::chrono::milliseconds wait);

private:
    explicit XtablesLock(UniqueFd fd) : fd_{std::move(fd)} {}
    UniqueFd fd_;
};

/// The same lock for one who takes it again and again and wants to know when others did. Its file
/// stays open, so that what we do with it is no event: others open it, change a table, and close
/// it. One thread.
class XtablesLockFile {
public:
    explicit XtablesLockFile(std::string path) : path_{std::move(path)} {}

    /// Held while it lives, and no longer than the file.
    class Held {
    public:
        Held(Held&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
        Held& operator=(Held&&) = delete;
        ~Held();

    private:
        friend XtablesLockFile;
        explicit Held(int fd) : fd_{fd} {}
        int fd_;
    };
    /// As XtablesLock::take().
    Result<Held> take(std::chrono::milliseconds wait);

    /// Whether anybody else closed the file since the last call, or it is another file, or this is
    /// the first call: costs two system calls. Never, where the system has no inotify left for us.
    bool used_by_others();

private:
    std::string path_;
    UniqueFd fd_;
    UniqueFd events_;
    int watch_ = -1;
};

}  // namespace nameplane::rules::iptables
