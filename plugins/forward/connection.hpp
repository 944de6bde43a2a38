#pragma once
// ConnectionChannel: a channel that is a TCP connection, plain or with TLS. What is spoken on it is
// the business of those derived from it: DNS in frames here, HTTP in https.hpp.

#include "net/tcp.hpp"
#include "net/tls.hpp"
#include "plugins/forward/channel.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::plugins::forwarding {

class ConnectionChannel : public Channel {
public:
    struct Security {
        std::shared_ptr<const net::TlsClient> client;
        std::string server_name;
    };
    /// A connection that has been begun.
    struct Begun {
        UniqueFd fd;
        SocketAddress peer;
        std::optional<Security> security;  ///< nothing: plain TCP
    };

    bool is_connecting() const noexcept override { return stage_ == Stage::connecting; }
    int fd() const noexcept override { return fd_; }

protected:
    ConnectionChannel(ChannelUser& user, std::uint32_t number, Time now, net::Loop& loop,
                      Begun begun);

    /// The connection is there, and the peer has proved who it is; `protocol` is what both agreed
    /// on to speak (ALPN). False: that is not to be used.
    virtual bool opened(std::string_view protocol) noexcept = 0;
    /// Takes what came. False: nothing that comes is of use any more.
    virtual bool take(std::span<const std::uint8_t> octets) noexcept = 0;
    /// What is to be sent, in order; may be filled before the connection is there.
    std::vector<std::uint8_t>& out() noexcept { return out_; }
    /// Sends of it what can be sent now. False: it is of no more use, as Channel::send().
    bool push() noexcept;

private:
    enum class Stage : std::uint8_t { connecting, proving, open };

    void ready(bool readable, bool writable) noexcept;
    bool begin() noexcept;
    bool open() noexcept;
    bool read() noexcept;
    bool write_out() noexcept;
    net::IoResult read_some(std::span<std::uint8_t> room) noexcept;
    void watch() noexcept;

    Stage stage_ = Stage::connecting;
    int fd_;
    int error_ = 0;  ///< errno of what failed last
    std::optional<Security> security_;
    std::optional<net::TcpStream> tcp_;
    std::optional<net::TlsStream> tls_;
    std::vector<std::uint8_t> out_;
    std::unique_ptr<net::FdWatch> watch_;
};

/// DNS messages, each behind its length, over TCP or TLS; many questions under way.
class StreamChannel final : public ConnectionChannel {
public:
    StreamChannel(ChannelUser& user, std::uint32_t number, Time now, net::Loop& loop, Begun begun)
        : ConnectionChannel{user, number, now, loop, std::move(begun)} {}
    bool send(std::span<const std::uint8_t> message) noexcept override;

private:
    bool opened(std::string_view /*protocol*/) noexcept override { return true; }
    bool take(std::span<const std::uint8_t> octets) noexcept override;

    std::vector<std::uint8_t> in_;  // frames that are not whole yet
};

}  // namespace nameplane::plugins::forwarding
