// forward against upstreams with a script, on one loop with it.

#include "net/socket.hpp"
#include "plugins/forward/forward.hpp"
#include "plugins/upstream_lab.hpp"
#include "support/ldns_message.hpp"

#include <catch2/catch.hpp>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <source_location>

using namespace nameplane;
using namespace nameplane::test;
using namespace std::chrono_literals;

namespace {

constexpr unsigned serv_fail = 0x8182, nx_domain = 0x8183, form_err = 0x8181, refused = 0x8185;
constexpr const char* events = "nameplane_forward_events_total";

using Answers = std::vector<Octets>;
using Values = std::vector<std::pair<std::string, Options::Value>>;

/// Asks nobody twice for being late, which on a busy machine everybody is, unless `more` says so.
conf::PluginConfig forward_to(const std::vector<std::string>& to, const Values& more = {}) {
    Values values{{"from", std::vector<dns::Name>{dns::Name{}}},
                  {"to", to},
                  {"hedge", false},
                  {"read_timeout", std::uint64_t{60'000}}};
    values.insert(values.end(), more.begin(), more.end());
    return plugin_with("forward", values);
}

std::vector<std::string> words(std::initializer_list<const char*> list) {
    return {list.begin(), list.end()};
}

/// A lab whose loop exists before its upstreams, and they before the plugin that asks them.
struct World {
    std::unique_ptr<UpstreamLab> lab =
        std::make_unique<UpstreamLab>(std::vector{plugin_with("whoami")});
    std::vector<std::unique_ptr<ScriptedUpstream>> upstreams;

    ScriptedUpstream& upstream(ScriptedUpstream::Script script) {
        upstreams.push_back(std::make_unique<ScriptedUpstream>(lab->events, std::move(script)));
        return *upstreams.back();
    }
    void start(const Values& more = {}) {
        std::vector<std::string> to;
        for (const auto& each : upstreams) to.push_back(each->address());
        lab->reload({forward_to(to, more)});
    }
    ~World() { upstreams.clear(); }
};

ScriptedUpstream::Script says(const Saying& saying) {
    return [saying](const auto& question) { return Answers{answer_to(question, saying)}; };
}

std::vector<Octets> silence(const ScriptedUpstream::Question&) {
    return {};
}

/// An address at which nobody listens, and nobody else can as long as this lives.
class Nobody {
public:
    Nobody() {
        // A port that is free for datagrams may be taken for connections.
        bool is_held = false;
        for (int attempt = 0; attempt < 50 && !is_held; ++attempt) {
            udp_ = UniqueFd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
            tcp_ = UniqueFd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
            REQUIRE(with_address(::bind, udp_, {IpAddress::v4(127, 0, 0, 1), 0}));
            local_ = net::local_address(udp_.get());
            is_held = with_address(::bind, tcp_, local_);
        }
        REQUIRE(is_held);
        // What others than itself send to it is refused then.
        REQUIRE(with_address(::connect, udp_, local_));
    }
    std::string address() const { return local_.to_string(); }

private:
    using Call = int(int, const sockaddr*, socklen_t);
    static bool with_address(Call* call, const UniqueFd& socket, const SocketAddress& address) {
        sockaddr_storage storage{};
        const unsigned size = address.to_sockaddr(storage);
        return call(socket.get(), reinterpret_cast<const sockaddr*>(&storage), size) == 0;
    }

    UniqueFd udp_;
    UniqueFd tcp_;
    SocketAddress local_;
};

}  // namespace

TEST_CASE("an answer passes, under the name as it was asked") {
    World world;
    const auto& upstream = world.upstream(says({.addresses = {"192.0.2.1", "192.0.2.2"}}));
    world.start();
    const LdnsMessage answer = world.lab->ask("WwW.Example.");
    CHECK(answer.answers == std::vector<std::string>{"WwW.Example. 300 IN A 192.0.2.1",
                                                     "WwW.Example. 300 IN A 192.0.2.2"});
    CHECK(answer.recursion_available);
    CHECK_FALSE(answer.edns);
    CHECK(upstream.asked() == 1);
    CHECK(world.lab->count("coredns_proxy_request_duration_seconds", "rcode", "NOERROR") == 1);
    CHECK(world.lab->count("coredns_proxy_conn_cache_misses_total", "proto", "udp") == 1);
}

TEST_CASE("what is no answer to our question is passed over until the true one comes") {
    World world;
    world.upstream([](const ScriptedUpstream::Question& question) {
        const Octets good = answer_to(question, {.addresses = {"192.0.2.1"}});
        const Octets bad = answer_to(question, {.addresses = {"203.0.113.66"}});
        Octets id = bad;
        id[1] ^= 1;
        Octets name = bad;
        name[13] = 'x';
        Octets type = bad;
        type[question.message.size() - 1 - 11 - 2] = 28;
        Octets is_query = bad;
        is_query[2] &= 0x7f;
        Octets two_questions = bad;
        two_questions[5] = 2;
        return std::vector<Octets>{id,
                                   name,
                                   type,
                                   is_query,
                                   two_questions,
                                   {},
                                   Octets(7, 0xff),
                                   Octets(bad.begin(), bad.begin() + 14),
                                   good,
                                   bad};
    });
    world.start();
    CHECK(addresses_of(world.lab->ask("www.example.")) == std::vector<std::string>{"192.0.2.1"});
    CHECK(world.lab->run_until([&] { return world.lab->count(events, "event", "stray") >= 8; }));
}

TEST_CASE("nobody but the upstream itself can answer") {
    World world;
    SocketAddress asker;
    Octets forged;
    auto& upstream = world.upstream([&](const ScriptedUpstream::Question& question) {
        asker = question.from;
        forged = answer_to(question, {.addresses = {"203.0.113.66"}});
        const int other = ::socket(AF_INET, SOCK_DGRAM, 0);
        sockaddr_storage to{};
        const unsigned size = asker.to_sockaddr(to);
        CHECK(::sendto(other, forged.data(), forged.size(), 0,
                       reinterpret_cast<const sockaddr*>(&to),
                       size) == static_cast<ssize_t>(forged.size()));
        ::close(other);
        return Answers{answer_to(question, {.addresses = {"192.0.2.1"}})};
    });
    world.start();
    CHECK(addresses_of(world.lab->ask("www.example.")) == std::vector<std::string>{"192.0.2.1"});
    CHECK(upstream.asked() == 1);
}

TEST_CASE("ports and ids vary") {
    World world;
    std::map<std::uint16_t, int> ports;
    std::map<std::uint16_t, int> ids;
    world.upstream([&](const ScriptedUpstream::Question& question) {
        ++ports[question.from.port];
        ++ids[question.id()];
        return Answers{answer_to(question, {.addresses = {"192.0.2.1"}})};
    });
    world.start();
    for (int i = 0; i < 200; ++i) world.lab->ask("n" + std::to_string(i) + ".example.");
    CHECK(ports.size() > 4);
    CHECK(ids.size() > 190);
}

TEST_CASE("a truncated answer is asked again over TCP") {
    World world;
    auto& upstream = world.upstream([](const ScriptedUpstream::Question& question) {
        if (!question.tcp) return Answers{answer_to(question, {.flags = 0x8380})};
        return Answers{answer_to(question, {.addresses = {"192.0.2.1"}})};
    });
    world.start();
    const LdnsMessage answer = world.lab->ask("www.example.");
    CHECK(addresses_of(answer) == std::vector<std::string>{"192.0.2.1"});
    CHECK_FALSE(answer.truncated);
    CHECK(upstream.asked() == 2);
    CHECK(upstream.connections() == 1);
}

TEST_CASE("equal questions under way are asked once, others apart") {
    World world;
    auto& upstream = world.upstream(says({.addresses = {"192.0.2.1"}}));
    world.start();
    std::vector<std::size_t> numbers;
    for (int i = 0; i < 100; ++i) {
        numbers.push_back(world.lab->begin(i % 2 == 0 ? "www.example." : "WWW.example."));
    }
    numbers.push_back(world.lab->begin("www.example.", 28));
    numbers.push_back(world.lab->begin("www.example.", 1, {.dnssec_ok = true}));
    numbers.push_back(world.lab->begin("www.example.", 1, {.checking_disabled = true}));
    for (const std::size_t number : numbers) CHECK(world.lab->await(number).size() > 40);
    CHECK(upstream.asked() == 4);
    CHECK(world.lab->count(events, "event", "joined") == 99);
    CHECK(world.lab->handler().waiting() == 0);
}

TEST_CASE("when an answer is late the next upstream is asked, too") {
    World world;
    auto& silent = world.upstream(silence);
    auto& good = world.upstream(says({.addresses = {"192.0.2.2"}}));
    world.start({{"policy", std::string{"sequential"}}, {"hedge", true}});
    CHECK(addresses_of(world.lab->ask("www.example.")) == std::vector<std::string>{"192.0.2.2"});
    CHECK(silent.asked() == 1);
    CHECK(good.asked() == 1);
    CHECK(world.lab->count(events, "event", "hedged") == 1);
}

TEST_CASE("a lost datagram is sent again to the only upstream; not without hedging") {
    for (const bool hedge : {true, false}) {
        World world;
        auto& upstream = world.upstream([](const ScriptedUpstream::Question& question) {
            if (question.number == 1) return Answers{};
            return Answers{answer_to(question, {.addresses = {"192.0.2.1"}})};
        });
        world.start({{"hedge", hedge},
                     {"read_timeout", std::uint64_t{hedge ? 60'000U : 300U}},
                     {"max_fails", std::int64_t{0}}});
        CHECK(addresses_of(world.lab->ask("www.example.")) ==
              std::vector<std::string>{"192.0.2.1"});
        CHECK(upstream.asked() >= 2);  // again and again if it needs longer than the time-out
        CHECK(world.lab->count(events, "event", "hedged") == (hedge ? 1 : 0));
    }
}

TEST_CASE("hedges are bounded") {
    World world;
    auto& upstream = world.upstream(silence);
    world.start({{"hedge", true},
                 {"max_connect_attempts", std::int64_t{1}},
                 {"max_fails", std::int64_t{0}},
                 {"read_timeout", std::uint64_t{400}}});
    std::vector<std::size_t> numbers;
    for (int i = 0; i < 300; ++i) {
        numbers.push_back(world.lab->begin("n" + std::to_string(i) + ".example."));
    }
    for (const std::size_t number : numbers) world.lab->await(number);
    CHECK(world.lab->count(events, "event", "hedged") <= 38);
    CHECK(upstream.asked() <= 338);
}

TEST_CASE("hedges that were worth it make room for others: much loss costs no time-out") {
    World world;
    std::map<std::string, int> seen;
    auto& upstream = world.upstream([&](const ScriptedUpstream::Question& question) {
        world.lab->clock.advance(1ms);
        const std::string name{question.message.begin() + 12, question.message.end()};
        if (++seen[name] == 1) return Answers{};
        return Answers{answer_to(question, {.addresses = {"192.0.2.1"}})};
    });
    world.start({{"hedge", true}});
    std::vector<std::size_t> numbers;
    for (int i = 0; i < 60; ++i) {
        numbers.push_back(world.lab->begin("n" + std::to_string(i) + ".example."));
    }
    for (const std::size_t number : numbers) {
        CHECK((world.lab->await(number)[3] & 15) == 0);
    }
    CHECK(upstream.asked() == 120);
}

TEST_CASE("no more lies in an upstream's socket than it holds, and time makes room") {
    World world;
    const UniqueFd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)};
    sockaddr_storage storage{};
    const SocketAddress any{*IpAddress::parse("127.0.0.1"), 0};
    const unsigned size = any.to_sockaddr(storage);
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&storage), size) == 0);
    world.lab->reload({forward_to({net::local_address(socket.get()).to_string()},
                                  {{"max_fails", std::int64_t{0}}})});
    world.lab->time_passes = false;
    const auto come = [&] {
        std::size_t count = 0;
        std::array<std::uint8_t, 512> room;
        while (::recv(socket.get(), room.data(), room.size(), 0) > 0) ++count;
        return count;
    };
    constexpr std::size_t questions = 400;
    constexpr std::size_t window = 192;  // of one worker
    for (std::size_t i = 0; i < questions; ++i) {
        world.lab->begin("n" + std::to_string(i) + ".example.");
    }
    std::size_t all = 0;
    CHECK(world.lab->run_until([&] { return (all += come()) >= window; }));
    world.lab->run_for(20ms);
    CHECK((all += come()) == window);
    // Half of them have been read, as far as one can know.
    world.lab->clock.advance(25ms);
    CHECK(world.lab->run_until([&] { return (all += come()) >= window + window / 2; }));
    world.lab->clock.advance(1s);
    CHECK(world.lab->run_until([&] { return (all += come()) >= questions; }));
}

TEST_CASE("silence ends in SERVFAIL after the attempts that are allowed") {
    World world;
    auto& upstream = world.upstream(silence);
    world.start({{"max_connect_attempts", std::int64_t{3}},
                 {"read_timeout", std::uint64_t{30}},
                 {"max_fails", std::int64_t{0}}});
    CHECK(world.lab->ask("www.example.").rcode == 2);
    CHECK(world.lab->run_until([&] { return upstream.asked() >= 3; }));
    CHECK(upstream.asked() == 3);
}

TEST_CASE("where nobody listens the next upstream is asked at once") {
    World world;
    const Nobody nobody;
    world.upstream(says({.addresses = {"192.0.2.2"}}));
    for (const bool tcp : {false, true}) {
        world.lab->reload(
            {forward_to({nobody.address(), world.upstreams[0]->address()},
                        {{"policy", std::string{"sequential"}}, {"force_tcp", tcp}})});
        CHECK(addresses_of(world.lab->ask("www.example.")) ==
              std::vector<std::string>{"192.0.2.2"});
    }
}

TEST_CASE("too many queries at a time are refused and counted") {
    World world;
    world.upstream(silence);
    world.start({{"max_concurrent", std::int64_t{5}},
                 {"max_connect_attempts", std::int64_t{1}},
                 {"read_timeout", std::uint64_t{30}}});
    std::vector<std::size_t> numbers;
    for (int i = 0; i < 8; ++i) {
        numbers.push_back(world.lab->begin("n" + std::to_string(i) + ".example."));
    }
    int refusals = 0;
    for (const std::size_t number : numbers) {
        refusals += (world.lab->await(number)[3] & 15) == 5 ? 1 : 0;
    }
    CHECK(refusals == 3);
    CHECK(world.lab->count("coredns_forward_max_concurrent_rejects_total") == 3);
    CHECK(world.lab->ask("later.example.").rcode == 2);
}

TEST_CASE("failover lets the next upstream try; the last one's answer stands") {
    World world;
    world.upstream(says({.flags = serv_fail}));
    world.upstream(says({.flags = refused}));
    auto& last = world.upstream(says({.flags = serv_fail}));
    world.start(
        {{"policy", std::string{"sequential"}}, {"failover", words({"SERVFAIL", "REFUSED"})}});
    CHECK(world.lab->ask("www.example.").rcode == 2);
    CHECK(last.asked() == 1);
    last.script = says({.addresses = {"192.0.2.3"}});
    CHECK(addresses_of(world.lab->ask("www.example.")) == std::vector<std::string>{"192.0.2.3"});
}

TEST_CASE("the next forward tries what the first one's upstream does not have") {
    World world;
    auto& first = world.upstream(says({.flags = nx_domain, .soa = true}));
    auto& second = world.upstream(says({.addresses = {"192.0.2.2"}}));
    const Values next{{"next", words({"NXDOMAIN"})}, {"next_on_nodata", true}};
    world.lab->reload({forward_to({first.address()}, next), forward_to({second.address()})});
    CHECK(addresses_of(world.lab->ask("www.example.")) == std::vector<std::string>{"192.0.2.2"});
    first.script = says({.soa = true});
    CHECK(addresses_of(world.lab->ask("www.example.")) == std::vector<std::string>{"192.0.2.2"});
    // Where there is none behind, what the first one said counts.
    first.script = says({.flags = nx_domain, .soa = true});
    world.lab->reload({forward_to({first.address()}, next)});
    const LdnsMessage answer = world.lab->ask("www.example.");
    CHECK(answer.rcode == 3);
    CHECK(answer.authorities.size() == 1);
}

TEST_CASE("an upstream that fails its health checks is left out until it passes one") {
    World world;
    auto& sick = world.upstream(silence);
    auto& good = world.upstream(says({.addresses = {"192.0.2.2"}}));
    world.start({{"policy", std::string{"sequential"}},
                 {"health_check", words({"10ms", "no_rec", "domain", "check.example."})},
                 {"max_fails", std::int64_t{0x1}},
                 {"read_timeout", std::uint64_t{50}}});
    world.lab->ask("first.example.");
    REQUIRE(world.lab->run_until(
        [&] { return world.lab->count("coredns_proxy_healthcheck_failures_total") >= 2; }));
    const std::size_t before = sick.asked();
    bool seen_check = false;
    sick.script = [&](const ScriptedUpstream::Question& question) {
        const std::string text{question.message.begin(), question.message.end()};
        seen_check = seen_check || (text.find("check") != std::string::npos && text[2] == 0);
        CHECK(text.find("left") == std::string::npos);
        return Answers{};
    };
    for (int i = 0; i < 20; ++i) world.lab->ask("left" + std::to_string(i) + ".example.");
    CHECK(good.asked() >= 20);
    REQUIRE(world.lab->run_until([&] { return sick.asked() > before + 1; }));
    CHECK(seen_check);
    sick.script = says({.addresses = {"192.0.2.1"}});
    // It is asked again as soon as it has passed a check; that under way has a second to fail.
    const std::vector<std::string> well{"192.0.2.1"};
    std::vector<std::string> first;
    for (int i = 0; first != well && i < 20'000; ++i) {
        first = addresses_of(world.lab->ask("back" + std::to_string(i) + ".example."));
    }
    CHECK(first == well);
}

TEST_CASE("when all are down: a random one, or with failfast SERVFAIL at once") {
    for (const bool failfast : {false, true}) {
        World world;
        auto& upstream = world.upstream(silence);
        world.start({{"health_check", words({"10ms"})},
                     {"max_fails", std::int64_t{1}},
                     {"max_connect_attempts", std::int64_t{1}},
                     {"failfast_all_unhealthy_upstreams", failfast},
                     {"read_timeout", std::uint64_t{30}}});
        world.lab->ask("first.example.");
        REQUIRE(world.lab->run_until(
            [&] { return world.lab->count("coredns_proxy_healthcheck_failures_total") >= 2; }));
        bool asked = false;
        upstream.script = [&](const ScriptedUpstream::Question& question) {
            const std::string text{question.message.begin(), question.message.end()};
            asked = asked || text.find("second") != std::string::npos;
            return Answers{};
        };
        CHECK(world.lab->ask("second.example.").rcode == 2);
        if (failfast) {
            CHECK_FALSE(asked);
        } else {
            CHECK(world.lab->run_until([&] { return asked; }));
        }
        CHECK(world.lab->count("coredns_forward_healthcheck_broken_total") >= 1);
    }
}

TEST_CASE("TCP: many questions on one connection, answered in any order") {
    World world;
    std::vector<Octets> kept;
    auto& upstream = world.upstream([&](const ScriptedUpstream::Question& question) {
        CHECK(question.tcp);
        kept.push_back(answer_to(question, {.addresses = {"192.0.2.1"}}));
        if (kept.size() < 100) return Answers{};
        std::reverse(kept.begin(), kept.end());
        return std::exchange(kept, {});
    });
    world.start({{"force_tcp", true}});
    std::vector<std::size_t> numbers;
    for (int i = 0; i < 100; ++i) {
        numbers.push_back(world.lab->begin("n" + std::to_string(i) + ".example."));
    }
    for (const std::size_t number : numbers) CHECK(world.lab->await(number).size() > 40);
    CHECK(upstream.connections() == 1);
    CHECK(upstream.asked() == 100);
    CHECK(world.lab->count("coredns_proxy_conn_cache_hits_total", "proto", "tcp") == 99);
}

TEST_CASE("a kept connection that the upstream has closed is no failure") {
    World world;
    auto& upstream = world.upstream(says({.addresses = {"192.0.2.1"}}));
    world.start({{"force_tcp", true}, {"max_connect_attempts", std::int64_t{1}}});
    for (int i = 1; i <= 3; ++i) {
        CHECK(addresses_of(world.lab->ask("n" + std::to_string(i) + ".example.")).size() == 1);
        upstream.close_connections();
        if (i == 2) world.lab->run_for(20ms);
    }
    CHECK(upstream.connections() == 3);
}

TEST_CASE("a client's TCP goes on over TCP, unless UDP is preferred") {
    for (const bool prefer_udp : {false, true}) {
        World world;
        bool tcp = false;
        world.upstream([&](const ScriptedUpstream::Question& question) {
            tcp = question.tcp;
            return Answers{answer_to(question, {.addresses = {"192.0.2.1"}})};
        });
        world.start({{"prefer_udp", prefer_udp}});
        CHECK(world.lab->ask("www.example.", 1, {.tcp = true}).answers.size() == 1);
        CHECK(tcp != prefer_udp);
    }
}

TEST_CASE("an upstream that does not know EDNS is asked without it") {
    World world;
    auto& upstream = world.upstream([](const ScriptedUpstream::Question& question) {
        const bool edns = question.message[11] != 0;
        return Answers{
            answer_to(question, edns ? Saying{.flags = form_err, .edns = false}
                                     : Saying{.addresses = {"192.0.2.1"}, .edns = false})};
    });
    world.start();
    CHECK(addresses_of(world.lab->ask("www.example.")).size() == 1);
    CHECK(upstream.asked() == 2);
}

TEST_CASE("with mixed case, an answer in another case is not ours") {
    World world;
    bool lower = true;
    bool mixed = false;
    auto& upstream = world.upstream([&](const ScriptedUpstream::Question& question) {
        Octets answer = answer_to(question, {.addresses = {"192.0.2.1"}});
        for (std::size_t i = 12; i < 40; ++i) {
            mixed = mixed || (answer[i] >= 'A' && answer[i] <= 'Z');
            if (lower && answer[i] >= 'A' && answer[i] <= 'Z') answer[i] |= 0x20;
        }
        return Answers{answer};
    });
    world.start({{"randomize_case", true},
                 {"read_timeout", std::uint64_t{50}},
                 {"max_connect_attempts", std::int64_t{1}}});
    CHECK(world.lab->ask("a-long-name-with-many-letters.example.").rcode == 2);
    CHECK(mixed);
    lower = false;
    world.start({{"randomize_case", true}});
    const LdnsMessage answer = world.lab->ask("a-long-name-with-many-letters.example.");
    CHECK(answer.answers ==
          std::vector<std::string>{"a-long-name-with-many-letters.example. 300 IN A 192.0.2.1"});
    CHECK(upstream.asked() >= 2);
}

TEST_CASE("an answer whose records cannot be read is SERVFAIL, not half an answer") {
    World world;
    world.upstream([](const ScriptedUpstream::Question& question) {
        Octets answer =
            answer_to(question, {.addresses = {"192.0.2.1", "192.0.2.2"}, .edns = false});
        answer.pop_back();
        return Answers{answer};
    });
    world.start();
    const LdnsMessage answer = world.lab->ask("www.example.");
    CHECK(answer.rcode == 2);
    CHECK(answer.answers.empty());
}

TEST_CASE("FROM and except say which names are passed on") {
    World world;
    world.upstream(says({.addresses = {"192.0.2.1"}}));
    world.lab->reload(
        {plugin_with("forward", {{"from", std::vector{*dns::Name::parse("example.")}},
                                 {"to", std::vector<std::string>{world.upstreams[0]->address()}},
                                 {"except", std::vector{*dns::Name::parse("inner.example."),
                                                        *dns::Name::parse("example.")}}})});
    CHECK(world.lab->ask("example.").rcode == 0);
    // Nobody else is there to answer these.
    CHECK(world.lab->ask("www.example.").rcode == 2);
    CHECK(world.lab->ask("x.inner.example.").rcode == 2);
    CHECK(world.lab->ask("example.org.").rcode == 2);
}

TEST_CASE("a worker that ends leaves its questions unanswered, and nothing behind") {
    World world;
    world.upstream(silence);
    world.start();
    for (int i = 0; i < 50; ++i) world.lab->begin("n" + std::to_string(i) + ".example.");
    world.lab->run_for(20ms);
    CHECK(world.lab->handler().waiting() == 50);
}

TEST_CASE("a query under way keeps to the upstreams it began with") {
    World world;
    std::vector<ScriptedUpstream::Question> questions;
    auto& old = world.upstream([&](const ScriptedUpstream::Question& question) {
        questions.push_back(question);
        return Answers{};
    });
    world.start();
    const std::size_t number = world.lab->begin("www.example.");
    REQUIRE(world.lab->run_until([&] { return !questions.empty(); }));
    auto& other = world.upstream(says({.addresses = {"192.0.2.2"}}));
    world.lab->reload({forward_to({other.address()})});
    CHECK(addresses_of(world.lab->ask("www.example.")) == std::vector<std::string>{"192.0.2.2"});
    CHECK_FALSE(world.lab->is_answered(number));
    (void)old;
}
