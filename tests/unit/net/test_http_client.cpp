#include "fetch.hpp"

#include <cstdlib>
#include <vector>

using namespace nameplane;
using namespace nameplane::net;
using namespace nameplane::net::testing;
using namespace std::chrono_literals;

namespace {

/// A server with HTTP/2 over TLS and a peer that trusts it.
struct Secure {
    explicit Secure(std::vector<std::string> options = {"--http2"}) {
        const auto certificate = test::make_certificate(folder, "server", authority);
        options.insert(options.end(),
                       {"--certificate", certificate.file, "--key", certificate.key});
        server = test::web_server(options);
        peer.url = server.url("https");
        peer.authorities.file = authority.file;
    }
    test::TemporaryFolder folder;
    test::Certificate authority = test::make_authority(folder, "ca");
    test::Program server = test::web_server();
    HttpPeer peer;
};

}  // namespace

TEST_CASE("an answer comes as head, body and end, over each kind of connection") {
    Secure secure;
    Secure secure1{{}};
    test::Program plain = test::web_server();
    struct Case {
        HttpPeer peer;
        std::string protocol;
    };
    const Case cases[] = {
        {secure.peer, "h2"}, {secure1.peer, "http/1.1"}, {{.url = plain.url("http")}, ""}};
    for (const Case& row : cases) {
        Fetcher web{row.peer};
        INFO(row.peer.url);
        const Fetched got =
            web.get({.target = "/echo?a=b", .headers = {"X-Mine: 7", "User-Agent: me/1"}});
        CHECK(got.end.failure == HttpFailure::none);
        CHECK(got.end.reason.empty());
        CHECK(got.heads == 1);
        CHECK(got.head.status == 200);
        CHECK(got.head.content_type == "text/plain");
        CHECK(got.head.shared == (row.protocol == "h2"));
        CHECK(echoed(got, "path") == "/echo?a=b");
        CHECK(echoed(got, "x-mine") == "7");
        CHECK(echoed(got, "user-agent") == "me/1");
        CHECK(echoed(got, "protocol") == row.protocol);
        CHECK(echoed(got, "accept-encoding").empty());
        CHECK(web.get("/octets/100000").body == std::string(100'000, 'x'));
        CHECK(web.get("/octets/0").end.failure == HttpFailure::none);
        CHECK(web.client->totals().connections == 1);
        CHECK(web.client->totals().octets_in == got.body.size() + 100'000);
    }
}

TEST_CASE("what is to be posted comes whole, and the connection serves on") {
    Secure secure{{}};
    test::Program plain = test::web_server();
    for (const HttpPeer& peer : {secure.peer, HttpPeer{.url = plain.url("http")}}) {
        Fetcher web{peer};
        // The last one is larger than what libcurl sends at once.
        for (const std::size_t octets : {0, 1, 3'000'000}) {
            const Fetched got = web.get({.target = "/echo",
                                         .headers = {"Content-Type: application/json"},
                                         .post = std::string(octets, '\3')});
            CHECK(got.end.failure == HttpFailure::none);
            CHECK(echoed(got, "posted") ==
                  std::to_string(octets) + ' ' + std::to_string(3 * octets));
            CHECK(echoed(got, "content-type") == "application/json");
            CHECK(echoed(got, "expect").empty());
        }
        CHECK(echoed(web.get("/echo"), "posted").empty());
        CHECK(web.client->totals().connections == 1);
    }
}

TEST_CASE("an answer that compresses comes uncompressed and counts as it came") {
    Secure secure;
    Fetcher web{secure.peer};
    const Fetched got = web.get({.target = "/gzip/1000000", .compressed = true});
    CHECK(got.body == std::string(1'000'000, 'x'));
    CHECK(web.client->totals().octets_in > 0);
    CHECK(web.client->totals().octets_in < 10'000);
    CHECK(web.get("/gzip/1000").body == std::string(1000, 'x'));
}

TEST_CASE("many requests share one connection of HTTP/2, endless ones among them") {
    Secure secure;
    Fetcher web{secure.peer};
    std::vector<Fetch*> streams;
    std::vector<Fetch*> others;
    for (int i = 0; i < 20; ++i)
        streams.push_back(&web.start({.target = "/stream", .time_max = 0ms}));
    for (int i = 0; i < 60; ++i) others.push_back(&web.start("/octets/70000"));
    web.run_until([&] {
        for (const Fetch* each : others)
            if (each->got.ends == 0) return false;
        return true;
    });
    for (const Fetch* each : others) CHECK(each->got.body.size() == 70'000);
    for (const Fetch* each : streams) {
        CHECK(each->got.body == "first\n");
        CHECK(each->got.ends == 0);
    }
    CHECK(echoed(web.get("/echo"), "connection") == "1");
    CHECK(web.client->totals().connections == 1);
}

TEST_CASE("what is not 2xx is an answer, too, with how long to wait") {
    test::Program server = test::web_server();
    Fetcher web{{.url = server.url("http")}};
    const Fetched busy = web.get("/status/429?retry=7&body=slow");
    CHECK(busy.head.status == 429);
    CHECK(busy.head.retry_after == 7s);
    CHECK(busy.body == "slow");
    CHECK(busy.end.failure == HttpFailure::none);
    CHECK_FALSE(web.get("/status/503?retry=Wed,+21+Oct+2015+07:28:00+GMT").head.retry_after);
    CHECK(web.get("/status/302").head.status == 302);
}

TEST_CASE("an early answer is not the head") {
    Secure secure;
    test::Program plain = test::web_server();
    for (const HttpPeer& peer : {secure.peer, HttpPeer{.url = plain.url("http")}}) {
        Fetcher web{peer};
        const Fetched got = web.get("/early");
        CHECK(got.heads == 1);
        CHECK(got.head.status == 200);
        CHECK(got.body == "early");
    }
}

TEST_CASE("an answer that stops half-way is cut") {
    Secure secure;
    test::Program plain = test::web_server();
    for (const HttpPeer& peer : {secure.peer, HttpPeer{.url = plain.url("http")}}) {
        INFO(peer.url);
        Fetcher web{peer};
        const Fetched got = web.get("/half");
        // A reset of its stream takes with it what libcurl has not handed out.
        if (!peer.url.starts_with("https")) CHECK(got.body == "half");
        CHECK(got.end.failure == HttpFailure::cut);
        CHECK_FALSE(got.end.reason.empty());
        CHECK(web.get("/octets/5").body == "xxxxx");
    }
}

TEST_CASE("a server that goes cuts what is under way") {
    Secure secure;
    Fetcher web{secure.peer};
    Fetch& stream = web.start({.target = "/stream", .time_max = 0ms});
    stream.on_body = [&] { web.look(); };
    web.run_until([&] { return !stream.got.body.empty(); });
    secure.server.kill();
    web.run_until([&] { return stream.got.ends != 0; });
    CHECK(stream.got.end.failure == HttpFailure::cut);
    CHECK(web.get("/echo").end.failure == HttpFailure::unconnected);
}

TEST_CASE("time limits: of the answer, and none when there is none") {
    test::Program server = test::web_server();
    Fetcher web{{.url = server.url("http")}};
    Fetch& endless = web.start({.target = "/silent", .time_max = 0ms});
    const Fetched got = web.get({.target = "/silent", .time_max = 50ms});
    CHECK(got.end.failure == HttpFailure::timed_out);
    CHECK(got.heads == 0);
    // On a busy machine the beginning may need longer than the least of these.
    Fetched stream;
    for (auto time = 300ms; stream.body.empty() && time < 30s; time *= 4) {
        stream = web.get({.target = "/stream", .time_max = time});
        CHECK(stream.end.failure == HttpFailure::timed_out);
    }
    CHECK(stream.body == "first\n");
    CHECK(endless.got.ends == 0);
}

TEST_CASE("nobody there: a name that leads nowhere, a port that nobody has") {
    Fetcher nowhere{{.url = "http://nameplane-test.invalid"}};
    CHECK(nowhere.get("/").end.failure == HttpFailure::unresolved);
    Fetcher refused{{.url = "http://127.0.0.1:" + std::to_string(test::closed_port())}};
    const Fetched got = refused.get("/");
    CHECK(got.end.failure == HttpFailure::unconnected);
    CHECK_FALSE(got.end.reason.empty());
    Fetcher strange{{.url = "file:///etc/hostname"}};
    CHECK(strange.get("/").end.failure == HttpFailure::other);
}

TEST_CASE("IPv6 and a prefix in the URL") {
    test::Program server = test::web_server({"--address", "::1"});
    Fetcher web{{.url = server.url("http", "[::1]") + "/clusters/a"}};
    CHECK(web.get("/x").head.status == 404);
    Fetcher echo{{.url = server.url("http", "[::1]") + "/echo"}};
    CHECK(echoed(echo.get("/api/v1"), "path") == "/echo/api/v1");
}

TEST_CASE("a peer that changes is met by the next request") {
    test::Program one = test::web_server();
    test::Program two = test::web_server();
    Fetcher web{{.url = one.url("http")}};
    Fetch& stream = web.start({.target = "/stream", .time_max = 0ms});
    web.client->use({.url = two.url("http")});
    CHECK(echoed(web.get("/echo"), "host") == two.url("http").substr(7));
    CHECK(stream.got.ends == 0);
}
