// Trust: who is believed, who we are, and what a failure is called.
#include "fetch.hpp"

#include <cstdlib>
#include <vector>

using namespace nameplane;
using namespace nameplane::net;
using namespace nameplane::net::testing;

namespace {

class Trust {
public:
    explicit Trust(const test::CertificateWishes& wishes = {},
                   std::vector<std::string> options = {"--http2"}) {
        const auto certificate = test::make_certificate(folder, "server", authority, wishes);
        options.insert(options.end(),
                       {"--certificate", certificate.file, "--key", certificate.key});
        server = test::web_server(options);
    }
    HttpPeer peer() const {
        return {.url = server.url("https"), .authorities = {.file = authority.file}};
    }

    test::TemporaryFolder folder;
    test::Certificate authority = test::make_authority(folder, "ca");
    test::Program server = test::web_server();
};

/// Of our certificate: the server's alert, or the reset right behind it, whichever is seen first.
bool is_refusal(const HttpEnd& end) {
    return end.failure == HttpFailure::tls || end.failure == HttpFailure::cut;
}

HttpEnd end_with(HttpPeer peer) {
    Fetcher web{std::move(peer)};
    return web.get("/echo").end;
}

}  // namespace

TEST_CASE("a server is believed by its authorities only") {
    const Trust trust;
    CHECK(end_with(trust.peer()).failure == HttpFailure::none);
    HttpPeer by_text = trust.peer();
    by_text.authorities = {.file = "", .text = test::content_of(trust.authority.file)};
    CHECK(end_with(by_text).failure == HttpFailure::none);

    HttpPeer wrong = trust.peer();
    wrong.authorities.file = test::make_authority(trust.folder, "other").file;
    CHECK(end_with(wrong).failure == HttpFailure::untrusted);
    CHECK_THAT(end_with(wrong).reason, Catch::Contains("certificate"));
    HttpPeer systems = trust.peer();
    systems.authorities = {};
    CHECK(end_with(systems).failure == HttpFailure::untrusted);
    HttpPeer blind = systems;
    blind.verify = false;
    CHECK(end_with(blind).failure == HttpFailure::none);

    HttpPeer missing = trust.peer();
    missing.authorities.file = trust.folder / "none";
    CHECK(end_with(missing).failure == HttpFailure::tls);
    CHECK_THAT(end_with(missing).reason, Catch::Contains(missing.authorities.file));
}

TEST_CASE("an authority that changes on disk counts for the next connection") {
    const Trust trust;
    HttpPeer peer = trust.peer();
    const std::string good = test::content_of(peer.authorities.file);
    peer.authorities.file = trust.folder.replace(
        "bundle", test::content_of(test::make_authority(trust.folder, "other").file));
    Fetcher web{peer};
    CHECK(web.get("/echo").end.failure == HttpFailure::untrusted);
    trust.folder.replace("bundle", good);
    CHECK(web.get("/echo").end.failure == HttpFailure::none);
    trust.folder.replace("bundle", "");
    CHECK(web.get("/echo").end.failure == HttpFailure::none);  // the connection is there
    web.client->drop_connections("try again");
    CHECK(web.get("/echo").end.failure == HttpFailure::tls);
}

TEST_CASE("a certificate for other names, and the name that it must prove instead") {
    const Trust trust{{.names = "DNS:api.example"}};
    CHECK(end_with(trust.peer()).failure == HttpFailure::other_name);
    HttpPeer named = trust.peer();
    named.server_name = "api.example";
    Fetcher web{named};
    const Fetched got = web.get("/echo/x?y");
    CHECK(got.end.failure == HttpFailure::none);
    CHECK(echoed(got, "sent-name") == "api.example");
    CHECK(echoed(got, "path") == "/echo/x?y");
    CHECK(echoed(got, ":authority") == trust.server.url("https").substr(8));
    named.server_name = "api.elsewhere";
    CHECK(end_with(named).failure == HttpFailure::other_name);
}

TEST_CASE("an address may be the name that must be proven") {
    const Trust trust{{.names = "IP:192.0.2.7,IP:2001:db8::7"}};
    for (const char* name : {"192.0.2.7", "2001:db8::7"}) {
        HttpPeer peer = trust.peer();
        peer.server_name = name;
        INFO(name);
        CHECK(end_with(peer).failure == HttpFailure::none);
    }
}

TEST_CASE("a certificate out of its time") {
    const Trust trust{{.expired = true}};
    const HttpEnd end = end_with(trust.peer());
    CHECK(end.failure == HttpFailure::other_time);
    CHECK_THAT(end.reason, Catch::Contains("expired"));
}

TEST_CASE("a server without TLS where there should be some") {
    test::Program plain = test::web_server();
    CHECK(end_with({.url = plain.url("https")}).failure == HttpFailure::tls);
}

TEST_CASE("who we are: a certificate from files or memory, and its renewal on disk") {
    test::TemporaryFolder folder;
    const auto clients = test::make_authority(folder, "clients");
    const auto alice =
        test::make_certificate(folder, "alice", clients, {.names = "", .subject = "/CN=alice"});
    const auto bob =
        test::make_certificate(folder, "bob", clients, {.names = "", .subject = "/CN=bob"});
    const Trust trust{{}, {"--http2", "--client-authority", clients.file, "--client-required"}};

    HttpPeer peer = trust.peer();
    const HttpEnd nobody = end_with(peer);
    INFO(nobody.reason);
    CHECK(is_refusal(nobody));

    peer.certificate.file = folder.replace("mine.crt", test::content_of(alice.file));
    peer.key.file = folder.replace("mine.key", test::content_of(alice.key));
    Fetcher web{peer};
    CHECK(echoed(web.get("/echo"), "client-name") == "alice");
    folder.replace("mine.crt", test::content_of(bob.file));
    folder.replace("mine.key", test::content_of(bob.key));
    CHECK(echoed(web.get("/echo"), "client-name") == "alice");
    web.client->drop_connections("renewed");
    CHECK(echoed(web.get("/echo"), "client-name") == "bob");

    peer.certificate = {.file = "", .text = test::content_of(alice.file)};
    peer.key = {.file = "", .text = test::content_of(alice.key)};
    web.client->use(peer);
    CHECK(echoed(web.get("/echo"), "client-name") == "alice");

    peer.key.text = test::content_of(bob.key);
    CHECK(end_with(peer).failure == HttpFailure::tls);
    peer.certificate = {.file = folder / "none", .text = ""};
    CHECK(end_with(peer).failure == HttpFailure::tls);
}

TEST_CASE("a certificate that the server does not take") {
    test::TemporaryFolder folder;
    const auto clients = test::make_authority(folder, "clients");
    const auto others = test::make_authority(folder, "others");
    const auto eve = test::make_certificate(folder, "eve", others, {.names = ""});
    const Trust trust{{}, {"--http2", "--client-authority", clients.file, "--client-required"}};
    HttpPeer peer = trust.peer();
    peer.certificate.file = eve.file;
    peer.key.file = eve.key;
    const HttpEnd end = end_with(peer);
    INFO(end.reason);
    CHECK(is_refusal(end));
}

TEST_CASE("a proxy leads to the server, when we say so and whatever the environment says") {
    const Trust trust;
    test::Program proxy = test::web_server();
    REQUIRE(::setenv("https_proxy", "http://127.0.0.1:1", 1) == 0);
    REQUIRE(::setenv("no_proxy", "127.0.0.1", 1) == 0);
    HttpPeer peer = trust.peer();
    CHECK(end_with(peer).failure == HttpFailure::none);
    peer.proxy = proxy.url("http");
    Fetcher web{peer};
    CHECK(echoed(web.get("/echo"), "protocol") == "h2");
    peer.server_name = "localhost";
    Fetcher renamed{peer};
    CHECK(echoed(renamed.get("/echo"), "sent-name") == "localhost");
    proxy.tell("token none");
    const HttpEnd refused = end_with(peer);
    CHECK(refused.failure == HttpFailure::proxy);
    CHECK_THAT(refused.reason, Catch::Contains("403"));
    proxy.kill();
    CHECK(end_with(peer).failure == HttpFailure::proxy);
    peer.proxy = "http://nameplane-test.invalid";
    CHECK(end_with(peer).failure == HttpFailure::proxy);
    ::unsetenv("https_proxy");
    ::unsetenv("no_proxy");
}

TEST_CASE("nghttpd, a server of others: HTTP/2, many streams, client certificates") {
    test::TemporaryFolder folder;
    const auto authority = test::make_authority(folder, "ca");
    const auto certificate = test::make_certificate(folder, "server", authority);
    const auto mine =
        test::make_certificate(folder, "mine", authority, {.names = "", .subject = "/CN=me"});
    folder.replace("htdocs/large", std::string(3'000'000, 'y'));
    test::Program server{{"nghttpd", "-a", "127.0.0.1", "-d", folder / "htdocs", "--verify-client",
                          "0", certificate.key, certificate.file}};
    server.set_port(test::listening_port_of(server.pid()));
    HttpPeer peer{.url = server.url("https"), .authorities = {.file = authority.file}};
    CHECK(is_refusal(end_with(peer)));
    peer.certificate.file = mine.file;
    peer.key.file = mine.key;
    Fetcher web{peer};
    std::vector<Fetch*> all;
    for (int i = 0; i < 30; ++i) all.push_back(&web.start("/large"));
    web.run_until([&] {
        for (const Fetch* each : all)
            if (each->got.ends == 0) return false;
        return true;
    });
    for (const Fetch* each : all) {
        CHECK(each->got.end.reason.empty());
        CHECK(each->got.body.size() == 3'000'000);
        CHECK(each->got.head.shared);
    }
    CHECK(web.client->totals().connections == 1);
    CHECK(web.get("/none").head.status == 404);
}
