// Who may go when: transfers and clients within their own callbacks, connections at any time.
#include "fetch.hpp"

#include <vector>

using namespace nameplane;
using namespace nameplane::net;
using namespace nameplane::net::testing;
using namespace std::chrono_literals;

namespace {

enum class Where { head, body, end };
constexpr Where places[] = {Where::head, Where::body, Where::end};

/// Calls `act` within the first callback of that kind and counts what is called afterwards.
struct Probe {
    int later = 0;
    bool acted = false;

    HttpCallbacks callbacks(Where where, std::function<void()> act) {
        const auto at = [this, where, act](Where here) {
            if (acted) ++later;
            if (acted || here != where) return;
            acted = true;
            act();
        };
        return {.head = [at](const HttpHead&) { at(Where::head); },
                .body = [at](std::string_view) { at(Where::body); },
                .end = [at](const HttpEnd&) { at(Where::end); }};
    }
};

struct Servers {
    Servers() {
        const auto authority = test::make_authority(folder, "ca");
        const auto certificate = test::make_certificate(folder, "server", authority);
        secure = test::web_server(
            {"--http2", "--certificate", certificate.file, "--key", certificate.key});
        peers.push_back({.url = secure.url("https"), .authorities = {.file = authority.file}});
        peers.push_back({.url = plain.url("http")});
    }
    test::TemporaryFolder folder;
    test::Program plain = test::web_server();
    test::Program secure = test::web_server();
    std::vector<HttpPeer> peers;
};

}  // namespace

TEST_CASE("a transfer may go within each of its callbacks") {
    Servers servers;
    for (const HttpPeer& peer : servers.peers) {
        for (const Where where : places) {
            INFO(peer.url << " at " << static_cast<int>(where));
            Fetcher web{peer};
            Probe probe;
            std::unique_ptr<HttpTransfer> transfer;
            const auto held = std::make_shared<int>(1);
            transfer =
                web.client->start({.target = "/octets/200000"}, probe.callbacks(where, [&, held] {
                    transfer.reset();
                    web.look();
                }));
            web.run_until([&] { return probe.acted; });
            // The client goes on with others, and lets go of what the callbacks held.
            CHECK(web.get("/octets/5").body == "xxxxx");
            CHECK(probe.later == 0);
            CHECK(held.use_count() == 1);
        }
    }
}

TEST_CASE("the client may go within each callback, with all its transfers or before them") {
    Servers servers;
    for (const HttpPeer& peer : servers.peers) {
        for (const Where where : places) {
            for (const bool transfers_first : {true, false}) {
                INFO(peer.url << " at " << static_cast<int>(where) << transfers_first);
                Fetcher web{peer};
                Probe probe;
                std::vector<std::unique_ptr<HttpTransfer>> transfers;
                int others = 0;
                const auto count = [&] { others += probe.acted ? 1 : 0; };
                transfers.push_back(
                    web.client->start({.target = "/octets/200000"}, probe.callbacks(where, [&] {
                        if (transfers_first) transfers.clear();
                        web.client.reset();
                        web.loop.stop();
                    })));
                for (int i = 0; i < 5; ++i) {
                    transfers.push_back(web.client->start(
                        {.target = "/octets/200000"}, {.head = [&](const HttpHead&) { count(); },
                                                       .body = [&](std::string_view) { count(); },
                                                       .end = [&](const HttpEnd&) { count(); }}));
                }
                web.run_until([&] { return probe.acted; });
                transfers.clear();
                CHECK(probe.later == 0);
                CHECK(others == 0);
            }
        }
    }
}

TEST_CASE("a request may be started within each callback") {
    Servers servers;
    for (const HttpPeer& peer : servers.peers) {
        for (const Where where : places) {
            Fetcher web{peer};
            Probe probe;
            Fetch* next = nullptr;
            const auto first =
                web.client->start({.target = "/octets/200000"},
                                  probe.callbacks(where, [&] { next = &web.start("/octets/5"); }));
            web.run_until([&] { return next != nullptr && next->got.ends == 1; });
            CHECK(next->got.body == "xxxxx");
        }
    }
}

TEST_CASE("a cancelled request is not heard of again, and its connection serves others") {
    Servers servers;
    Fetcher web{servers.peers[0]};
    CHECK(echoed(web.get("/echo"), "connection") == "1");
    Fetch& stream = web.start({.target = "/stream", .time_max = 0ms});
    stream.on_body = [&] { web.look(); };
    web.run_until([&] { return !stream.got.body.empty(); });
    stream.transfer.reset();
    CHECK(echoed(web.get("/echo"), "connection") == "1");
    CHECK(stream.got.ends == 0);
    // One that has not begun, too.
    web.start("/echo").transfer.reset();
    CHECK(echoed(web.get("/echo"), "connection") == "1");
}

TEST_CASE("a client that goes closes its connections and tells nobody") {
    Servers servers;
    Fetcher web{servers.peers[0]};
    Fetch& stream = web.start({.target = "/stream", .time_max = 0ms});
    stream.on_body = [&] { web.look(); };
    web.run_until([&] { return !stream.got.body.empty(); });
    web.client.reset();
    web.client.emplace(servers.peers[0], web.loop);
    CHECK(echoed(web.get("/echo"), "connection") == "2");
    CHECK(stream.got.ends == 0);
}

TEST_CASE("dropped connections end all transfers, later, and the next request connects anew") {
    Servers servers;
    Fetcher web{servers.peers[0]};
    std::vector<Fetch*> all;
    for (int i = 0; i < 3; ++i) {
        all.push_back(&web.start({.target = "/stream", .time_max = 0ms}));
        all.back()->on_body = [&] { web.look(); };
    }
    web.run_until([&] {
        for (const Fetch* each : all)
            if (each->got.body.empty()) return false;
        return true;
    });
    all.push_back(&web.start("/octets/5"));  // not even sent
    web.client->drop_connections("enough");
    for (const Fetch* each : all) CHECK(each->got.ends == 0);
    Fetch& next = web.start("/echo");
    web.run_until([&] { return next.got.ends == 1; });
    for (const Fetch* each : all) {
        CHECK(each->got.ends == 1);
        CHECK(each->got.end.failure == HttpFailure::cut);
        CHECK(each->got.end.reason == "enough");
    }
    CHECK(echoed(next.got, "connection") == "2");
    CHECK(web.client->totals().connections == 2);
}

TEST_CASE("connections may be dropped within each callback") {
    Servers servers;
    for (const HttpPeer& peer : servers.peers) {
        for (const Where where : places) {
            INFO(peer.url << " at " << static_cast<int>(where));
            Fetcher web{peer};
            Fetch& other = web.start({.target = "/stream", .time_max = 0ms});
            other.on_body = [&] { web.look(); };
            web.run_until([&] { return !other.got.body.empty(); });
            Probe probe;
            const auto first = web.client->start(
                {.target = "/octets/200000"},
                probe.callbacks(where, [&] { web.client->drop_connections("enough"); }));
            web.run_until([&] { return other.got.ends == 1; });
            CHECK(other.got.end.reason == "enough");
            CHECK(web.get("/octets/5").body == "xxxxx");
            CHECK(probe.later == (where == Where::end ? 0 : 1));
        }
    }
}

TEST_CASE("an end that was cut may take the client with it") {
    Servers servers;
    Fetcher web{servers.peers[0]};
    int ends = 0;
    std::vector<std::unique_ptr<HttpTransfer>> transfers;
    for (int i = 0; i < 3; ++i) {
        transfers.push_back(web.client->start({.target = "/stream", .time_max = 0ms},
                                              {.head = {}, .body = {}, .end = [&](const HttpEnd&) {
                                                   ++ends;
                                                   transfers.clear();
                                                   web.client.reset();
                                                   web.loop.stop();
                                               }}));
    }
    web.client->drop_connections("enough");
    web.run_until([&] { return ends != 0; });
    CHECK(ends == 1);
}
