#include "client.hpp"
#include "running.hpp"
#include "support/ldns_message.hpp"

#include <catch2/catch.hpp>

#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* closed = "nameplane_dns_tcp_closed_total";

/// Returns when every worker has done all that it was told of before: answers come after what was
/// ready with their queries, and so many clients are spread over all workers.
void all_come_round(const Running& running) {
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 24; ++i) UdpClient{running.at("127.0.0.1")}.ask(query("www.test"));
    }
}

server::AllTerms within(std::chrono::milliseconds time) {
    return {.usual = {.read = time, .write = time, .idle = time}, .listeners = {}};
}

Running serving(server::ServerOptions options) {
    options.listen = {any_port("127.0.0.1")};
    return Running{options};
}

/// Whether a new client gets its answer. The first ones may come before the server has seen what we
/// have not seen it see, or be too slow for its terms.
bool is_served(const Running& running) {
    for (int i = 0; i < 1000; ++i) {
        const TcpClient next{running.at("127.0.0.1")};
        if (next.send(framed(query("www.test"))) && next.receive()) return true;
    }
    return false;
}

}  // namespace

TEST_CASE("a query may come octet by octet") {
    Running running = serving({});
    running.start();
    const TcpClient client{running.at("127.0.0.1")};
    for (std::uint16_t id = 1; id <= 3; ++id) {
        for (const std::uint8_t octet : framed(query("www.test", {.id = id}))) {
            REQUIRE(client.send({octet}));
        }
        const auto answer = client.receive();
        REQUIRE(answer);
        CHECK(id_of(*answer) == id);
    }
}

TEST_CASE("a stream may be cut anywhere") {
    Running running = serving({});
    running.start();
    Octets stream;
    for (std::uint16_t id = 1; id <= 3; ++id) {
        const Octets frame = framed(query("www.test", {.id = id}));
        stream.insert(stream.end(), frame.begin(), frame.end());
    }
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        INFO("cut after " << cut << " octets");
        const TcpClient client{running.at("127.0.0.1")};
        const auto middle = stream.begin() + static_cast<std::ptrdiff_t>(cut);
        REQUIRE(client.send({stream.begin(), middle}));
        REQUIRE(client.send({middle, stream.end()}));
        for (std::uint16_t id = 1; id <= 3; ++id) {
            const auto answer = client.receive();
            REQUIRE(answer);
            REQUIRE(id_of(*answer) == id);
        }
    }
}

TEST_CASE("pipelined queries are answered in order, small and large ones mixed") {
    Running running = serving({});
    running.start();
    const TcpClient client{running.at("127.0.0.1")};
    Octets stream;
    constexpr std::uint16_t count = 1000;
    for (std::uint16_t id = 0; id < count; ++id) {
        const char* name = id % 10 == 3 ? "big1000.test" : "www.test";
        const Octets frame = framed(query(name, {.id = id}));
        stream.insert(stream.end(), frame.begin(), frame.end());
    }
    REQUIRE(client.send(stream));
    for (std::uint16_t id = 0; id < count; ++id) {
        const auto answer = client.receive();
        REQUIRE(answer);
        REQUIRE(id_of(*answer) == id);
        REQUIRE((answer->size() > 16'000) == (id % 10 == 3));
    }
}

TEST_CASE("the largest query and the largest answer pass") {
    Running running = serving({});
    running.start();
    const TcpClient client{running.at("127.0.0.1")};
    Octets query_with_tail = query("www.test", {.id = 5});
    query_with_tail.resize(65535);  // octets behind the question: FORMERR or an answer, but one
    CHECK(id_of(client.ask(query_with_tail)) == 5);
    const Octets answer = client.ask(query("big4000.test", {.id = 6}));
    CHECK(id_of(answer) == 6);
    CHECK(answer.size() > 64'000);
    CHECK(id_of(client.ask(query("www.test", {.id = 7}))) == 7);
}

TEST_CASE("what is no query is passed over and the connection goes on") {
    Running running = serving({});
    running.start();
    const TcpClient client{running.at("127.0.0.1")};
    for (const Octets& message :
         {Octets{}, Octets(11, 0), query("www.test", {.flags = 0x8000}), query("drop.test")}) {
        REQUIRE(client.send(framed(message)));
    }
    CHECK(id_of(client.ask(query("www.test", {.id = 8}))) == 8);
    CHECK(running.world.count("nameplane_dns_dropped_total") == 4);
}

TEST_CASE("a client that finishes sending still gets all its answers, then the end") {
    Running running = serving({});
    running.start();
    const TcpClient client{running.at("127.0.0.1"), {.receive_buffer = 4096}};
    Octets stream;
    for (std::uint16_t id = 0; id < 200; ++id) {
        const Octets frame = framed(query("big1000.test", {.id = id}));
        stream.insert(stream.end(), frame.begin(), frame.end());
    }
    stream.push_back(0);  // a torso at the end is nobody's fault but theirs
    REQUIRE(client.send(stream));
    client.finish_sending();
    for (std::uint16_t id = 0; id < 200; ++id) {
        const auto answer = client.receive();
        REQUIRE(answer);
        REQUIRE(id_of(*answer) == id);
    }
    CHECK(client.is_closed());
    CHECK(running.world.count(closed) == 0);
}

TEST_CASE("an idle connection is closed after its time, not before") {
    Running running = serving({.terms = within(100ms)});
    running.start();
    const TcpClient client{running.at("127.0.0.1")};
    // The server's clock starts when it answers: later than ours.
    const auto asked = std::chrono::steady_clock::now();
    CHECK(id_of(client.ask(query("www.test", {.id = 1}))) == 1);
    CHECK(client.is_closed());
    CHECK(std::chrono::steady_clock::now() - asked >= 100ms);
    CHECK(running.world.count(closed, "reason", "idle") == 1);
}

namespace {

/// Two clients of a server whose connections live for `time`: one asks again and again for several
/// times as long, one sends an octet of a query as often. Whether the first was served to its end
/// and the second was not; nothing if the machine stood still for too long to tell.
std::optional<bool> only_queries_count(std::chrono::milliseconds time) {
    using Clock = std::chrono::steady_clock;
    Running running = serving({.terms = within(time)});
    running.start();
    const auto begin = Clock::now();
    const TcpClient talker{running.at("127.0.0.1")};
    const TcpClient dripper{running.at("127.0.0.1")};
    const Octets frame = framed(query("www.test"));
    REQUIRE(frame.size() > 20);
    const auto pause = time / 6;
    bool dripping = true;
    auto last_sent = begin;
    for (std::uint16_t i = 0; i < 20; ++i) {
        const auto sent = Clock::now();
        const bool taken = talker.send(framed(query("www.test", {.id = i})));
        const auto answer = taken ? talker.receive() : std::nullopt;
        if (!answer && Clock::now() - last_sent >= time) return std::nullopt;
        if (!answer || id_of(*answer) != i) return false;
        last_sent = sent;
        if (dripping) dripping = dripper.send({frame[i]}) && !dripper.is_closed_within(pause);
        if (!dripping) std::this_thread::sleep_for(pause);
    }
    const double idle = running.world.count(closed, "reason", "idle");
    if (Clock::now() - last_sent >= time) return std::nullopt;
    return !dripping && Clock::now() - begin >= 3 * time && idle == 1;
}

}  // namespace

TEST_CASE("queries keep a connection alive, octets do not") {
    std::optional<bool> holds;
    for (auto time = 300ms; !holds && time < 30s; time *= 2) holds = only_queries_count(time);
    REQUIRE(holds);
    CHECK(*holds);
}

TEST_CASE("a client that does not read is not read from any more, and closed like an idle one") {
    Running running = serving({.terms = within(1s)});
    running.start();
    const TcpClient client{running.at("127.0.0.1"), {.receive_buffer = 4096}};
    const Octets frame = framed(query("big1000.test"));  // 16 kB of answer for 30 octets
    const std::size_t sent = client.send_until_stuck(frame, [&] { all_come_round(running); });
    // Buffers of the kernel and one reading of ours, not what it would have liked to send.
    CHECK(sent < 32U << 20);
    // Another client is served meanwhile.
    CHECK(is_served(running));
    const double answered = running.world.count("coredns_dns_responses_total");
    CHECK(answered * static_cast<double>(frame.size()) < static_cast<double>(sent));
    CHECK(client.is_reset());
    CHECK(running.world.count(closed, "reason", "idle") == 1);
}

TEST_CASE("beyond the limit the connection that is idle longest makes room") {
    for (const std::size_t workers : {1U, 3U}) {
        INFO(workers << " workers");
        Running running = serving({.workers = workers, .tcp_connections_max = 3});
        running.start();
        std::vector<TcpClient> clients;
        // A worker notes the time after the answer has gone: the next one asks when all have.
        const auto check_asks = [&](std::size_t i) {
            CHECK(id_of(clients[i].ask(query("www.test", {.id = 4}))) == 4);
            all_come_round(running);
        };
        for (std::size_t i = 0; i < 3; ++i) {
            clients.emplace_back(running.at("127.0.0.1"));
            check_asks(i);
        }
        check_asks(0);  // now number 1 is idle longest
        clients.emplace_back(running.at("127.0.0.1"));
        check_asks(3);
        CHECK(clients[1].is_closed());
        for (const std::size_t i : {0U, 2U, 3U}) check_asks(i);
        CHECK(running.world.count(closed, "reason", "evicted") == 1);
        CHECK(running.world.count(closed, "reason", "refused") == 0);
        CHECK(running.world.count("nameplane_dns_tcp_connections_total") == 4);
    }
}

TEST_CASE("when all connections are busy the new one is refused; when one goes there is room") {
    Running running = serving({.workers = 2, .tcp_connections_max = 2});
    running.start();
    const Octets frame = framed(query("big1000.test"));
    std::vector<TcpClient> stuck;
    for (int i = 0; i < 2; ++i) {
        stuck.emplace_back(running.at("127.0.0.1"), TcpClient::Options{.receive_buffer = 4096})
            .send_until_stuck(frame, [&] { all_come_round(running); });
    }
    const TcpClient late{running.at("127.0.0.1")};
    CHECK(late.is_closed());
    CHECK(running.world.count(closed, "reason", "refused") == 1);
    CHECK(running.world.count(closed, "reason", "evicted") == 0);
    stuck.pop_back();
    CHECK(is_served(running));
}

TEST_CASE("connections come and go without leaving anything behind") {
    Running running = serving({.workers = 2, .tcp_connections_max = 5});
    running.start();
    for (std::uint16_t i = 0; i < 300; ++i) {
        const TcpClient client{running.at("127.0.0.1")};
        REQUIRE(id_of(client.ask(query("www.test", {.id = i}))) == i);
    }
    CHECK(running.world.count(closed, "reason", "refused") == 0);
}

TEST_CASE("when all connections are busy, one of who has most of them makes room for others") {
    constexpr std::size_t most = 8;
    Running running = serving({.tcp_connections_max = most});
    running.start();
    std::vector<TcpClient> greedy;
    const auto hold = [&] {
        const TcpClient& client = greedy.emplace_back(running.at("127.0.0.1"));
        return client.send(framed(query("hold1.test"))) &&
               client.send(framed(query("www.test", {.id = 2}))) && client.receive().has_value();
    };
    while (greedy.size() < most) REQUIRE(hold());
    all_come_round(running);
    // For itself it gets no more.
    CHECK_FALSE(hold());
    CHECK(running.world.count(closed, "reason", "refused") == 1);
    std::vector<TcpClient> others;
    for (int i = 0; i < 3; ++i) {
        others.emplace_back(running.at("127.0.0.1"), TcpClient::Options{.source = ip("127.0.0.2")});
        if (i == 2) break;  // would have as many as a third of the others'
        REQUIRE(others.back().send(framed(query("hold1.test"))));
        CHECK(id_of(others.back().ask(query("www.test", {.id = 3}))) == 3);
        CHECK(greedy[static_cast<std::size_t>(i)].is_closed());
    }
    CHECK(others.back().is_closed());
    CHECK(running.world.count(closed, "reason", "evicted") == 2);
    CHECK(running.world.count(closed, "reason", "refused") == 2);
}
