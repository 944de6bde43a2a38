// forward against servers of DNS over HTTPS with a script, on one loop with it.

#include "plugins/forward/https_message.hpp"
#include "plugins/https_upstream.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

using namespace nameplane;
using namespace nameplane::test;
using namespace std::chrono_literals;
using namespace plugins::forwarding;

namespace {

using Values = std::vector<std::pair<std::string, Options::Value>>;
using Question = HttpsUpstream::Question;

const HttpsTrust& trust() {
    static const HttpsTrust all;
    return all;
}

std::vector<std::string> words(std::initializer_list<const char*> list) {
    return {list.begin(), list.end()};
}

Octets good(const Question& question, std::uint32_t ttl = 300) {
    return answer_to(question.dns, {.addresses = {"192.0.2.1"}, .ttl = ttl});
}

void answers(const Question& question) {
    question.respond(good(question));
}

void silence(const Question&) {}

/// A lab whose loop exists before its upstreams, and they before the plugin that asks them.
struct World {
    std::unique_ptr<UpstreamLab> lab =
        std::make_unique<UpstreamLab>(std::vector{plugin_with("whoami")});
    std::vector<std::unique_ptr<HttpsUpstream>> upstreams;

    HttpsUpstream& upstream(HttpsUpstream::Script script, bool http = true) {
        upstreams.push_back(
            std::make_unique<HttpsUpstream>(lab->events, trust(), std::move(script), http));
        return *upstreams.back();
    }
    void start_with(const std::vector<std::string>& to, const Values& more = {}) {
        Values values{{"from", std::vector<dns::Name>{dns::Name{}}},
                      {"to", to},
                      {"hedge", false},
                      {"read_timeout", std::uint64_t{60'000}},
                      {"policy", std::string{"sequential"}},
                      {"tls", std::vector<std::string>{trust().authority.file}}};
        values.insert(values.end(), more.begin(), more.end());
        lab->reload({plugin_with("forward", values)});
    }
    void start(const Values& more = {}) {
        std::vector<std::string> to;
        for (const auto& each : upstreams) to.push_back(each->url());
        start_with(to, more);
    }
    bool answers_well(const std::string& name = "www.example.") {
        return addresses_of(lab->ask(name)) == std::vector<std::string>{"192.0.2.1"};
    }
    double connections(const char* what) const {
        return lab->count("coredns_proxy_conn_cache_" + std::string{what} + "_total", "proto",
                          "https");
    }
    ~World() { upstreams.clear(); }
};

}  // namespace

TEST_CASE("https: a question is POSTed with the id 0, and its answer passes") {
    World world;
    std::vector<ScriptedHttp2::Asked> seen;
    std::set<std::uint16_t> ids;
    world.upstream([&](const Question& question) {
        seen.push_back(question.http);
        ids.insert(question.dns.id());
        answers(question);
    });
    world.start();
    CHECK(world.lab->ask("WwW.Example.").answers ==
          std::vector<std::string>{"WwW.Example. 300 IN A 192.0.2.1"});
    CHECK(world.answers_well("other.example."));
    CHECK(ids == std::set<std::uint16_t>{0});
    REQUIRE(seen.size() == 2);
    CHECK(seen[0][":method"] == "POST");
    CHECK(seen[0][":path"] == "/dns-query");
    CHECK("https://" + seen[0][":authority"] == world.upstreams[0]->url());
    CHECK(seen[0]["content-type"] == "application/dns-message");
    CHECK(seen[0]["accept"] == "application/dns-message");
    CHECK(world.upstreams[0]->connections() == 1);
    CHECK(world.connections("misses") == 1);
    CHECK(world.connections("hits") == 1);
    CHECK(world.lab->count("coredns_proxy_request_duration_seconds", "rcode", "NOERROR") == 2);
}

TEST_CASE("https: or asked by GET, at a path of its own, in a name of its own") {
    World world;
    std::vector<ScriptedHttp2::Asked> seen;
    const auto& upstream = world.upstream([&](const Question& question) {
        seen.push_back(question.http);
        CHECK(question.dns.id() == 0);
        answers(question);
    });
    const std::string port = std::to_string(upstream.socket_address().port);
    world.start_with({"https://127.0.0.1%dns.example:" + port + "/a/b{?dns}"},
                     {{"doh_method", std::string{"GET"}}});
    CHECK(world.answers_well());
    REQUIRE(seen.size() == 1);
    CHECK(seen[0][":method"] == "GET");
    CHECK(seen[0][":path"].starts_with("/a/b?dns=AAABAAABAAAAAAABA3d3dwdleGFtcGxl"));
    CHECK(seen[0][":authority"] == "dns.example:" + port);
    CHECK(seen[0]["content-type"].empty());
}

TEST_CASE("https: many questions on one connection, answered in any order") {
    World world;
    std::vector<std::pair<Question, Octets>> kept;
    auto& upstream = world.upstream([&](const Question& question) {
        kept.emplace_back(question, good(question));
        if (kept.size() < 90) return;
        std::reverse(kept.begin(), kept.end());
        for (const auto& [each, answer] : kept) each.respond(answer);
    });
    world.start();
    std::vector<std::size_t> numbers;
    for (int i = 0; i < 90; ++i) {
        numbers.push_back(world.lab->begin("n" + std::to_string(i) + ".example."));
    }
    for (const std::size_t number : numbers) CHECK(world.lab->await(number).size() > 40);
    CHECK(upstream.connections() == 1);
    CHECK(world.connections("hits") == 89);
}

TEST_CASE("https: beyond what a server takes at a time there are more connections, but few") {
    World world;
    std::vector<std::pair<Question, Octets>> kept;
    auto& upstream = world.upstream([&](const Question& question) { answers(question); });
    upstream.streams_max = 4;
    world.start();
    // So that it is known what the server takes.
    CHECK(world.answers_well());
    upstream.script = [&](const Question& question) {
        kept.emplace_back(question, good(question));
    };
    std::vector<std::size_t> numbers;
    for (int i = 0; i < 200; ++i) {
        numbers.push_back(world.lab->begin("n" + std::to_string(i) + ".example."));
    }
    REQUIRE(world.lab->run_until([&] { return kept.size() == 8 * 4; }));
    upstream.script = answers;
    for (const auto& [each, answer] : kept) each.respond(answer);
    upstream.push();
    for (const std::size_t number : numbers) CHECK((world.lab->await(number)[3] & 15) == 0);
    CHECK(upstream.connections() == 8);
}

TEST_CASE("https: what a cache on the way kept it for is off the TTLs") {
    World world;
    world.upstream([](const Question& question) {
        question.connection->http.respond(question.http.stream, good(question, 300),
                                          "application/dns-message", "200", {{"age", "120"}});
    });
    world.start();
    CHECK(world.lab->ask("www.example.").answers ==
          std::vector<std::string>{"www.example. 180 IN A 192.0.2.1"});
}

TEST_CASE("https: what is no answer to the question lets the next upstream try at once") {
    using Bad = std::function<void(const Question&)>;
    const auto changed = [](std::size_t at, std::uint8_t by) {
        return [at, by](const Question& question) {
            Octets answer = good(question);
            answer[at] ^= by;
            question.respond(answer);
        };
    };
    const auto said = [](const char* type, const char* status) {
        return [type, status](const Question& question) {
            question.connection->http.respond(question.http.stream, good(question), type, status);
        };
    };
    const std::pair<const char*, Bad> rows[] = {
        {"another id", changed(1, 1)},
        {"another name", changed(13, 1)},
        {"another type", changed(12 + 13 + 1, 1)},
        {"a query", changed(2, 0x80)},
        {"two questions", changed(5, 3)},
        {"another content", said("text/html", "200")},
        {"no content type", said("", "200")},
        {"not found", said("application/dns-message", "404")},
        {"an error", said("application/dns-message", "500")},
        {"elsewhere", said("application/dns-message", "302")},
        {"nothing", [](const Question& question) { question.respond({}); }},
        {"half a header", [](const Question& question) { question.respond(Octets(7, 0)); }},
        {"noise", [](const Question& question) { question.respond(Octets(100, 0)); }},
        {"too much", [](const Question& question) { question.respond(Octets(65536, 0)); }},
        {"a reset",
         [](const Question& question) {
             question.connection->http.reset(question.http.stream, NGHTTP2_INTERNAL_ERROR);
         }},
        {"no HTTP/2",
         [](const Question& question) { question.connection->http.raw(Octets(100, 'x')); }},
        {"the end", [](const Question& question) { question.connection->close(); }},
    };
    for (const auto& [what, bad] : rows) {
        INFO(what);
        World world;
        world.upstream(bad);
        auto& second = world.upstream(answers);
        world.start({{"max_fails", std::int64_t{0}}});
        CHECK(world.answers_well());
        CHECK(world.upstreams[0]->asked() == 1);
        CHECK(second.asked() == 1);
        world.lab->run_for(5ms);
        CHECK(world.answers_well("again.example."));
    }
}

TEST_CASE("https: with nobody else to ask, bad answers end in SERVFAIL and not sooner or later") {
    World world;
    auto& upstream = world.upstream([](const Question& question) {
        question.connection->http.respond(question.http.stream, {}, "", "500");
    });
    world.start({{"max_connect_attempts", std::int64_t{3}}, {"max_fails", std::int64_t{0}}});
    CHECK(world.lab->ask("www.example.").rcode == 2);
    CHECK(upstream.asked() == 3);
    CHECK(upstream.connections() == 1);
}

TEST_CASE("https: a server that goes away is asked again over a new connection: no failure") {
    World world;
    auto& upstream = world.upstream(answers);
    world.start({{"max_connect_attempts", std::int64_t{1}}});
    CHECK(world.answers_well("first.example."));
    // It finishes what it has taken, and takes nothing more.
    std::optional<Question> taken;
    upstream.script = [&](const Question& question) {
        if (!taken) {
            taken.emplace(question);
            return;
        }
        question.connection->http.go_away(taken->http.stream);
        upstream.script = answers;
    };
    const std::size_t one = world.lab->begin("one.example.");
    REQUIRE(world.lab->run_until([&] { return taken.has_value(); }));
    CHECK(world.answers_well("two.example."));
    CHECK(upstream.connections() == 2);
    CHECK_FALSE(world.lab->is_answered(one));
    taken->respond(good(*taken));
    upstream.push();
    CHECK((world.lab->await(one)[3] & 15) == 0);
    // Of the two, the one that is left.
    CHECK(world.lab->run_until([&] { return upstream.open_connections() == 1; }));
}

TEST_CASE("https: a stream that was refused is tried again, but not for ever") {
    World world;
    int refusals = 0;
    auto& upstream = world.upstream([&](const Question& question) {
        if (refusals-- > 0) {
            return question.connection->http.reset(question.http.stream, NGHTTP2_REFUSED_STREAM);
        }
        answers(question);
    });
    world.start({{"max_connect_attempts", std::int64_t{1}}, {"max_fails", std::int64_t{0}}});
    refusals = 3;
    CHECK(world.answers_well("first.example."));
    CHECK(upstream.asked() == 4);
    refusals = 1000;
    CHECK(world.lab->ask("second.example.").rcode == 2);
    CHECK(upstream.asked() == 8);
}

TEST_CASE("https: a kept connection that the server has closed is no failure") {
    World world;
    auto& upstream = world.upstream(answers);
    world.start({{"max_connect_attempts", std::int64_t{1}}});
    for (int i = 1; i <= 3; ++i) {
        CHECK(world.answers_well("n" + std::to_string(i) + ".example."));
        upstream.close_connections();
        if (i == 2) world.lab->run_for(20ms);
    }
    CHECK(upstream.connections() == 3);
}

TEST_CASE("https: a question that nobody waits for any more is given up at the server") {
    World world;
    std::vector<Question> kept;
    auto& upstream = world.upstream([&](const Question& question) { kept.push_back(question); });
    world.start({{"read_timeout", std::uint64_t{300}},
                 {"max_connect_attempts", std::int64_t{1}},
                 {"max_fails", std::int64_t{0}}});
    CHECK(world.lab->ask("www.example.").rcode == 2);
    REQUIRE(kept.size() == 1);
    ScriptedHttp2& http = kept[0].connection->http;
    REQUIRE(world.lab->run_until([&] { return http.closed.contains(kept[0].http.stream); }));
    CHECK(http.closed[kept[0].http.stream] == NGHTTP2_CANCEL);
    upstream.script = answers;
    CHECK(world.answers_well("next.example."));
    CHECK(upstream.connections() == 1);
}

TEST_CASE("https: a connection over which nothing comes is not kept") {
    World world;
    std::vector<Question> kept;
    auto& upstream = world.upstream(silence);
    world.start({{"read_timeout", std::uint64_t{100}},
                 {"max_connect_attempts", std::int64_t{1}},
                 {"max_fails", std::int64_t{0}},
                 {"expire", std::uint64_t{60'000}}});
    int asked = 0;
    REQUIRE(world.lab->run_until([&] {
        if (world.lab->handler().waiting() == 0) {
            world.lab->begin("n" + std::to_string(asked++) + ".example.");
        }
        return upstream.connections() > 1;
    }));
    CHECK(upstream.connections() == 2);
}

TEST_CASE("https: health is checked the same way") {
    World world;
    bool sick = true;
    bool checked = false;
    auto& first = world.upstream([&](const Question& question) {
        const std::string text{question.dns.message.begin(), question.dns.message.end()};
        checked = checked || text.find("check") != std::string::npos;
        if (!sick) return answers(question);
        question.connection->http.respond(question.http.stream, {}, "", "503");
    });
    auto& second = world.upstream(answers);
    world.start({{"health_check", words({"10ms", "domain", "check.example."})},
                 {"max_fails", std::int64_t{1}}});
    CHECK(world.answers_well());
    REQUIRE(world.lab->run_until(
        [&] { return world.lab->count("coredns_proxy_healthcheck_failures_total") >= 2; }));
    CHECK(checked);
    const std::size_t before = second.asked();
    CHECK(world.answers_well("left.example."));
    CHECK(second.asked() == before + 1);
    sick = false;
    const auto is_back = [&] {
        const std::size_t mark = second.asked();
        world.answers_well("back" + std::to_string(mark) + ".example.");
        return second.asked() == mark;
    };
    bool back = false;
    for (int i = 0; i < 20'000 && !back; ++i) back = is_back();
    CHECK(back);
    CHECK(first.asked() > 3);
}

TEST_CASE("https: only HTTP/2 is spoken, and only to whom is trusted") {
    const auto fails = [](World& world, const Values& more = {}, const std::string& to = {}) {
        Values values{{"max_connect_attempts", std::int64_t{1}}, {"max_fails", std::int64_t{0}}};
        values.insert(values.end(), more.begin(), more.end());
        world.start_with({to.empty() ? world.upstreams[0]->url() : to}, values);
        const bool failed = world.lab->ask("www.example.").rcode == 2;
        return failed && world.upstreams[0]->asked() == 0;
    };
    {
        World world;
        world.upstream(answers, false);
        CHECK(fails(world));
    }
    World world;
    const auto& upstream = world.upstream(answers);
    const std::string port = std::to_string(upstream.socket_address().port);
    CHECK(fails(world, {{"tls", std::vector<std::string>{}}}));
    CHECK(fails(world, {{"tls_servername", std::string{"other.example"}}}));
    CHECK(fails(world, {}, "https://127.0.0.1%other.example:" + port));
    world.start({{"tls_servername", std::string{"dns.example"}}});
    CHECK(world.answers_well());
}

TEST_CASE("https: who is flooded with pings, and cannot get rid of what it owes, hangs up") {
    World world;
    bool flooding = false;
    auto& upstream = world.upstream([&](const Question& question) {
        // Read no more, and go on writing.
        question.connection->stop_reading();
        flooding = true;
    });
    // Neither is it given up for being late or old.
    world.start({{"max_connect_attempts", std::int64_t{1}},
                 {"max_fails", std::int64_t{0}},
                 {"expire", std::uint64_t{60'000}}});
    const std::size_t number = world.lab->begin("www.example.");
    REQUIRE(world.lab->run_until([&] { return flooding; }));
    REQUIRE(world.lab->run_until([&] { return !upstream.flood(2000); }));
    // What the kernel holds, and a few MiB.
    CHECK(upstream.pings_sent() < 1'000'000);
    CHECK((world.lab->await(number)[3] & 15) == 2);
}

TEST_CASE("https: a worker that ends leaves its questions unanswered, and nothing behind") {
    World world;
    auto& upstream = world.upstream(silence);
    world.start();
    for (int i = 0; i < 50; ++i) world.lab->begin("n" + std::to_string(i) + ".example.");
    REQUIRE(world.lab->run_until([&] { return upstream.asked() == 50; }));
    CHECK(world.lab->handler().waiting() == 50);
}

TEST_CASE("https: messages as they travel") {
    CHECK(is_dns_message("application/dns-message"));
    CHECK(is_dns_message("Application/DNS-Message ; charset=utf-8"));
    for (const char* const other : {"", "application/dns", "application/dns-message2", "text/x"}) {
        CHECK_FALSE(is_dns_message(other));
    }
    Octets message(12, 7);
    CHECK(take_id(message) == 0x0707);
    CHECK(message[0] == 0);
    CHECK(put_id(message, 0x1234));
    CHECK(message[1] == 0x34);
    CHECK_FALSE(put_id(message, 0x1234));
    Octets shorter(11, 0);
    CHECK_FALSE(put_id(shorter, 0x1234));
    // RFC 4648 10, and octets that need the last two digits of the alphabet.
    const std::pair<std::string, const char*> rows[] = {
        {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "-_8"}};
    for (const auto& [text, encoded] : rows) {
        std::string path = "/p";
        append_question(path, Octets(text.begin(), text.end()));
        CHECK(path == std::string{"/p?dns="} + encoded);
    }
}

TEST_CASE("https: time in a cache is taken off every TTL but that of an OPT") {
    World world;
    const ScriptedUpstream::Question question{
        {0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1}, true, 1, {}};
    Octets message =
        answer_to(question, {.addresses = {"192.0.2.1"}, .ttl = 100, .soa = true, .edns = true});
    message[message.size() - 6] = 9;  // in the OPT's place of a TTL
    const auto ttls = [&] {
        const auto read = read_with_ldns(message);
        REQUIRE(read);
        return std::pair{read->answers.at(0), read->authorities.at(0)};
    };
    count_age(message, 30);
    CHECK(ttls().first == "a. 70 IN A 192.0.2.1");
    CHECK(ttls().second.starts_with("a. 70 IN SOA"));
    CHECK(message[message.size() - 6] == 9);
    count_age(message, 0xffffffff);
    CHECK(ttls().first == "a. 0 IN A 192.0.2.1");
    // What is cut short stays as it is from there.
    for (std::size_t size = 0; size < message.size(); ++size) {
        Octets cut(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(size));
        count_age(cut, 1);
        CHECK(std::equal(cut.begin(),
                         cut.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(size, 19)),
                         message.begin()));
    }
}
