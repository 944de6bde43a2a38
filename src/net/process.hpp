#pragma once
// Process: another program, run once on a Loop: what it writes is collected, and it is killed, with
// whatever it started, when it takes too long, writes too much, or when nobody wants it any more.
//
// The thread of the loop only.

#include "net/loop.hpp"
#include <nameplane/base/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nameplane::net {

struct Command {
    std::string program;                          ///< a path, or a name that PATH leads to
    std::vector<std::string> arguments;           ///< without the program
    std::vector<std::string> environment;         ///< "NAME=value", over what this process has
    std::size_t output_octets_max = 1024 * 1024;  ///< of standard output, and again of error
    std::chrono::milliseconds time_max{60'000};
};

enum class ProcessFailure : std::uint8_t {
    none,       ///< it ended by itself, with `status`
    signalled,  ///< it was ended by the signal `status`
    timed_out,
    too_much,  ///< it wrote more than output_octets_max
};

struct ProcessEnd {
    ProcessFailure failure = ProcessFailure::none;
    int status = 0;
    std::string output;
    std::string errors;
};

/// A program that runs. Destroying it kills it, and nothing is called any more.
class Process {
public:
    virtual ~Process() = default;
    /// Standard input is empty. `ended` is called once, when the program has ended and its output
    /// is complete; it may destroy the process. An error if it cannot be started.
    static Result<std::unique_ptr<Process>> start(Command command, Loop& loop,
                                                  std::function<void(ProcessEnd)> ended);
};

}  // namespace nameplane::net
