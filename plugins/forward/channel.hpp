#pragma once
// Channels: sockets towards one upstream, of one worker. What comes and what breaks is told to the
// engine that owns them; a channel must not be destroyed while it does so.

#include "base/fd.hpp"
#include "net/loop.hpp"
#include "net/tcp.hpp"
#include "net/tls.hpp"
#include "plugins/forward/datagrams.hpp"
#include "plugins/forward/settings.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace nameplane::plugins::forwarding {

using Time = std::chrono::steady_clock::time_point;

enum class Proto : std::uint8_t { udp, tcp, tls };

class Channel;

class ChannelUser {
public:
    virtual void received(Channel& channel, std::span<const std::uint8_t> message) noexcept = 0;
    /// Nothing comes over it any more, or (UDP) nobody was there.
    virtual void broken(Channel& channel) noexcept = 0;

protected:
    ~ChannelUser() = default;
};

class Channel {
public:
    Channel(ChannelUser& user, std::uint32_t number, Time now)
        : user_{&user}, number_{number}, born_{now}, used_at_{now} {}
    virtual ~Channel() = default;
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    /// False: it cannot; the channel is of no more use.
    [[nodiscard]] virtual bool send(std::span<const std::uint8_t> message) noexcept = 0;

    std::uint32_t number() const noexcept { return number_; }
    /// Queries that have no answer yet.
    std::size_t in_flight() const noexcept { return in_flight_; }
    std::size_t queries() const noexcept { return queries_; }
    std::size_t answers() const noexcept { return answers_; }
    Time born() const noexcept { return born_; }
    Time used_at() const noexcept { return used_at_; }
    bool is_broken() const noexcept { return broken_; }
    void sent(Time now) noexcept {
        ++in_flight_;
        ++queries_;
        used_at_ = now;
    }
    void settled(bool answered) noexcept {
        --in_flight_;
        if (answered) ++answers_;
    }

protected:
    void tell(std::span<const std::uint8_t> message) noexcept { user_->received(*this, message); }
    void tell_broken() noexcept {
        broken_ = true;
        user_->broken(*this);
    }

private:
    ChannelUser* user_;
    std::uint32_t number_;
    std::size_t in_flight_ = 0;
    std::size_t queries_ = 0;
    std::size_t answers_ = 0;
    Time born_;
    Time used_at_;
    bool broken_ = false;
};

/// A connected socket with a port of its own.
class UdpChannel final : public Channel {
public:
    /// `outbox` is that of its upstream, `inbox` that of its worker; both outlive it.
    UdpChannel(ChannelUser& user, std::uint32_t number, Time now, net::Loop& loop, UniqueFd fd,
               Outbox& outbox, Inbox& inbox);
    ~UdpChannel() override;
    bool send(std::span<const std::uint8_t> message) noexcept override;
    /// The outbox has met an error with it.
    void could_not_send() noexcept { tell_broken(); }
    int fd() const noexcept { return fd_.get(); }

private:
    void ready() noexcept;

    UniqueFd fd_;
    Outbox* outbox_;
    Inbox* inbox_;
    std::unique_ptr<net::FdWatch> watch_;
};

/// A TCP or TLS connection with many queries under way.
class StreamChannel final : public Channel {
public:
    struct Security {
        std::shared_ptr<const net::TlsClient> client;
        std::string server_name;
    };
    /// `fd`: a connection that has been begun. Without `security`: TCP.
    StreamChannel(ChannelUser& user, std::uint32_t number, Time now, net::Loop& loop, UniqueFd fd,
                  const SocketAddress& peer, std::optional<Security> security);
    bool send(std::span<const std::uint8_t> message) noexcept override;

private:
    enum class Stage : std::uint8_t { connecting, proving, open };

    void ready(bool readable, bool writable) noexcept;
    bool begin() noexcept;
    bool read() noexcept;
    bool take_frames() noexcept;
    bool write_out() noexcept;
    net::IoResult read_some(std::span<std::uint8_t> room) noexcept;
    void watch() noexcept;

    Stage stage_ = Stage::connecting;
    std::optional<Security> security_;
    std::optional<net::TcpStream> tcp_;
    std::optional<net::TlsStream> tls_;
    std::vector<std::uint8_t> out_;  // frames that were not written yet
    std::vector<std::uint8_t> in_;   // frames that are not whole yet
    std::unique_ptr<net::FdWatch> watch_;
};

}  // namespace nameplane::plugins::forwarding
