#include "kube/api_client.hpp"
#include "kube/credentials.hpp"
#include "support/web.hpp"

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include <functional>
#include <list>
#include <optional>

using namespace nameplane;
using namespace nameplane::kube;
using namespace std::chrono_literals;

namespace {

struct Got {
    int begun = 0;
    int ends = 0;
    std::string body;
    ApiEnd end;
    std::function<void()> on_end;
    std::unique_ptr<ApiCall> call;
};

class Caller {
public:
    explicit Caller(ApiAccess access, ApiClientOptions options = {})
        : client{std::in_place, std::move(access), loop, registry, clock, options} {}
    ~Caller() {
        gots.clear();
        client.reset();
    }
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;

    Got& start(const std::string& target, std::chrono::milliseconds time_max = 1min,
               bool compressed = false) {
        Got& got = gots.emplace_back();
        got.call = client->get({.target = target,
                                .what = "list services",
                                .compressed = compressed,
                                .time_max = time_max},
                               {.body =
                                    [&](std::string_view octets) {
                                        got.body += octets;
                                        look();
                                    },
                                .end =
                                    [&](const ApiEnd& end) {
                                        ++got.ends;
                                        got.end = end;
                                        if (got.on_end) got.on_end();
                                        look();
                                    },
                                .begun = [&] { ++got.begun; }});
        CHECK(got.ends == 0);
        return got;
    }
    void run_until(std::function<bool()> done) {
        done_ = std::move(done);
        bool late = false;
        const auto limit = loop.timer([&] {
            late = true;
            loop.stop();
        });
        limit->start(2min);
        if (!done_()) loop.run();
        REQUIRE_FALSE(late);
    }
    void look() {
        if (done_ && done_()) loop.stop();
    }
    Got& get(const std::string& target, bool compressed = false) {
        Got& got = start(target, 1min, compressed);
        run_until([&] { return got.ends != 0; });
        return got;
    }
    double metric(const std::string& name, const std::string& code = {}) const {
        double sum = 0;
        for (const auto& family : registry.read())
            for (const auto& sample : family.samples)
                if (family.name == name && (code.empty() || sample.labels[0].second == code))
                    sum += family.kind == metrics::Kind::histogram
                               ? static_cast<double>(sample.histogram.count)
                               : sample.value;
        return sum;
    }

    net::Loop loop;
    metrics::Registry registry{1};
    SystemClock clock;
    std::optional<ApiClient> client;
    std::list<Got> gots;

private:
    std::function<bool()> done_;
};

struct Cluster {
    explicit Cluster(const test::CertificateWishes& wishes = {},
                     std::vector<std::string> options = {"--http2"}) {
        const auto certificate = test::make_certificate(folder, "server", authority, wishes);
        options.insert(options.end(),
                       {"--certificate", certificate.file, "--key", certificate.key});
        server = test::web_server(options);
        access.peer.url = server.url("https");
        access.peer.authorities.file = authority.file;
        access.origin = "the test";
    }
    test::TemporaryFolder folder;
    test::Certificate authority = test::make_authority(folder, "ca");
    test::Program server = test::web_server();
    ApiAccess access;
};

std::string echoed(const std::string& body, const std::string& name) {
    const std::size_t at = body.find('\n' + name + ": ");
    if (at == std::string::npos) return {};
    const std::size_t begin = at + name.size() + 3;
    return body.substr(begin, body.find('\n', begin) - begin);
}

/// Everything but letters as %XX.
std::string in_query(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
            out += c;
        else
            out.append(1, '%').append(1, digits[octet >> 4]).append(1, digits[octet & 15]);
    }
    return out;
}

std::string script(const test::TemporaryFolder& folder, const std::string& text) {
    const std::string path = folder.replace("plugin", "#!/bin/sh\n" + text);
    REQUIRE(::chmod(path.c_str(), 0700) == 0);
    return path;
}

ExecPlugin plugin(const std::string& path) {
    return {.command = path, .api_version = "client.authentication.k8s.io/v1"};
}

std::string printed(const std::string& status) {
    return R"(printf '%s' '{"apiVersion":"client.authentication.k8s.io/v1",)"
           R"("kind":"ExecCredential","status":)" +
           status + "}'\n";
}

}  // namespace

TEST_CASE("a call says who we are and what we take, and is counted") {
    Cluster cluster;
    cluster.access.token = "abc";
    cluster.access.impersonation = {"Impersonate-User: eve"};
    Caller caller{cluster.access};
    const Got& got = caller.get("/echo", true);
    CHECK(got.end.ok);
    CHECK(got.end.status == 200);
    CHECK(got.begun == 1);
    CHECK(echoed(got.body, "authorization") == "Bearer abc");
    CHECK(echoed(got.body, "impersonate-user") == "eve");
    CHECK(echoed(got.body, "accept") == "application/json");
    CHECK(echoed(got.body, "user-agent") == "nameplane/" NAMEPLANE_VERSION);
    CHECK(echoed(got.body, "accept-encoding") == "gzip");
    caller.get("/status/500");
    CHECK(caller.metric("coredns_kubernetes_rest_client_requests_total", "200") == 1);
    CHECK(caller.metric("coredns_kubernetes_rest_client_requests_total", "500") == 1);
    CHECK(caller.metric("coredns_kubernetes_rest_client_request_duration_seconds") == 2);
    CHECK(caller.metric("nameplane_api_connections_total") == 1);
    CHECK(caller.metric("nameplane_api_received_bytes_total") ==
          static_cast<double>(got.body.size()));
}

TEST_CASE("a password goes as basic authentication, and nobody as nothing") {
    Cluster cluster;
    cluster.access.compression = false;
    Caller nobody{cluster.access};
    const Got& bare = nobody.get("/echo", true);
    CHECK(echoed(bare.body, "authorization").empty());
    CHECK(echoed(bare.body, "accept-encoding").empty());
    cluster.access.username = "a";
    cluster.access.password = "b";
    Caller basic{cluster.access};
    CHECK(echoed(basic.get("/echo").body, "authorization") == "Basic YTpi");
}

TEST_CASE("a rotated token is read in time, and at once when the old one is refused") {
    Cluster cluster;
    cluster.access.token_file = cluster.folder.replace("token", "one\n");
    Caller caller{cluster.access};
    CHECK(echoed(caller.get("/echo").body, "authorization") == "Bearer one");
    cluster.folder.replace("token", "two");
    CHECK(echoed(caller.get("/echo").body, "authorization") == "Bearer one");
    cluster.server.tell("token two");
    const Got& renewed = caller.get("/echo");
    CHECK(renewed.end.ok);
    CHECK(renewed.begun == 1);
    CHECK(echoed(renewed.body, "authorization") == "Bearer two");
    cluster.server.tell("token three");
    const Got& refused = caller.get("/echo");
    CHECK(refused.end.status == 401);
    CHECK_THAT(refused.end.error,
               Catch::StartsWith("list services: the server does not accept the token in " +
                                 cluster.folder / "token" + " (401)"));
    Caller impatient{cluster.access, {.reread = 0ms}};
    cluster.folder.replace("token", "three");
    CHECK(impatient.get("/echo").end.ok);
}

TEST_CASE("a token's file that is away keeps the token; one that never was is an error") {
    Cluster cluster;
    cluster.access.token_file = cluster.folder.replace("token", "one");
    Caller caller{cluster.access, {.reread = 0ms}};
    CHECK(caller.get("/echo").end.ok);
    cluster.access.token_file = cluster.folder / "none";
    Caller none{cluster.access};
    const Got& got = none.get("/echo");
    CHECK(got.end.status == 0);
    CHECK(got.end.error == "list services: " + cluster.folder / "none" +
                               ": cannot be read: No such file or directory, expected a token");
    cluster.folder.replace("none", "a b");
    CHECK_THAT(none.get("/echo").end.error, Catch::Contains("no token, expected one line"));
}

TEST_CASE("a credential plugin is run once, and again when its token is refused or expires") {
    Cluster cluster;
    const test::TemporaryFolder& folder = cluster.folder;
    cluster.access.exec = plugin(script(
        folder, "echo x >> " + folder / "runs" + "\nprintf '%s' \"$KUBERNETES_EXEC_INFO\" > " +
                    folder / "info" + "\n" + printed(R"({"token":"one"})")));
    Caller caller{cluster.access};
    Got& first = caller.start("/echo");
    Got& second = caller.start("/echo");
    caller.run_until([&] { return first.ends + second.ends == 2; });
    CHECK(echoed(first.body, "authorization") == "Bearer one");
    CHECK(second.end.ok);
    CHECK(test::content_of(folder / "runs") == "x\n");
    CHECK(test::content_of(folder / "info") ==
          R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",)"
          R"("spec":{"interactive":false}})");
    cluster.server.tell("token two");
    CHECK(caller.get("/echo").end.status == 401);
    CHECK(test::content_of(folder / "runs") == "x\nx\n");
    script(folder, printed(R"({"token":"two","expirationTimestamp":"2000-01-01T00:00:00Z"})"));
    CHECK(caller.get("/echo").end.ok);
    script(folder, printed(R"({"token":"two","expirationTimestamp":"2100-01-01T00:00:00Z"})"));
    CHECK(caller.get("/echo").end.ok);  // that one had expired
    script(folder, "exit 7");
    CHECK(caller.get("/echo").end.ok);  // this one has not
}

TEST_CASE("a credential plugin's certificate") {
    test::TemporaryFolder folder;
    const auto clients = test::make_authority(folder, "clients");
    const auto alice =
        test::make_certificate(folder, "alice", clients, {.names = "", .subject = "/CN=alice"});
    Cluster cluster{{}, {"--http2", "--client-authority", clients.file}};
    std::string pem = test::content_of(alice.file);
    std::string key = test::content_of(alice.key);
    for (std::string* each : {&pem, &key})
        for (std::size_t at = 0; (at = each->find('\n', at)) != std::string::npos; at += 2)
            each->replace(at, 1, "\\n");
    cluster.access.exec =
        plugin(script(cluster.folder, printed(R"({"clientCertificateData":")" + pem +
                                              R"(","clientKeyData":")" + key + "\"}")));
    Caller caller{cluster.access};
    CHECK(echoed(caller.get("/echo").body, "client-name") == "alice");
}

TEST_CASE("credential plugins that fail say so") {
    Cluster cluster;
    const auto error_of = [&](const std::string& text) {
        cluster.access.exec = plugin(script(cluster.folder, text));
        Caller caller{cluster.access};
        return caller.get("/echo").end.error;
    };
    const std::string begin = "list services: the credential plugin " + cluster.folder / "plugin";
    CHECK(error_of("echo no luck >&2; exit 3") == begin + " failed with status 3: no luck");
    CHECK(error_of("kill -9 $$") == begin + " failed with signal 9");
    CHECK_THAT(error_of("echo x"),
               Catch::StartsWith(begin + ": its output: document is no object"));
    CHECK_THAT(error_of(printed("{}")), Catch::Contains("expected a token or client"));
    CHECK_THAT(error_of(printed(R"({"token":"a","expirationTimestamp":"soon"})")),
               Catch::Contains("expected a time as in RFC 3339"));
    cluster.access.exec = plugin("/none/such");
    cluster.access.exec->install_hint = "install such";
    Caller caller{cluster.access};
    CHECK(caller.get("/echo").end.error ==
          "list services: the credential plugin cannot be started: run /none/such: No such file or "
          "directory; install such");
}

TEST_CASE("a client certificate that changes on disk is used at once") {
    test::TemporaryFolder folder;
    const auto clients = test::make_authority(folder, "clients");
    const auto alice =
        test::make_certificate(folder, "alice", clients, {.names = "", .subject = "/CN=alice"});
    const auto bob =
        test::make_certificate(folder, "bob", clients, {.names = "", .subject = "/CN=bob"});
    Cluster cluster{{}, {"--http2", "--client-authority", clients.file}};
    cluster.access.peer.certificate.file = folder.replace("me.crt", test::content_of(alice.file));
    cluster.access.peer.key.file = folder.replace("me.key", test::content_of(alice.key));
    Caller caller{cluster.access, {.tick = 5ms, .reread = 0ms}};
    CHECK(echoed(caller.get("/echo").body, "client-name") == "alice");
    Got& watch = caller.start("/stream", 0ms);
    caller.run_until([&] { return !watch.body.empty(); });
    folder.replace("me.key", test::content_of(bob.key));
    folder.replace("me.crt", test::content_of(bob.file));
    caller.run_until([&] { return watch.ends == 1; });
    CHECK_THAT(watch.end.error, Catch::Contains("the client certificate has changed"));
    CHECK(echoed(caller.get("/echo").body, "client-name") == "bob");
}

namespace {

/// Whether a watch over which nothing comes, with a server that answers, outlives several probes
/// of `time` each.
bool quiet_watch_stays(const ApiAccess& access, std::chrono::milliseconds time) {
    Caller caller{access, {.silence_max = 40ms, .probe_time_max = time, .tick = 10ms}};
    const Got& watch = caller.start("/stream", 0ms);
    caller.run_until([&] { return !watch.body.empty() || watch.ends == 1; });
    bool waited = false;
    const auto pause = caller.loop.timer([&] {
        waited = true;
        caller.look();
    });
    // It is asked by a path that gives 404.
    pause->start(time * 5 / 2);
    caller.run_until([&] { return waited; });
    return watch.ends == 0 && caller.metric("nameplane_api_connections_total") == 1;
}

}  // namespace

TEST_CASE("a server that only has nothing to say is left alone") {
    const Cluster cluster;
    bool stays = false;
    // On a busy machine an answer may need longer than the least of these.
    for (auto time = 200ms; !stays && time < 30s; time *= 4) {
        stays = quiet_watch_stays(cluster.access, time);
    }
    CHECK(stays);
}

TEST_CASE("a server that falls silent is noticed") {
    Cluster cluster;
    Caller caller{cluster.access, {.silence_max = 40ms, .probe_time_max = 300ms, .tick = 10ms}};
    const Got& watch = caller.start("/stream", 0ms);
    caller.run_until([&] { return !watch.body.empty() || watch.ends == 1; });
    cluster.server.tell("mute");
    caller.run_until([&] { return watch.ends == 1; });
    CHECK_THAT(watch.end.error, Catch::Contains("the API server has been silent for"));
    cluster.server.tell("speak");
    Caller patient{cluster.access};
    CHECK(patient.get("/echo").end.ok);
}

TEST_CASE("errors say what to do") {
    Cluster cluster;
    Caller caller{cluster.access};
    const auto at = [&](const std::string& target) { return caller.get(target).end; };
    const std::string forbidden =
        R"({"kind":"Status","reason":"Forbidden","message":"services is forbidden: )"
        R"(User \"u\" cannot list resource \"services\" in API group \"\" at the cluster scope"})";
    CHECK(at("/status/403?body=" + in_query(forbidden))
              .error.find("list services: forbidden (403): User \"u\" cannot list resource "
                          "\"services\" in API "
                          "group \"\" at the cluster scope; give that user a ClusterRole") == 0);
    CHECK_THAT(at("/status/401").error,
               Catch::Contains("wants to know who we are (401), and the test has neither"));
    const ApiEnd busy = at("/status/429?retry=3");
    CHECK(busy.retry_after == 3s);
    CHECK(busy.error == "list services: the server is too busy (429); it is tried again in 3 s, as "
                        "it asks");
    CHECK_THAT(at("/status/503?body=down%0Anow").error,
               Catch::Contains("a problem of its own (503); it is tried again (down now)"));
    CHECK_THAT(at("/none").error, Catch::Contains("it may be no API server"));
    CHECK_THAT(at("/status/410").error, Catch::Contains("too old (410)"));
    CHECK_THAT(at("/status/302").error, Catch::Contains("sends us elsewhere (302)"));
    CHECK_THAT(at("/status/422").error, Catch::Contains("refuses it (422)"));
    CHECK_THAT(at("/half").error, Catch::Contains("was lost"));
    Got& slow = caller.start("/silent", 30ms);
    caller.run_until([&] { return slow.ends == 1; });
    CHECK_THAT(slow.end.error, Catch::Contains("in time"));
    CHECK(slow.end.status == 0);
    CHECK(at("/octets/1").ok);
}

TEST_CASE("errors of trust and reach say what to do") {
    Cluster cluster;
    const auto error_of = [](ApiAccess access) {
        Caller caller{std::move(access)};
        return caller.get("/echo").end.error;
    };
    ApiAccess other = cluster.access;
    other.peer.authorities.file = test::make_authority(cluster.folder, "other").file;
    CHECK_THAT(error_of(other),
               Catch::Contains("was not signed by " + cluster.folder / "other.crt"));
    const Cluster named{{.names = "DNS:api"}};
    CHECK_THAT(error_of(named.access), Catch::Contains("set tls-server-name"));
    const Cluster old{{.expired = true}};
    CHECK_THAT(error_of(old.access), Catch::Contains("or set this node's clock"));
    ApiAccess away = cluster.access;
    away.peer.url = "https://127.0.0.1:" + std::to_string(test::closed_port());
    CHECK_THAT(error_of(away), Catch::Contains("check that the API server runs"));
    away.peer.url = "https://nameplane-test.invalid";
    CHECK_THAT(error_of(away), Catch::Contains("leads nowhere"));
    ApiAccess proxied = cluster.access;
    proxied.peer.proxy = "http://127.0.0.1:" + std::to_string(test::closed_port());
    CHECK_THAT(error_of(proxied), Catch::Contains("check proxy-url"));
}

TEST_CASE("calls and the client may go within an end, also of a call that was never sent") {
    Cluster cluster;
    ApiAccess broken = cluster.access;
    broken.token_file = "/none";
    for (const ApiAccess& access : {cluster.access, broken}) {
        for (const bool all : {true, false}) {
            Caller caller{access};
            Got& got = caller.start("/echo");
            Got& other = caller.start("/stream", 0ms);
            got.on_end = [&] {
                got.call.reset();
                if (all) caller.client.reset();
                caller.loop.stop();
            };
            caller.run_until([&] { return got.ends == 1; });
            if (all) other.call.reset();
            CHECK(got.ends == 1);
        }
    }
    Caller caller{cluster.access};
    Got& cancelled = caller.start("/echo");
    cancelled.call.reset();
    CHECK(caller.get("/echo").end.ok);
    CHECK(cancelled.ends == 0);
}

TEST_CASE("times as plugins print them") {
    const auto seconds = [](std::string_view text) {
        const auto time = time_from_text(text);
        return time ? std::chrono::duration_cast<std::chrono::seconds>(time->time_since_epoch())
                          .count()
                    : -1;
    };
    CHECK(seconds("1970-01-02T00:00:01Z") == 86401);
    CHECK(seconds("2018-03-05T17:30:20-08:00") == 1520299820);
    CHECK(seconds("2018-03-05T17:30:20.123456Z") == 1520271020);
    for (const char* text :
         {"", "soon", "2018-03-05", "2018-03-05T17:30:20", "2018-13-05T17:30:20Z",
          "2018-03-05T17:30:20.Z", "2018-03-05T17:30:20+8:00"})
        CHECK(seconds(text) == -1);
}
