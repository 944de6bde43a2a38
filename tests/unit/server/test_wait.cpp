// Queries whose answers come later than those of their batch.

#include "client.hpp"
#include "net/loop.hpp"
#include "running.hpp"
#include "server/handler.hpp"
#include "support/ldns_message.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;
using namespace std::chrono_literals;

namespace {

Running serving(server::ServerOptions options = {}) {
    options.listen = {any_port("127.0.0.1")};
    return Running{options};
}

std::string first_answer(const Octets& message) {
    const auto read = read_with_ldns(message);
    return read && read->answers.size() == 1 ? read->answers.front() : "none";
}

constexpr const char* rejects = "nameplane_dns_waiting_rejects_total";

}  // namespace

TEST_CASE("others are answered while a query waits, and then it is, too") {
    Running running = serving();
    running.start();
    const UdpClient waits{running.at("127.0.0.1")};
    const UdpClient other{running.at("127.0.0.1")};
    waits.send(query("HoLd1.test", {.id = 7, .edns_size = 1400}));
    for (std::uint16_t id = 100; id < 200; ++id) {
        CHECK(id_of(other.ask(query("other.test", {.id = id}))) == id);
    }
    CHECK_FALSE(waits.receive(0ms));
    other.ask(query("release.test"));
    const auto answer = waits.receive();
    REQUIRE(answer);
    CHECK(id_of(*answer) == 7);
    // The question as it was asked, although the octets of the query are long gone.
    CHECK(std::string{answer->begin() + 13, answer->begin() + 18} == "HoLd1");
    const auto read = read_with_ldns(*answer);
    REQUIRE(read);
    CHECK(read->edns);
    CHECK(first_answer(*answer) == "HoLd1.test. 1 IN A 127.0.0.1");
    // As the client's address and ours are those of then.
    CHECK(read->additionals.size() == 1);
}

TEST_CASE("a late answer leaves from the address that was asked") {
    for (const char* asked : {"127.0.0.1", "127.4.5.6"}) {
        Running running{{.listen = {any_port("0.0.0.0")}}};
        running.start();
        const UdpClient client{running.at(asked)};
        client.send(query("hold1.test"));
        client.send(query("release.test", {.id = 2}));
        // The one that waited is put down first, but the batch of the other one is sent first.
        const auto one = client.receive();
        const auto two = client.receive();
        REQUIRE(one);
        REQUIRE(two);
        CHECK(id_of(*one) + id_of(*two) == 3);
    }
}

TEST_CASE("many late answers are sent in batches, large ones truncated for UDP") {
    Running running = serving();
    running.start();
    const UdpClient waits{running.at("127.0.0.1")};
    const UdpClient other{running.at("127.0.0.1")};
    constexpr std::uint16_t count = 150;
    for (std::uint16_t id = 0; id < count; ++id) waits.send(query("hold.test", {.id = id}));
    other.ask(query("release.test"));
    std::vector<bool> seen(count);
    // What came after the release waits for the next one.
    for (std::uint16_t i = 0; i < count; ++i) {
        auto answer = waits.receive(100ms);
        if (!answer) {
            other.ask(query("release.test"));
            answer = waits.receive();
        }
        REQUIRE(answer);
        CHECK_FALSE(seen[id_of(*answer)]);
        seen[id_of(*answer)] = true;
    }
    CHECK(running.world.count("coredns_dns_responses_total", "rcode", "NOERROR") >= count);
    CHECK(running.world.count("coredns_dns_request_duration_seconds") ==
          running.world.count("coredns_dns_requests_total"));
}

TEST_CASE("on a connection, an answer that waits does not hold up the others") {
    Running running = serving();
    running.start();
    const TcpClient client{running.at("127.0.0.1")};
    Octets stream;
    for (const auto& [name, id] :
         {std::pair{"hold1.test", 1}, {"www.test", 2}, {"hold2.test", 3}, {"www.test", 4}}) {
        const Octets frame = framed(query(name, {.id = static_cast<std::uint16_t>(id)}));
        stream.insert(stream.end(), frame.begin(), frame.end());
    }
    REQUIRE(client.send(stream));
    for (const int id : {2, 4}) {
        const auto answer = client.receive();
        REQUIRE(answer);
        CHECK(id_of(*answer) == id);
    }
    // Half-closed: what was asked is still answered, then the connection goes.
    client.finish_sending();
    UdpClient{running.at("127.0.0.1")}.ask(query("release.test"));
    for (const int id : {1, 3}) {
        const auto answer = client.receive();
        REQUIRE(answer);
        CHECK(id_of(*answer) == id);
    }
    CHECK_FALSE(client.receive());
}

TEST_CASE("a connection with many queries that wait is read again when they have their answers") {
    Running running = serving();
    running.start();
    const TcpClient client{running.at("127.0.0.1")};
    constexpr std::uint16_t count = 1000;
    Octets stream;
    for (std::uint16_t id = 0; id < count; ++id) {
        const Octets frame = framed(query("hold.test", {.id = id}));
        stream.insert(stream.end(), frame.begin(), frame.end());
    }
    REQUIRE(client.send(stream));
    const UdpClient other{running.at("127.0.0.1")};
    std::vector<bool> seen(count);
    int batch_left = 0;
    for (std::uint16_t i = 0; i < count; ++i) {
        if (batch_left == 0) {
            // 128 wait at most; the counter says when they do.
            while (running.world.count("coredns_dns_requests_total", "proto", "tcp") <
                   std::min<int>(count, i + 128)) {
                other.ask(query("www.test"));
            }
            other.ask(query("release.test"));
            batch_left = std::min(count - i, 128);
        }
        --batch_left;
        const auto answer = client.receive();
        REQUIRE(answer);
        REQUIRE_FALSE(seen[id_of(*answer)]);
        seen[id_of(*answer)] = true;
    }
}

TEST_CASE("who is gone when its answer comes is no trouble") {
    Running running = serving();
    running.start();
    const UdpClient other{running.at("127.0.0.1")};
    for (int i = 0; i < 20; ++i) {
        const TcpClient client{running.at("127.0.0.1")};
        REQUIRE(client.send(framed(query("hold1.test"))));
        REQUIRE(client.send(framed(query("holddrop.test", {.id = 2}))));
        REQUIRE(client.ask(query("www.test")).size() > 12);
    }
    other.ask(query("release.test"));
    CHECK(id_of(other.ask(query("www.test", {.id = 9}))) == 9);
    CHECK(running.world.count("nameplane_dns_dropped_total", "reason", "by_plugin") == 20);
}

TEST_CASE("a query outlives the configuration it came under") {
    Running running = serving({.workers = 2});
    running.start();
    std::vector<UdpClient> waiting;
    for (int i = 0; i < 20; ++i) {
        waiting.emplace_back(running.at("127.0.0.1")).send(query("hold1.test"));
    }
    while (running.world.count("coredns_dns_requests_total") < 20) {
        UdpClient{running.at("127.0.0.1")}.ask(query("www.test"));
    }
    const std::size_t before = running.world.chains.kept();
    running.world.chains.publish(build_chains(running.world.metrics));
    // Both workers come round; the old chains are still there, since somebody waits in them.
    for (int i = 0; i < 40; ++i) UdpClient{running.at("127.0.0.1")}.ask(query("www.test"));
    running.world.chains.sweep();
    CHECK(running.world.chains.kept() == before + 1);
    running.server.reset();
    running.world.chains.sweep();
    CHECK(running.world.chains.kept() == before);
}

TEST_CASE("draining waits for those that wait, but not for ever") {
    for (const bool released : {true, false}) {
        Running running = serving();
        running.start();
        const UdpClient udp{running.at("127.0.0.1")};
        const TcpClient tcp{running.at("127.0.0.1")};
        udp.send(query("hold1.test", {.id = 5}));
        REQUIRE(tcp.send(framed(query("hold2.test", {.id = 6}))));
        // Each comes to wait: a datagram before those sent after it, a connection in its own time.
        do {
            UdpClient{running.at("127.0.0.1")}.ask(query("www.test"));
        } while (running.world.count("coredns_dns_requests_total", "proto", "tcp") < 1);
        if (released) udp.send(query("release.test", {.id = 7}));
        running.server->drain(released ? wait_max : 50ms);
        if (!released) continue;
        const auto one = udp.receive();
        const auto two = udp.receive();
        REQUIRE(one);
        REQUIRE(two);
        CHECK(id_of(*one) + id_of(*two) == 12);
        const auto three = tcp.receive();
        REQUIRE(three);
        CHECK(id_of(*three) == 6);
    }
}

namespace {

std::vector<std::string> answers_in(const Octets& message) {
    const auto read = read_with_ldns(message);
    return read ? read->answers : std::vector<std::string>{"unreadable"};
}

}  // namespace

TEST_CASE("a plugin asks the whole server, whether or not that has to wait") {
    Running running = serving();
    running.start();
    const UdpClient client{running.at("127.0.0.1")};
    const UdpClient other{running.at("127.0.0.1")};
    using Lines = std::vector<std::string>;
    CHECK(answers_in(client.ask(query("ask.www.test"))) ==
          Lines{"ask.www.test. 3 IN CNAME www.test.", "www.test. 1 IN A 127.0.0.1"});
    CHECK(answers_in(client.ask(query("out.test"))) == Lines{"out.test. 3 IN CNAME ."});
    // Each of them waits for the next one.
    for (const bool edns : {false, true}) {
        Ask ask{.id = 7};
        if (edns) ask.edns_size = 1400;
        client.send(query("Ask.ask.hold1.test", ask));
        for (std::uint16_t id = 100; id < 110; ++id) {
            CHECK(id_of(other.ask(query("ask.other.test", {.id = id}))) == id);
        }
        CHECK_FALSE(client.receive(0ms));
        other.ask(query("ask.release.test"));
        const auto answer = client.receive();
        REQUIRE(answer);
        CHECK(id_of(*answer) == 7);
        CHECK(answers_in(*answer) == Lines{"Ask.ask.hold1.test. 3 IN CNAME ask.hold1.test.",
                                           "ask.hold1.test. 3 IN CNAME hold1.test.",
                                           "hold1.test. 1 IN A 127.0.0.1"});
    }
    client.send(query("ask.holddrop.test", {.id = 8}));
    other.ask(query("www.test"));
    other.ask(query("release.test"));
    const auto dropped = client.receive();
    REQUIRE(dropped);
    CHECK(answers_in(*dropped) == Lines{"ask.holddrop.test. 3 IN CNAME holddrop.test."});
}

TEST_CASE("what asks for itself comes to an end") {
    Running running = serving();
    running.start();
    const UdpClient client{running.at("127.0.0.1")};
    CHECK(answers_in(client.ask(query("loop.test", {.edns_size = 1400}))).size() ==
          look_ups_max + 1);
}

TEST_CASE("a refresh comes back to who wanted it") {
    Running running = serving();
    running.start();
    const std::size_t before = refreshed();
    const UdpClient client{running.at("127.0.0.1")};
    CHECK(first_answer(client.ask(query("fresh.test"))) == "fresh.test. 1 IN A 127.0.0.1");
    client.ask(query("www.test"));
    CHECK(refreshed() == before + 1);
}

namespace {

/// A transport without a socket.
struct Box final : server::Late {
    std::vector<Octets> answers;
    void hold(const server::Arrival& arrival, server::Return& way) noexcept override {
        way.connection = arrival.place;
    }
    void answer(const server::Return&, std::span<const std::uint8_t> message) noexcept override {
        answers.emplace_back(message.begin(), message.end());
    }
};

/// A worker without a thread.
struct Bench final : WorkerContext {
    net::Loop events;
    std::vector<std::shared_ptr<Tenant>> tenants;
    std::size_t number() const noexcept override { return 0; }
    net::Loop& loop() noexcept override { return events; }
    void keep(std::shared_ptr<Tenant> tenant) override { tenants.push_back(std::move(tenant)); }
    ~Bench() {
        for (const auto& tenant : tenants) tenant->close();
    }
};

}  // namespace

TEST_CASE("when too many wait, the next ones are told so and counted; places come back") {
    World world;
    const server::Oddities oddities{world.metrics};
    Bench bench;
    server::Handler handler{0, {.waiting = 100}, oddities};
    const std::shared_ptr<const chain::Chains> chains = world.chains.newest();
    chains->begin(bench);
    handler.use(*chains, services::ServiceView{});
    Box box;
    const auto ask = [&](const char* name) {
        Octets out(1232);
        const server::Arrival arrival{.late = &box};
        out.resize(handler.answer(query(name), arrival, out));
        return out;
    };
    for (std::size_t round = 1; round <= 3; ++round) {
        for (int i = 0; i < 100; ++i) CHECK(ask("hold.test").empty());
        CHECK(handler.waiting() == 100);
        CHECK(ask("hold.test").size() > 12);
        CHECK(world.count(rejects) == static_cast<double>(round));
        CHECK(ask("release.test").size() > 12);
        CHECK(handler.waiting() == 0);
        CHECK(box.answers.size() == 100 * round);
    }
}

TEST_CASE("who does not take late answers goes when too much of them lies there") {
    Running running = serving();
    running.start();
    const TcpClient client{running.at("127.0.0.1"), {.receive_buffer = 4096}};
    constexpr int count = 128;
    Octets stream;
    for (std::uint16_t id = 0; id < count; ++id) {
        const Octets frame = framed(query("holdbig3800.test", {.id = id}));  // 61 kB of answer
        stream.insert(stream.end(), frame.begin(), frame.end());
    }
    REQUIRE(client.send(stream));
    const UdpClient other{running.at("127.0.0.1")};
    while (running.world.count("coredns_dns_requests_total", "proto", "tcp") < count) {
        other.ask(query("www.test"));
    }
    other.ask(query("release.test"));
    other.ask(query("www.test"));
    CHECK(running.world.count("nameplane_dns_tcp_closed_total", "reason", "untaken") == 1);
    // What lay there for it does not count any more: the next one has as much room.
    for (int round = 0; round < 40; ++round) {
        const TcpClient next{running.at("127.0.0.1")};
        REQUIRE(next.send(framed(query("holdbig3800.test"))));
        REQUIRE(next.send(framed(query("www.test", {.id = 2}))));
        REQUIRE(next.receive());
        other.ask(query("release.test"));
        REQUIRE(next.receive());
    }
    CHECK(running.world.count("nameplane_dns_tcp_closed_total", "reason", "untaken") == 1);
}

TEST_CASE("messages that are kept for queries that wait are bounded in all") {
    Running running = serving();
    running.start();
    // An EDNS option of no meaning makes it large.
    Octets large = query("hold.test");
    large[11] = 1;
    constexpr std::uint16_t room = 65535 - 100;
    const auto high = [](std::size_t number) { return static_cast<std::uint8_t>(number >> 8); };
    const auto low = [](std::size_t number) { return static_cast<std::uint8_t>(number); };
    for (const std::uint8_t octet :
         {std::uint8_t{0}, std::uint8_t{0}, std::uint8_t{41}, std::uint8_t{16}, std::uint8_t{0},
          std::uint8_t{0}, std::uint8_t{0}, std::uint8_t{0}, std::uint8_t{0}, high(room + 4),
          low(room + 4), std::uint8_t{0}, std::uint8_t{12}, high(room), low(room)}) {
        large.push_back(octet);
    }
    large.resize(large.size() + room);
    const std::size_t fit = server::Handler::held_octets_max / large.size();
    const UdpClient other{running.at("127.0.0.1")};
    for (int round = 0; round < 2; ++round) {
        std::vector<TcpClient> clients;
        std::size_t asked = 0;
        while (asked < fit + 100) {
            const TcpClient& client = clients.emplace_back(running.at("127.0.0.1"));
            for (int i = 0; i < 100; ++i, ++asked) REQUIRE(client.send(framed(large)));
        }
        const auto answered = [&] { return running.world.count(rejects); };
        while (answered() < static_cast<double>((1 + round) * (asked - fit))) {
            other.ask(query("www.test"));
        }
        // A small one still has room for itself alone, where it is no longer than what is left.
        CHECK(answered() == static_cast<double>((1 + round) * (asked - fit)));
        other.ask(query("release.test"));
    }
}
