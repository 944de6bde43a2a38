#pragma once
// XtablesLock: the lock that everybody who edits iptables takes (/run/xtables.lock), so that no
// get-modify-replace of ours runs into one of theirs.

#include "base/fd.hpp"
#include <nameplane/base/result.hpp>

#include <chrono>
#include <string>

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

}  // namespace nameplane::rules::iptables
