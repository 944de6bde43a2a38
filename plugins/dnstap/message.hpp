#pragma once
// message: one event of dnstap to octets, in the protocol-buffers format of dnstap.proto.

#include "net/frame_stream.hpp"
#include <nameplane/base/ip.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace nameplane::plugins::tapping {

using WallTime = std::chrono::system_clock::time_point;

/// What has happened; what is unset is left out.
struct Event {
    enum class Type : std::uint8_t {
        client_query,
        client_response,
        forwarder_query,
        forwarder_response,
    };
    Type type = Type::client_query;
    bool tcp = false;
    std::optional<SocketAddress> asks;     ///< who sends the query
    std::optional<SocketAddress> answers;  ///< who is asked
    WallTime asked;
    std::optional<WallTime> answered;
    std::span<const std::uint8_t> query;
    std::span<const std::uint8_t> response;
    std::string_view identity;
    std::string_view version;
    std::string_view extra;
};

struct Packed {
    net::Frame frame;  ///< nullptr: there is no memory
    std::size_t octets = 0;
};
/// Takes the heap for the frame itself, and for nothing else.
Packed pack(const Event& event) noexcept;

}  // namespace nameplane::plugins::tapping
