#include "plugins/forward/channel.hpp"

#include "net/connect.hpp"

#include <array>
#include <utility>

namespace nameplane::plugins::forwarding {

namespace {

constexpr int batches_in_a_row_max = 2;
constexpr std::size_t length_octets = 2;
/// What may lie unwritten: an upstream that reads no more is broken.
constexpr std::size_t unwritten_octets_max = 1 << 20;

}  // namespace

UdpChannel::UdpChannel(ChannelUser& user, std::uint32_t number, Time now, net::Loop& loop,
                       UniqueFd fd, Outbox& outbox, Inbox& inbox)
    : Channel{user, number, now}, fd_{std::move(fd)}, outbox_{&outbox}, inbox_{&inbox},
      watch_{loop.watch(fd_.get(), [this](bool, bool) { ready(); })} {
    watch_->start(true, false);
}

UdpChannel::~UdpChannel() {
    outbox_->forget(*this);
}

bool UdpChannel::send(std::span<const std::uint8_t> message) noexcept {
    outbox_->put(*this, message);
    return true;
}

void UdpChannel::ready() noexcept {
    for (int batch = 0; batch < batches_in_a_row_max; ++batch) {
        const int got = inbox_->receive(fd_.get());
        if (got < 0) return tell_broken();
        for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
            tell(inbox_->message(i));
            if (is_broken()) return;
        }
        if (static_cast<std::size_t>(got) < Inbox::batch_max) return;
    }
}

StreamChannel::StreamChannel(ChannelUser& user, std::uint32_t number, Time now, net::Loop& loop,
                             UniqueFd fd, const SocketAddress& peer,
                             std::optional<Security> security)
    : Channel{user, number, now}, security_{std::move(security)},
      watch_{loop.watch(fd.get(), [this](bool r, bool w) { ready(r, w); })} {
    tcp_.emplace(std::move(fd), peer);
    watch_->start(false, true);
}

bool StreamChannel::send(std::span<const std::uint8_t> message) noexcept {
    if (is_broken() || out_.size() > unwritten_octets_max) return false;
    out_.push_back(static_cast<std::uint8_t>(message.size() >> 8));
    out_.push_back(static_cast<std::uint8_t>(message.size()));
    out_.insert(out_.end(), message.begin(), message.end());
    if (stage_ != Stage::open) return true;
    if (!write_out()) return false;
    watch();
    return true;
}

void StreamChannel::ready(bool readable, bool writable) noexcept {
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
        tell_broken();
        return;
    }
    watch();
}

bool StreamChannel::begin() noexcept {
    if (!net::is_connected(tcp_->fd())) return false;
    if (!security_) {
        stage_ = Stage::open;
        return true;
    }
    stage_ = Stage::proving;
    tls_.emplace(security_->client, std::move(*tcp_), security_->server_name);
    if (tls_->handshake() == net::Io::failed) return false;
    return true;
}

net::IoResult StreamChannel::read_some(std::span<std::uint8_t> room) noexcept {
    return tls_ ? tls_->read(room) : tcp_->read(room);
}

bool StreamChannel::read() noexcept {
    std::array<std::uint8_t, 16 << 10> room;
    for (;;) {
        const net::IoResult got = read_some(room);
        if (stage_ == Stage::proving && tls_->is_ready()) stage_ = Stage::open;
        if (got.io == net::Io::later) return true;
        if (got.io != net::Io::some) return false;
        in_.insert(in_.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(got.octets));
        if (!take_frames()) return false;
        if (!tls_ && got.octets < room.size()) return true;
    }
}

bool StreamChannel::take_frames() noexcept {
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

bool StreamChannel::write_out() noexcept {
    if (stage_ != Stage::open) {
        return tls_ ? tls_->flush() != net::Io::failed : true;
    }
    if (tls_) {
        if (!out_.empty() && tls_->write(out_) == net::Io::failed) return false;
        out_.clear();
        return tls_->flush() != net::Io::failed;
    }
    if (out_.empty()) return true;
    const net::IoResult wrote = tcp_->write(out_);
    if (wrote.io == net::Io::failed) return false;
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(wrote.octets));
    return true;
}

void StreamChannel::watch() noexcept {
    const bool unsent = tls_ ? tls_->has_unsent() : !out_.empty();
    watch_->start(stage_ != Stage::connecting, unsent || stage_ == Stage::connecting);
}

}  // namespace nameplane::plugins::forwarding
