// What happens on one connection; which connections there are is in tcp_connections.cpp.

#include "server/tcp.hpp"

#include "server/tcp_connection.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

namespace nameplane::server {

void TcpService::ready(Connections::iterator at, bool writable) {
    Connection& connection = *at;
    connection.did_something = false;
    const bool open = (!writable || finish_writing(connection)) &&
                      (!connection.takes_queries() || read_and_answer(connection));
    if (!open || may_go(connection)) return close(at);
    watch(connection);
    if (connection.did_something) touched(at);
    publish_oldest_idle();
}

void TcpService::watch(Connection& connection) {
    connection.watch->start(connection.takes_queries() && !connection.finished,
                            connection.is_busy());
}

void TcpService::hold(const Arrival& arrival, Return& way) noexcept {
    way.connection = arrival.place;
    ++by_number_.find(arrival.place)->second->waiting;
}

void TcpService::answer(const Return& way, std::span<const std::uint8_t> message) noexcept {
    const auto found = by_number_.find(way.connection);
    if (found == by_number_.end()) return;  // the client did not wait
    const Connections::iterator at = found->second;
    Connection& connection = *at;
    --connection.waiting;
    if (!message.empty()) {
        connection.did_something = true;
        const std::array<std::uint8_t, length_octets> length{
            static_cast<std::uint8_t>(message.size() >> 8),
            static_cast<std::uint8_t>(message.size())};
        connection.broken = !write_late(connection, length, message);
    }
    // What follows from it must not happen in the middle of another connection's queries.
    answered_late_.push_back(way.connection);
    settle_->call();
}

void TcpService::settle() {
    // What is answered meanwhile has its turn later.
    const std::vector<std::uint64_t> numbers = std::exchange(answered_late_, {});
    for (const std::uint64_t number : numbers) {
        const auto found = by_number_.find(number);
        if (found == by_number_.end()) continue;
        const Connections::iterator at = found->second;
        Connection& connection = *at;
        const bool over = connection.finished && connection.is_idle() && connection.unread.empty();
        if (connection.broken || over || may_go(connection)) {
            close(at);
        } else if (!connection.unread.empty() && connection.takes_queries()) {
            ready(at, false);
        } else {
            watch(connection);
            touched(at);
            publish_oldest_idle();
        }
    }
}

bool TcpService::write_late(Connection& connection, std::span<const std::uint8_t> length,
                            std::span<const std::uint8_t> message) {
    late_.assign(length.begin(), length.end());
    late_.insert(late_.end(), message.begin(), message.end());
    std::size_t sent = 0;
    if (!connection.is_busy()) {
        const net::IoResult wrote = connection.stream.write(late_);
        if (wrote.io != net::Io::some && wrote.io != net::Io::later) return false;
        sent = wrote.octets;
    }
    connection.unsent.insert(connection.unsent.end(),
                             late_.begin() + static_cast<std::ptrdiff_t>(sent), late_.end());
    return true;
}

bool TcpService::finish_writing(Connection& connection) {
    if (!connection.is_busy()) return true;
    const std::span<const std::uint8_t> rest =
        std::span{connection.unsent}.subspan(connection.unsent_from);
    const net::IoResult wrote = connection.stream.write(rest);
    if (wrote.io == net::Io::later) return true;
    if (wrote.io != net::Io::some) return false;
    connection.unsent_from += wrote.octets;
    if (connection.unsent_from == connection.unsent.size()) {
        connection.unsent = {};
        connection.unsent_from = 0;
        connection.did_something = true;
    }
    return true;
}

bool TcpService::read_and_answer(Connection& connection) {
    // Whole queries may lie here from the time when answers waited: they come first. Something of
    // them was answered then, so that there is room behind.
    const std::size_t kept = connection.unread.size();
    std::ranges::copy(connection.unread, in_.begin());
    connection.unread.clear();
    net::IoResult got{net::Io::later};
    if (!connection.finished) got = connection.stream.read(std::span{in_}.subspan(kept));
    if (got.io == net::Io::failed) return false;
    if (got.io == net::Io::closed) connection.finished = true;
    batches_->begin();
    const bool sent = answer_frames(connection, kept + got.octets);
    batches_->end();
    // Who has finished sending still gets what he asked for.
    return sent && (!connection.finished || !connection.is_idle());
}

bool TcpService::answer_frames(Connection& connection, std::size_t octets) {
    std::size_t from = 0;
    std::size_t out = 0;
    while (connection.takes_queries() && octets - from >= length_octets) {
        const std::size_t length = static_cast<std::size_t>(in_[from]) << 8 | in_[from + 1];
        if (octets - from - length_octets < length) break;
        const std::span<const std::uint8_t> message{in_.data() + from + length_octets, length};
        from += length_octets + length;
        const std::size_t size = batches_->handler().answer(
            message, connection.arrival, std::span{out_}.subspan(out + length_octets));
        connection.did_something = connection.did_something || connection.waiting != 0;
        if (size == 0) continue;
        connection.did_something = true;
        out_[out] = static_cast<std::uint8_t>(size >> 8);
        out_[out + 1] = static_cast<std::uint8_t>(size);
        out += length_octets + size;
        if (out_.size() - out < frame_octets_max) {
            if (!write_out(connection, out)) return false;
            out = 0;
        }
    }
    if (out != 0 && !write_out(connection, out)) return false;
    connection.unread.assign(in_.begin() + static_cast<std::ptrdiff_t>(from),
                             in_.begin() + static_cast<std::ptrdiff_t>(octets));
    // A large query's room is not kept for ever.
    if (connection.unread.empty() && connection.unread.capacity() > 4096) connection.unread = {};
    return true;
}

bool TcpService::write_out(Connection& connection, std::size_t octets) {
    net::IoResult wrote{net::Io::later};
    // A late answer may lie there since this batch began.
    if (!connection.is_busy()) wrote = connection.stream.write(std::span{out_}.first(octets));
    if (wrote.io != net::Io::some && wrote.io != net::Io::later) return false;
    connection.unsent.insert(connection.unsent.end(),
                             out_.begin() + static_cast<std::ptrdiff_t>(wrote.octets),
                             out_.begin() + static_cast<std::ptrdiff_t>(octets));
    return true;
}

bool TcpService::may_go(const Connection& connection) const {
    return draining_ && connection.is_idle() && connection.unread.empty();
}

}  // namespace nameplane::server
