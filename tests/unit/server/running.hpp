#pragma once
// Running: a server on a free loopback port, drained when the test ends.

#include "server/server.hpp"
#include "world.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <memory>
#include <utility>

namespace nameplane::test {

inline IpAddress ip(const char* text) {
    return *IpAddress::parse(text);
}

/// To listen on: any free port of `address`.
inline SocketAddress any_port(const char* address) {
    return {ip(address), 0};
}

/// Where a test says nothing of a time, it is never over: a busy machine may stand still for longer
/// than the usual ones.
inline server::Terms patient(server::Terms terms) {
    const server::Terms usual;
    constexpr std::chrono::hours ever{1};
    if (terms.read == usual.read) terms.read = ever;
    if (terms.write == usual.write) terms.write = ever;
    if (terms.idle == usual.idle) terms.idle = ever;
    return terms;
}

struct Running {
    explicit Running(server::ServerOptions options) : world{options.workers} {
        options.terms.usual = patient(std::move(options.terms.usual));
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
