#pragma once
// Datagrams: what goes to one upstream as datagrams, from one worker, and room for what comes back.
// Questions of one turn of the loop leave together, with one system call for a socket, but not more
// of them at once than the socket of an upstream holds: that of Linux has room for some 270 by
// default, and whatever comes beyond it is lost and would be missed only after a time-out. The
// others follow as fast as answers come, or as time passes.

#include "net/loop.hpp"
#include <nameplane/base/clock.hpp>

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace nameplane::plugins::forwarding {

class UdpChannel;

/// What waits to be sent. Loop thread only.
class Outbox {
public:
    static constexpr std::size_t batch_max = 64;

    /// `window`: so many may lie in the upstream's socket. `clock` outlives this.
    Outbox(net::Loop& loop, std::uint32_t window, const Clock& clock);

    /// `message` will be sent over `channel`, in its turn.
    void put(UdpChannel& channel, std::span<const std::uint8_t> message);
    /// `channel` goes.
    void forget(const UdpChannel& channel) noexcept;
    /// The upstream has answered one.
    void answered() noexcept;
    bool is_empty() const noexcept { return items_.empty(); }

private:
    struct Item {
        UdpChannel* channel;  ///< nullptr: it has gone
        std::uint32_t octets;
    };

    void flush() noexcept;
    void age() noexcept;
    std::size_t send_some(std::size_t first, const std::uint8_t* from,
                          UdpChannel*& failed) noexcept;
    void drop_first(std::size_t items, std::size_t octets) noexcept;

    std::vector<Item> items_;
    std::vector<std::uint8_t> octets_;  // of all items, in their order
    double window_;
    double pending_ = 0;  ///< how many lie there, as far as one can tell
    const Clock& clock_;
    Monotonic aged_at_;
    std::array<iovec, batch_max> vectors_{};
    std::array<mmsghdr, batch_max> headers_{};
    std::unique_ptr<net::Soon> soon_;
    std::unique_ptr<net::Timer> timer_;
};

/// Room for a batch of answers, for all channels of a worker in turn.
class Inbox {
public:
    static constexpr std::size_t batch_max = 64;
    static constexpr std::size_t datagram_octets_max = 4096;

    Inbox();
    /// Takes what has come to `fd`. 0: nothing has; less: an error, which errno tells.
    int receive(int fd) noexcept;
    std::span<const std::uint8_t> message(std::size_t i) const noexcept {
        return {static_cast<const std::uint8_t*>(vectors_[i].iov_base), headers_[i].msg_len};
    }

private:
    // An odd number of cache lines, so that the beginnings do not all lie in the same sets.
    static constexpr std::size_t stride = datagram_octets_max + 64;
    std::unique_ptr<std::uint8_t[]> octets_;
    std::array<iovec, batch_max> vectors_{};
    std::array<mmsghdr, batch_max> headers_{};
};

}  // namespace nameplane::plugins::forwarding
