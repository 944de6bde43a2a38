#pragma once
// Running: a server on a free loopback port, drained when the test ends.

#include "server/server.hpp"
#include "world.hpp"

#include <catch2/catch.hpp>

#include <memory>

namespace nameplane::test {

inline IpAddress ip(const char* text) {
    return *IpAddress::parse(text);
}

/// To listen on: any free port of `address`.
inline SocketAddress any_port(const char* address) {
    return {ip(address), 0};
}

struct Running {
    explicit Running(server::ServerOptions options) : world{options.workers} {
        auto bound = server::Server::bind(options, world.chains, world.snapshots, world.metrics);
        if (!bound) FAIL(bound.error().text);
        server = std::move(*bound);
    }
    Running& start() {
        server->start();
        return *this;
    }
    SocketAddress at(const char* address) const { return {ip(address), server->port()}; }

    World world;
    std::unique_ptr<server::Server> server;
};

}  // namespace nameplane::test
