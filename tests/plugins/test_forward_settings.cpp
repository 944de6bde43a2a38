// What `forward` is told: upstreams as they are written, and those that are named by host.

#include "net/socket.hpp"
#include "plugins/forward/forward.hpp"
#include "plugins/forward/host_lookup.hpp"
#include "plugins/forward/settings.hpp"
#include "plugins/upstream_lab.hpp"
#include <nameplane/base/background.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <future>
#include <thread>

using namespace nameplane;
using namespace nameplane::test;
using namespace std::chrono_literals;
using namespace plugins::forwarding;

namespace {

using Values = std::vector<std::pair<std::string, Options::Value>>;

Options options_with(const std::vector<std::string>& to, const Values& more = {}) {
    Values values{{"from", std::vector<dns::Name>{dns::Name{}}}, {"to", to}};
    values.insert(values.end(), more.begin(), more.end());
    return plugin_with("forward", values).options;
}

std::vector<std::string> words(std::initializer_list<const char*> list) {
    return {list.begin(), list.end()};
}

std::vector<IpAddress> addresses(std::initializer_list<const char*> list) {
    std::vector<IpAddress> all;
    for (const char* const text : list) all.push_back(*IpAddress::parse(text));
    return all;
}

std::vector<std::string> labels(const Settings& settings) {
    std::vector<std::string> all;
    for (const Target& target : settings.targets) all.push_back(target.label());
    return all;
}

/// A name server on a thread of its own, with a loop of its own.
class Resolver {
public:
    explicit Resolver(ScriptedUpstream::Script script) {
        std::promise<SocketAddress> address;
        thread_ = std::thread{[this, &address, script = std::move(script)] {
            net::Loop loop;
            ScriptedUpstream upstream{loop, script};
            loop_ = &loop;
            address.set_value(upstream.socket_address());
            loop.run();
            asked = upstream.asked();
        }};
        address_ = address.get_future().get();
    }
    ~Resolver() { end(); }
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    const SocketAddress& address() const { return address_; }
    void end() {
        if (!thread_.joinable()) return;
        loop_->post([this] { loop_->stop(); });
        thread_.join();
    }
    std::size_t asked = 0;  ///< after end()

private:
    net::Loop* loop_ = nullptr;
    SocketAddress address_;
    std::thread thread_;
};

std::chrono::steady_clock::time_point soon() {
    return std::chrono::steady_clock::now() + look_up_time_max;
}

/// What `work` gives where no machine stood still: its resolvers are given a second for an answer,
/// and asked twice at most, so that it takes less than `limit`.
template <class Work> auto undisturbed(std::chrono::milliseconds limit, Work work) {
    for (int attempt = 1;; ++attempt) {
        const auto begin = std::chrono::steady_clock::now();
        auto result = work();
        if (std::chrono::steady_clock::now() - begin < limit || attempt == 30) return result;
    }
}

std::uint16_t type_of(const ScriptedUpstream::Question& question) {
    return question.message[question.message.size() - 3];
}

std::vector<Octets> knows_neither(const ScriptedUpstream::Question& question) {
    return {answer_to(question, {.flags = 0x8183, .edns = false})};
}

std::vector<Octets> knows_both(const ScriptedUpstream::Question& question) {
    const bool v4 = type_of(question) == 1;
    return {
        answer_to(question, {.addresses = v4 ? std::vector<std::string>{"192.0.2.7", "192.0.2.8"}
                                             : std::vector<std::string>{"2001:db8::7"},
                             .edns = false})};
}

}  // namespace

TEST_CASE("upstreams as they are written") {
    struct Row {
        const char* word;
        const char* address;
        Scheme scheme;
        const char* host;
        const char* name;
        const char* path;
        const char* authority;
    };
    using enum Scheme;
    const Row rows[] = {
        {"10.0.0.1", "10.0.0.1:53", dns, "", "", "", ""},
        {"10.0.0.1:5353", "10.0.0.1:5353", dns, "", "", "", ""},
        {"dns://10.0.0.1", "10.0.0.1:53", dns, "", "", "", ""},
        {"2001:db8::1", "[2001:db8::1]:53", dns, "", "", "", ""},
        {"[2001:db8::1]", "[2001:db8::1]:53", dns, "", "", "", ""},
        {"[2001:db8::1]:99", "[2001:db8::1]:99", dns, "", "", "", ""},
        {"tls://9.9.9.9", "9.9.9.9:853", tls, "", "", "", ""},
        {"tls://9.9.9.9%dns.quad9.net", "9.9.9.9:853", tls, "", "dns.quad9.net", "", ""},
        {"tls://9.9.9.9%dns.quad9.net:10853", "9.9.9.9:10853", tls, "", "dns.quad9.net", "", ""},
        {"tls://[2620:fe::fe%dns.quad9.net]:8853", "[2620:fe::fe]:8853", tls, "", "dns.quad9.net",
         "", ""},
        {"https://9.9.9.9", "9.9.9.9:443", https, "", "", "/dns-query", "9.9.9.9"},
        {"https://9.9.9.9:8443/q", "9.9.9.9:8443", https, "", "", "/q", "9.9.9.9:8443"},
        {"https://[2620:fe::fe]", "[2620:fe::fe]:443", https, "", "", "/dns-query",
         "[2620:fe::fe]"},
        {"https://9.9.9.9%dns.quad9.net/family/1", "9.9.9.9:443", https, "", "dns.quad9.net",
         "/family/1", "dns.quad9.net"},
        {"https://9.9.9.9%dns.quad9.net:8443/dns-query{?dns}", "9.9.9.9:8443", https, "",
         "dns.quad9.net", "/dns-query", "dns.quad9.net:8443"},
        {"dns.example", "0.0.0.0:53", dns, "dns.example", "", "", ""},
        {"localhost:5353", "0.0.0.0:5353", dns, "localhost", "", "", ""},
        {"a_b.dns-2.example.", "0.0.0.0:53", dns, "a_b.dns-2.example", "", "", ""},
        {"tls://dns.example", "0.0.0.0:853", tls, "dns.example", "", "", ""},
        {"tls://dns.example%other.example:8853", "0.0.0.0:8853", tls, "dns.example",
         "other.example", "", ""},
        {"https://dns.example/dns-query", "0.0.0.0:443", https, "dns.example", "", "/dns-query",
         ""},
    };
    for (const Row& row : rows) {
        INFO(row.word);
        const auto target = parse_target(row.word);
        REQUIRE(target);
        CHECK(target->address.to_string() == row.address);
        CHECK(target->scheme == row.scheme);
        CHECK(target->host == row.host);
        CHECK(target->server_name == row.name);
        CHECK(target->path == row.path);
        if (row.authority[0] != '\0') CHECK(target->authority() == row.authority);
    }
    for (const char* wrong : {"",
                              "grpc://9.9.9.9",
                              "10.0.0.1:x",
                              "10.0.0.256",
                              "a27.0.0.1",
                              "tls://",
                              "[::1",
                              "dns.example:0",
                              "dns.example:65536",
                              "dns.example:",
                              "dns..example",
                              ".dns.example",
                              "dns.example..",
                              "dns example",
                              "/etc/resolv.con",
                              "https://",
                              "https:///dns-query",
                              "https://1.1.1.1/",
                              "https://1.1.1.1/a?b",
                              "https://1.1.1.1/a#b",
                              "https://1.1.1.1/a b",
                              "https://1.1.1.1/a{b}",
                              "tls://1.1.1.1/a",
                              "dns://1.1.1.1/a"}) {
        INFO(wrong);
        CHECK_FALSE(parse_target(wrong));
    }
    CHECK_FALSE(parse_target(std::string(64, 'a') + ".example"));
    CHECK_FALSE(parse_target(std::string(300, 'a')));
}

TEST_CASE("resolv.conf") {
    const auto servers = parse_resolv_conf("# comment\nsearch example\nnameserver 10.0.0.1\n"
                                           "nameserver\t2001:db8::1\nnameserver fe80::1%eth0\n"
                                           "nameserver nonsense\noptions ndots:5\n");
    REQUIRE(servers.size() == 3);
    CHECK(servers[0].to_string() == "10.0.0.1:53");
    CHECK(servers[1].to_string() == "[2001:db8::1]:53");
}

TEST_CASE("an upstream's host becomes its addresses, each server once, in order") {
    const Options given = options_with(
        {"192.0.2.1", "tls://dns.example", "dns.example", "192.0.2.2", "https://dns.example:8443"});
    auto settings = read_settings(given);
    REQUIRE(settings);
    CHECK(settings->attempts_max == 10);
    std::vector<std::string> asked;
    REQUIRE(look_up_targets(given, *settings, [&](const std::string& host) {
        asked.push_back(host);
        return addresses({"192.0.2.1", "2001:db8::1", "192.0.2.2"});
    }));
    CHECK(asked == words({"dns.example", "dns.example", "dns.example"}));
    CHECK(labels(*settings) == words({"192.0.2.1:53", "192.0.2.1:853", "[2001:db8::1]:853",
                                      "192.0.2.2:853", "[2001:db8::1]:53", "192.0.2.2:53",
                                      "192.0.2.1:8443", "[2001:db8::1]:8443", "192.0.2.2:8443"}));
    CHECK(settings->attempts_max == 18);
    for (const Target& target : settings->targets) {
        CHECK(target.host.empty());
        CHECK(target.server_name == (target.scheme == Scheme::dns ? "" : "dns.example"));
        if (target.scheme == Scheme::https) CHECK(target.authority() == "dns.example:8443");
    }
}

TEST_CASE("a host's name is what it must prove, unless another one is given") {
    for (const bool given_name : {false, true}) {
        Values more;
        if (given_name) more.emplace_back("tls_servername", std::string{"proof.example"});
        const auto settings = read_settings(options_with({"tls://dns.example"}, more));
        REQUIRE(settings);
        CHECK(settings->targets[0].server_name == (given_name ? "proof.example" : "dns.example"));
    }
    const auto both = read_settings(options_with({"https://192.0.2.1%one.example"},
                                                 {{"tls_servername", std::string{"two.example"}}}));
    REQUIRE_FALSE(both);
    CHECK(both.error().text.find("one.example") != std::string::npos);
}

TEST_CASE("a host without addresses is a mistake that names it, all of them at once") {
    const Options given = options_with({"one.example", "192.0.2.1", "two.example"});
    auto settings = read_settings(given);
    REQUIRE(settings);
    const Status found = look_up_targets(given, *settings, [](const std::string&) {
        return Result<std::vector<IpAddress>>{Error{Errc::not_found, "no such name"}};
    });
    REQUIRE_FALSE(found);
    CHECK(found.error().code == Errc::mistakes);
    for (const char* const part : {"one.example", "two.example", "no such name"}) {
        CHECK(found.error().text.find(part) != std::string::npos);
    }
}

TEST_CASE("of a host's addresses those count that source_address can reach, and not too many") {
    const Options given = options_with({"dns.example"}, {{"source_address", addresses({"::1"})}});
    auto settings = read_settings(given);
    REQUIRE(settings);
    auto copy = *settings;
    REQUIRE(look_up_targets(given, copy, [](const std::string&) {
        return addresses({"192.0.2.1", "2001:db8::1"});
    }));
    CHECK(labels(copy) == words({"[2001:db8::1]:53"}));
    copy = *settings;
    CHECK_FALSE(
        look_up_targets(given, copy, [](const std::string&) { return addresses({"192.0.2.1"}); }));
    copy = *settings;
    REQUIRE(look_up_targets(given, copy, [](const std::string&) {
        std::vector<IpAddress> many;
        for (std::uint8_t i = 0; i < 100; ++i) {
            std::array<std::uint8_t, 16> octets{0x20, 0x01};
            octets[15] = i;
            many.push_back(IpAddress::v6(octets));
        }
        return many;
    }));
    CHECK(copy.targets.size() == addresses_per_host_max);
}

TEST_CASE("at most fifteen upstreams are named") {
    std::vector<std::string> to;
    for (int i = 1; i <= 15; ++i) to.push_back("192.0.2." + std::to_string(i));
    CHECK(read_settings(options_with(to)));
    to.emplace_back("192.0.2.16");
    CHECK_FALSE(read_settings(options_with(to)));
}

TEST_CASE("resolvers are addresses, with ports or without") {
    const auto settings = read_settings(options_with(
        {"dns.example"}, {{"resolver", words({"192.0.2.1", "192.0.2.2:5353", "2001:db8::1"})}}));
    REQUIRE(settings);
    REQUIRE(settings->resolvers.size() == 3);
    CHECK(settings->resolvers[0].to_string() == "192.0.2.1:53");
    CHECK(settings->resolvers[1].to_string() == "192.0.2.2:5353");
    CHECK(settings->resolvers[2].to_string() == "[2001:db8::1]:53");
    CHECK_FALSE(read_settings(options_with({"dns.example"}, {{"resolver", words({"dns.two"})}})));
}

TEST_CASE("look up: both families, of the first resolver that knows any") {
    struct Outcome {
        Result<std::vector<IpAddress>> found;
        std::vector<std::size_t> asked;
    };
    const Outcome outcome = undisturbed(1s, [] {
        Resolver first{knows_neither};
        Resolver second{knows_both};
        Resolver third{knows_both};
        const std::vector<SocketAddress> resolvers{first.address(), second.address(),
                                                   third.address()};
        Outcome made{look_up_host("dns.example", resolvers, soon()), {}};
        for (Resolver* const each : {&first, &second, &third}) {
            each->end();
            made.asked.push_back(each->asked);
        }
        return made;
    });
    REQUIRE(outcome.found);
    CHECK(*outcome.found == addresses({"192.0.2.7", "192.0.2.8", "2001:db8::7"}));
    CHECK(outcome.asked == std::vector<std::size_t>{2, 2, 0});
}

TEST_CASE("look up: forged answers are passed over, lost ones asked for again, cut ones over TCP") {
    int datagrams = 0;
    const auto found = undisturbed(2s, [&] {
        std::atomic<int> come = 0;
        Resolver resolver{[&](const ScriptedUpstream::Question& question) {
            if (question.tcp) return knows_both(question);
            if (++come == 1) return std::vector<Octets>{};
            Octets forged = knows_both(question)[0];
            forged[0] ^= 1;
            return std::vector<Octets>{forged,
                                       answer_to(question, {.flags = 0x8380, .edns = false})};
        }};
        const std::vector<SocketAddress> resolvers{resolver.address()};
        auto made = look_up_host("dns.example", resolvers, soon());
        resolver.end();
        datagrams = come;
        return made;
    });
    REQUIRE(found);
    CHECK(*found == addresses({"192.0.2.7", "192.0.2.8", "2001:db8::7"}));
    CHECK(datagrams == 3);
}

TEST_CASE("look up: why there is no address") {
    const Resolver ignorant{knows_neither};
    std::vector<SocketAddress> resolvers{ignorant.address()};
    const auto look_up = [&] {
        return undisturbed(1s, [&] { return look_up_host("dns.example", resolvers, soon()); });
    };
    auto found = look_up();
    REQUIRE_FALSE(found);
    CHECK(found.error().text == "its resolvers know no address of it");
    // Nobody listens there any more.
    Resolver gone{knows_both};
    gone.end();
    resolvers.push_back(gone.address());
    found = look_up();
    REQUIRE_FALSE(found);
    CHECK(found.error().text == "no answer from " + gone.address().to_string());
}

TEST_CASE("look up: when the time is over nobody is asked any more") {
    Resolver resolver{knows_both};
    const std::vector<SocketAddress> resolvers{resolver.address()};
    const auto past = std::chrono::steady_clock::now() - std::chrono::seconds{1};
    const auto found = look_up_host("dns.example", resolvers, past);
    REQUIRE_FALSE(found);
    CHECK(found.error().text == "no answer from " + resolver.address().to_string());
    resolver.end();
    CHECK(resolver.asked == 0);
}

TEST_CASE("look up: this machine knows itself") {
    const auto found = look_up_host("localhost", {}, soon());
    REQUIRE(found);
    CHECK(found->front().is_loopback());
}

TEST_CASE("hosts are looked up when a configuration is made, not when it is checked") {
    const Resolver resolver{knows_neither};
    const Options given = options_with(
        {"dns.example"}, {{"resolver", std::vector<std::string>{resolver.address().to_string()}}});
    metrics::Registry registry{1};
    Background background;
    Setup setup{.zones = {}, .metrics = registry, .own_addresses = {}, .services_synced = {}};
    CHECK(plugins::Forward::make(given, setup));
    setup.background = &background;
    const auto made = plugins::Forward::make(given, setup);
    REQUIRE_FALSE(made);
    CHECK(made.error().text.find("dns.example") != std::string::npos);
}
