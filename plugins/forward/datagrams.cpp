#include "plugins/forward/datagrams.hpp"

#include "plugins/forward/channel.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace nameplane::plugins::forwarding {

namespace {

/// In this time most of what has no answer has left the upstream's socket all the same.
constexpr std::chrono::duration<double> read_by{0.05};

}  // namespace

Outbox::Outbox(net::Loop& loop, std::uint32_t window, const Clock& clock)
    : window_{static_cast<double>(window)}, clock_{clock}, aged_at_{clock.now()},
      soon_{loop.soon([this] { flush(); })}, timer_{loop.timer([this] { flush(); })} {
    for (std::size_t i = 0; i < batch_max; ++i) {
        headers_[i].msg_hdr.msg_iov = &vectors_[i];
        headers_[i].msg_hdr.msg_iovlen = 1;
    }
}

void Outbox::put(UdpChannel& channel, std::span<const std::uint8_t> message) {
    if (items_.empty()) soon_->call();
    items_.push_back({&channel, static_cast<std::uint32_t>(message.size())});
    octets_.insert(octets_.end(), message.begin(), message.end());
}

void Outbox::forget(const UdpChannel& channel) noexcept {
    for (Item& item : items_) {
        if (item.channel == &channel) item.channel = nullptr;
    }
}

void Outbox::answered() noexcept {
    pending_ = std::max(0.0, pending_ - 1);
    if (!items_.empty()) soon_->call();
}

void Outbox::age() noexcept {
    const Monotonic now = clock_.now();
    const std::chrono::duration<double> passed = now - std::exchange(aged_at_, now);
    pending_ *= 1 - std::min(1.0, passed / read_by);
}

void Outbox::flush() noexcept {
    age();
    UdpChannel* failed = nullptr;
    int error = 0;
    std::size_t done = 0;
    std::size_t octets = 0;
    while (done < items_.size() && pending_ + 1 <= window_ && failed == nullptr) {
        const std::size_t some = send_some(done, octets_.data() + octets, failed);
        error = errno;
        for (std::size_t i = done; i < done + some; ++i) octets += items_[i].octets;
        done += some;
    }
    drop_first(done, octets);
    if (!items_.empty()) {
        // One that failed must not keep the others.
        if (failed != nullptr) soon_->call();
        timer_->start(std::chrono::milliseconds{1});
    }
    if (failed != nullptr) failed->could_not_send(error);
}

/// Sends a batch from item `first` on, whose octets begin at `from`; how many items that were.
std::size_t Outbox::send_some(std::size_t first, const std::uint8_t* from,
                              UdpChannel*& failed) noexcept {
    UdpChannel* const channel = items_[first].channel;
    if (channel == nullptr) return 1;
    const std::size_t limit =
        std::min({batch_max, items_.size() - first, static_cast<std::size_t>(window_ - pending_)});
    unsigned count = 0;
    for (; count < limit && items_[first + count].channel == channel; ++count) {
        const std::uint32_t octets = items_[first + count].octets;
        // The kernel only reads it.
        vectors_[count] = {const_cast<std::uint8_t*>(from), octets};
        from += octets;
    }
    int sent = 0;
    do {
        sent = ::sendmmsg(channel->fd(), headers_.data(), count, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    // What the kernel refuses, it says of the first one; a full buffer loses a datagram as a full
    // wire would.
    if (sent <= 0 && errno != EAGAIN && errno != ENOBUFS) failed = channel;
    const auto went = static_cast<std::size_t>(std::max(sent, 1));
    pending_ += static_cast<double>(went);
    return went;
}

void Outbox::drop_first(std::size_t items, std::size_t octets) noexcept {
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(items));
    octets_.erase(octets_.begin(), octets_.begin() + static_cast<std::ptrdiff_t>(octets));
}

Inbox::Inbox() : octets_{std::make_unique_for_overwrite<std::uint8_t[]>(batch_max * stride)} {
    for (std::size_t i = 0; i < batch_max; ++i) {
        vectors_[i] = {octets_.get() + i * stride, datagram_octets_max};
        headers_[i].msg_hdr.msg_iov = &vectors_[i];
        headers_[i].msg_hdr.msg_iovlen = 1;
    }
}

int Inbox::receive(int fd) noexcept {
    int taken = 0;
    do {
        taken = ::recvmmsg(fd, headers_.data(), batch_max, MSG_DONTWAIT, nullptr);
    } while (taken < 0 && errno == EINTR);
    return taken < 0 && errno == EAGAIN ? 0 : taken;
}

}  // namespace nameplane::plugins::forwarding
