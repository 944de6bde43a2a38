// cache before forward, with an upstream whose script counts what it is asked.

#include "plugins/cache/settings.hpp"
#include "plugins/upstream_lab.hpp"
#include "support/alloc_guard.hpp"
#include "support/ldns_message.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::test;
using namespace std::chrono_literals;

namespace {

constexpr unsigned serv_fail = 0x8182, nx_domain = 0x8183, refused = 0x8185;
using Values = std::vector<std::pair<std::string, Options::Value>>;
using Answers = std::vector<Octets>;

std::vector<Statement> line(std::vector<std::string> words) {
    return {Statement{.words = std::move(words), .body = {}, .where = {}}};
}

struct World {
    std::unique_ptr<UpstreamLab> lab =
        std::make_unique<UpstreamLab>(std::vector{plugin_with("whoami")});
    Saying saying{.addresses = {"192.0.2.1"}};
    bool silent = false;
    ScriptedUpstream upstream{lab->events, [this](const ScriptedUpstream::Question& question) {
                                  if (silent) return Answers{};
                                  return Answers{answer_to(question, saying)};
                              }};

    explicit World(const Values& values = {}) { reload(values); }
    void reload(const Values& values = {}) {
        lab->reload({plugin_with("cache", values),
                     plugin_with("forward", {{"from", std::vector<dns::Name>{dns::Name{}}},
                                             {"to", std::vector<std::string>{upstream.address()}},
                                             // The upstream's silence ends in time.
                                             {"read_timeout", std::uint64_t{200}},
                                             {"max_connect_attempts", std::int64_t{1}},
                                             {"max_fails", std::int64_t{0}},
                                             {"hedge", false}})});
    }
    LdnsMessage ask(const std::string& name = "www.example.", std::uint16_t type = 1,
                    UpstreamLab::Ask how = {}) {
        return lab->ask(name, type, how);
    }
    /// What the upstream was asked since the last call.
    std::size_t asked() { return upstream.asked() - std::exchange(seen_, upstream.asked()); }
    bool await_asked(std::size_t more) {
        const std::size_t wanted = upstream.asked() + more;
        return lab->run_until([&] { return upstream.asked() >= wanted; });
    }
    double count(const char* what) const {
        return lab->count(std::string{"coredns_cache_"} + what);
    }

private:
    std::size_t seen_ = 0;
};

std::string ttl_of(const LdnsMessage& message) {
    const std::string& first =
        message.answers.empty() ? message.authorities.at(0) : message.answers.at(0);
    const std::size_t from = first.find(' ') + 1;
    return first.substr(from, first.find(' ', from) - from);
}

}  // namespace

TEST_CASE(
    "what was asked is answered from memory, in the client's case, with the rest of its TTL") {
    World world;
    CHECK(world.ask().answers == std::vector<std::string>{"www.example. 300 IN A 192.0.2.1"});
    world.lab->clock.advance(100s);
    const LdnsMessage again = world.ask("WWW.example.");
    CHECK(again.answers == std::vector<std::string>{"WWW.example. 200 IN A 192.0.2.1"});
    CHECK(again.authoritative);
    CHECK(again.recursion_available);
    CHECK(world.asked() == 1);
    world.lab->clock.advance(200s);
    CHECK(ttl_of(world.ask()) == "300");
    CHECK(world.asked() == 1);
    CHECK(world.count("hits_total") == 1);
    CHECK(world.count("misses_total") == 2);
    CHECK(world.count("requests_total") == 3);
    CHECK(world.lab->count("coredns_cache_entries", "type", "success") == 1);
}

TEST_CASE("other questions have other answers: type, DO and CD") {
    World world;
    world.saying.addresses = {"192.0.2.1", "2001:db8::1"};
    for (int round = 0; round < 2; ++round) {
        world.ask("www.example.", 1);
        world.ask("www.example.", 28);
        world.ask("www.example.", 1, {.dnssec_ok = true});
        world.ask("www.example.", 1, {.checking_disabled = true});
        world.ask("www.example.", 1, {.edns = true});
        world.ask("www.example.", 1, {.tcp = true});
    }
    CHECK(world.asked() == 4);
}

TEST_CASE("TTLs have a floor and a ceiling, and keep none of their differences") {
    World world{{{"success", line({"1024", "100", "20"})}}};
    world.saying.ttl = 1;
    CHECK(ttl_of(world.ask("low.example.")) == "20");
    world.saying.ttl = 100'000;
    CHECK(ttl_of(world.ask("high.example.")) == "100");
    world.lab->clock.advance(19s);
    CHECK(ttl_of(world.ask("low.example.")) == "1");
    CHECK(world.asked() == 2);
}

TEST_CASE("keepttl does not count down") {
    World world{{{"keepttl", true}}};
    world.ask();
    world.lab->clock.advance(299s);
    CHECK(ttl_of(world.ask()) == "300");
    world.lab->clock.advance(1s);
    world.ask();
    CHECK(world.asked() == 2);
}

TEST_CASE("denials are kept by the TTL of their SOA; without one they are not") {
    World world;
    world.saying = {.flags = nx_domain, .ttl = 60, .soa = true};
    CHECK(world.ask("no.example.").rcode == 3);
    world.saying = {.ttl = 60, .soa = true};
    CHECK(world.ask("nodata.example.").answers.empty());
    world.saying = {.flags = nx_domain};
    world.ask("bare.example.");
    CHECK(world.asked() == 3);
    world.lab->clock.advance(59s);
    const LdnsMessage denied = world.ask("no.example.");
    CHECK(denied.rcode == 3);
    CHECK(ttl_of(denied) == "1");
    CHECK(world.ask("nodata.example.").authorities.size() == 1);
    CHECK(world.asked() == 0);
    world.ask("bare.example.");
    CHECK(world.asked() == 1);
    CHECK(world.lab->count("coredns_cache_hits_total", "type", "denial") == 2);
}

TEST_CASE("SERVFAIL of an upstream is kept for five seconds, and hides nothing good") {
    World world;
    world.ask("good.example.");
    world.saying = {.flags = serv_fail};
    CHECK(world.ask("bad.example.").rcode == 2);
    CHECK(world.ask("bad.example.").rcode == 2);
    CHECK(world.asked() == 2);
    world.lab->clock.advance(5s);
    world.ask("bad.example.");
    CHECK(world.asked() == 1);
    // No answer at all is nobody's answer.
    world.silent = true;
    CHECK(world.ask("silent.example.").rcode == 2);
    world.silent = false;
    world.saying = {.addresses = {"192.0.2.1"}};
    CHECK(world.ask("silent.example.").rcode == 0);
    World off{{{"servfail", std::uint64_t{0}}}};
    off.saying = {.flags = serv_fail};
    off.ask();
    off.ask();
    CHECK(off.asked() == 2);
}

TEST_CASE("other errors and truncated answers are not kept") {
    World world;
    world.saying = {.flags = refused};
    world.ask();
    world.ask();
    CHECK(world.asked() == 2);
}

TEST_CASE("disable, and zones that are not ours") {
    World world{
        {{"disable", line({"success", "example."})},
         {"zones", std::vector{*dns::Name::parse("example."), *dns::Name::parse("kept.test.")}}}};
    for (int i = 0; i < 2; ++i) world.ask("www.example.");
    for (int i = 0; i < 2; ++i) world.ask("www.kept.test.");
    for (int i = 0; i < 2; ++i) world.ask("www.other.test.");
    CHECK(world.asked() == 2 + 1 + 2);
    CHECK(world.count("requests_total") == 4);
}

TEST_CASE("prefetch asks again before the end what is asked for often") {
    World world{{{"prefetch", line({"3", "1m", "20%"})}}};
    world.ask("often.example.");
    world.ask("seldom.example.");
    for (int i = 0; i < 3; ++i) world.ask("often.example.");
    CHECK(world.asked() == 2);
    world.lab->clock.advance(50s);
    for (int i = 0; i < 2; ++i) world.ask("often.example.");
    world.lab->clock.advance(50s);
    world.ask("often.example.");
    world.lab->clock.advance(50s);
    world.ask("often.example.");
    world.lab->clock.advance(50s);
    world.ask("often.example.");
    world.lab->clock.advance(45s);
    CHECK(world.asked() == 0);
    // 55 of 300 are left: one refresh, however many ask.
    for (int i = 0; i < 10; ++i) CHECK(ttl_of(world.ask("often.example.")) == "55");
    REQUIRE(world.await_asked(0));
    CHECK(world.lab->run_until([&] { return ttl_of(world.ask("often.example.")) == "300"; }));
    CHECK(world.asked() == 1);
    CHECK(world.count("prefetch_total") == 1);
    CHECK(ttl_of(world.ask("seldom.example.")) == "55");
    world.lab->run_for(20ms);
    CHECK(world.asked() == 0);
}

TEST_CASE("stale answers at once, with a refresh behind them") {
    World world{{{"serve_stale", line({"1h"})}}};
    world.ask();
    world.lab->clock.advance(400s);
    world.asked();
    world.saying.addresses = {"192.0.2.2"};
    const LdnsMessage stale = world.ask();
    CHECK(stale.answers == std::vector<std::string>{"www.example. 0 IN A 192.0.2.1"});
    CHECK(world.lab->run_until(
        [&] { return addresses_of(world.ask()) == std::vector<std::string>{"192.0.2.2"}; }));
    CHECK(world.asked() == 1);
    CHECK(ttl_of(world.ask()) == "300");
    CHECK(world.count("served_stale_total") >= 1);
    world.lab->clock.advance(300s + 3600s);
    world.saying = {.flags = nx_domain, .soa = true};
    CHECK(world.ask().rcode == 3);
}

TEST_CASE("with the upstream dead, stale answers go on for their time, and come back to life") {
    for (const std::vector<std::string>& mode :
         {std::vector<std::string>{"1h", "immediate", "30s"},
          std::vector<std::string>{"1h", "verify", "0", "30s"},
          std::vector<std::string>{"1h", "verify", "10ms", "30s"}}) {
        INFO(mode[1] << ' ' << mode[2]);
        World world{{{"serve_stale", line(mode)}}};
        world.ask();
        world.lab->clock.advance(400s);
        world.silent = true;
        for (int i = 0; i < 3; ++i) {
            const std::size_t number = world.lab->begin("www.example.");
            REQUIRE(world.lab->run_until([&] {
                world.lab->clock.advance(5ms);
                return world.lab->is_answered(number);
            }));
            const auto answer = read_with_ldns(world.lab->await(number));
            REQUIRE(answer);
            CHECK(answer->answers == std::vector<std::string>{"www.example. 30 IN A 192.0.2.1"});
        }
        world.silent = false;
        world.saying.addresses = {"192.0.2.2"};
        std::vector<std::string> addresses;
        for (int i = 0; i < 200 && addresses != std::vector<std::string>{"192.0.2.2"}; ++i) {
            world.lab->clock.advance(60s);
            const std::size_t number = world.lab->begin("www.example.");
            REQUIRE(world.lab->run_until([&] {
                world.lab->clock.advance(1ms);
                return world.lab->is_answered(number);
            }));
            addresses = addresses_of(*read_with_ldns(world.lab->await(number)));
            // What was answered at once is asked for behind that.
            world.lab->run_for(5ms);
        }
        CHECK(addresses == std::vector<std::string>{"192.0.2.2"});
        world.lab->clock.advance(24h);
        world.silent = true;
        CHECK(world.ask().rcode == 2);
    }
}

TEST_CASE("verify: what the source says now goes before what is stale") {
    for (const std::vector<std::string>& mode : {std::vector<std::string>{"1h", "verify"},
                                                 std::vector<std::string>{"1h", "verify", "5s"}}) {
        World world{{{"serve_stale", line(mode)}}};
        world.ask();
        world.lab->clock.advance(400s);
        world.saying.addresses = {"192.0.2.2"};
        CHECK(world.ask().answers == std::vector<std::string>{"www.example. 300 IN A 192.0.2.2"});
        world.lab->clock.advance(400s);
        world.saying = {.flags = nx_domain, .soa = true};
        CHECK(world.ask().rcode == 3);
        // SERVFAIL does not say that the name is gone.
        world.saying = {.addresses = {"192.0.2.3"}};
        world.lab->clock.advance(400s);
        world.ask();
        world.lab->clock.advance(400s);
        world.saying = {.flags = serv_fail};
        const LdnsMessage stale = world.ask();
        CHECK(addresses_of(stale) == std::vector<std::string>{"192.0.2.3"});
        CHECK(ttl_of(stale) == "0");
    }
}

TEST_CASE("a refresh that failed is not tried again at once") {
    World world{{{"serve_stale", line({"1h", "immediate", "0", "30s"})}}};
    world.ask();
    world.lab->clock.advance(400s);
    world.silent = true;
    world.asked();
    world.ask();
    REQUIRE(world.lab->run_until([&] { return world.upstream.asked() >= 2; }));
    world.lab->run_for(300ms);
    for (int i = 0; i < 5; ++i) world.ask();
    world.lab->run_for(20ms);
    CHECK(world.asked() == 1);
    world.lab->clock.advance(31s);
    world.ask();
    CHECK(world.lab->run_until([&] { return world.upstream.asked() >= 3; }));
    CHECK(world.asked() == 1);
}

TEST_CASE("prefer_positive: a good answer, even stale, goes before a denial") {
    World world{{{"serve_stale", line({"1h", "verify"})},
                 {"serve_stale_policy", line({"prefer_positive"})}}};
    world.ask();
    world.lab->clock.advance(400s);
    world.saying = {.flags = nx_domain, .soa = true};
    CHECK(addresses_of(world.ask()) == std::vector<std::string>{"192.0.2.1"});
    world.saying = {.addresses = {"192.0.2.2"}};
    CHECK(addresses_of(world.ask()) == std::vector<std::string>{"192.0.2.2"});
}

TEST_CASE("a reload keeps what is there when the cache is the same") {
    World world{{{"ttl", std::int64_t{100}}}};
    world.ask();
    world.reload({{"ttl", std::int64_t{100}}});
    CHECK(world.ask().answers.size() == 1);
    CHECK(world.asked() == 1);
    CHECK(world.count("entries") == 1);
    world.reload({{"ttl", std::int64_t{50}}});
    world.ask();
    CHECK(world.asked() == 1);
}

TEST_CASE("a hit is no allocation") {
    World world;
    world.ask();
    world.saying = {.flags = nx_domain, .soa = true};
    world.ask("no.example.");
    Octets good{0,   1, 1,   0,   0,   1,   0,   0,   0,   0, 0, 0, 3, 'w', 'w',
                'w', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1};
    Octets out(1232);
    const server::Arrival arrival{.client = {}, .server = {}};
    std::size_t answered = 0;
    const std::size_t before = allocations();
    for (int i = 0; i < 10'000; ++i) {
        answered += world.lab->handler().answer(good, arrival, out) > 40 ? 1 : 0;
    }
    const std::size_t made = allocations() - before;
    CHECK(made == 0);
    CHECK(answered == 10'000);
    CHECK(world.count("hits_total") == 10'000);
}

TEST_CASE("random names find their end in the capacity") {
    World world{{{"success", line({"1024"})}, {"denial", line({"1024"})}}};
    world.saying = {.flags = nx_domain, .soa = true};
    for (int i = 0; i < 3000; ++i) world.ask(std::to_string(i) + ".example.");
    const double entries = world.lab->count("coredns_cache_entries", "type", "denial");
    CHECK(entries > 1000);
    CHECK(entries <= 1024);
    CHECK(world.lab->count("coredns_cache_evictions_total", "type", "denial") == 3000 - entries);
}

TEST_CASE("options that cannot be are refused, all at once") {
    metrics::Registry metrics{1};
    const Setup setup{.zones = {}, .metrics = metrics, .own_addresses = {}, .services_synced = {}};
    const auto read = [&](const std::string& option, std::vector<std::string> words) {
        conf::PluginConfig config = plugin_with("cache", {{option, line(std::move(words))}});
        return plugins::caching::read_settings(config.options, setup);
    };
    CHECK(read("success", {"100"})->success.capacity == 1024);
    CHECK(read("success", {"5000", "60", "0"})->success.capacity == 4864);
    CHECK(read("denial", {"9984", "30"})->denial.ttl_max == 30);
    CHECK(read("prefetch", {"5", "2m", "20%"})->prefetch_gap == 2min);
    CHECK(read("serve_stale", {})->stale_for == 3600);
    CHECK(read("serve_stale", {"30m", "VERIFY", "100ms", "30s", "10s"})->recheck == 10s);
    CHECK_FALSE(read("serve_stale", {"30m", "verify", "100ms"})->verify_time == 0ms);
    for (const auto& [option, words] :
         std::vector<std::pair<std::string, std::vector<std::string>>>{
             {"success", {}},
             {"success", {"x"}},
             {"success", {"1024", "0"}},
             {"success", {"1024", "5", "-1"}},
             {"denial", {"99999999999"}},
             {"prefetch", {}},
             {"prefetch", {"-1"}},
             {"prefetch", {"5", "1m", "20"}},
             {"prefetch", {"5", "1m", "91%"}},
             {"serve_stale", {"x"}},
             {"serve_stale", {"1h", "verified"}},
             {"serve_stale", {"1h", "immediate", "1500ms"}},
             {"serve_stale", {"1h", "immediate", "1s", "6m"}},
             {"serve_stale", {"1h", "immediate", "1s", "1s", "1s"}},
             {"disable", {}},
             {"disable", {"all"}}}) {
        INFO(option << ' ' << (words.empty() ? "" : words.back()));
        CHECK_FALSE(read(option, words));
    }
    const conf::PluginConfig alone =
        plugin_with("cache", {{"serve_stale_policy", line({"prefer_positive"})}});
    CHECK_FALSE(plugins::caching::read_settings(alone.options, setup));
    const conf::PluginConfig longer = plugin_with("cache", {{"servfail", std::uint64_t{301'000}}});
    CHECK_FALSE(plugins::caching::read_settings(longer.options, setup));
}
