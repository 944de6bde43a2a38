// TLS with a client of OpenSSL's own, which may do what ours never does.

#include "net/tls.hpp"

#include <catch2/catch.hpp>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <thread>

using namespace nameplane;
using net::Io;

namespace {

const std::string folder = NAMEPLANE_SOURCE_ROOT "/tests/config/corefile-cases/files/";

struct Free {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
    void operator()(SSL* session) const noexcept { SSL_free(session); }
};

/// Both ends of a connection: ours, a server, and the client's, which blocks.
struct Ends {
    Ends() : context{SSL_CTX_new(TLS_client_method())} {
        std::array<int, 2> fds{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
        theirs = UniqueFd{fds[1]};
        auto made = net::TlsServer::make({.certificate = folder + "test_cert.pem",
                                          .key = folder + "test_key.pem",
                                          .keylog = {}});
        REQUIRE(made);
        server.emplace(*made, net::TcpStream{UniqueFd{fds[0]}, {}});
        client.reset(SSL_new(context.get()));
        SSL_set_fd(client.get(), theirs.get());
        std::thread connecting{[this] { SSL_connect(client.get()); }};
        Io io = Io::later;
        while (io == Io::later) io = server->handshake();
        connecting.join();
        REQUIRE(io == Io::some);
        REQUIRE(SSL_is_init_finished(client.get()) == 1);
    }
    net::IoResult read() {
        std::array<std::uint8_t, 100> room;
        return server->read(room);
    }

    UniqueFd theirs;
    std::optional<net::TlsStream> server;
    std::unique_ptr<SSL_CTX, Free> context;
    std::unique_ptr<SSL, Free> client;
};

constexpr int far_too_many = 10'000;

}  // namespace

TEST_CASE("TLS: keys may be changed, but not without end") {
    Ends ends;
    int changes = 0;
    net::IoResult got{Io::later};
    for (; got.io == Io::later && changes < far_too_many; ++changes) {
        REQUIRE(SSL_key_update(ends.client.get(), SSL_KEY_UPDATE_REQUESTED) == 1);
        REQUIRE(SSL_do_handshake(ends.client.get()) == 1);
        got = ends.read();
        // What we say to it is taken: only the number counts.
        std::array<char, 4096> said;
        while (::recv(ends.theirs.get(), said.data(), said.size(), MSG_DONTWAIT) > 0) continue;
    }
    CHECK(got.io == Io::failed);
    CHECK(changes >= 10);
    CHECK(changes < far_too_many);
}

TEST_CASE("TLS: a few changes of keys are nothing, and data goes on") {
    Ends ends;
    for (int i = 0; i < 10; ++i) {
        REQUIRE(SSL_key_update(ends.client.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
        REQUIRE(SSL_write(ends.client.get(), "question", 8) == 8);
        const net::IoResult got = ends.read();
        CHECK(got.io == Io::some);
        CHECK(got.octets == 8);
    }
}
