#pragma once
// TLS, of clients and of servers, as a filter over a TcpStream. OpenSSL ends here.

#include "net/tcp.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct ssl_ctx_st;

namespace nameplane::net {

/// Who we are and whom we trust. Any thread once made.
class TlsClient {
public:
    struct Options {
        std::string certificate;    ///< PEM file; empty: we do not say who we are
        std::string key;            ///< PEM file; both or none
        std::string authorities;    ///< PEM file; empty: those of the system
        std::string inside{"dot"};  ///< what is to be spoken (ALPN); empty: nothing is said of it
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

/// What we prove to clients, and they to us. Any thread once made; TLS 1.2 and 1.3. Sessions are
/// resumed by tickets, which hold for all connections of one object.
class TlsServer {
public:
    /// Whether clients must show a certificate, and whether it must be one of `authorities`.
    enum class Clients : std::uint8_t {
        unasked,
        asked,
        must_show,
        proved_if_shown,
        must_prove,
    };
    /// What is spoken inside: who asks for something else (ALPN) is refused where it is HTTP, and
    /// gets DNS otherwise.
    enum class Inside : std::uint8_t { dns, http };
    /// What is proved to those who ask for a name.
    struct Named {
        std::string name;         ///< lower case; "*.example" is for names with one label more
        std::string certificate;  ///< PEM file, with its chain
        std::string key;          ///< PEM file
    };
    struct Options {
        std::string certificate;  ///< PEM file, with its chain
        std::string key;          ///< PEM file
        /// In their place, if there are any: whoever asks for no name gets the first one's, whoever
        /// asks for another one is refused. Files that cannot be used are passed over, and their
        /// name is refused until then.
        std::vector<Named> named;
        std::string authorities;  ///< PEM file; empty: those of the system
        Clients clients = Clients::unasked;
        std::string keylog;  ///< secrets are appended to this file; empty: nowhere
        Inside inside = Inside::dns;
    };
    /// Errors name the file: "certificate cert.pem: ...".
    static Result<std::shared_ptr<const TlsServer>> make(const Options& options);
    ~TlsServer();
    TlsServer(const TlsServer&) = delete;
    TlsServer& operator=(const TlsServer&) = delete;

    /// For sessions of OpenSSL over a socket that may block; as long as this object.
    ssl_ctx_st* context() const noexcept;

private:
    friend class TlsStream;
    struct State;
    explicit TlsServer(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// One connection. Move-only; one thread. Used like a TcpStream; whether the kernel takes more is
/// asked by has_unsent() and flush().
class TlsStream {
public:
    /// As a client: the peer must prove `name`, or its address if that is empty.
    TlsStream(std::shared_ptr<const TlsClient> client, TcpStream stream, const std::string& name);
    /// As a server, of a connection that was accepted.
    TlsStream(std::shared_ptr<const TlsServer> server, TcpStream stream);
    ~TlsStream();
    TlsStream(TlsStream&&) noexcept;
    TlsStream& operator=(TlsStream&&) noexcept;

    int fd() const noexcept;
    /// Takes the handshake as far as it goes now; a client calls it first once the TCP connection
    /// is there. `some`: it is done.
    Io handshake() noexcept;
    /// Whether the handshake is done: the peer has proved who it is, if it must.
    bool is_ready() const noexcept;
    /// Of a session that was resumed, so that no certificate was proved anew.
    bool is_resumed() const noexcept;
    /// What both agreed on to speak inside (ALPN); empty: nothing.
    std::string_view protocol() const noexcept;
    /// Like TcpStream::read(), as much as fits into `room`; goes on with a handshake that is under
    /// way.
    IoResult read(std::span<std::uint8_t> room) noexcept;
    /// Whether read() has more at once, of which the descriptor knows nothing.
    bool has_unread() const noexcept;
    /// Takes all of `octets` (is_ready()), and sends what the kernel takes.
    Io write(std::span<const std::uint8_t> octets) noexcept;
    bool has_unsent() const noexcept;
    Io flush() noexcept;
    /// Tells the peer that nothing more comes, as far as the kernel takes it.
    void finish() noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::net
