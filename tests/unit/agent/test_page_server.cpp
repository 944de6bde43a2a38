#include "agent/page_server.hpp"
#include "raw_client.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

using namespace nameplane;
using namespace nameplane::agent;
using namespace std::chrono_literals;

namespace {

/// A server with the pages /small and /large.
class Serving {
public:
    explicit Serving(bool at_once = true) {
        http_.Get("/small", [](const httplib::Request&, httplib::Response& response) {
            response.set_content("small", "text/plain");
        });
        http_.Get("/large", [](const httplib::Request&, httplib::Response& response) {
            response.set_content(std::string(large_octets, 'l'), "text/plain");
        });
        port = static_cast<std::uint16_t>(http_.bind_to_any_port("127.0.0.1"));
        if (at_once) start();
    }
    ~Serving() {
        http_.end();
        if (thread_.joinable()) thread_.join();
    }
    Serving(const Serving&) = delete;
    Serving& operator=(const Serving&) = delete;

    void start() {
        thread_ = std::thread{[this] { http_.serve(); }};
    }
    void end() { http_.end(); }

    static constexpr std::size_t large_octets = 8 << 20;
    std::uint16_t port = 0;

private:
    PageServer http_;
    std::thread thread_;
};

constexpr std::string_view get_small =
    "GET /small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

bool is_small(const std::string& answer) {
    return answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nsmall");
}

}  // namespace

TEST_CASE("pages: whoever asks is answered, whatever others do or leave undone") {
    const Serving serving;
    std::vector<Client> others;
    // More than are held: the oldest of them make room.
    for (std::size_t i = 0; i < PageServer::clients_max + 50; ++i) {
        others.emplace_back(serving.port).say(i % 2 == 0 ? "" : "GET /small HT");
        if (i % 16 == 0) CHECK(is_small(ask(serving.port, get_small)));
    }
    CHECK(is_small(ask(serving.port, get_small)));
}

TEST_CASE("pages: who has begun and does not go on is left") {
    const Serving serving;
    const Client silent{serving.port};
    const Client slow{serving.port};
    slow.say("GET /small");
    CHECK(silent.hear().empty());
    CHECK(slow.hear().empty());
}

TEST_CASE("pages: what is not taken is bounded over all clients, and in time") {
    const Serving serving;
    std::vector<Client> greedy;
    for (int i = 0; i < 8; ++i) {
        greedy.emplace_back(serving.port).say("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    // All have been asked when this one, which came behind them, is.
    CHECK(is_small(ask(serving.port, get_small)));
    std::size_t whole = 0;
    for (const Client& each : greedy) {
        if (each.hear("llll\n").size() > Serving::large_octets) ++whole;
    }
    CHECK(whole < greedy.size());
    // One alone has all the room.
    CHECK(ask(serving.port, "GET /large HTTP/1.0\r\n\r\n").size() > Serving::large_octets);
}

TEST_CASE("pages: requests in pieces, several at once, and the end of either side") {
    const Serving serving;
    const Client pieces{serving.port};
    for (const char octet : get_small) pieces.say({&octet, 1});
    CHECK(is_small(pieces.hear()));
    const Client several{serving.port};
    several.say("GET /small HTTP/1.1\r\nHost: x\r\n\r\nHEAD /small HTTP/1.1\r\nHost: x\r\n\r\n" +
                std::string{get_small});
    const std::string answers = several.hear();
    std::size_t count = 0;
    for (std::size_t at = answers.find("HTTP/1.1 200 OK"); at != std::string::npos;
         at = answers.find("HTTP/1.1 200 OK", at + 1)) {
        ++count;
    }
    CHECK(count == 3);
    CHECK(is_small(answers.substr(answers.rfind("HTTP/1.1"))));
    // HTTP/1.0 ends by itself; one that finishes sending is answered all the same.
    CHECK(ask(serving.port, "GET /small HTTP/1.0\r\n\r\n").ends_with("small"));
    const Client half{serving.port};
    half.say("GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
    half.finish_sending();
    CHECK(is_small(half.hear()));
    const Client cut{serving.port};
    cut.say("GET /small HTTP");
    cut.finish_sending();
    CHECK(cut.hear().find("small") == std::string::npos);
}

TEST_CASE(
    "pages: what is no request for a page ends with the reason, and nobody waits for bodies") {
    const Serving serving;
    CHECK(ask(serving.port, "GET /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
              .starts_with("HTTP/1.1 404 "));
    CHECK(ask(serving.port, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
    // Bodies that never come.
    for (const std::string_view rest :
         {"Content-Length: 1000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"}) {
        INFO(rest);
        const std::string request = "POST /small HTTP/1.1\r\nHost: x\r\n" + std::string{rest};
        CHECK(is_small(ask(serving.port, request)));
    }
    const std::string long_line(20'000, 'x');
    CHECK(ask(serving.port, "GET /" + long_line + " HTTP/1.1\r\n").starts_with("HTTP/1.1 4"));
    CHECK(is_small(ask(serving.port, get_small)));
}

TEST_CASE("pages: an end that comes before the beginning is one") {
    Serving serving{false};
    serving.end();
    serving.start();
}

// Not with UBSan, which opens a pipe to see whether memory is there.
#ifndef __SANITIZE_ADDRESS__
TEST_CASE("pages: out of descriptors, those who are there make room") {
    const Serving serving;
    const Client silent{serving.port};
    CHECK(is_small(ask(serving.port, get_small)));
    Client late = Client::begun();
    {
        const NoDescriptorsLeft none;
        late.connect(serving.port);
        late.say(get_small);
        CHECK(is_small(late.hear()));
    }
    CHECK(is_small(ask(serving.port, get_small)));
}
#endif
