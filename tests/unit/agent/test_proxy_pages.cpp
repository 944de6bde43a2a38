#include "agent/proxy_pages.hpp"
#include "net/tcp.hpp"
#include "raw_client.hpp"

#include <catch2/catch.hpp>

#include <optional>
#include <thread>

using namespace nameplane;
using namespace nameplane::agent;
using namespace std::chrono_literals;

namespace {

conf::AdminConfig any_ports() {
    conf::AdminConfig config;
    config.proxy_health = SocketAddress{IpAddress::v4(127, 0, 0, 1), 0};
    config.proxy_metrics = SocketAddress{IpAddress::v4(127, 0, 0, 1), 0};
    return config;
}

ProxyPageSources sources() {
    return {.healthz =
                [] {
                    return ProxyHealthAnswer{503, "{\"a\":1}"};
                },
            .livez =
                [] {
                    return ProxyHealthAnswer{200, "{\"b\":2}"};
                },
            .mode = [] { return std::string{"nftables"}; },
            .metrics = [] { return std::string{"m 1\n"}; }};
}

struct Answer {
    int status = 0;
    std::string type;
    std::string body;
};

Answer get(std::uint16_t port, std::string_view path) {
    const std::string text = ask(port, "GET " + std::string{path} + " HTTP/1.0\r\n\r\n");
    if (!text.starts_with("HTTP/1.")) return {};
    constexpr std::string_view key = "Content-Type: ";
    Answer answer{std::stoi(text.substr(9, 3)), {}, text.substr(text.find("\r\n\r\n") + 4)};
    if (const std::size_t at = text.find(key); at != std::string::npos) {
        answer.type = text.substr(at + key.size(), text.find('\r', at) - at - key.size());
    }
    return answer;
}

}  // namespace

TEST_CASE("kube-proxy's pages answer with its words") {
    auto pages = ProxyPages::bind(any_ports(), sources());
    REQUIRE(pages);
    (*pages)->start();
    const auto ports = (*pages)->ports();
    REQUIRE(ports.size() == 2);
    CHECK(ports[0].first == "proxy_health");
    const std::uint16_t health = ports[0].second;
    const std::uint16_t metrics = ports[1].second;
    Answer answer = get(health, "/healthz");
    CHECK(answer.status == 503);
    CHECK(answer.type == "application/json");
    CHECK(answer.body == "{\"a\":1}");
    CHECK(get(health, "/livez").body == "{\"b\":2}");
    CHECK(get(health, "/metrics").status == 404);
    CHECK(get(health, "/metrics").body == "404 page not found\n");
    CHECK(get(metrics, "/healthz").body == "ok");
    CHECK(get(metrics, "/healthz/ping").body == "ok");
    CHECK(get(metrics, "/healthz?verbose").body == "[+]ping ok\nhealthz check passed\n");
    CHECK(get(metrics, "/proxyMode").body == "nftables");
    CHECK(get(metrics, "/proxyMode").type == "text/plain; charset=utf-8");
    CHECK(get(metrics, "/metrics").body == "m 1\n");
    answer = get(metrics, "/debug/pprof/heap");
    CHECK(answer.status == 404);
    CHECK(answer.body == "There are no pages of Go's profiler here.\n");
}

TEST_CASE("pages are the same by whatever method, and a body is of no account") {
    auto pages = ProxyPages::bind(any_ports(), sources());
    REQUIRE(pages);
    (*pages)->start();
    const std::uint16_t port = (*pages)->ports()[0].second;
    const auto once = [&](const std::string& request) { return ask(port, request); };
    const std::string end = "Connection: close\r\n\r\n";
    const std::string head = once("HEAD /livez HTTP/1.1\r\nHost: x\r\n" + end);
    CHECK(head.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(head.find("\r\nContent-Length: 7\r\n") != head.npos);
    CHECK(head.find("\r\nDate: ") != head.npos);
    CHECK(head.find("Accept-Ranges") == head.npos);
    CHECK(head.ends_with("\r\n\r\n"));
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
        CAPTURE(method);
        const std::string line = std::string{method} + " /livez HTTP/1.1\r\nHost: x\r\n";
        // None, one that is read over, and one of which nobody says how long it is.
        CHECK(once(line + end).ends_with("\r\n\r\n{\"b\":2}"));
        const std::string two =
            once(line + "Content-Length: 4\r\n\r\nbodyGET /no HTTP/1.1\r\n" + end);
        CHECK(two.find("{\"b\":2}HTTP/1.1 404 Not Found\r\n") != two.npos);
        const std::string chunked =
            once(line + "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n");
        CHECK(chunked.ends_with("\r\n\r\n{\"b\":2}"));
        CHECK(chunked.find("\r\nConnection: close\r\n") != chunked.npos);
    }
}

TEST_CASE("a port that is taken is tried again, or is an error") {
    std::optional<net::TcpListener> other{
        *net::TcpListener::bind({IpAddress::v4(127, 0, 0, 1), 0}, net::Share::first)};
    conf::AdminConfig config;
    config.proxy_health = SocketAddress{IpAddress::v4(127, 0, 0, 1), other->local().port};
    config.proxy_hard_fail = true;
    const auto refused = ProxyPages::bind(config, sources());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text.find("proxy_health: bind 127.0.0.1:") == 0);

    config.proxy_hard_fail = false;
    auto pages = ProxyPages::bind(config, sources(), 1ms);
    REQUIRE(pages);
    CHECK((*pages)->ports().empty());
    (*pages)->start();
    other.reset();
    while (get(config.proxy_health->port, "/livez").status != 200) std::this_thread::yield();
    // One that never gets its port ends all the same.
    other.emplace(*net::TcpListener::bind({IpAddress::v4(127, 0, 0, 1), 0}, net::Share::first));
    config.proxy_health->port = other->local().port;
    auto never = ProxyPages::bind(config, sources(), 1h);
    REQUIRE(never);
    (*never)->start();
}
