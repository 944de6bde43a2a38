// trace: options, the spans of a walk, how they are written, the way from a worker to a collector.

#include "chain/chain.hpp"
#include "net/loop.hpp"
#include "plugins/trace/json.hpp"
#include "plugins/trace/poster.hpp"
#include "plugins/trace/reporter.hpp"
#include "plugins/trace/ring.hpp"
#include "plugins/trace/trace.hpp"
#include "stage.hpp"
#include "support/web.hpp"
#include <nameplane/keep.hpp>
#include <nameplane/tap.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <thread>

using namespace nameplane;
using namespace nameplane::test;
using namespace nameplane::plugins::tracing;
using namespace std::chrono_literals;
using nameplane::plugins::tracing::Trace;

namespace {

/// Keeps what a worker hands over.
struct Kept final : Sink {
    void submit(std::size_t, const Head& head, dns::NameView name, std::string_view error,
                std::span<const Span> spans, std::size_t left_out) noexcept override {
        traces.push_back({head, dns::Name{name}, std::string{error}, {spans.begin(), spans.end()}});
        lost += left_out;
    }
    std::vector<Trace> traces;
    std::size_t lost = 0;
};

/// A plugin whose steps are functions.
struct Doing final : Plugin {
    using Do = std::function<Step(Query&, Reply&)>;
    explicit Doing(Do ask, Do tell = {}, Do woken = {})
        : ask_{std::move(ask)}, tell_{std::move(tell)}, woken_{std::move(woken)} {}
    Step ask(Query& query, Reply& reply) const noexcept override { return ask_(query, reply); }
    Step tell(Query& query, Reply& reply) const noexcept override {
        return tell_ ? tell_(query, reply) : Step::done;
    }
    Step woken(Query& query, Reply& reply) const noexcept override { return woken_(query, reply); }

private:
    Do ask_;
    Do tell_;
    Do woken_;
};

Doing::Do says(Step step) {
    return [step](Query&, Reply& reply) {
        if (step == Step::done) reply.rcode = dns::Rcode::no_error;
        return step;
    };
}

/// A chain with the plugin trace in it, which keeps what it has traced.
class Traced {
public:
    explicit Traced(std::uint64_t every = 1, bool shares_spans = false)
        : how_{.every = every, .shares_spans = shares_spans} {}

    Traced& then(std::string_view name, Doing::Do ask, Doing::Do tell = {}, Doing::Do woken = {}) {
        links_.push_back(
            {std::make_unique<Doing>(std::move(ask), std::move(tell), std::move(woken)), name});
        return *this;
    }
    Traced& trace() {
        links_.push_back({std::make_unique<plugins::Trace>(how_, kept, 2), "trace"});
        return *this;
    }
    /// What the walk came to, and the query's trace id as metadata.
    std::pair<Step, std::string> ask(Query::Parts parts = {}) {
        if (!chain_) chain_.emplace(links_);
        Arena arena{1 << 20};
        const dns::Name name = *dns::Name::parse("www.example.");
        parts.name = parts.asked = name;
        parts.arena = &arena;
        Query query{parts};
        Reply reply{arena};
        Step step = chain_->walk(query, reply);
        while (step == Step::wait) step = chain_->resume(query, reply);
        CHECK(query.watch() == nullptr);
        return {step, std::string{chain_->metadata(query, "trace/traceid").value_or("")}};
    }

    std::shared_ptr<Kept> kept = std::make_shared<Kept>();

private:
    plugins::Trace::How how_;
    std::vector<chain::Link> links_;
    std::optional<chain::Chain> chain_;
};

/// "servedns a(b(connect) c)": the spans of a trace as a tree, children in the order of their
/// beginning.
std::string tree_of(const Trace& trace) {
    std::multimap<std::uint64_t, const Span*> children;
    for (const Span& span : trace.spans) children.emplace(span.parent, &span);
    std::size_t reached = 0;
    const std::function<std::string(std::uint64_t)> below = [&](std::uint64_t id) {
        std::string text;
        const auto [from, to] = children.equal_range(id);
        for (auto at = from; at != to; ++at) {
            const std::string inner = below(at->second->id);
            text += (text.empty() ? "" : " ") + std::string{at->second->name};
            if (!inner.empty()) text += '(' + inner + ')';
            ++reached;
        }
        return text;
    };
    const std::string text = below(trace.head.id);
    CHECK(reached == trace.spans.size());
    return text;
}

std::string tree_of(Traced& traced) {
    traced.ask();
    REQUIRE(traced.kept->traces.size() == 1);
    return tree_of(traced.kept->traces.front());
}

Trace trace_of(std::size_t spans, std::uint64_t id = 7) {
    Trace trace;
    trace.head.trace = trace.head.id = id;
    trace.name = *dns::Name::parse("www.example.");
    trace.spans.resize(spans, {.id = 9, .parent = id, .name = "whoami", .took = 1ms});
    return trace;
}

}  // namespace

TEST_CASE("what trace is told is checked") {
    CHECK(mistakes_in("trace").empty());
    CHECK(mistakes_in("trace collector:9411").empty());
    CHECK(mistakes_in("trace ZIPKIN [::1]:9411").empty());
    CHECK(mistakes_in("trace {\n client_server\n client_server 0\n}").empty());
    CHECK_FALSE(mistakes_in("trace {\n client_server true false\n}").empty());
    CHECK(mistakes_in("trace {\n client_server f\n datadog_analytics_rate 1\n}").empty());
    CHECK(mistakes_in("trace datadog localhost:8126")
              .find("'datadog', expected 'zipkin': Debian has no library for Datadog's") !=
          std::string::npos);
    CHECK(mistakes_in("trace jaeger a:1").find("'jaeger', expected 'zipkin'") != std::string::npos);
    CHECK(mistakes_in("trace http:///spans").find("expected HOST:PORT or a URL") !=
          std::string::npos);
    for (const char* const wrong :
         {"trace a b c", "trace {\n every x\n}", "trace {\n every -1\n}",
          "trace {\n client_server maybe\n}", "trace {\n datadog_analytics_rate 1.01\n}",
          "trace {\n zipkin_max_batch_size -1\n}", "trace {\n zipkin_max_batch_interval 3\n}",
          "trace {\n evrey 100\n}"}) {
        INFO(wrong);
        CHECK_FALSE(mistakes_in(wrong).empty());
    }
}

TEST_CASE("an endpoint is a host and a port, or a URL") {
    const auto settings_of = [](std::vector<std::string> words) {
        Options given{plugins::Trace::options};
        given.set("endpoint", std::move(words));
        const auto settings = read_settings(given);
        REQUIRE(settings);
        return *settings;
    };
    const auto url_of = [&](std::vector<std::string> words) {
        const Settings settings = settings_of(std::move(words));
        return settings.server + " " + settings.target;
    };
    CHECK(url_of({}) == "http://localhost:9411 /api/v2/spans");
    CHECK(url_of({""}) == "http://localhost:9411 /api/v2/spans");
    CHECK(url_of({"tracing:9253"}) == "http://tracing:9253 /api/v2/spans");
    CHECK(url_of({"zipkin", "tracing:9253"}) == "http://tracing:9253 /api/v2/spans");
    CHECK(url_of({"httpd:80"}) == "http://httpd:80 /api/v2/spans");
    CHECK(url_of({"http://a:1/zipkin/api"}) == "http://a:1 /zipkin/api");
    CHECK(url_of({"https://[::1]:1"}) == "https://[::1]:1 /");
    CHECK(url_of({"https://a?b"}) == "https://a ?b");
    CHECK(label_of(settings_of({"https://me:secret@a:1/b?key=secret"})) == "https://a:1/b");
    CHECK(label_of(settings_of({})) == "http://localhost:9411/api/v2/spans");
    CHECK_FALSE(address_of("dns://:53"));
    CHECK(address_of("tls://[::1]:853")->to_string() == "[::1]:853");
    CHECK(address_of("dns://10.0.0.1:53")->to_string() == "10.0.0.1:53");
}

TEST_CASE("plugins behind have a span within that of the one before them") {
    Traced traced;
    traced.then("bufsize", says(Step::next)).trace().then("log", says(Step::next));
    traced.then("cache", says(Step::next)).then("whoami", says(Step::done));
    traced.then("never", says(Step::done));
    const auto [step, id] = traced.ask({.type = dns::Type::aaaa,
                                        .client = *SocketAddress::parse("192.0.2.7:5"),
                                        .transport = Transport::tcp});
    CHECK(step == Step::done);
    REQUIRE(traced.kept->traces.size() == 1);
    const Trace& trace = traced.kept->traces.front();
    CHECK(tree_of(trace) == "log(cache(whoami))");
    CHECK(trace.name.to_string() == "www.example.");
    CHECK(trace.head.type == dns::Type::aaaa);
    CHECK(trace.head.rcode == dns::Rcode::no_error);
    CHECK(trace.head.transport == Transport::tcp);
    CHECK(trace.head.client.to_string() == "192.0.2.7");
    CHECK_FALSE(trace.head.failed);
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(trace.head.trace));
    CHECK(id == text);
    std::set<std::uint64_t> ids{trace.head.trace};
    for (const Span& span : trace.spans) {
        ids.insert(span.id);
        CHECK(span.begin >= 0ns);
        CHECK(span.took >= 0ns);
        CHECK(span.begin + span.took <= trace.head.took);
        CHECK(span.id >> 63 == 0);
    }
    CHECK(ids.size() == 4);
}

TEST_CASE("a query goes on with the trace of its client") {
    const TraceContext client{.trace_high = 1, .trace = 2, .span = 3, .parent = 4, .debug = true};
    Traced joined;
    joined.trace().then("whoami", says(Step::done));
    CHECK(joined.ask({.trace = &client}).second == "00000000000000010000000000000002");
    REQUIRE(joined.kept->traces.size() == 1);
    const Head& below = joined.kept->traces[0].head;
    CHECK(tree_of(joined.kept->traces[0]) == "whoami");
    CHECK(below.id != 2);
    CHECK(below.id != 3);
    CHECK(below.parent == 3);
    CHECK(below.debug);
    CHECK_FALSE(below.is_shared);
    std::vector<std::string> texts;
    write_spans(joined.kept->traces[0], "{}", texts);
    CHECK(texts[0].find(R"("traceId":"00000000000000010000000000000002")") != std::string::npos);
    CHECK(texts[0].find(R"("debug":true)") != std::string::npos);
    CHECK(texts[1].find(R"("parentId":"0000000000000003")") != std::string::npos);
    CHECK(texts[1].find("shared") == std::string::npos);

    Traced shared{1, true};
    shared.trace().then("whoami", says(Step::done));
    shared.ask({.trace = &client});
    shared.ask();
    REQUIRE(shared.kept->traces.size() == 2);
    const Head& same = shared.kept->traces[0].head;
    CHECK(tree_of(shared.kept->traces[0]) == "whoami");
    CHECK(same.id == 3);
    CHECK(same.parent == 4);
    CHECK(same.is_shared);
    texts.clear();
    write_spans(shared.kept->traces[0], "{}", texts);
    CHECK(texts[1].find(R"("shared":true)") != std::string::npos);
    CHECK_FALSE(shared.kept->traces[1].head.is_shared);
    CHECK_FALSE(shared.kept->traces[1].head.parent);
}

TEST_CASE("a client that wants no spans has an id and no trace") {
    Traced traced;
    traced.trace().then("whoami", says(Step::done));
    const TraceContext refused{.trace = 0xab, .span = 3, .sampled = false};
    CHECK(traced.ask({.trace = &refused}).second == "00000000000000ab");
    const TraceContext nameless{.sampled = false};
    CHECK(traced.ask({.trace = &nameless}).second.size() == 16);
    CHECK(traced.kept->traces.empty());
    const TraceContext wanted{.sampled = true};
    CHECK(traced.ask({.trace = &wanted}).second.size() == 16);
    CHECK(traced.kept->traces.size() == 1);
}

TEST_CASE("one query in so many is traced, each worker counting for itself") {
    for (const std::uint64_t every : {0, 1, 3, 1000}) {
        Traced traced{every};
        traced.trace().then("whoami", says(Step::done));
        for (int i = 0; i < 10; ++i) {
            for (const std::size_t worker : {0, 1}) {
                const auto [step, id] = traced.ask({.worker = worker});
                const bool is_traced = every != 0 && (i + 1U) % every == 0;
                CHECK(id.empty() != is_traced);
            }
        }
        CHECK(traced.kept->traces.size() == (every == 0 ? 0 : 10 / every * 2));
    }
}

TEST_CASE("a failure and its reason are told") {
    Traced traced;
    traced.trace().then("forward", [](Query&, Reply& reply) {
        reply.fail("no upstream answers");
        return Step::done;
    });
    traced.ask();
    REQUIRE(traced.kept->traces.size() == 1);
    CHECK(traced.kept->traces[0].head.failed);
    CHECK(traced.kept->traces[0].head.rcode == dns::Rcode::serv_fail);
    CHECK(traced.kept->traces[0].error == "no upstream answers");

    Traced nobody;
    nobody.trace().then("log", says(Step::next));
    CHECK(tree_of(nobody) == "log");
    CHECK(nobody.kept->traces[0].head.failed);
}

TEST_CASE("what is dropped has a trace, too") {
    Traced traced;
    traced.trace().then("log", says(Step::next)).then("acl", says(Step::drop));
    CHECK(traced.ask().first == Step::drop);
    REQUIRE(traced.kept->traces.size() == 1);
    CHECK(tree_of(traced.kept->traces[0]) == "log(acl)");
    CHECK(traced.kept->traces[0].head.rcode == dns::Rcode::no_error);

    Traced outwards;
    outwards.trace().then("erratic", says(Step::next), says(Step::drop));
    outwards.then("whoami", says(Step::done));
    CHECK(outwards.ask().first == Step::drop);
    REQUIRE(outwards.kept->traces.size() == 1);
    CHECK(tree_of(outwards.kept->traces[0]) == "erratic(whoami)");
}

TEST_CASE("a plugin that waits, turns round or asks upstreams keeps its span") {
    const auto tap = [](Query& query, Reply& reply) {
        const auto now = std::chrono::system_clock::now();
        query.tap({.upstream = *SocketAddress::parse("192.0.2.9:53"),
                   .asked = now - 2ms,
                   .answered = now});
        reply.rcode = dns::Rcode::no_error;
        return Step::done;
    };
    Traced waiting;
    waiting.trace().then("cache", says(Step::next)).then("forward", says(Step::wait), {}, tap);
    CHECK(tree_of(waiting) == "cache(forward(connect))");
    const std::vector<Span>& spans = waiting.kept->traces[0].spans;
    CHECK(spans[2].peer->to_string() == "192.0.2.9:53");
    CHECK(spans[2].took == 2ms);
    CHECK_FALSE(spans[1].peer);

    int turns = 2;
    Traced turning;
    turning.trace().then("rewrite", says(Step::next), [&turns](Query&, Reply&) {
        return turns-- > 0 ? Step::again : Step::done;
    });
    turning.then("log", says(Step::next)).then("whoami", says(Step::done));
    CHECK(tree_of(turning) == "rewrite(log(whoami) log(whoami) log(whoami))");

    Traced endless;
    endless.trace().then("rewrite", says(Step::next), says(Step::again));
    endless.then("whoami", says(Step::done));
    CHECK(tree_of(endless).starts_with("rewrite(whoami whoami"));
}

TEST_CASE("more spans than there is room for are left out and counted") {
    Traced traced;
    traced.trace().then("rewrite", says(Step::next), says(Step::again));
    for (int i = 0; i < 29; ++i) traced.then("log", says(Step::next));
    traced.then("whoami", says(Step::done));
    traced.ask();
    REQUIRE(traced.kept->traces.size() == 1);
    CHECK(traced.kept->traces[0].spans.size() == Recording::spans_max);
    CHECK(traced.kept->lost == 1 + turns_max * 30 - Recording::spans_max);
}

TEST_CASE("what is looked up for a query belongs to its trace") {
    // The asking plugin walks the inner query itself, as a handler does.
    Traced traced;
    std::vector<chain::Link> links;
    links.push_back({std::make_unique<Doing>(says(Step::next)), "metadata"});
    links.push_back(
        {std::make_unique<plugins::Trace>(plugins::Trace::How{}, traced.kept, 1), "trace"});
    links.push_back({std::make_unique<Doing>(says(Step::next)), "log"});
    links.push_back({std::make_unique<Doing>(says(Step::done)), "hosts"});
    const chain::Chain inner_chain{links};
    traced.trace().then("template", [&](Query& query, Reply& reply) {
        Query::Parts parts = query.parts();
        parts.asked_by = &query;
        Query inner{parts};
        inner.watch_with(query.watch()->within());
        Reply answer{query.arena()};
        CHECK(inner_chain.walk(inner, answer) == Step::done);
        reply.rcode = dns::Rcode::no_error;
        return Step::done;
    });
    CHECK(tree_of(traced) == "template(trace(log(hosts)))");
}

TEST_CASE("a query with no room left in its arena is answered without a trace") {
    Traced traced;
    traced
        .then("full",
              [](Query& query, Reply&) {
                  while (query.arena().allocate(64, 1) != nullptr) continue;
                  return Step::next;
              })
        .trace()
        .then("whoami", says(Step::done));
    CHECK(traced.ask().first == Step::done);
    CHECK(traced.kept->traces.empty());
}

TEST_CASE("spans are written as Zipkin's API has them") {
    Trace trace = trace_of(0, 0x123);
    trace.head.begin = std::chrono::system_clock::time_point{1'700'000'000'123'456'600ns};
    trace.head.took = 1'500'499ns;
    trace.head.type = dns::Type::srv;
    trace.head.client = *IpAddress::parse("fd00::1");
    trace.spans.push_back({.id = 0xa, .parent = 0x123, .name = "Log", .begin = 1ms, .took = 12ns});
    trace.spans.push_back({.id = 0xb,
                           .parent = 0xa,
                           .name = "connect",
                           .begin = 2ms,
                           .took = -5ms,
                           .peer = SocketAddress::parse("192.0.2.9:53")});
    std::vector<std::string> texts;
    write_spans(trace, endpoint_json("CoreDNS", std::nullopt), texts);
    REQUIRE(texts.size() == 3);
    CHECK(texts[0] == R"({"timestamp":1700000000124457,"duration":1,"traceId":"0000000000000123",)"
                      R"("id":"000000000000000a","name":"log","parentId":"0000000000000123",)"
                      R"("localEndpoint":{"serviceName":"coredns"}})");
    CHECK(texts[1] == R"({"timestamp":1700000000125457,"traceId":"0000000000000123",)"
                      R"("id":"000000000000000b","name":"connect","parentId":"000000000000000a",)"
                      R"("localEndpoint":{"serviceName":"coredns"},)"
                      R"("tags":{"peer.address":"192.0.2.9:53"}})");
    CHECK(texts[2] ==
          R"({"timestamp":1700000000123457,"duration":1500,"traceId":"0000000000000123",)"
          R"("id":"0000000000000123","name":"servedns","kind":"SERVER",)"
          R"("localEndpoint":{"serviceName":"coredns"},"tags":{"coredns.io/name":"www.example.",)"
          R"("coredns.io/type":"SRV","coredns.io/rcode":"NOERROR","coredns.io/proto":"udp",)"
          R"("coredns.io/remote":"fd00::1"}})");
    CHECK(endpoint_json("a\"b\\c\n", SocketAddress::parse("[::1]:53")) ==
          R"({"serviceName":"a\"b\\c\u000a","ipv6":"::1","port":53})");
    CHECK(endpoint_json("", SocketAddress::parse("10.0.0.1:53")) ==
          R"({"ipv4":"10.0.0.1","port":53})");
    CHECK(endpoint_json("", std::nullopt) == "{}");

    trace.spans.clear();
    trace.head.failed = true;
    trace.error = "it \"broke\"";
    trace.name = *dns::Name::parse("q\\\"\\001.example.");
    texts.clear();
    write_spans(trace, "{}", texts);
    CHECK(texts[0].find(R"("annotations":[{"timestamp":1700000000124957,"value":"event:error"},)"
                        R"({"timestamp":1700000000124957,"value":"error.object:it \"broke\""}])") !=
          std::string::npos);
    CHECK(texts[0].find(R"("coredns.io/name":"q)") != std::string::npos);
    CHECK(texts[0].find(R"(\\001.example.")") != std::string::npos);
    CHECK(texts[0].ends_with(R"(,"error":"true"}})"));
    CHECK(std::ranges::all_of(texts[0], [](char c) { return c >= 0x20 && c < 0x7f; }));
}

TEST_CASE("a ring gives messages back whole and in order, and takes none that does not fit") {
    Ring ring{256};
    const auto octets = [](std::string_view text) { return std::as_bytes(std::span{text}); };
    std::vector<std::byte> message;
    CHECK_FALSE(ring.pop(message));
    // Each place of the ring is once the one where a message wraps.
    for (int round = 0; round < 300; ++round) {
        const std::string first(static_cast<std::size_t>(round % 90), 'a');
        REQUIRE(ring.push({octets(first), octets("-"), octets("b")}));
        REQUIRE(ring.push({octets("second")}));
        REQUIRE(ring.pop(message));
        const auto* const text = reinterpret_cast<const char*>(message.data());
        REQUIRE(std::string_view(text, message.size()) == first + "-b");
        REQUIRE(ring.pop(message));
        REQUIRE(message.size() == 6);
        REQUIRE_FALSE(ring.pop(message));
    }
    const std::string most(252, 'x');
    CHECK_FALSE(ring.push({octets(most), octets("y")}));
    CHECK(ring.push({octets(most)}));
    CHECK_FALSE(ring.push({}));
    CHECK(ring.pop(message));
    CHECK(message.size() == most.size());
}

TEST_CASE("a ring passes messages from one thread to another") {
    Ring ring{1 << 10};
    constexpr std::uint64_t count = 20'000;
    std::thread writer{[&] {
        for (std::uint64_t i = 0; i < count;) {
            const std::vector<std::byte> filler(i % 70, std::byte{7});
            if (ring.push({std::as_bytes(std::span{&i, 1}), filler})) {
                ++i;
            } else {
                std::this_thread::yield();
            }
        }
    }};
    std::vector<std::byte> message;
    std::uint64_t wrong = 0;
    for (std::uint64_t i = 0; i < count;) {
        if (!ring.pop(message)) {
            std::this_thread::yield();
            continue;
        }
        std::uint64_t number = 0;
        std::memcpy(&number, message.data(), sizeof number);
        wrong += number != i || message.size() != sizeof number + i % 70 ? 1 : 0;
        ++i;
    }
    writer.join();
    CHECK(wrong == 0);
}

namespace {

/// A poster on a loop of this thread, and what it counts.
struct Posting {
    explicit Posting(std::string server, std::string target, std::size_t backlog = 1000)
        : poster{std::in_place,
                 Poster::Options{.server = std::move(server),
                                 .target = std::move(target),
                                 .label = "test",
                                 .endpoint = "{}",
                                 .backlog = backlog,
                                 .batch = 10,
                                 .interval = 1ms,
                                 .sent = &sent,
                                 .dropped = &dropped},
                 loop} {}
    void run_until(const std::function<bool()>& done) {
        bool late = false;
        const auto look = loop.timer([&] {
            if (done()) loop.stop();
        });
        const auto limit = loop.timer([&] {
            late = true;
            loop.stop();
        });
        look->start(0ms, 1ms);
        limit->start(60s);
        loop.run();
        REQUIRE_FALSE(late);
    }

    metrics::Counter sent{1};
    metrics::Counter dropped{1};
    net::Loop loop;
    std::optional<Poster> poster;
};

}  // namespace

TEST_CASE("traces are posted when there are many, or after a while") {
    Program server = web_server();
    Posting posting{server.url("http"), "/status/202"};
    posting.poster->add(trace_of(3));
    posting.run_until([&] { return posting.sent.value() == 4; });
    for (int i = 0; i < 20; ++i) posting.poster->add(trace_of(3));
    posting.run_until([&] { return posting.sent.value() == 84; });
    CHECK(posting.dropped.value() == 0);
}

TEST_CASE("what a collector refuses is dropped and not asked again") {
    Program server = web_server();
    for (const char* const target : {"/status/400", "/status/503", "/status/302"}) {
        INFO(target);
        Posting posting{server.url("http"), target};
        posting.poster->add(trace_of(3));
        posting.run_until([&] { return posting.dropped.value() == 4; });
        CHECK(posting.sent.value() == 0);
    }
}

TEST_CASE("a collector that says much more than its head is not listened to") {
    Program server = web_server();
    Posting posting{server.url("http"), "/octets/1000000"};
    posting.poster->add(trace_of(3));
    posting.run_until([&] { return posting.sent.value() == 4; });
    posting.poster->add(trace_of(1));
    posting.run_until([&] { return posting.sent.value() == 6; });
    CHECK(posting.dropped.value() == 0);
}

TEST_CASE("while there is no collector the newest traces wait") {
    Posting posting{"http://127.0.0.1:" + std::to_string(closed_port()), "/", 10};
    for (int i = 0; i < 4; ++i) posting.poster->add(trace_of(3));
    posting.run_until([&] { return posting.dropped.value() != 0; });
    CHECK(posting.dropped.value() % 4 == 0);
    CHECK(posting.sent.value() == 0);
    posting.poster.reset();
    CHECK(posting.dropped.value() == 16);  // nothing is lost uncounted
}

TEST_CASE("a reporter takes what workers have, and counts what it has no room for") {
    metrics::Counter sent{2};
    metrics::Counter dropped{2};
    Program server = web_server();
    constexpr std::size_t traces = 4000;
    {
        Reporter reporter{{.server = server.url("http"),
                           .target = "/status/202",
                           .label = "test",
                           .endpoint = "{}",
                           .interval = 1ms,
                           .sent = &sent,
                           .dropped = &dropped},
                          2};
        const Trace trace = trace_of(5);
        const auto submit = [&](std::size_t worker) {
            for (std::size_t i = 0; i < traces; ++i) {
                reporter.submit(worker, trace.head, trace.name, "an error", trace.spans, 1);
            }
        };
        std::thread other{[&] { submit(1); }};
        submit(0);
        other.join();
        // More than the rings hold, and than may wait: some are dropped, and some come through.
        const auto end = std::chrono::steady_clock::now() + 60s;
        while (sent.value() == 0 && std::chrono::steady_clock::now() < end) {
            reporter.submit(0, trace.head, trace.name, {}, {}, 0);
            std::this_thread::sleep_for(1ms);
        }
        CHECK(sent.value() != 0);
    }
    CHECK(sent.value() + dropped.value() >= 2 * traces * 7);
    CHECK(dropped.value() > 2 * traces);
}

TEST_CASE("a reporter ends at once, whatever its collector does") {
    Program server = web_server();
    const std::string nobody = "http://127.0.0.1:" + std::to_string(closed_port());
    for (const auto& [url, target] : {std::pair{server.url("http"), "/silent"},
                                      {server.url("http"), "/stream"},
                                      {nobody, "/"}}) {
        INFO(url << target);
        metrics::Counter sent{1};
        metrics::Counter dropped{1};
        {
            // If it waited for the request, the test would not end in time.
            Reporter reporter{{.server = url,
                               .target = target,
                               .label = "test",
                               .endpoint = "{}",
                               .interval = 1ms,
                               .time_max = 1h,
                               .sent = &sent,
                               .dropped = &dropped},
                              1};
            const Trace trace = trace_of(2);
            reporter.submit(0, trace.head, trace.name, {}, trace.spans, 0);
            std::this_thread::sleep_for(50ms);
        }
        CHECK(sent.value() == 0);
        CHECK(dropped.value() == 3);
    }
}
