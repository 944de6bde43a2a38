#pragma once
// FrameStream::Connection: a socket, plain or with TLS, as libfstrm reads and writes it: on its own
// thread, which may wait, but not for ever.

#include "base/fd.hpp"
#include "net/frame_stream.hpp"

#include <openssl/ssl.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

namespace nameplane::net {

class FrameStream::Connection {
public:
    explicit Connection(FrameTarget target) : target_{std::move(target)} {}
    ~Connection();

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

    FrameTarget target_;
    UniqueFd socket_;
    std::unique_ptr<SSL_CTX, FreeContext> context_;
    std::unique_ptr<SSL, FreeSession> session_;
    std::atomic<bool> open_{false};
};

}  // namespace nameplane::net
