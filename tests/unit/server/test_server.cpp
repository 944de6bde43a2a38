#include "client.hpp"
#include "conf/config.hpp"
#include "running.hpp"
#include "support/ldns_message.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <source_location>
#include <string>
#include <thread>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;
using namespace std::chrono_literals;

namespace {

std::string first_answer(const Octets& message) {
    const auto read = read_with_ldns(message);
    return read && read->answers.size() == 1 ? read->answers.front() : "none";
}

struct Case {
    const char* listen;
    const char* asked;
    bool v6 = false;
    std::source_location at = std::source_location::current();
};

}  // namespace

TEST_CASE("UDP and TCP answer from the address that was asked, and tell it to the plugins") {
    const Case cases[] = {
        {"127.0.0.1", "127.0.0.1"}, {"0.0.0.0", "127.0.0.1"}, {"0.0.0.0", "127.4.5.6"},
        {"::1", "::1", true},       {"::", "::1", true},
    };
    for (const Case& row : cases) {
        INFO("row at line " << row.at.line());
        Running running{{.listen = {any_port(row.listen)}}};
        running.start();
        const Octets question =
            query("www.test", {.type = row.v6 ? std::uint16_t{28} : std::uint16_t{1}});
        const std::string type = row.v6 ? " IN AAAA " : " IN A ";
        CHECK(first_answer(UdpClient{running.at(row.asked)}.ask(question)) ==
              "www.test. 1" + type + row.asked);
        CHECK(first_answer(TcpClient{running.at(row.asked)}.ask(question)) ==
              "www.test. 2" + type + row.asked);
    }
}

TEST_CASE("one server listens on both families with one port") {
    Running running{{.listen = {any_port("0.0.0.0"), any_port("::")}, .workers = 2}};
    running.start();
    CHECK(first_answer(UdpClient{running.at("127.0.0.1")}.ask(query("a.test"))) ==
          "a.test. 1 IN A 127.0.0.1");
    CHECK(first_answer(UdpClient{running.at("::1")}.ask(query("a.test", {.type = 28}))) ==
          "a.test. 1 IN AAAA ::1");
    CHECK(first_answer(TcpClient{running.at("::1")}.ask(query("a.test", {.type = 28}))) ==
          "a.test. 2 IN AAAA ::1");
}

TEST_CASE("what cannot be answered is passed over, and the next one gets its answer") {
    Running running{{.listen = {any_port("127.0.0.1")}}};
    running.start();
    const UdpClient client{running.at("127.0.0.1")};
    Octets large = query("www.test", {.id = 9});
    large.resize(5000);
    for (const Octets& message : {Octets{}, Octets(5, 0xff), query("www.test", {.flags = 0x8000}),
                                  query("drop.test"), large}) {
        client.send(message);
    }
    CHECK(id_of(client.ask(query("www.test", {.id = 10}))) == 10);
    CHECK(running.world.count("nameplane_dns_dropped_total") == 5);
    CHECK(running.world.count("nameplane_dns_dropped_total", "reason", "cut_off") == 1);
}

TEST_CASE("the largest UDP answer is the smaller of ours and the client's size") {
    Running running{{.listen = {any_port("127.0.0.1")}, .udp_size_max = 2000}};
    running.start();
    const UdpClient client{running.at("127.0.0.1")};
    const auto size = [&client](int edns) {
        return client.ask(query("big500.test", {.edns_size = edns})).size();
    };
    CHECK(size(-1) > 480);
    CHECK(size(-1) <= 512);
    CHECK(size(1000) > 968);
    CHECK(size(1000) <= 1000);
    CHECK(size(65535) > 1968);
    CHECK(size(65535) <= 2000);
}

TEST_CASE("bind reports what was wrong before anything is served") {
    World world{2};
    const auto error_of = [&world](server::ServerOptions options) {
        auto bound =
            server::Server::bind(std::move(options), world.chains, world.snapshots, world.metrics);
        return bound ? std::string{} : bound.error().text;
    };
    Running other{{.listen = {any_port("127.0.0.1")}}};
    const std::string taken = "127.0.0.1:" + std::to_string(other.server->port());
    CHECK(error_of({.listen = {other.at("127.0.0.1")}}) ==
          "bind " + taken + ": Address already in use");
    CHECK(error_of({.listen = {any_port("192.0.2.1")}}) ==
          "bind 192.0.2.1:0: Cannot assign requested address");
    CHECK(error_of({.listen = {}}) == "no address to listen on");
    CHECK(error_of({.listen = {any_port("127.0.0.1")}, .workers = 0}) == "no workers");
    CHECK(error_of({.listen = {any_port("127.0.0.1")}, .workers = 3}) ==
          "3 workers, but metrics for 2");
    CHECK(
        error_of({.listen = {any_port("127.0.0.1"), any_port("127.0.0.1")}, .workers = 2}).empty());
}

TEST_CASE("twenty clients at once, while snapshots and chains are exchanged") {
    Running running{{.listen = {any_port("127.0.0.1"), any_port("::1")}, .workers = 3}};
    running.start();
    constexpr int queries = 200;
    std::atomic<int> good{0};
    std::atomic<int> left{20};
    std::vector<std::thread> clients;
    for (int number = 0; number < 20; ++number) {
        clients.emplace_back([&, number] {
            const SocketAddress server = running.at(number % 4 < 2 ? "127.0.0.1" : "::1");
            const auto ask_all = [&](const auto& client) {
                for (int i = 0; i < queries; ++i) {
                    const auto id = static_cast<std::uint16_t>(number * 1000 + i);
                    const Octets answer = client.ask(query("www.test", {.id = id}));
                    if (id_of(answer) == id && answer.size() > 12 && (answer[3] & 0xf) == 0) ++good;
                }
            };
            if (number % 2 == 0) {
                ask_all(UdpClient{server});
            } else {
                ask_all(TcpClient{server});
            }
            --left;
        });
    }
    while (left > 0) {
        running.world.snapshots.publish(services::Snapshot::empty());
        running.world.chains.publish(build_chains(running.world.metrics));
        std::this_thread::yield();
    }
    for (std::thread& client : clients) client.join();
    running.server->drain(wait_max);
    CHECK(good == 20 * queries);
    CHECK(running.world.count("coredns_dns_requests_total", "zone", "test.") == 20 * queries);
    CHECK(running.world.count("coredns_dns_requests_total", "proto", "tcp") == 10 * queries);
    running.world.chains.sweep();
    running.world.snapshots.sweep();
}

TEST_CASE("workers that get no queries let go of old snapshots") {
    Running running{{.listen = {any_port("127.0.0.1")}, .workers = 2}};
    running.start();
    const UdpClient client{running.at("127.0.0.1")};
    client.ask(query("www.test"));
    running.world.snapshots.publish(services::Snapshot::empty());
    const auto deadline = std::chrono::steady_clock::now() + wait_max;
    while (running.world.snapshots.kept() > 1 && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(20ms);  // there is no event for it: workers tell nobody
        running.world.snapshots.sweep();
    }
    CHECK(running.world.snapshots.kept() == 1);
}

TEST_CASE("drain answers what was received, also what came before the start") {
    Running running{{.listen = {any_port("127.0.0.1")}, .workers = 2}};
    std::vector<UdpClient> udp;
    std::vector<TcpClient> tcp;
    for (std::uint16_t i = 0; i < 100; ++i) {
        udp.emplace_back(running.at("127.0.0.1")).send(query("www.test", {.id = i}));
    }
    for (std::uint16_t i = 0; i < 20; ++i) {
        tcp.emplace_back(running.at("127.0.0.1")).send(framed(query("www.test", {.id = i})));
        tcp.back().await_delivery();
    }
    running.start();
    running.server->drain(wait_max);
    for (std::uint16_t i = 0; i < 100; ++i) {
        const auto answer = udp[i].receive();
        REQUIRE(answer);
        CHECK(id_of(*answer) == i);
    }
    for (std::uint16_t i = 0; i < 20; ++i) {
        const auto answer = tcp[i].receive();
        REQUIRE(answer);
        CHECK(id_of(*answer) == i);
        CHECK(tcp[i].is_closed());
    }
}

TEST_CASE("drain closes idle connections at once and lets a query that has begun finish") {
    Running running{{.listen = {any_port("127.0.0.1")}}};
    running.start();
    const TcpClient idle{running.at("127.0.0.1")};
    const TcpClient busy{running.at("127.0.0.1")};
    CHECK(id_of(idle.ask(query("www.test", {.id = 1}))) == 1);
    CHECK(id_of(busy.ask(query("www.test", {.id = 2}))) == 2);
    Octets half = framed(query("www.test", {.id = 3}));
    const Octets rest(half.begin() + 9, half.end());
    half.resize(9);
    REQUIRE(busy.send(half));
    busy.await_delivery();
    std::thread drain{[&] { running.server->drain(wait_max); }};
    CHECK(idle.is_closed());
    CHECK(busy.send(rest));
    const auto answer = busy.receive();
    REQUIRE(answer);
    CHECK(id_of(*answer) == 3);
    CHECK(busy.is_closed());
    drain.join();
}

TEST_CASE("drain waits for nobody longer than the grace") {
    Running running{{.listen = {any_port("127.0.0.1")}}};
    running.start();
    const TcpClient client{running.at("127.0.0.1")};
    CHECK(id_of(client.ask(query("www.test", {.id = 1}))) == 1);
    REQUIRE(client.send({0, 30, 1}));
    client.await_delivery();
    const auto begin = std::chrono::steady_clock::now();
    running.server->drain(50ms);
    CHECK(std::chrono::steady_clock::now() - begin < wait_max);
    running.server.reset();
    CHECK(client.is_closed());
}

TEST_CASE("a server that was never started goes quietly") {
    Running running{{.listen = {any_port("127.0.0.1")}}};
    running.server.reset();
    CHECK(running.world.count("coredns_dns_requests_total") == 0);
}

TEST_CASE("each listener leads to its own zones, over UDP and TCP") {
    metrics::Registry metrics{2};
    const auto zone = [](const char* text) { return *dns::Name::parse(text); };
    const conf::ServerConfig first{.zones = {zone("test."), zone("only.")},
                                   .plugins = {{"echo", {}}}};
    const conf::ServerConfig second{.zones = {zone("test.")}, .plugins = {{"big", {}}}};
    const chain::Layout layout{.labels = {"dns://127.0.0.1:1", "dns://127.0.0.2:1"},
                               .places = {{{0}, {0, 1}}, {{1}}}};
    auto chains = chain::Chains::build({first, second},
                                       Setup{.zones = {},
                                             .workers = 2,
                                             .metrics = metrics,
                                             .own_addresses = {},
                                             .services_synced = {}},
                                       layout);
    REQUIRE(chains);
    const Published<chain::Chains> published{*chains};
    const Published<services::Snapshot> snapshots{services::Snapshot::empty()};
    auto server = server::Server::bind(
        {.listen = {any_port("127.0.0.1"), any_port("127.0.0.2")}, .workers = 2}, published,
        snapshots, metrics);
    REQUIRE(server);
    (*server)->start();
    const auto bound = (*server)->bound();
    REQUIRE(bound.size() == 2);
    for (const bool tcp : {false, true}) {
        const auto rcode_of = [&](const SocketAddress& to, const std::string& name) {
            const Octets message =
                tcp ? TcpClient{to}.ask(query(name)) : UdpClient{to}.ask(query(name));
            return static_cast<dns::Rcode>(message.at(3) & 0xf);
        };
        CHECK(rcode_of(*bound[0], "www.test") == dns::Rcode::no_error);
        CHECK(rcode_of(*bound[0], "www.only") == dns::Rcode::no_error);
        CHECK(rcode_of(*bound[1], "www.only") == dns::Rcode::no_error);
        CHECK(rcode_of(*bound[1], "www.test") == dns::Rcode::serv_fail);
        CHECK(rcode_of(*bound[1], "big2.test") == dns::Rcode::no_error);
    }
}

TEST_CASE("queries that found no room are counted, by whichever worker had none") {
    Running running{{.listen = {any_port("127.0.0.1")}}};
    const UdpClient client{running.at("127.0.0.1")};
    // Nobody takes them yet; the queue holds some thousands.
    for (int i = 0; i < 40'000; ++i) client.send(query("drop.test"));
    running.start();
    const auto dropped = [&](const char* reason) {
        return running.world.count("nameplane_dns_dropped_total", "reason", reason);
    };
    const auto end = std::chrono::steady_clock::now() + wait_max;
    while (dropped("overflowed") + dropped("by_plugin") != 40'000) {
        REQUIRE(std::chrono::steady_clock::now() < end);
        std::this_thread::sleep_for(1ms);
    }
    CHECK(dropped("overflowed") > 0);
}
