#pragma once
// Web: how the client of ACME reaches a server, so that it can be told what a server says.

#include <nameplane/base/result.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace nameplane::acme {

struct Call {
    enum class Method : std::uint8_t { get, head, post };
    Method method = Method::get;
    std::string url;
    std::string body;  ///< of post: JSON of JWS
};

struct Answer {
    int status = 0;
    std::string body;
    std::string location;
    std::string nonce;  ///< Replay-Nonce
    std::optional<std::chrono::seconds> retry_after;
};

/// May block; one thread.
class Web {
public:
    virtual ~Web() = default;
    /// Whatever the status: an error is that there was no whole answer.
    virtual Result<Answer> ask(const Call& call) = 0;
    /// Waits; false: there is no time left, stop.
    virtual bool pause(std::chrono::milliseconds time) = 0;
};

}  // namespace nameplane::acme
