#pragma once
// The parts of Engine that its source files share.

#include "plugins/forward/engine.hpp"

#include <array>
#include <chrono>

namespace nameplane::plugins::forwarding {

struct Engine::Attempt {
    Exchange* exchange = nullptr;
    Channel* channel = nullptr;  ///< nullptr: not under way
    Attempt* next = nullptr;     ///< in by_id_
    std::size_t target = 0;
    Proto proto = Proto::udp;
    std::uint16_t id = 0;
    Time sent;
    Time due;
};

struct Engine::Exchange {
    Question question;
    Waiter* waiters = nullptr;
    Exchange* next = nullptr;                    ///< in by_question_
    std::size_t place = 0;                       ///< in active_
    std::uint64_t serial = 0;                    ///< another one each time it is used
    bool shared = false;                         ///< others may join
    std::span<const std::uint8_t> edns_options;  ///< of the only waiter
    // Whom to ask.
    std::array<std::uint8_t, targets_max> order{};
    std::size_t order_at = 0;
    std::size_t skipped = 0;  ///< those that were down, this time round
    std::uint32_t failures = 0;
    std::size_t failovers = 0;
    unsigned again = 0;  ///< how often one upstream was asked once more without a failure
    int probe_of = -1;   ///< a health check of that target
    // How.
    bool edns = true;
    std::uint32_t case_bits = 0;
    std::array<Attempt, 2> attempts;
    Time deadline;
    Time hedge_at;
    bool may_hedge = false;
    Failure failure;  ///< the last one

    bool is_under_way() const noexcept {
        return attempts[0].channel != nullptr || attempts[1].channel != nullptr;
    }
};

/// What this worker has towards one upstream.
struct Engine::Peer {
    static constexpr std::size_t udp_channels = 8;
    static constexpr std::size_t streams_max = 8;

    std::unique_ptr<Outbox> outbox;  // made when it is first needed
    std::array<std::unique_ptr<UdpChannel>, udp_channels> udp;
    std::size_t udp_at = 0;                         // the port of what lies in the outbox
    std::vector<std::unique_ptr<Channel>> streams;  // connections
    // Smoothed, as TCP does it (RFC 6298).
    double rtt_ms = 0;
    double rtt_variance_ms = 0;
    bool probing = false;  ///< by this worker
    Exchange* probe = nullptr;
    Time probe_at;

    void took(double ms) noexcept {
        if (rtt_ms == 0) {
            rtt_ms = ms;
            rtt_variance_ms = ms / 2;
            return;
        }
        const double off = ms > rtt_ms ? ms - rtt_ms : rtt_ms - ms;
        rtt_variance_ms += (off - rtt_variance_ms) / 4;
        rtt_ms += (ms - rtt_ms) / 8;
    }
    /// When an answer is late.
    std::chrono::microseconds patience() const noexcept {
        constexpr double unknown_ms = 300;
        constexpr double least_ms = 20;
        constexpr double most_ms = 500;
        const double ms = rtt_ms == 0 ? unknown_ms : rtt_ms + 4 * rtt_variance_ms;
        return std::chrono::microseconds{
            static_cast<std::int64_t>(1000 * std::min(most_ms, std::max(least_ms, ms)))};
    }
};

}  // namespace nameplane::plugins::forwarding
