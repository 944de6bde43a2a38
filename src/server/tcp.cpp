// What happens on one connection; which connections there are is in tcp_connections.cpp, HTTP in
// tcp_https.cpp.

#include "server/tcp.hpp"

#include "server/tcp_connection.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

namespace nameplane::server {

namespace {

/// So long handshakes are done in a row, and so long all else has its turn then.
constexpr std::chrono::milliseconds turns_time{2};
constexpr std::chrono::milliseconds turns_pause{1};

}  // namespace

// Turns: a step of a handshake, or a reading of what lies in TLS' buffers. Many of them must not
// keep other clients waiting.

void TcpService::await_turn(Connection& connection) {
    if (std::exchange(connection.awaits_turn, true)) return;
    connection.watch->stop();
    const bool is_first = turns_.empty();
    turns_.push_back(connection.arrival.place);
    if (is_first) first_turns_->call();
}

void TcpService::take_turns() {
    const Time until = std::chrono::steady_clock::now() + turns_time;
    // Who comes back meanwhile waits for the next time.
    for (std::size_t left = turns_.size(); left != 0; --left) {
        const auto found = by_number_.find(turns_.front());
        turns_.pop_front();
        if (found != by_number_.end()) {
            const Connections::iterator at = found->second;
            at->awaits_turn = false;
            if (at->is_shaking) {
                shake(at);
            } else {
                ready(at, true);
            }
        }
        if (std::chrono::steady_clock::now() >= until) break;
    }
    if (!turns_.empty()) next_turns_->start(turns_pause);
}

void TcpService::shake(Connections::iterator at) {
    Connection& connection = *at;
    switch (connection.stream.handshake()) {
    case net::Io::later:
        if (draining_) return close(at);
        connection.watch->start(true, connection.stream.has_unsent());
        return;
    case net::Io::some: established(connection); return ready(at, false);
    case net::Io::closed:
    case net::Io::failed: counts_->failed.add(worker_); return close(at);
    }
}

void TcpService::ready(Connections::iterator at, bool writable) {
    Connection& connection = *at;
    if (connection.is_shaking) return await_turn(connection);
    connection.did_something = false;
    const bool open = (!writable || (finish_writing(connection) && flow_on(connection))) &&
                      (!connection.takes_queries() || read_and_answer(connection));
    if (!open || may_go(connection)) return close(at);
    if (connection.did_something) touched(at);
    if (connection.has_more_at_once()) {
        await_turn(connection);
    } else {
        watch(connection);
    }
    publish_oldest_idle();
}

void TcpService::watch(Connection& connection) {
    if (connection.awaits_turn) return;
    connection.watch->start(connection.takes_queries() && !connection.finished,
                            connection.is_busy() || connection.flow != nullptr);
}

void TcpService::hold(const Arrival& arrival, Return& way) noexcept {
    way.connection = arrival.place;
    way.part = arrival.part;
    ++by_number_.find(arrival.place)->second->waiting;
}

void TcpService::answer(const Return& way, std::span<const std::uint8_t> message) noexcept {
    const auto found = by_number_.find(way.connection);
    if (found == by_number_.end()) return;  // the client did not wait
    Connection& connection = *found->second;
    --connection.waiting;
    if (connection.https) {
        send_http(connection, way.part, message);
    } else if (!message.empty()) {
        connection.did_something = true;
        connection.broken = connection.broken || !send_frame(connection, message);
    }
    // What follows from it must not happen in the middle of another connection's queries.
    answered_late_.push_back(way.connection);
    settle_->call();
}

void TcpService::flow(const Return& way, Flow& flow) noexcept {
    const auto found = by_number_.find(way.connection);
    if (found == by_number_.end()) return batches_->handler().abandon(flow);
    if (found->second->https) {
        http_flows_.push_back({way.connection, way.part, &flow});
    } else {
        found->second->flow = &flow;
        answered_late_.push_back(way.connection);
    }
    settle_->call();
}

void TcpService::settle() {
    for (const HttpFlow& asked : std::exchange(http_flows_, {})) answer_whole(asked);
    // What is answered meanwhile has its turn later.
    const std::vector<std::uint64_t> numbers = std::exchange(answered_late_, {});
    for (const std::uint64_t number : numbers) {
        const auto found = by_number_.find(number);
        if (found == by_number_.end()) continue;
        const Connections::iterator at = found->second;
        Connection& connection = *at;
        const bool goes_on = !connection.unread.empty() || connection.https;
        if (connection.broken || (connection.is_over() && connection.unread.empty()) ||
            may_go(connection)) {
            close(at);
        } else if (goes_on && connection.takes_queries()) {
            touched(at);
            ready(at, false);
        } else {
            watch(connection);
            touched(at);
            publish_oldest_idle();
        }
    }
}

bool TcpService::send_frame(Connection& connection, std::span<const std::uint8_t> message) {
    late_.assign({static_cast<std::uint8_t>(message.size() >> 8),
                  static_cast<std::uint8_t>(message.size())});
    late_.insert(late_.end(), message.begin(), message.end());
    return send(connection, late_);
}

bool TcpService::finish_writing(Connection& connection) {
    if (!connection.is_busy()) return true;
    if (connection.stream.has_unsent()) {
        if (connection.stream.flush() == net::Io::failed) return false;
        if (connection.stream.has_unsent()) return true;
    }
    if (!connection.unsent.empty()) {
        const net::IoResult wrote =
            connection.stream.write(std::span{connection.unsent}.subspan(connection.unsent_from));
        if (wrote.io == net::Io::later) return true;
        if (wrote.io != net::Io::some) return false;
        connection.unsent_from += wrote.octets;
        if (connection.unsent_from != connection.unsent.size()) return true;
        forget_unsent(connection);
    }
    connection.did_something = !connection.is_busy();
    return true;
}

/// Sends `octets` behind whatever waits for the kernel; false: the connection is gone.
bool TcpService::send(Connection& connection, std::span<const std::uint8_t> octets) {
    net::IoResult wrote{net::Io::later};
    if (!connection.is_busy()) wrote = connection.stream.write(octets);
    if (wrote.io != net::Io::some && wrote.io != net::Io::later) return false;
    const std::span<const std::uint8_t> left = octets.subspan(wrote.octets);
    if (left.empty()) return true;
    // Answers to queries that have waited come whether or not those before them were taken.
    if (connection.unsent.size() + left.size() > unsent_octets_max ||
        unsent_octets_ + left.size() > all_unsent_octets_max) {
        batches_->handler().oddities().tcp_untaken.add(worker_);
        return false;
    }
    connection.unsent.insert(connection.unsent.end(), left.begin(), left.end());
    unsent_octets_ += left.size();
    return true;
}

void TcpService::forget_unsent(Connection& connection) noexcept {
    unsent_octets_ -= connection.unsent.size();
    connection.unsent = {};
    connection.unsent_from = 0;
}

/// The next message of an answer of many, if the kernel has taken all that came before.
bool TcpService::flow_on(Connection& connection) {
    if (connection.flow == nullptr || connection.is_busy()) return true;
    const Handler::Flowed went = batches_->handler().go_on(*connection.flow, out_);
    if (went.over) {
        connection.flow = nullptr;
        --connection.waiting;
    }
    if (went.octets == 0) return false;
    if (!send_frame(connection, std::span{out_}.first(went.octets))) return false;
    if (!connection.is_busy()) connection.did_something = true;
    return true;
}

bool TcpService::read_and_answer(Connection& connection) {
    const bool sent = connection.https ? read_http(connection) : read_frames(connection);
    // Who has finished sending still gets what he asked for.
    return sent && !connection.broken && !connection.is_over();
}

bool TcpService::read_frames(Connection& connection) {
    // Whole queries may lie here from the time when answers waited: they come first. Something of
    // them was answered then, so that there is room behind.
    const std::size_t kept = connection.unread.size();
    std::ranges::copy(connection.unread, in_.begin());
    connection.unread.clear();
    StageClock* const clock = batches_->handler().begin_sample();
    net::IoResult got{net::Io::later};
    if (!connection.finished) {
        const std::span<std::uint8_t> room = std::span{in_}.subspan(kept);
        got = connection.stream.read(room.first(std::min(room.size(), reading_octets_max)));
    }
    if (got.io == net::Io::failed) {
        batches_->handler().end_sample();
        return false;
    }
    if (got.io == net::Io::closed) connection.finished = true;
    if (clock != nullptr) clock->lap(StageClock::Stage::receive);
    batches_->begin();
    const bool sent = answer_frames(connection, kept + got.octets);
    if (clock != nullptr) clock->lap(StageClock::Stage::send);
    batches_->end();
    return sent;
}

bool TcpService::answer_frames(Connection& connection, std::size_t octets) {
    const bool is_limited = connection.queries_left != 0;
    std::size_t from = 0;
    std::size_t out = 0;
    while (connection.takes_queries() && octets - from >= length_octets) {
        const std::size_t length = static_cast<std::size_t>(in_[from]) << 8 | in_[from + 1];
        if (octets - from - length_octets < length) break;
        const std::span<const std::uint8_t> message{in_.data() + from + length_octets, length};
        from += length_octets + length;
        const std::size_t waited = connection.waiting;
        const std::size_t size = batches_->handler().answer(
            message, connection.arrival, std::span{out_}.subspan(out + length_octets));
        if (size != 0 || connection.waiting != waited) connection.asked();
        if (size != 0) {
            out_[out] = static_cast<std::uint8_t>(size >> 8);
            out_[out + 1] = static_cast<std::uint8_t>(size);
            out += length_octets + size;
        }
        // What comes behind the last query that is taken is left alone.
        if (is_limited && connection.queries_left == 0) from = octets;
        if (out_.size() - out < frame_octets_max) {
            if (!send(connection, std::span{out_}.first(out))) return false;
            out = 0;
        }
    }
    if (out != 0 && !send(connection, std::span{out_}.first(out))) return false;
    connection.unread.assign(in_.begin() + static_cast<std::ptrdiff_t>(from),
                             in_.begin() + static_cast<std::ptrdiff_t>(octets));
    // A large query's room is not kept for ever.
    if (connection.unread.empty() && connection.unread.capacity() > 4096) connection.unread = {};
    return true;
}

bool TcpService::may_go(const Connection& connection) const {
    return draining_ && connection.is_idle() && connection.unread.empty();
}

}  // namespace nameplane::server
