// What happens on one connection; which connections there are is in tcp_connections.cpp.

#include "server/tcp.hpp"

#include "server/tcp_connection.hpp"

#include <algorithm>
#include <cstring>
#include <span>

namespace nameplane::server {

void TcpService::ready(Connections::iterator at, bool writable) {
    Connection& connection = *at;
    connection.did_something = false;
    const bool open = (!writable || finish_writing(connection)) &&
                      (connection.is_busy() || read_and_answer(connection));
    if (!open || may_go(connection)) return close(at);
    connection.watch->start(!connection.is_busy(), connection.is_busy());
    if (connection.did_something) touched(at);
    publish_oldest_idle();
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
    return sent && (!connection.finished || connection.is_busy());
}

bool TcpService::answer_frames(Connection& connection, std::size_t octets) {
    std::size_t from = 0;
    std::size_t out = 0;
    while (!connection.is_busy() && octets - from >= length_octets) {
        const std::size_t length = static_cast<std::size_t>(in_[from]) << 8 | in_[from + 1];
        if (octets - from - length_octets < length) break;
        const std::span<const std::uint8_t> message{in_.data() + from + length_octets, length};
        from += length_octets + length;
        const std::size_t size = batches_->handler().answer(
            message, connection.arrival, std::span{out_}.subspan(out + length_octets));
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
    const net::IoResult wrote = connection.stream.write(std::span{out_}.first(octets));
    if (wrote.io != net::Io::some && wrote.io != net::Io::later) return false;
    if (wrote.octets < octets) {
        connection.unsent.assign(out_.begin() + static_cast<std::ptrdiff_t>(wrote.octets),
                                 out_.begin() + static_cast<std::ptrdiff_t>(octets));
    }
    return true;
}

bool TcpService::may_go(const Connection& connection) const {
    return draining_ && !connection.is_busy() && connection.unread.empty();
}

}  // namespace nameplane::server
