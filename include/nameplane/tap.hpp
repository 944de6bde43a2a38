#pragma once
// UpstreamExchange: a question to an upstream and its answer, for plugins that tell others what
// passes (dnstap).

#include <nameplane/base/ip.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

namespace nameplane {

/// Valid during Plugin::tap().
struct UpstreamExchange {
    SocketAddress upstream;
    bool tcp = false;  ///< over a connection
    std::chrono::system_clock::time_point asked;
    std::chrono::system_clock::time_point answered;
    /// The answer as it came.
    std::span<const std::uint8_t> answer;
};

}  // namespace nameplane
