// HTTP on a connection: requests to queries, answers to responses.

#include "server/doh.hpp"
#include "server/tcp_connection.hpp"

#include <utility>

namespace nameplane::server {

/// The handshake is over, or there was none.
void TcpService::established(Connection& connection) {
    if (std::exchange(connection.is_shaking, false)) {
        --shaking_;
        counts_->done.add(worker_);
        if (connection.stream.is_resumed()) counts_->resumed.add(worker_);
    }
    if (connection.protocol != Protocol::https) return;
    connection.https = std::make_unique<Https>(*this, connection, nullptr);
    Https& https = *connection.https;
    https.session = connection.stream.protocol() == "h2" ? net::HttpSession::http2(https)
                                                         : net::HttpSession::http1(https);
    connection.broken = !send_output(connection);
}

bool TcpService::read_http(Connection& connection) {
    net::HttpSession& session = *connection.https->session;
    net::IoResult got{net::Io::later};
    if (!connection.finished)
        got = connection.stream.read(std::span{in_}.first(reading_octets_max));
    if (got.io == net::Io::failed) return false;
    if (got.io == net::Io::closed) connection.finished = true;
    const std::uint64_t responses = session.responses_sent();
    batches_->begin();
    if (!session.receive(std::span{in_}.first(got.octets))) connection.finished = true;
    batches_->end();
    const bool sent = send_output(connection);
    connection.did_something = connection.did_something || session.responses_sent() != responses;
    return sent;
}

void TcpService::ask_by_http(Connection& connection, const net::HttpRequest& request) {
    connection.has_asked = connection.did_something = true;
    const DohQuery query = read_doh(request, decoded_);
    if (query.status != 200) {
        return respond(connection, request.stream, doh_refusal(query.status));
    }
    connection.arrival.part = request.stream;
    const std::size_t waited = connection.waiting;
    connection.arrival.trace = request.trace ? &*request.trace : nullptr;
    const std::size_t size = batches_->handler().answer(query.message, connection.arrival, out_);
    connection.arrival.trace = nullptr;
    if (size != 0) {
        respond(connection, request.stream, doh_response(std::span{out_}.first(size)));
    } else if (connection.waiting == waited) {
        respond(connection, request.stream, doh_refusal(500));
    }
}

void TcpService::respond(Connection& connection, std::uint64_t stream,
                         const net::HttpResponse& response) {
    if (!connection.https->session->respond(stream, response)) connection.finished = true;
    count_response(connection, response.status);
}

void TcpService::count_response(const Connection& connection, unsigned status) {
    counts_->https[connection.arrival.listener]->responded(worker_, status);
}

/// An answer that has been waited for; empty: there is none.
void TcpService::send_http(Connection& connection, std::uint64_t stream,
                           std::span<const std::uint8_t> message) {
    connection.did_something = true;
    respond(connection, stream, message.empty() ? doh_refusal(500) : doh_response(message));
    connection.broken = connection.broken || !send_output(connection);
}

/// There is room for one message in an exchange of HTTP (RFC 8484 4.1).
void TcpService::answer_whole(const HttpFlow& asked) {
    Handler& handler = batches_->handler();
    if (!by_number_.contains(asked.connection)) return handler.abandon(*asked.flow);
    const std::size_t octets = handler.only_message(*asked.flow, out_);
    answer({.udp = {}, .connection = asked.connection, .part = asked.stream},
           std::span{out_}.first(octets));
}

bool TcpService::send_output(Connection& connection) {
    std::vector<std::uint8_t>& output = connection.https->session->output();
    if (output.empty()) return true;
    const bool sent = send(connection, output);
    output.clear();
    // The room of large answers is not kept for ever.
    if (output.capacity() > (64U << 10)) output = {};
    return sent;
}

}  // namespace nameplane::server
