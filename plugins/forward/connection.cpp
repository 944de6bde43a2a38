#include "plugins/forward/connection.hpp"

#include "net/connect.hpp"

#include <array>
#include <cerrno>
#include <utility>

namespace nameplane::plugins::forwarding {

namespace {

constexpr std::size_t length_octets = 2;
/// What may lie unwritten: an upstream that reads no more is broken.
constexpr std::size_t unwritten_octets_max = 1 << 20;

}  // namespace

ConnectionChannel::ConnectionChannel(ChannelUser& user, std::uint32_t number, Time now,
                                     net::Loop& loop, Begun begun)
    : Channel{user, number, now}, fd_{begun.fd.get()}, security_{std::move(begun.security)},
      watch_{loop.watch(begun.fd.get(), [this](bool r, bool w) { ready(r, w); })} {
    tcp_.emplace(std::move(begun.fd), begun.peer);
    watch_->start(false, true);
}

bool ConnectionChannel::push() noexcept {
    if (is_broken() || out_.size() > unwritten_octets_max) return false;
    if (stage_ != Stage::open) return true;
    if (!write_out()) return false;
    watch();
    return true;
}

void ConnectionChannel::ready(bool readable, bool writable) noexcept {
    if (readable || stage_ == Stage::connecting) heard();
    bool good = true;
    if (stage_ == Stage::connecting) {
        good = begin();
        readable = false;
    }
    if (good && readable) good = read();
    if (is_broken()) return;
    if (good && (writable || stage_ == Stage::open)) good = write_out();
    if (!good) {
        watch_->stop();
        tell_broken(error_);
        return;
    }
    watch();
}

bool ConnectionChannel::begin() noexcept {
    error_ = net::connect_error(tcp_->fd());
    if (error_ != 0) return false;
    if (!security_) return open();
    stage_ = Stage::proving;
    tls_.emplace(security_->client, std::move(*tcp_), security_->server_name);
    return tls_->handshake() != net::Io::failed;
}

bool ConnectionChannel::open() noexcept {
    stage_ = Stage::open;
    return opened(tls_ ? tls_->protocol() : std::string_view{});
}

net::IoResult ConnectionChannel::read_some(std::span<std::uint8_t> room) noexcept {
    return tls_ ? tls_->read(room) : tcp_->read(room);
}

bool ConnectionChannel::read() noexcept {
    std::array<std::uint8_t, 16 << 10> room;
    for (;;) {
        const net::IoResult got = read_some(room);
        if (stage_ == Stage::proving && tls_->is_ready() && !open()) return false;
        if (got.io == net::Io::later) return true;
        if (got.io != net::Io::some) {
            error_ = got.io == net::Io::failed && !tls_ ? errno : 0;
            return false;
        }
        if (!take(std::span{room}.first(got.octets))) return false;
        if (is_broken()) return true;
        if (!tls_ && got.octets < room.size()) return true;
    }
}

bool ConnectionChannel::write_out() noexcept {
    if (stage_ != Stage::open) {
        return tls_ ? tls_->flush() != net::Io::failed : true;
    }
    if (tls_) {
        if (tls_->flush() == net::Io::failed) return false;
        // What waits to be sent waits here, where it is counted.
        if (out_.empty() || tls_->has_unsent()) return true;
        const bool good = tls_->write(out_) != net::Io::failed;
        out_.clear();
        return good;
    }
    if (out_.empty()) return true;
    const net::IoResult wrote = tcp_->write(out_);
    if (wrote.io == net::Io::failed) return false;
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(wrote.octets));
    return true;
}

void ConnectionChannel::watch() noexcept {
    const bool unsent = tls_ ? tls_->has_unsent() : !out_.empty();
    watch_->start(stage_ != Stage::connecting, unsent || stage_ == Stage::connecting);
}

bool StreamChannel::send(std::span<const std::uint8_t> message) noexcept {
    out().push_back(static_cast<std::uint8_t>(message.size() >> 8));
    out().push_back(static_cast<std::uint8_t>(message.size()));
    out().insert(out().end(), message.begin(), message.end());
    return push();
}

bool StreamChannel::take(std::span<const std::uint8_t> octets) noexcept {
    in_.insert(in_.end(), octets.begin(), octets.end());
    std::size_t from = 0;
    while (in_.size() - from >= length_octets) {
        const std::size_t length = static_cast<std::size_t>(in_[from]) << 8 | in_[from + 1];
        if (in_.size() - from - length_octets < length) break;
        tell({in_.data() + from + length_octets, length});
        if (is_broken()) return true;
        from += length_octets + length;
    }
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(from));
    return true;
}

}  // namespace nameplane::plugins::forwarding
