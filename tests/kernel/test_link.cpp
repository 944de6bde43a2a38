// Interfaces that hold addresses, in namespaces of their own.

#include "net/link.hpp"
#include "support/netns.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using net::LinkLife;

namespace {

const std::vector<IpAddress> addresses{*IpAddress::parse("169.254.20.10"),
                                       *IpAddress::parse("10.96.0.10"),
                                       *IpAddress::parse("fd00::10")};

bool is_local(const test::Netns& node, const std::string& address) {
    return node.sh("ip route show table local; ip -6 route show table local")
               .find("local " + address + " dev nl ") != std::string::npos;
}

// Makes one with all addresses; the caller holds what it lives by.
net::Link made(const test::Netns& node, LinkLife life) {
    Result<net::Link> link = Error{Errc::internal, "not run"};
    Status added;
    node.run([&] {
        link = net::make_link("nl", life);
        added = net::add_addresses("nl", addresses);
    });
    INFO((link ? "" : link.error().text));
    REQUIRE(link);
    REQUIRE(added);
    return std::move(link).value();
}

}  // namespace

TEST_CASE("link: one that lives by its descriptor goes with it, and its addresses too") {
    const auto node = test::Netns::make("link");
    {
        const net::Link link = made(node, LinkLife::descriptor);
        CHECK(link.held);
        CHECK(node.in([] { return net::has_link("nl"); }));
        for (const IpAddress& address : addresses) CHECK(is_local(node, address.to_string()));
    }
    CHECK_FALSE(node.in([] { return net::has_link("nl"); }));
    for (const IpAddress& address : addresses) CHECK_FALSE(is_local(node, address.to_string()));
}

TEST_CASE("link: a permanent one stays until it is removed") {
    const auto node = test::Netns::make("link");
    CHECK_FALSE(made(node, LinkLife::permanent).held);
    for (const IpAddress& address : addresses) CHECK(is_local(node, address.to_string()));
    Status again;
    Status gone;
    Status twice;
    Result<net::Link> second = Error{Errc::internal, "not run"};
    node.run([&] {
        again = net::add_addresses("nl", addresses);
        second = net::make_link("nl", LinkLife::permanent);
        gone = net::remove_link("nl");
        twice = net::remove_link("nl");
    });
    CHECK(again);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Errc::conflict);
    CHECK(gone);
    CHECK(twice);
    CHECK_FALSE(node.in([] { return net::has_link("nl"); }));
}

TEST_CASE("link: neither kind takes a name that is taken, and other interfaces are not removed") {
    const auto node = test::Netns::make("link");
    const auto peer = test::Netns::make("link");
    test::connect_veth(node, "nl", peer, "eth0");
    for (const LinkLife life : {LinkLife::permanent, LinkLife::descriptor}) {
        Result<net::Link> link = Error{Errc::internal, "not run"};
        node.run([&] { link = net::make_link("nl", life); });
        REQUIRE_FALSE(link);
    }
    Status gone;
    node.run([&] { gone = net::remove_link("nl"); });
    REQUIRE_FALSE(gone);
    CHECK(gone.error().code == Errc::conflict);
    CHECK(node.in([] { return net::has_link("nl"); }));
}

TEST_CASE("link: what cannot be is said") {
    const auto node = test::Netns::make("link");
    Status nowhere;
    node.run([&] { nowhere = net::add_addresses("nl", addresses); });
    REQUIRE_FALSE(nowhere);
    CHECK(nowhere.error().code == Errc::not_found);
    CHECK_FALSE(net::make_link("sixteen-letters!", LinkLife::permanent));
    CHECK_FALSE(net::make_link("", LinkLife::descriptor));
}

TEST_CASE("link: one that has very many names is still none of ours") {
    const auto node = test::Netns::make("link");
    node.sh("for i in $(seq 101 250); do echo link property add dev lo altname "
            "$(printf '%0120d' 0)$i; done | ip -batch -");
    Status gone;
    node.run([&] { gone = net::remove_link("lo"); });
    REQUIRE_FALSE(gone);
    CHECK(gone.error().code == Errc::conflict);
    CHECK(gone.error().text.find("(kind '')") != std::string::npos);
}
