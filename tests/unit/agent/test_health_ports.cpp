#include "agent/health_ports.hpp"
#include "net/tcp.hpp"
#include "raw_client.hpp"
#include "services/store.hpp"
#include <nameplane/base/clock.hpp>

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>

using namespace nameplane;
using namespace nameplane::agent;
using namespace std::chrono_literals;

namespace {

const HealthPortKey web{{"ns", "web"}, Family::ipv4};
constexpr std::string_view date = "Thu, 01 Jan 1970 00:00:00 GMT";

IpAddress ip(std::string_view text) {
    return *IpAddress::parse(text);
}

HealthPlaces loopback_only() {
    return {{false, {ip("127.0.0.1")}}, {false, {ip("::1")}}};
}

/// A port that was free a moment ago.
std::uint16_t free_port() {
    const auto bound = net::TcpListener::bind({ip("127.0.0.1"), 0}, net::Share::first);
    REQUIRE(bound);
    return bound->local().port;
}

/// Asks until `done` likes the answer.
template <class F> std::string ask_until(std::uint16_t port, F done) {
    std::string answer;
    const auto end = std::chrono::steady_clock::now() + 1min;
    while (std::chrono::steady_clock::now() < end) {
        answer = ask(port, "GET /any HTTP/1.0\r\n\r\n");
        if (done(answer)) return answer;
        ::poll(nullptr, 0, 5);
    }
    FAIL("last answer: " + answer);
    return answer;
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

services::Service service_of(std::string name, std::uint16_t port) {
    services::Service service;
    service.key = {"ns", std::move(name)};
    service.type = services::ServiceType::load_balancer;
    service.external_policy = services::TrafficPolicy::local;
    service.health_check_node_port = port;
    service.cluster_ips = {ip("10.96.0.1"), ip("fd00::1")};
    service.ports = {{.name = "http", .port = 80}};
    return service;
}

}  // namespace

TEST_CASE("a health check port is answered as kube-proxy answers it") {
    const HealthReply fine =
        health_reply("GET / HTTP/1.1\r\nHost: x\r\n\r\n", web.service, 2, true, date);
    CHECK_FALSE(fine.close);
    CHECK(
        fine.text ==
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n"
        "X-Load-Balancing-Endpoint-Weight: 2\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
        "Content-Length: 109\r\n\r\n{\n\t\"service\": {\n\t\t\"namespace\": \"ns\",\n\t\t\"name\": "
        "\"web\"\n\t},\n\t\"localEndpoints\": 2,\n\t\"serviceProxyHealthy\": true\n}");
    const auto status = [](std::string_view request, std::size_t local, bool healthy) {
        const std::string text = health_reply(request, web.service, local, healthy, date).text;
        return text.substr(0, text.find('\r'));
    };
    CHECK(status("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, true) ==
          "HTTP/1.1 503 Service Unavailable");
    CHECK(status("GET / HTTP/1.1\r\nhost:x\r\n\r\n", 2, false) ==
          "HTTP/1.1 503 Service Unavailable");
    CHECK(status("GET / HTTP/1.0\r\n\r\n", 2, true) == "HTTP/1.0 200 OK");
    CHECK(status("GET / HTTP/1.1\r\n\r\n", 2, true) ==
          "HTTP/1.1 400 Bad Request: missing required Host header");
    for (const char* const bad : {"\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n",
                                  "GET / HTTP/3\r\n\r\n", "GET / HTTP/1.1\r\nHost\r\n\r\n"}) {
        CHECK(status(bad, 2, true) == "HTTP/1.1 400 Bad Request");
    }
    const HealthReply head = health_reply("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                                          web.service, 2, true, date);
    CHECK(head.close);
    CHECK(head.text.ends_with("Content-Length: 109\r\nConnection: close\r\n\r\n"));
    const auto post = [](const std::string& header) {
        return health_reply("POST / HTTP/1.1\r\nHost: x\r\n" + header + "\r\n\r\n", web.service, 2,
                            true, date);
    };
    CHECK_FALSE(post("Content-Length: 3").close);
    CHECK(post("Content-Length: 3").body == 3);
    CHECK(post("Content-Length: 3000000").close);
    CHECK(post("Transfer-Encoding: chunked").close);
    CHECK(post("Content-Length: x").text.starts_with("HTTP/1.1 400 "));
}

TEST_CASE("ports come and go with the Services, and say what counts now") {
    std::atomic<bool> healthy{true};
    HealthPorts ports{[&] { return healthy.load(); }};
    const std::uint16_t port = free_port();
    ports.set({{web, {.port = port, .local_endpoints = 1}}}, loopback_only());
    ask_until(port, [](const std::string& answer) { return has(answer, " 200 OK"); });
    CHECK(has(ask(port, "HEAD / HTTP/1.0\r\n\r\n"), "Endpoint-Weight: 1"));
    CHECK(ask(port, std::string(20'000, 'x')).empty());

    // Several requests on one connection, and two at once.
    const Client client{port};
    client.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n\r\n\r");
    CHECK(has(client.hear("}"), " 200 OK"));
    client.say("\n");  // the body's end
    healthy = false;
    client.say(
        "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const std::string both = client.hear();
    CHECK(has(both, "\"serviceProxyHealthy\": false"));
    CHECK(both.find("HTTP/1.1 503") != both.rfind("HTTP/1.1 503"));
    healthy = true;

    ports.set({{web, {.port = port, .local_endpoints = 0}}}, loopback_only());
    ask_until(port, [](const std::string& answer) { return has(answer, " 503 "); });
    // Another Service takes the port over.
    const HealthPortKey api{{"ns", "api"}, Family::ipv4};
    ports.set({{api, {.port = port, .local_endpoints = 3}}}, loopback_only());
    ask_until(port, [](const std::string& answer) { return has(answer, "\"api\""); });
    ports.set({}, loopback_only());
    ask_until(port, [](const std::string& answer) { return answer.empty(); });
}

TEST_CASE("a port that somebody else has is tried again") {
    HealthPorts ports{[] { return true; }, 5ms};
    std::optional<net::TcpListener> other{
        *net::TcpListener::bind({ip("127.0.0.1"), 0}, net::Share::first)};
    const std::uint16_t port = other->local().port;
    ports.set({{web, {.port = port, .local_endpoints = 1}}}, loopback_only());
    const HealthPortKey free{{"ns", "free"}, Family::ipv4};
    const std::uint16_t free_one = free_port();
    // That of another Service is bound all the same.
    ports.set({{web, {.port = port, .local_endpoints = 1}}, {free, {free_one, 1}}},
              loopback_only());
    ask_until(free_one, [](const std::string& answer) { return has(answer, " 200 OK"); });
    other.reset();
    ask_until(port, [](const std::string& answer) { return has(answer, " 200 OK"); });
}

// Not with UBSan, which opens a pipe to see whether memory is there.
#ifndef __SANITIZE_ADDRESS__
TEST_CASE("out of descriptors, those who say nothing make room") {
    HealthPorts ports{[] { return true; }};
    const std::uint16_t port = free_port();
    ports.set({{web, {.port = port, .local_endpoints = 1}}}, loopback_only());
    const auto is_good = [](const std::string& answer) { return has(answer, " 200 OK"); };
    ask_until(port, is_good);
    const Client silent{port};
    ask_until(port, is_good);  // who came before it is there
    Client late = Client::begun();
    {
        const NoDescriptorsLeft none;
        late.connect(port);
        late.say("GET /any HTTP/1.0\r\n\r\n");
        CHECK(is_good(late.hear()));
    }
    CHECK(silent.hear().empty());
    ask_until(port, is_good);
}
#endif

TEST_CASE("many ports at once") {
    constexpr std::uint16_t many = 300;
    HealthPorts ports{[] { return true; }};
    HealthPortMap wanted;
    // Held until all are chosen, so that no two are the same.
    std::vector<net::TcpListener> chosen;
    for (std::uint16_t i = 0; i < many; ++i) {
        chosen.push_back(*net::TcpListener::bind({ip("127.0.0.1"), 0}, net::Share::first));
        const std::uint16_t port = chosen.back().local().port;
        wanted[{{"ns", "s" + std::to_string(i)}, Family::ipv4}] = {port, i};
    }
    chosen.clear();
    ports.set(wanted, loopback_only());
    for (const auto& [key, port] : wanted) {
        ask_until(port.port, [&](const std::string& answer) {
            return has(answer, "\"" + key.service.name + "\"") &&
                   has(answer, "Weight: " + std::to_string(port.local_endpoints) + "\r");
        });
    }
}

TEST_CASE("which Services have a port, and how many endpoints") {
    const SystemClock clock;
    services::Store store{services::StoreOptions{}, clock};
    HealthPortList list{"n1"};
    REQUIRE(store.apply(services::Event{service_of("web", 32000)}));
    services::Service cluster = service_of("cluster", 32001);
    cluster.external_policy = services::TrafficPolicy::cluster;
    REQUIRE(store.apply(services::Event{cluster}));
    services::Service foreign = service_of("foreign", 32002);
    foreign.foreign_proxy = true;
    REQUIRE(store.apply(services::Event{foreign}));
    CHECK(list.take(store.snapshot()));
    CHECK(list.ports() == HealthPortMap{{{{"ns", "web"}, Family::ipv4}, {32000, 0}},
                                        {{{"ns", "web"}, Family::ipv6}, {32000, 0}}});

    services::EndpointSlice slice;
    slice.key = {"ns", "web-1"};
    slice.service = "web";
    slice.ports = {{.name = "http", .port = 8080}};
    slice.endpoints.resize(4);
    for (std::uint8_t i = 0; i < 4; ++i) {
        slice.endpoints[i].addresses = {IpAddress::v4(10, 0, 0, i)};
        slice.endpoints[i].node_name = i == 3 ? "n2" : "n1";
        slice.endpoints[i].ready = i != 2;
    }
    REQUIRE(store.apply(services::Event{slice}));
    // What rules leave out, the lists of ready endpoints leave out.
    services::EndpointSlice of_others = slice;
    of_others.key.name = "web-3";
    of_others.foreign_proxy = true;
    of_others.endpoints[0].addresses = {IpAddress::v4(10, 0, 9, 9)};
    REQUIRE(store.apply(services::Event{of_others}));
    // The same pods behind another port count once.
    slice.key.name = "web-2";
    slice.ports = {{.name = "metrics", .port = 9090}};
    REQUIRE(store.apply(services::Event{slice}));
    CHECK(list.take(store.snapshot()));
    CHECK_FALSE(list.take(store.snapshot()));
    CHECK(list.ports().at(web).local_endpoints == 2);
    CHECK(list.ports().at({{"ns", "web"}, Family::ipv6}).local_endpoints == 0);

    REQUIRE(store.apply(services::Event{services::Remove{services::Kind::service, {"ns", "web"}}}));
    CHECK(list.take(store.snapshot()));
    CHECK(list.ports().empty());
}

TEST_CASE("ports are bound where node ports answer") {
    const HealthPortKey web6{{"ns", "web"}, Family::ipv6};
    const HealthPlaces everywhere;
    const HealthPortMap one{{web, {}}};
    const HealthPortMap both{{web, {}}, {web6, {}}};
    using Addresses = std::vector<IpAddress>;
    CHECK(addresses_of(web, one, everywhere, true) == Addresses{ip("0.0.0.0"), ip("::")});
    CHECK(addresses_of(web, one, everywhere, false) == Addresses{ip("0.0.0.0")});
    CHECK(addresses_of(web, both, everywhere, true) == Addresses{ip("0.0.0.0")});
    CHECK(addresses_of(web6, both, everywhere, true) == Addresses{ip("::")});
    const HealthPlaces some{{false, {ip("192.0.2.1")}}, {}};
    CHECK(addresses_of(web, one, some, true) == Addresses{ip("192.0.2.1")});
    CHECK(addresses_of(web6, both, some, true) == Addresses{ip("::")});
}
