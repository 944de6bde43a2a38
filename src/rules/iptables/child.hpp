#pragma once
// child: another program, run to its end on the calling thread, for at most so long. It sees the
// calling thread's network namespace, gets a text as standard input, and what it writes is handed
// back whole.

#include <nameplane/base/result.hpp>

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::rules::iptables {

/// Whether a folder of PATH has the program; one with a slash is a path itself.
bool is_in_path(std::string_view program);

struct ChildEnd {
    pid_t pid = 0;   ///< that it had
    int status = 0;  ///< what it gave to exit()
    std::string output;
    std::string errors;
};

/// `command`: a name that PATH leads to, and arguments. Errc::unsupported: there is no such
/// program. Errc::io: it took longer than `time_max` and was killed, or ended by a signal.
Result<ChildEnd> run_child(const std::vector<std::string>& command, std::string_view input,
                           std::chrono::milliseconds time_max);

}  // namespace nameplane::rules::iptables
