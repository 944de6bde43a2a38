// hot path
#pragma once
// UdpService: one UDP socket of a worker. Datagrams in, through the handler, datagrams out.

#include "net/loop.hpp"
#include "net/udp.hpp"
#include "server/batches.hpp"

#include <memory>

namespace nameplane::server {

/// Belongs to its loop's thread from start() on.
class UdpService final : public Late {
public:
    UdpService(net::Loop& loop, net::UdpSocket socket, std::size_t listener, Batches& batches);
    UdpService(const UdpService&) = delete;
    UdpService& operator=(const UdpService&) = delete;

    void start();
    /// Answers what has been received so far and stops. True when all is sent; else the kernel
    /// takes no more at the moment: call again, soon.
    [[nodiscard]] bool drain();
    /// Sends what was answered late, now.
    void send_late() noexcept;
    /// Counts what the kernel had no room for since the last call.
    void count_overflowed() noexcept;
    SocketAddress local() const noexcept { return socket_.local(); }

    void hold(const Arrival& arrival, Return& way) noexcept override;
    void answer(const Return& way, std::span<const std::uint8_t> message) noexcept override;

private:
    /// A worker has other sockets, too: so many batches in a row, then they get their turn.
    static constexpr int batches_in_a_row_max = 16;

    void ready();
    void take(Handler& handler, std::size_t count) const noexcept;
    enum class Went : std::uint8_t { nothing_there, some, full, blocked };
    Went serve_batch();
    bool finish_sending();
    void count_send_errors() noexcept;

    net::UdpSocket socket_;
    std::size_t listener_;
    Batches* batches_;
    std::uint64_t send_errors_seen_ = 0;
    std::uint32_t overflowed_seen_ = 0;
    std::unique_ptr<net::FdWatch> watch_;
    std::unique_ptr<net::Soon> send_late_;
};

}  // namespace nameplane::server
