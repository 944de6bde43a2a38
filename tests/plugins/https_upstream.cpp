#include "plugins/https_upstream.hpp"

#include <catch2/catch.hpp>

#include <array>

namespace nameplane::test {

namespace {

Octets from_base64url(std::string_view text) {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    Octets out;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : text) {
        const std::size_t value = digits.find(c);
        REQUIRE(value != std::string_view::npos);
        bits = bits << 6U | static_cast<std::uint32_t>(value);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out.push_back(static_cast<std::uint8_t>(bits >> count));
    }
    return out;
}

}  // namespace

HttpsUpstream::HttpsUpstream(net::Loop& loop, const HttpsTrust& trust, Script wanted, bool http)
    : script{std::move(wanted)}, loop_{loop} {
    auto tls = net::TlsServer::make(
        {.certificate = trust.server.file,
         .key = trust.server.key,
         .authorities = {},
         .keylog = {},
         .inside = http ? net::TlsServer::Inside::http : net::TlsServer::Inside::dns});
    REQUIRE(tls);
    tls_ = std::move(*tls);
    auto listener = net::TcpListener::bind({IpAddress::v4(127, 0, 0, 1), 0}, net::Share::first);
    REQUIRE(listener);
    listener_ = std::move(*listener);
    local_ = listener_->local();
    watch_ = loop_.watch(listener_->fd(), [this](bool, bool) { accept(); });
    watch_->start(true, false);
}

HttpsUpstream::~HttpsUpstream() = default;

void HttpsUpstream::accept() {
    for (;;) {
        net::Accepted accepted = listener_->accept();
        if (accepted.status != net::AcceptStatus::accepted) return;
        ++connections_made_;
        connections_.emplace_back(*this, std::move(*accepted.stream));
    }
}

void HttpsUpstream::push() {
    for (Connection& connection : connections_) connection.push();
}

bool HttpsUpstream::flood(int pings) {
    for (auto each = connections_.begin(); each != connections_.end();) {
        Connection& connection = *each++;
        if (connection.stream_.flush() == net::Io::failed) {
            drop(connection);
            continue;
        }
        if (connection.stream_.has_unsent()) continue;
        for (int i = 0; i < pings; ++i) connection.http.ping();
        pings_sent_ += static_cast<std::size_t>(pings);
        connection.push();
    }
    return !connections_.empty();
}

void HttpsUpstream::drop(const Connection& connection) {
    connections_.remove_if([&](const Connection& each) { return &each == &connection; });
}

HttpsUpstream::Connection::Connection(HttpsUpstream& upstream, net::TcpStream stream)
    : http{[this](ScriptedHttp2&, const ScriptedHttp2::Asked& asked) { ask(asked); },
           upstream.streams_max},
      upstream_{upstream}, stream_{upstream.tls_, std::move(stream)},
      watch_{upstream.loop_.watch(stream_.fd(), [this](bool, bool) { ready(); })} {
    watch_->start(true, false);
}

void HttpsUpstream::Connection::ask(const ScriptedHttp2::Asked& asked) {
    Octets message = asked.body;
    if (asked[":method"] == "GET") {
        const std::string path = asked[":path"];
        message = from_base64url(std::string_view{path}.substr(path.find("?dns=") + 5));
    }
    upstream_.script({.dns = {std::move(message), true, ++upstream_.asked_, {}},
                      .http = asked,
                      .connection = this});
}

void HttpsUpstream::Connection::ready() {
    std::array<std::uint8_t, 65536> room;
    if (stream_.has_unsent() && stream_.flush() == net::Io::failed) return upstream_.drop(*this);
    if (!reading_) return push();
    const net::IoResult got = stream_.read(room);
    const bool good = got.io == net::Io::later ||
                      (got.io == net::Io::some && http.receive(std::span{room}.first(got.octets)));
    if (!good || closing_) return upstream_.drop(*this);
    push();
}

void HttpsUpstream::Connection::push() {
    if (stream_.is_ready()) {
        const Octets output = http.output();
        if (!output.empty()) stream_.write(output);
    }
    if (reading_) {
        watch_->start(true, stream_.has_unsent());
    } else {
        watch_->stop();
    }
}

void HttpsUpstream::Question::respond(const Octets& answer) const {
    connection->http.respond(http.stream, answer);
}

}  // namespace nameplane::test
