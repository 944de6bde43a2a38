#pragma once
// Stream: a TCP connection, plain or with TLS over it, used the same way.

#include "net/tcp.hpp"
#include "net/tls.hpp"

#include <span>
#include <string_view>
#include <utility>
#include <variant>

namespace nameplane::net {

/// Move-only; closes the connection on destruction. One thread.
class Stream {
public:
    explicit Stream(TcpStream plain) : stream_{std::move(plain)} {}
    explicit Stream(TlsStream tls) : stream_{std::move(tls)} {}

    int fd() const noexcept {
        return std::visit([](const auto& stream) { return stream.fd(); }, stream_);
    }
    bool is_tls() const noexcept { return tls() != nullptr; }
    /// Whether octets of queries can come: at once, or after the handshake.
    bool is_ready() const noexcept { return !is_tls() || tls()->is_ready(); }
    /// See TlsStream; `some` without TLS.
    Io handshake() noexcept { return is_tls() ? tls()->handshake() : Io::some; }
    /// What both agreed on to speak; empty: nothing, or no TLS.
    std::string_view protocol() const noexcept {
        return is_tls() ? tls()->protocol() : std::string_view{};
    }

    /// See TlsStream.
    bool is_resumed() const noexcept { return is_tls() && tls()->is_resumed(); }

    IoResult read(std::span<std::uint8_t> room) noexcept {
        return std::visit([&](auto& stream) { return stream.read(room); }, stream_);
    }
    /// Whether read() has more at once, of which the descriptor knows nothing.
    bool has_unread() const noexcept { return is_tls() && tls()->has_unread(); }
    /// Writes as much of `octets` (not empty) as is taken: with TLS all of it, see has_unsent().
    IoResult write(std::span<const std::uint8_t> octets) noexcept {
        if (auto* const plain = std::get_if<TcpStream>(&stream_)) return plain->write(octets);
        if (tls()->write(octets) == Io::failed) return {Io::failed, 0};
        return {Io::some, octets.size()};
    }
    /// Whether something that was taken waits for the kernel.
    bool has_unsent() const noexcept { return is_tls() && tls()->has_unsent(); }
    /// `some` when nothing waits any more.
    Io flush() noexcept { return is_tls() ? tls()->flush() : Io::some; }
    /// Says goodbye where there is a way to.
    void finish() noexcept {
        if (is_tls()) tls()->finish();
    }

private:
    TlsStream* tls() noexcept { return std::get_if<TlsStream>(&stream_); }
    const TlsStream* tls() const noexcept { return std::get_if<TlsStream>(&stream_); }

    std::variant<TcpStream, TlsStream> stream_;
};

}  // namespace nameplane::net
