#include "plugins/forward/failure.hpp"

#include <catch2/catch.hpp>

#include <cerrno>

using namespace nameplane;
using plugins::forwarding::Failure;

TEST_CASE("forward: why no upstream answered, in the words that Go has for it") {
    using Kind = Failure::Kind;
    const SocketAddress local = *SocketAddress::parse("10.0.0.1:40000");
    const SocketAddress remote = *SocketAddress::parse("10.0.0.2:53");
    const auto text = [&](Kind kind, bool udp, int error) {
        return plugins::forwarding::to_string({kind, udp, error, local, remote});
    };
    CHECK(text(Kind::late, true, 0) == "read udp 10.0.0.1:40000->10.0.0.2:53: i/o timeout");
    CHECK(text(Kind::late, false, 0) == "read tcp 10.0.0.1:40000->10.0.0.2:53: i/o timeout");
    CHECK(text(Kind::broken, true, ECONNREFUSED) ==
          "read udp 10.0.0.1:40000->10.0.0.2:53: read: connection refused");
    CHECK(text(Kind::broken, false, ECONNRESET) ==
          "read tcp 10.0.0.1:40000->10.0.0.2:53: read: connection reset by peer");
    CHECK(text(Kind::broken, false, 0) == "EOF");
    CHECK(text(Kind::no_connection, false, ECONNREFUSED) ==
          "dial tcp 10.0.0.2:53: connect: connection refused");
    CHECK(text(Kind::no_connection, false, 0) == "dial tcp 10.0.0.2:53: i/o timeout");
    CHECK(text(Kind::not_begun, true, ENETUNREACH) ==
          "dial udp 10.0.0.2:53: connect: network is unreachable");
    CHECK(text(Kind::nobody_asked, true, 0) == "no healthy proxies");
    const SocketAddress v6 = *SocketAddress::parse("[2001:db8::1]:53");
    CHECK(plugins::forwarding::to_string(
              {.kind = Kind::late, .udp = true, .local = v6, .remote = v6}) ==
          "read udp [2001:db8::1]:53->[2001:db8::1]:53: i/o timeout");
}
