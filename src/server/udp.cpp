// hot path
#include "server/udp.hpp"

#include <array>
#include <utility>

namespace nameplane::server {

UdpService::UdpService(net::Loop& loop, net::UdpSocket socket, std::size_t listener,
                       Batches& batches)
    : socket_{std::move(socket)}, listener_{listener}, batches_{&batches},
      watch_{loop.watch(socket_.fd(), [this](bool, bool) { ready(); })},
      send_late_{loop.soon([this] { send_late(); })} {}

void UdpService::start() {
    watch_->start(true, false);
}

void UdpService::hold(const Arrival& arrival, Return& way) noexcept {
    way.udp = socket_.way_back(arrival.place);
}

void UdpService::answer(const Return& way, std::span<const std::uint8_t> message) noexcept {
    if (message.empty()) return;
    socket_.answer_late(way.udp, message);
    send_late_->call();
}

void UdpService::send_late() noexcept {
    socket_.send_late();
    count_send_errors();
}

bool UdpService::finish_sending() {
    const bool all_sent = socket_.send();
    count_send_errors();
    return all_sent;
}

void UdpService::count_send_errors() noexcept {
    if (socket_.send_errors() != send_errors_seen_) {
        const Handler& handler = batches_->handler();
        handler.oddities().send_failed.add(handler.worker(),
                                           socket_.send_errors() - send_errors_seen_);
        send_errors_seen_ = socket_.send_errors();
    }
}

void UdpService::count_overflowed() noexcept {
    const std::uint32_t now = socket_.overflowed();
    const std::uint32_t more = now - std::exchange(overflowed_seen_, now);
    if (more == 0) return;
    const Handler& handler = batches_->handler();
    handler.oddities().overflowed.add(handler.worker(), more);
}

void UdpService::take(Handler& handler, std::size_t count) const noexcept {
    static_assert(net::UdpSocket::batch_max <= Handler::messages_max);
    std::array<Handler::Message, net::UdpSocket::batch_max> messages;
    for (std::size_t i = 0; i < count; ++i) messages[i] = socket_.message(i);
    handler.take(std::span{messages}.first(count), listener_);
}

UdpService::Went UdpService::serve_batch() {
    StageClock* const clock = batches_->handler().begin_sample();
    const std::size_t count = socket_.receive();
    if (count == 0) {
        batches_->handler().end_sample();
        return Went::nothing_there;
    }
    if (clock != nullptr) clock->lap(StageClock::Stage::receive, count);
    Handler& handler = batches_->begin();
    take(handler, count);
    for (std::size_t i = 0; i < count; ++i) {
        const net::UdpSocket::Datagram datagram = socket_.datagram(i);
        if (datagram.cut_off) {
            handler.oddities().cut_off.add(handler.worker());
            continue;
        }
        const Arrival arrival{.client = datagram.client,
                              .server = datagram.server,
                              .transport = Transport::udp,
                              .listener = listener_,
                              .late = this,
                              .place = i};
        const std::size_t octets = handler.answer(i, arrival, socket_.answer_room(i));
        if (octets != 0) socket_.answer(i, octets);
    }
    const bool all_sent = finish_sending();
    if (clock != nullptr) clock->lap(StageClock::Stage::send, count);
    batches_->end();
    if (!all_sent) return Went::blocked;
    return count == net::UdpSocket::batch_max ? Went::full : Went::some;
}

void UdpService::ready() {
    if (socket_.has_unsent()) {
        if (!finish_sending()) return;
        watch_->start(true, false);
    }
    Went went = Went::full;
    for (int i = 0; i < batches_in_a_row_max && went == Went::full; ++i) went = serve_batch();
    // Nothing is received meanwhile: the queue in the kernel is the one that overflows.
    if (went == Went::blocked) watch_->start(false, true);
}

bool UdpService::drain() {
    watch_->stop();
    if (socket_.has_unsent() && !finish_sending()) return false;
    // What keeps coming belongs to others of the port; so many batches empty any queue.
    for (int i = 0; i < 128; ++i) {
        const Went went = serve_batch();
        if (went == Went::nothing_there) return true;
        if (went == Went::blocked) return false;
    }
    return true;
}

}  // namespace nameplane::server
