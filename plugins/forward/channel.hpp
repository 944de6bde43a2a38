#pragma once
// Channels: sockets towards one upstream, of one worker. What comes and what breaks is told to the
// engine that owns them; a channel must not be destroyed while it does so. Those that are
// connections are in connection.hpp.

#include "base/fd.hpp"
#include "net/loop.hpp"
#include "plugins/forward/datagrams.hpp"
#include "plugins/forward/settings.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace nameplane::plugins::forwarding {

using Time = std::chrono::steady_clock::time_point;

/// How an upstream is asked.
enum class Proto : std::uint8_t { udp, tcp, tls, https };
inline constexpr std::size_t protos_count = 4;

class Channel;

class ChannelUser {
public:
    /// False: it is the answer to nothing that was asked.
    virtual bool received(Channel& channel, std::span<const std::uint8_t> message) noexcept = 0;
    /// The question with that id gets no answer; `untouched`: the upstream has not even looked.
    virtual void lost(Channel& channel, std::uint16_t id, bool untouched) noexcept = 0;
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
    /// Nobody waits for the answer to the question with that id any more.
    virtual void give_up(std::uint16_t /*id*/) noexcept {}
    /// With so many questions under way another channel is the better one.
    virtual std::size_t room() const noexcept { return room_max; }
    /// Whether further questions must go elsewhere.
    virtual bool is_closing() const noexcept { return false; }
    /// Whether there is no connection yet.
    virtual bool is_connecting() const noexcept { return false; }
    virtual int fd() const noexcept = 0;

    static constexpr std::size_t room_max = 128;

    std::uint32_t number() const noexcept { return number_; }
    /// Queries that have no answer yet.
    std::size_t in_flight() const noexcept { return in_flight_; }
    std::size_t queries() const noexcept { return queries_; }
    std::size_t answers() const noexcept { return answers_; }
    Time born() const noexcept { return born_; }
    Time used_at() const noexcept { return used_at_; }
    bool is_broken() const noexcept { return broken_; }
    /// The error (errno) that broke it; 0: none, or the peer closed it.
    int error() const noexcept { return error_; }
    /// Whether nothing at all has come for `time` since a question was sent.
    bool is_silent(Time now, std::chrono::milliseconds time) const noexcept {
        return waiting_ && now - waiting_since_ > time;
    }
    void sent(Time now) noexcept {
        ++in_flight_;
        ++queries_;
        used_at_ = now;
        if (!std::exchange(waiting_, true)) waiting_since_ = now;
    }
    void settled(bool answered) noexcept {
        --in_flight_;
        if (answered) ++answers_;
    }

protected:
    bool tell(std::span<const std::uint8_t> message) noexcept {
        return user_->received(*this, message);
    }
    void tell_lost(std::uint16_t id, bool untouched) noexcept { user_->lost(*this, id, untouched); }
    void heard() noexcept { waiting_ = false; }
    void tell_broken(int error) noexcept {
        broken_ = true;
        error_ = error;
        user_->broken(*this);
    }

private:
    ChannelUser* user_;
    std::uint32_t number_;
    std::size_t in_flight_ = 0;
    std::size_t queries_ = 0;
    std::size_t answers_ = 0;
    int error_ = 0;
    Time born_;
    Time used_at_;
    Time waiting_since_;
    bool waiting_ = false;
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
    void could_not_send(int error) noexcept { tell_broken(error); }
    int fd() const noexcept override { return fd_.get(); }

private:
    void ready() noexcept;

    UniqueFd fd_;
    Outbox* outbox_;
    Inbox* inbox_;
    std::unique_ptr<net::FdWatch> watch_;
};

}  // namespace nameplane::plugins::forwarding
