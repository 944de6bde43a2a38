// DNS over TLS and over HTTPS at a real server; what HTTP itself does is in test_http_session.cpp.

#include "client.hpp"
#include "net/stream.hpp"
#include "running.hpp"
#include "server/tcp.hpp"

#include <catch2/catch.hpp>
#include <poll.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::server;
using namespace nameplane::test;
using namespace std::chrono_literals;

namespace {

const std::string folder = NAMEPLANE_SOURCE_ROOT "/tests/config/corefile-cases/files/";
constexpr const char* closed = "nameplane_dns_tcp_closed_total";
constexpr const char* handshakes = "nameplane_dns_tls_handshakes_total";
constexpr const char* responses = "coredns_dns_https_responses_total";

using Clients = net::TlsServer::Clients;

std::shared_ptr<const net::TlsServer> proof(net::TlsServer::Inside inside,
                                            Clients clients = Clients::unasked) {
    auto made = net::TlsServer::make({.certificate = folder + "test_cert.pem",
                                      .key = folder + "test_key.pem",
                                      .authorities = folder + "test_ca.pem",
                                      .clients = clients,
                                      .keylog = {},
                                      .inside = inside});
    REQUIRE(made);
    return *made;
}

std::shared_ptr<const net::TlsClient> trusting(bool with_certificate = false,
                                               const char* inside = "dot") {
    net::TlsClient::Options options{
        .certificate = {}, .key = {}, .authorities = folder + "test_ca.pem", .inside = inside};
    if (with_certificate) {
        options.certificate = folder + "test_cert.pem";
        options.key = folder + "test_key.pem";
    }
    auto made = net::TlsClient::make(options);
    REQUIRE(made);
    return *made;
}

std::shared_ptr<const net::TlsClient> speaking_http() {
    return trusting(false, "http/1.1");
}

/// A blocking client over TLS, or without it.
class SecureClient {
public:
    SecureClient(const SocketAddress& server, const std::shared_ptr<const net::TlsClient>& trust,
                 const std::string& name = "dns.example") {
        UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_storage storage;
        const unsigned size = server.to_sockaddr(storage);
        REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), size) == 0);
        net::TcpStream plain{std::move(fd), server};
        stream_ = std::make_unique<net::Stream>(
            trust == nullptr ? net::Stream{std::move(plain)}
                             : net::Stream{net::TlsStream{trust, std::move(plain), name}});
        net::Io io = stream_->handshake();
        while (io == net::Io::later && wait(POLLIN)) io = stream_->handshake();
        open_ = io == net::Io::some;
    }

    bool is_open() const { return open_; }
    void send(std::span<const std::uint8_t> octets) {
        while (open_ && !octets.empty()) {
            const net::IoResult wrote = stream_->write(octets);
            open_ = wrote.io != net::Io::failed && wrote.io != net::Io::closed;
            octets = octets.subspan(wrote.octets);
            while (open_ && stream_->has_unsent() && wait(POLLOUT)) stream_->flush();
            if (wrote.io == net::Io::later) wait(POLLOUT);
        }
    }
    void send(std::string_view text) {
        send({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    }
    /// At least `count` octets, or fewer at the end of the stream.
    const Octets& receive_until(std::size_t count) {
        Octets room(65536);
        while (open_ && received_.size() < count) {
            const net::IoResult got = stream_->read(room);
            if (got.io == net::Io::later && wait(POLLIN)) continue;
            open_ = got.io == net::Io::some;
            received_.insert(received_.end(), room.begin(),
                             room.begin() + static_cast<std::ptrdiff_t>(got.octets));
        }
        return received_;
    }
    Octets ask(const Octets& message) {
        send(framed(message));
        return receive();
    }
    /// The next framed message; empty at the end of the stream.
    Octets receive() {
        if (receive_until(2).size() < 2) return {};
        const std::size_t size = static_cast<std::size_t>(received_[0]) << 8 | received_[1];
        if (receive_until(2 + size).size() < 2 + size) return {};
        const auto end = received_.begin() + static_cast<std::ptrdiff_t>(2 + size);
        Octets message{received_.begin() + 2, end};
        received_.erase(received_.begin(), end);
        return message;
    }
    /// The next HTTP/1.1 response: its head and body.
    std::pair<std::string, std::string> receive_http() {
        std::string all{received_.begin(), received_.end()};
        std::size_t end = all.find("\r\n\r\n");
        while (end == all.npos && open_) {
            receive_until(received_.size() + 1);
            all.assign(received_.begin(), received_.end());
            end = all.find("\r\n\r\n");
        }
        REQUIRE(end != all.npos);
        const std::size_t at = all.find("content-length: ");
        REQUIRE(at < end);
        const std::size_t size = std::stoul(all.substr(at + 16));
        const Octets& whole = receive_until(end + 4 + size);
        all.assign(whole.begin(), whole.end());
        received_.erase(received_.begin(),
                        received_.begin() + static_cast<std::ptrdiff_t>(end + 4 + size));
        return {all.substr(0, end), all.substr(end + 4, size)};
    }
    void finish_sending() { ::shutdown(stream_->fd(), SHUT_WR); }
    void await_delivery() const { test::await_delivery(stream_->fd()); }
    bool ends() {
        receive_until(received_.size() + 1'000'000);
        return !open_;
    }

private:
    bool wait(short events) {
        pollfd waiting{stream_->fd(), events, 0};
        return ::poll(&waiting, 1, static_cast<int>(wait_max.count())) == 1;
    }

    std::unique_ptr<net::Stream> stream_;
    Octets received_;
    bool open_ = false;
};

AllTerms terms_with(Terms terms) {
    return {.usual = patient(std::move(terms)), .listeners = {}};
}

struct Secure {
    explicit Secure(Protocol protocol, Terms terms, ServerOptions options = {})
        : running{with(std::move(options), protocol, std::move(terms))} {
        running.start();
    }
    static ServerOptions with(ServerOptions options, Protocol protocol, Terms terms) {
        options.listen = {{any_port("127.0.0.1"), protocol, "https://:443"},
                          {any_port("127.0.0.1")}};
        options.terms = terms_with(std::move(terms));
        at_protocol = protocol;
        return options;
    }
    SocketAddress at() const { return {ip("127.0.0.1"), running.server->port(at_protocol)}; }
    void still_serves() const {
        UdpClient{{ip("127.0.0.1"), running.server->port()}}.ask(query("www.test"));
    }
    double count(std::string_view name, std::string_view label = {},
                 std::string_view value = {}) const {
        return running.world.count(name, label, value);
    }

    static inline Protocol at_protocol = Protocol::tls;
    Running running;
};

std::string post(const Octets& message, const std::string& path = "/dns-query") {
    return "POST " + path +
           " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(message.size()) +
           "\r\n\r\n" + std::string{message.begin(), message.end()};
}

}  // namespace

TEST_CASE("queries over TLS are answered in order, small and large ones, cut anywhere") {
    const Secure server{Protocol::tls, {.tls = proof(net::TlsServer::Inside::dns)}};
    SecureClient client{server.at(), trusting()};
    REQUIRE(client.is_open());
    Octets stream;
    constexpr std::uint16_t count = 300;
    for (std::uint16_t id = 0; id < count; ++id) {
        const Octets frame = framed(query(id % 10 == 3 ? "big1000.test" : "www.test", {.id = id}));
        stream.insert(stream.end(), frame.begin(), frame.end());
    }
    std::span<const std::uint8_t> left{stream};
    for (std::size_t step = 1; !left.empty(); step = step * 3 % 5000 + 1) {
        client.send(left.first(std::min(step, left.size())));
        left = left.subspan(std::min(step, left.size()));
    }
    for (std::uint16_t id = 0; id < count; ++id) {
        const Octets answer = client.receive();
        REQUIRE(answer.size() > 12);
        REQUIRE(id_of(answer) == id);
        REQUIRE((answer.size() > 16'000) == (id % 10 == 3));
    }
    CHECK(server.count(handshakes, "result", "done") == 1);
}

TEST_CASE("answers that are waited for come over TLS, too") {
    const Secure server{Protocol::tls, {.tls = proof(net::TlsServer::Inside::dns)}};
    SecureClient client{server.at(), trusting()};
    client.send(framed(query("hold1.test", {.id = 1})));
    CHECK(id_of(client.ask(query("www.test", {.id = 2}))) == 2);
    client.send(framed(query("release.test", {.id = 3})));
    const std::uint16_t first = id_of(client.receive());
    const std::uint16_t second = id_of(client.receive());
    CHECK(first + second == 1 + 3);
}

TEST_CASE("clients show and prove what the server asks of them") {
    using enum Clients;
    struct Row {
        Clients clients;
        bool with;
        bool is_let_in;
    };
    for (const Row& row :
         {Row{unasked, false, true}, Row{asked, false, true}, Row{asked, true, true},
          Row{must_show, false, false}, Row{must_show, true, true},
          Row{proved_if_shown, false, true}, Row{proved_if_shown, true, true},
          Row{must_prove, false, false}, Row{must_prove, true, true}}) {
        INFO(static_cast<int>(row.clients) << ' ' << row.with);
        const Secure server{Protocol::tls,
                            {.tls = proof(net::TlsServer::Inside::dns, row.clients)}};
        SecureClient client{server.at(), trusting(row.with)};
        CHECK((client.is_open() && !client.ask(query("www.test")).empty()) == row.is_let_in);
    }
}

TEST_CASE("a client that expects somebody else goes away, and it is counted") {
    const Secure server{Protocol::tls, {.tls = proof(net::TlsServer::Inside::dns)}};
    CHECK_FALSE(SecureClient{server.at(), trusting(), "other.example"}.is_open());
    SecureClient nonsense{server.at(), nullptr};
    nonsense.send("GET / HTTP/1.1\r\n\r\n");
    CHECK(nonsense.ends());
    CHECK(server.count(handshakes, "result", "failed") >= 1);
    CHECK(SecureClient{server.at(), trusting(), ""}.is_open());  // by its address
}

TEST_CASE("without a certificate tls:// is not encrypted, as in CoreDNS") {
    const Secure server{Protocol::tls, {}};
    SecureClient client{server.at(), nullptr};
    CHECK(id_of(client.ask(query("www.test", {.id = 9}))) == 9);
}

TEST_CASE("a handshake that takes too long ends, however it drips") {
    const Secure server{Protocol::tls, {.read = 300ms, .tls = proof(net::TlsServer::Inside::dns)}};
    const TcpClient silent{server.at()};
    const TcpClient dripping{server.at()};
    // The first octets of a record that says how much more is to come.
    bool open = dripping.send({0x16, 0x03, 0x01, 0x02, 0x00});
    // Not when the record is whole, but long before.
    int octets = 0;
    for (; open && octets < 400; ++octets) {
        open = dripping.send({0x01}) && !dripping.is_closed_within(20ms);
    }
    CHECK_FALSE(open);
    CHECK(silent.is_closed());
    CHECK(server.count(handshakes, "result", "expired") == 2);
    server.still_serves();
}

TEST_CASE("a query over TLS that never becomes whole ends with its time") {
    // As long as a busy machine may need for two handshakes.
    const Secure server{Protocol::tls,
                        {.read = 5s, .idle = 300ms, .tls = proof(net::TlsServer::Inside::dns)}};
    SecureClient fresh{server.at(), trusting()};
    fresh.send(Octets{0, 30, 1});
    SecureClient used{server.at(), trusting()};
    CHECK_FALSE(used.ask(query("www.test")).empty());
    used.send(Octets{0, 30, 1});
    CHECK(fresh.ends());
    CHECK(used.ends());
    CHECK(server.count(closed, "reason", "idle") == 2);
}

TEST_CASE("many handshakes that do not go on make room for those that do") {
    const Secure server{Protocol::tls, {.read = 60s, .tls = proof(net::TlsServer::Inside::dns)}};
    std::vector<TcpClient> silent;
    for (std::size_t i = 0; i < TcpService::handshakes_max + 20; ++i)
        silent.emplace_back(server.at());
    SecureClient client{server.at(), trusting()};
    CHECK_FALSE(client.ask(query("www.test")).empty());
    server.still_serves();
    CHECK(server.count(handshakes, "result", "evicted") >= 20);
}

TEST_CASE("a connection is good for so many queries") {
    const Secure server{Protocol::tls,
                        {.queries_max = 3, .tls = proof(net::TlsServer::Inside::dns)}};
    SecureClient client{server.at(), trusting()};
    Octets all;
    for (std::uint16_t id = 1; id <= 5; ++id) {
        const Octets frame = framed(query("www.test", {.id = id}));
        all.insert(all.end(), frame.begin(), frame.end());
    }
    client.send(all);
    for (std::uint16_t id = 1; id <= 3; ++id) CHECK(id_of(client.receive()) == id);
    CHECK(client.receive().empty());
}

TEST_CASE("new terms hold for new connections, and old ones go on") {
    const Secure server{Protocol::tls, {.tls = proof(net::TlsServer::Inside::dns)}};
    SecureClient before{server.at(), trusting()};
    REQUIRE_FALSE(before.ask(query("www.test")).empty());
    server.running.server->use(
        terms_with({.tls = proof(net::TlsServer::Inside::dns, Clients::must_prove)}));
    CHECK_FALSE(before.ask(query("www.test")).empty());
    SecureClient unproved{server.at(), trusting()};
    CHECK((!unproved.is_open() || unproved.ask(query("www.test")).empty()));
    SecureClient proved{server.at(), trusting(true)};
    CHECK_FALSE(proved.ask(query("www.test")).empty());
}

TEST_CASE("queries over HTTPS are answered, one request after the other") {
    for (const bool encrypted : {true, false}) {
        const Secure server{Protocol::https,
                            {.tls = encrypted ? proof(net::TlsServer::Inside::http) : nullptr}};
        SecureClient client{server.at(), encrypted ? speaking_http() : nullptr};
        std::string requests;
        for (std::uint16_t id = 1; id <= 50; ++id) {
            requests += post(query(id % 5 == 0 ? "big1000.test" : "www.test", {.id = id}));
        }
        client.send(requests);
        for (std::uint16_t id = 1; id <= 50; ++id) {
            const auto [head, body] = client.receive_http();
            CHECK(head.starts_with("HTTP/1.1 200 OK\r\n"));
            CHECK(head.find("content-type: application/dns-message") != head.npos);
            if (id % 5 != 0) CHECK(head.find("cache-control: max-age=2") != head.npos);
            CHECK(id_of({body.begin(), body.end()}) == id);
        }
        CHECK(server.count(responses, "status", "200") == 50);
    }
}

TEST_CASE("a client that finishes sending still gets all its responses, then the end") {
    const Secure server{Protocol::https, {}};
    SecureClient client{server.at(), nullptr};
    std::string requests;
    for (int i = 0; i < 100; ++i) requests += post(query("big1000.test"));
    client.send(requests);
    client.finish_sending();
    for (int i = 0; i < 100; ++i) CHECK(client.receive_http().second.size() > 16'000);
    CHECK(client.ends());
}

TEST_CASE("what is no query over HTTPS has its status") {
    const Secure server{Protocol::https, {.tls = proof(net::TlsServer::Inside::http)}};
    SecureClient client{server.at(), speaking_http()};
    client.send(post(query("www.test"), "/") + post(Octets(5, 0)) + post(query("drop.test")) +
                post(query("www.test", {.flags = 0x2800})) + "PUT /dns-query HTTP/1.1\r\n\r\n");
    for (const char* const status : {"404", "400", "500", "400", "400"}) {
        CHECK(client.receive_http().first.substr(9, 3) == status);
        if (std::string_view{status} == "404") CHECK(server.count(responses, "status", "404") == 1);
    }
    CHECK(server.count(responses, "status", "400") == 3);
    CHECK(server.count(responses, "status", "500") == 1);
}

TEST_CASE("answers that are waited for come over HTTPS, and none is 500") {
    const Secure server{Protocol::https, {.tls = proof(net::TlsServer::Inside::http)}};
    SecureClient waiter{server.at(), speaking_http()};
    waiter.send(post(query("hold1.test", {.id = 4})) + post(query("www.test", {.id = 5})));
    SecureClient other{server.at(), speaking_http()};
    other.send(post(query("holddrop.test")));
    SecureClient third{server.at(), speaking_http()};
    third.send(post(query("www.test")));
    third.receive_http();
    third.send(post(query("release.test")));
    third.receive_http();
    CHECK(waiter.receive_http().second.substr(0, 2) == std::string{"\0\4", 2});
    CHECK(waiter.receive_http().second.substr(0, 2) == std::string{"\0\5", 2});
    CHECK(other.receive_http().first.substr(9, 3) == "500");
}

TEST_CASE("who wants to speak something else than HTTP is sent away") {
    const Secure server{Protocol::https, {.tls = proof(net::TlsServer::Inside::http)}};
    SecureClient other{server.at(), trusting()};
    CHECK(other.ends());
    SecureClient silent{server.at(), trusting(false, "")};
    silent.send(post(query("www.test", {.id = 6})));
    CHECK(silent.receive_http().second.substr(0, 2) == std::string{"\0\6", 2});
}

TEST_CASE("so many HTTPS connections; the one that is idle longest makes room") {
    const Secure server{Protocol::https, {.https_connections_max = 2}};
    SecureClient first{server.at(), nullptr};
    first.send(post(query("www.test")));
    first.receive_http();
    SecureClient second{server.at(), nullptr};
    second.send(post(query("www.test")));
    second.receive_http();
    SecureClient third{server.at(), nullptr};
    third.send(post(query("www.test")));
    third.receive_http();
    CHECK(first.ends());
    CHECK(server.count(closed, "reason", "evicted") == 1);
    const double asked = server.count("coredns_dns_requests_total", "proto", "tcp");
    second.send(post(query("hold2.test")));
    third.send(post(query("hold3.test")));
    do {
        server.still_serves();
    } while (server.count("coredns_dns_requests_total", "proto", "tcp") < asked + 2);
    SecureClient{server.at(), nullptr}.ends();
    CHECK(server.count(closed, "reason", "refused") == 1);
}

TEST_CASE("encrypted connections are drained like others") {
    Secure server{Protocol::tls, {.tls = proof(net::TlsServer::Inside::dns)}};
    SecureClient idle{server.at(), trusting()};
    REQUIRE_FALSE(idle.ask(query("www.test")).empty());
    const TcpClient shaking{server.at()};
    SecureClient asking{server.at(), trusting()};
    asking.send(framed(query("www.test", {.id = 7})));
    asking.await_delivery();
    server.running.server->drain(wait_max);
    CHECK(id_of(asking.receive()) == 7);
    CHECK(idle.ends());
    CHECK(shaking.is_closed());
}
