#pragma once
// TLS towards others, as a filter over a TcpStream. OpenSSL ends here.

#include "net/tcp.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <memory>
#include <optional>
#include <span>
#include <string>

namespace nameplane::net {

/// Who we are and whom we trust. Any thread once made.
class TlsClient {
public:
    struct Options {
        std::string certificate;  ///< PEM file; empty: we do not say who we are
        std::string key;          ///< PEM file; both or none
        std::string authorities;  ///< PEM file; empty: those of the system
    };
    static Result<std::shared_ptr<const TlsClient>> make(const Options& options);
    ~TlsClient();
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;

private:
    friend class TlsStream;
    struct State;
    explicit TlsClient(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// One connection. Move-only; one thread. Used like a TcpStream; whether the kernel takes more is
/// asked by has_unsent() and flush().
class TlsStream {
public:
    /// The peer must prove `name`, or its address if that is empty.
    TlsStream(std::shared_ptr<const TlsClient> client, TcpStream stream, const std::string& name);
    ~TlsStream();
    TlsStream(TlsStream&&) noexcept;
    TlsStream& operator=(TlsStream&&) noexcept;

    int fd() const noexcept;
    /// Begins; call once the TCP connection is there.
    Io handshake() noexcept;
    /// Whether the peer has proved who it is.
    bool is_ready() const noexcept;
    /// Like TcpStream::read(); goes on with a handshake that is under way.
    IoResult read(std::span<std::uint8_t> room) noexcept;
    /// Takes all of `octets` (is_ready()), and sends what the kernel takes.
    Io write(std::span<const std::uint8_t> octets) noexcept;
    bool has_unsent() const noexcept;
    Io flush() noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::net
