#pragma once
// FrameStream::Connection: a socket, plain or with TLS, as libfstrm reads and writes it: on its own
// thread, which may wait, but not for ever.

#include "base/fd.hpp"
#include "net/frame_stream.hpp"
#include "net/tls.hpp"

#include <openssl/ssl.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

namespace nameplane::net {

/// The way of a connection that was accepted to the thread that serves it: one at a time. Any
/// thread.
class FrameStream::Incoming {
public:
    struct Reader {
        UniqueFd socket;                       ///< blocking
        std::shared_ptr<const TlsServer> tls;  ///< nullptr: without
    };

    /// Takes `reader` if the one before has gone.
    bool offer(Reader& reader);
    /// The one that was offered; nothing if there is none. Whoever has taken it says gone() later.
    std::optional<Reader> take();
    void gone();

private:
    std::mutex mutex_;
    bool busy_ = false;
    std::optional<Reader> offered_;
};

class FrameStream::Connection {
public:
    explicit Connection(FrameTarget target) : target_{std::move(target)} {}
    explicit Connection(std::shared_ptr<Incoming> incoming) : incoming_{std::move(incoming)} {}
    ~Connection();

    /// Connects, or takes who has come.
    bool open() noexcept;
    void close() noexcept;
    /// All of it, or false.
    bool read(std::span<std::uint8_t> room) noexcept;
    bool write(std::span<const std::uint8_t> octets) noexcept;
    /// From any thread.
    bool is_open() const noexcept { return open_.load(std::memory_order_relaxed); }

private:
    struct FreeContext {
        void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
    };
    struct FreeSession {
        void operator()(SSL* session) const noexcept { SSL_free(session); }
    };
    bool connect_unix() noexcept;
    bool connect_host() noexcept;
    bool begin_tls() noexcept;
    bool connect() noexcept;
    bool take_reader() noexcept;

    FrameTarget target_;
    std::shared_ptr<Incoming> incoming_;
    bool has_reader_ = false;  // of incoming_
    std::shared_ptr<const TlsServer> server_;
    UniqueFd socket_;
    std::unique_ptr<SSL_CTX, FreeContext> context_;
    std::unique_ptr<SSL, FreeSession> session_;
    std::atomic<bool> open_{false};
};

}  // namespace nameplane::net
