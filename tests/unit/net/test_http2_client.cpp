// The client's end of HTTP/2 against a server with a script, also against one that means harm.

#include "net/http2_client.hpp"
#include "support/http2_server.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>

using namespace nameplane::net;
using nameplane::test::ScriptedHttp2;

namespace {

using Octets = std::vector<std::uint8_t>;
using Failure = Http2Client::Failure;
using Asked = ScriptedHttp2::Asked;

Octets octets(std::string_view text) {
    return {text.begin(), text.end()};
}

/// A client and a server, with what has ended so far.
struct Pair {
    explicit Pair(ScriptedHttp2::Script script, std::uint32_t streams_max = 100,
                  std::uint32_t window = 65535)
        : server{std::move(script), streams_max, window} {}

    std::int32_t post(std::string_view body) {
        const Octets all = octets(body);
        const auto stream =
            client.request({.path = "/dns-query", .content_type = "a/b", .body = all});
        REQUIRE(stream);
        return *stream;
    }
    /// Octets both ways until nobody has any; false: the client wants no more.
    bool exchange() {
        bool open = true;
        for (bool moved = true; moved && open;) {
            Octets there;
            there.swap(client.output());
            REQUIRE(server.receive(there));
            const Octets back = server.output();
            moved = !there.empty() || !back.empty();
            open = back.empty() || client.receive(back);
            for (Http2Client::Ended& each : client.ended()) ends.push_back(std::move(each));
        }
        return open;
    }

    ScriptedHttp2 server;
    Http2Client client{"dns.example:8443"};
    std::vector<Http2Client::Ended> ends;
};

void echo(ScriptedHttp2& server, const Asked& asked) {
    server.respond(asked.stream, asked.body, "text/x");
}

void silence(ScriptedHttp2&, const Asked&) {}

}  // namespace

TEST_CASE("http2 client: a request says what is wanted, and gets its answer") {
    std::vector<Asked> seen;
    Pair pair{[&](ScriptedHttp2& server, const Asked& asked) {
        seen.push_back(asked);
        server.respond(asked.stream, octets("yes"), "text/x", "200", {{"age", "17"}});
    }};
    const std::int32_t posted = pair.post("question");
    const auto got = pair.client.request({.path = "/x?dns=AA", .content_type = "a/b", .body = {}});
    CHECK(pair.client.under_way() == 2);
    CHECK(pair.exchange());
    REQUIRE(seen.size() == 2);
    CHECK(seen[0][":method"] == "POST");
    CHECK(seen[0][":scheme"] == "https");
    CHECK(seen[0][":authority"] == "dns.example:8443");
    CHECK(seen[0][":path"] == "/dns-query");
    CHECK(seen[0]["accept"] == "a/b");
    CHECK(seen[0]["content-type"] == "a/b");
    CHECK(seen[0]["content-length"] == "8");
    CHECK(seen[0].body == octets("question"));
    CHECK(seen[1][":method"] == "GET");
    CHECK(seen[1][":path"] == "/x?dns=AA");
    CHECK(seen[1]["content-type"].empty());
    REQUIRE(pair.ends.size() == 2);
    CHECK(pair.ends[0].stream == posted);
    CHECK(pair.ends[1].stream == got);
    for (const auto& end : pair.ends) {
        CHECK(end.failure == Failure::none);
        CHECK(end.status == 200);
        CHECK(end.content_type == "text/x");
        CHECK(end.age_s == 17);
        CHECK(end.body == octets("yes"));
    }
    CHECK(pair.client.under_way() == 0);
}

TEST_CASE("http2 client: answers come in any order") {
    std::vector<Asked> kept;
    Pair pair{[&](ScriptedHttp2& server, const Asked& asked) {
        kept.push_back(asked);
        if (kept.size() < 50) return;
        std::reverse(kept.begin(), kept.end());
        for (const Asked& each : kept) echo(server, each);
    }};
    std::vector<std::int32_t> streams;
    for (int i = 0; i < 50; ++i) streams.push_back(pair.post(std::to_string(i)));
    CHECK(pair.exchange());
    REQUIRE(pair.ends.size() == 50);
    for (const auto& end : pair.ends) {
        const auto place = std::ranges::find(streams, end.stream) - streams.begin();
        CHECK(end.body == octets(std::to_string(place)));
    }
}

TEST_CASE("http2 client: an announcement is no answer") {
    Pair pair{[](ScriptedHttp2& server, const Asked& asked) {
        server.announce(asked.stream, "103");
        server.respond(asked.stream, octets("yes"), "text/x");
    }};
    pair.post("q");
    CHECK(pair.exchange());
    REQUIRE(pair.ends.size() == 1);
    CHECK(pair.ends[0].status == 200);
}

TEST_CASE("http2 client: what is no success is told as it is") {
    Pair pair{[](ScriptedHttp2& server, const Asked& asked) {
        server.respond(asked.stream, {}, "", "503");
    }};
    pair.post("q");
    CHECK(pair.exchange());
    REQUIRE(pair.ends.size() == 1);
    CHECK(pair.ends[0].failure == Failure::none);
    CHECK(pair.ends[0].status == 503);
    CHECK(pair.ends[0].body.empty());
}

TEST_CASE("http2 client: as many at a time as the server wants, the others wait") {
    std::vector<Asked> kept;
    Pair pair{[&](ScriptedHttp2&, const Asked& asked) { kept.push_back(asked); }, 3};
    CHECK(pair.exchange());
    CHECK(pair.client.streams_max() == 3);
    for (int i = 0; i < 10; ++i) pair.post(std::to_string(i));
    std::size_t rounds = 0;
    while (pair.ends.size() < 10) {
        CHECK(pair.exchange());
        CHECK(kept.size() <= 3);
        REQUIRE(++rounds <= 4);
        for (const Asked& each : std::exchange(kept, {})) echo(pair.server, each);
        CHECK(pair.exchange());
    }
}

TEST_CASE("http2 client: a small window only makes it slower") {
    Pair pair{echo, 100, 10};
    CHECK(pair.exchange());
    pair.post(std::string(900, 'q'));
    for (int i = 0; i < 200 && pair.ends.empty(); ++i) CHECK(pair.exchange());
    REQUIRE(pair.ends.size() == 1);
    CHECK(pair.ends[0].body.size() == 900);
}

TEST_CASE("http2 client: large answers, many of them, come through the windows") {
    Pair pair{[](ScriptedHttp2& server, const Asked& asked) {
        server.respond(asked.stream, Octets(Http2Client::body_octets_max, 7), "text/x");
    }};
    for (int i = 0; i < 100; ++i) pair.post("q");
    CHECK(pair.exchange());
    const auto whole = std::ranges::count(pair.ends, Failure::none, &Http2Client::Ended::failure);
    CHECK(pair.ends.size() == 100);
    // All of them at a time would be more than is kept.
    CHECK(whole >= 30);
    const auto refused =
        std::ranges::count(pair.ends, Failure::too_large, &Http2Client::Ended::failure);
    CHECK(whole + refused == 100);
    pair.ends.clear();
    for (int i = 0; i < 20; ++i) pair.post("q");
    CHECK(pair.exchange());
    CHECK(std::ranges::count(pair.ends, Failure::none, &Http2Client::Ended::failure) == 20);
}

TEST_CASE("http2 client: an answer beyond its limits is given up, the others are not") {
    const bool by_header = GENERATE(false, true);
    Pair pair{[by_header](ScriptedHttp2& server, const Asked& asked) {
        if (asked.body == octets("small")) return echo(server, asked);
        if (!by_header) return server.respond(asked.stream, Octets(65536, 7), "text/x");
        ScriptedHttp2::Headers many;
        for (int i = 0; i < 40; ++i) {
            many.emplace_back("x-" + std::to_string(i), std::string(500, 'v'));
        }
        server.respond(asked.stream, octets("x"), "text/x", "200", many);
    }};
    const std::int32_t large = pair.post("large");
    pair.post("small");
    CHECK(pair.exchange());
    REQUIRE(pair.ends.size() == 2);
    for (const auto& end : pair.ends) {
        CHECK(end.failure == (end.stream == large ? Failure::too_large : Failure::none));
        CHECK(end.body.size() == (end.stream == large ? 0 : 5));
    }
    CHECK(pair.client.takes_more());
}

TEST_CASE("http2 client: a reset says whether the request was looked at") {
    Pair pair{[](ScriptedHttp2& server, const Asked& asked) {
        server.reset(asked.stream, asked.body == octets("refuse") ? NGHTTP2_REFUSED_STREAM
                                                                  : NGHTTP2_INTERNAL_ERROR);
    }};
    pair.post("refuse");
    pair.post("fail");
    CHECK(pair.exchange());
    REQUIRE(pair.ends.size() == 2);
    CHECK(pair.ends[0].failure == Failure::not_taken);
    CHECK(pair.ends[1].failure == Failure::reset);
    CHECK(pair.client.takes_more());
}

TEST_CASE("http2 client: a server that goes away answers what it has taken") {
    Pair pair{silence, 3};
    std::vector<Asked> kept;
    CHECK(pair.exchange());
    std::vector<std::int32_t> streams;
    for (int i = 0; i < 5; ++i) streams.push_back(pair.post("q"));
    CHECK(pair.exchange());
    CHECK(pair.server.asked == 3);
    pair.server.go_away(streams[1]);
    CHECK(pair.exchange());
    CHECK_FALSE(pair.client.takes_more());
    CHECK_FALSE(pair.client.request({.path = "/", .content_type = "a/b", .body = {}}));
    // Those it will not look at: one that it has seen, and two that waited for their turn.
    CHECK(pair.ends.size() == 3);
    for (const auto& end : pair.ends) CHECK(end.failure == Failure::not_taken);
    pair.ends.clear();
    pair.server.respond(streams[0], octets("yes"), "text/x");
    CHECK(pair.exchange());
    CHECK(pair.ends.size() == 1);
    CHECK(pair.client.under_way() == 1);
    pair.server.respond(streams[1], octets("yes"), "text/x");
    CHECK_FALSE(pair.exchange());
    REQUIRE(pair.ends.size() == 2);
    CHECK(pair.ends[1].body == octets("yes"));
}

TEST_CASE("http2 client: a request that is given up is reset, and its answer is not told") {
    const bool waits_for_its_turn = GENERATE(false, true);
    Pair pair{silence, waits_for_its_turn ? 1U : 100U};
    CHECK(pair.exchange());
    const std::int32_t first = pair.post("q");
    const std::int32_t second = pair.post("q");
    CHECK(pair.exchange());
    pair.client.give_up(second);
    CHECK(pair.client.under_way() == 1);
    CHECK(pair.exchange());
    if (!waits_for_its_turn) CHECK(pair.server.closed.at(second) == NGHTTP2_CANCEL);
    pair.server.respond(first, octets("yes"), "text/x");
    CHECK(pair.exchange());
    REQUIRE(pair.ends.size() == 1);
    CHECK(pair.ends[0].stream == first);
    pair.client.give_up(first);
    CHECK(pair.client.takes_more());
}

TEST_CASE("http2 client: what is no HTTP/2 ends the connection") {
    for (const char* const text :
         {"HTTP/1.1 400 Bad Request\r\n\r\nno HTTP/2 here, as everybody can see",
          "\xff\xff\xff\xff\xff\xff"
          "\xff\xff\xff\xff\xff\xff\xff\xff\xff"}) {
        Http2Client client{"dns.example"};
        client.output().clear();
        bool open = client.receive(octets(text));
        for (int i = 0; i < 3 && open; ++i) open = client.receive(octets(text));
        CHECK_FALSE(open);
        CHECK_FALSE(client.receive(octets(text)));
        CHECK_FALSE(client.takes_more());
    }
}

TEST_CASE("http2 client: a push ends the connection") {
    Pair pair{[](ScriptedHttp2& server, const Asked& asked) {
        // PUSH_PROMISE of stream 2 on this one, with one header (":method: GET").
        server.raw(
            {0, 0, 5, 5, 4, 0, 0, 0, static_cast<std::uint8_t>(asked.stream), 0, 0, 0, 2, 0x82});
    }};
    pair.post("q");
    CHECK_FALSE(pair.exchange());
}
