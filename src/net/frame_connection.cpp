#include "net/frame_connection.hpp"

#include <nameplane/base/ip.hpp>

#include <netdb.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace nameplane::net {

namespace {

// A receiver that takes nothing, or says nothing, for so long is given up.
constexpr timeval patience{.tv_sec = 4, .tv_usec = 0};

void set_patience(int socket) noexcept {
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

bool is_address(const std::string& host) noexcept {
    return IpAddress::parse(host).has_value();
}

}  // namespace

bool FrameStream::Incoming::offer(Reader& reader) {
    const std::lock_guard lock{mutex_};
    if (busy_) return false;
    busy_ = true;
    offered_ = std::move(reader);
    return true;
}

std::optional<FrameStream::Incoming::Reader> FrameStream::Incoming::take() {
    const std::lock_guard lock{mutex_};
    return std::exchange(offered_, std::nullopt);
}

void FrameStream::Incoming::gone() {
    const std::lock_guard lock{mutex_};
    busy_ = false;
}

FrameStream::Connection::~Connection() {
    close();
}

void FrameStream::Connection::close() noexcept {
    open_.store(false, std::memory_order_relaxed);
    if (session_ != nullptr) SSL_shutdown(session_.get());
    session_ = nullptr;
    socket_ = UniqueFd{};
    if (std::exchange(has_reader_, false)) incoming_->gone();
}

bool FrameStream::Connection::open() noexcept {
    // The library does not close what it could not agree with.
    close();
    const bool connected = incoming_ != nullptr ? take_reader() : connect();
    if (!connected) {
        close();
        return false;
    }
    open_.store(true, std::memory_order_relaxed);
    return true;
}

bool FrameStream::Connection::connect() noexcept {
    switch (target_.kind) {
    case FrameTarget::Kind::unix_socket: return connect_unix();
    case FrameTarget::Kind::tcp: return connect_host();
    case FrameTarget::Kind::tls: break;
    }
    return connect_host() && begin_tls();
}

bool FrameStream::Connection::take_reader() noexcept {
    std::optional<Incoming::Reader> reader = incoming_->take();
    if (!reader) return false;
    has_reader_ = true;
    socket_ = std::move(reader->socket);
    set_patience(socket_.get());
    server_ = std::move(reader->tls);
    if (server_ == nullptr) return true;
    session_.reset(SSL_new(server_->context()));
    SSL* const session = session_.get();
    return session != nullptr && SSL_set_fd(session, socket_.get()) == 1 &&
           SSL_accept(session) == 1;
}

bool FrameStream::Connection::connect_unix() noexcept {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (target_.path.size() >= sizeof address.sun_path) return false;
    std::memcpy(address.sun_path, target_.path.data(), target_.path.size());
    socket_ = UniqueFd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!socket_) return false;
    set_patience(socket_.get());
    return ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
           0;
}

bool FrameStream::Connection::connect_host() noexcept {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(target_.host.c_str(), target_.port.c_str(), &wanted, &found) != 0) {
        return false;
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all{found, &::freeaddrinfo};
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
        socket_ = UniqueFd{::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        if (!socket_) continue;
        set_patience(socket_.get());
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &target_.send_buffer_octets,
                     sizeof target_.send_buffer_octets);
        if (::connect(socket_.get(), at->ai_addr, at->ai_addrlen) == 0) return true;
    }
    return false;
}

bool FrameStream::Connection::begin_tls() noexcept {
    if (context_ == nullptr) {
        context_.reset(SSL_CTX_new(TLS_client_method()));
        if (context_ == nullptr) return false;
        SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
        SSL_CTX_set_default_verify_paths(context_.get());
    }
    session_.reset(SSL_new(context_.get()));
    if (session_ == nullptr) return false;
    SSL* const session = session_.get();
    if (target_.verify) {
        SSL_set_verify(session, SSL_VERIFY_PEER, nullptr);
        const bool set =
            is_address(target_.host)
                ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), target_.host.c_str()) == 1
                : SSL_set1_host(session, target_.host.c_str()) == 1;
        if (!set) return false;
    }
    if (!is_address(target_.host)) SSL_set_tlsext_host_name(session, target_.host.c_str());
    return SSL_set_fd(session, socket_.get()) == 1 && SSL_connect(session) == 1;
}

bool FrameStream::Connection::read(std::span<std::uint8_t> room) noexcept {
    while (!room.empty()) {
        std::size_t got = 0;
        if (session_ != nullptr) {
            if (SSL_read_ex(session_.get(), room.data(), room.size(), &got) != 1) return false;
        } else {
            const ssize_t octets = ::recv(socket_.get(), room.data(), room.size(), 0);
            if (octets < 0 && errno == EINTR) continue;
            if (octets <= 0) return false;
            got = static_cast<std::size_t>(octets);
        }
        room = room.subspan(got);
    }
    return true;
}

bool FrameStream::Connection::write(std::span<const std::uint8_t> octets) noexcept {
    while (!octets.empty()) {
        std::size_t sent = 0;
        if (session_ != nullptr) {
            if (SSL_write_ex(session_.get(), octets.data(), octets.size(), &sent) != 1) {
                return false;
            }
        } else {
            const ssize_t wrote = ::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
            if (wrote < 0 && errno == EINTR) continue;
            if (wrote <= 0) return false;
            sent = static_cast<std::size_t>(wrote);
        }
        octets = octets.subspan(sent);
    }
    return true;
}

}  // namespace nameplane::net
