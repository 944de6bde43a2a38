#include "chain/chain.hpp"
#include "fakes.hpp"
#include <nameplane/tap.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;
using chain::Chain;
using chain::Link;

namespace {

struct Outcome {
    Step step;
    dns::Rcode rcode;
    std::size_t answers;
    std::vector<std::string> calls;
};

/// Walks a query for name.example. through plugins a, b, c ... with these steps.
Outcome walk(const std::vector<Steps>& plugins, dns::Type type = dns::Type::a,
             dns::Opcode opcode = dns::Opcode::query) {
    std::vector<Link> links;
    for (std::size_t i = 0; i < plugins.size(); ++i) {
        const std::string name(1, static_cast<char>('a' + i));
        links.push_back({scripted(name, plugins[i]), "scripted"});
    }
    const Chain chain{links};
    Arena arena{64 << 10};
    const dns::Name name = *dns::Name::parse("name.example.");
    Query query{{.name = name, .asked = name, .type = type, .opcode = opcode, .arena = &arena}};
    Reply reply{arena};
    Script::current().calls.clear();
    Step step = chain.walk(query, reply);
    while (step == Step::wait) {
        Script::current().calls.push_back("...");
        step = chain.resume(query, reply);
    }
    return {step, reply.rcode, reply.answers().size(), Script::current().calls};
}

constexpr Step next = Step::next;
constexpr Step done = Step::done;
constexpr Step drop = Step::drop;
constexpr Step again = Step::again;
constexpr Step wait = Step::wait;

struct Case {
    std::string what;
    std::vector<Steps> plugins;
    Step step;
    dns::Rcode rcode;
    std::vector<std::string> calls;
    std::source_location at = std::source_location::current();
};

}  // namespace

TEST_CASE("a NOTIFY and a question for a zone meet only those who want to") {
    const std::vector<Steps> nobody_answers = {
        {}, {.takes_unusual = true}, {.ask = {done}}, {.takes_unusual = true}, {}};
    const std::vector<std::string> calls = {"ask b name.example.", "ask d name.example."};
    for (const dns::Type type : {dns::Type::axfr, dns::Type::ixfr}) {
        const Outcome outcome = walk(nobody_answers, type);
        CHECK(outcome.rcode == dns::Rcode::refused);
        CHECK(outcome.calls ==
              std::vector<std::string>{calls[0], calls[1], "tell d REFUSED", "tell b REFUSED"});
    }
    const Outcome notified = walk(nobody_answers, dns::Type::soa, dns::Opcode::notify);
    CHECK(notified.rcode == dns::Rcode::not_imp);
    CHECK(notified.calls ==
          std::vector<std::string>{calls[0], calls[1], "tell d NOTIMP", "tell b NOTIMP"});
    const Outcome answered = walk(
        {{}, {.takes_unusual = true}, {.ask = {done}, .takes_unusual = true}}, dns::Type::axfr);
    CHECK(answered.rcode == dns::Rcode::no_error);
    CHECK(answered.calls ==
          std::vector<std::string>{"ask b name.example.", "ask c name.example.", "tell b NOERROR"});
}

TEST_CASE("the walk in and out") {
    using enum dns::Rcode;
    const Case cases[] = {
        {"no plugins", {}, done, refused, {}},
        {"nobody answers: SERVFAIL, and everybody is told, innermost first",
         {{}, {}},
         done,
         serv_fail,
         {"ask a name.example.", "ask b name.example.", "tell b SERVFAIL", "tell a SERVFAIL"}},
        {"who answers is not told, nor those behind",
         {{}, {.ask = {done}}, {}},
         done,
         no_error,
         {"ask a name.example.", "ask b name.example.", "tell a NOERROR"}},
        {"the first one answers", {{.ask = {done}}, {}}, done, no_error, {"ask a name.example."}},
        {"tell() that says next goes on outwards",
         {{}, {.tell = {next}}, {.ask = {done}}},
         done,
         no_error,
         {"ask a name.example.", "ask b name.example.", "ask c name.example.", "tell b NOERROR",
          "tell a NOERROR"}},
        {"drop on the way in ends it, nobody is told",
         {{}, {.ask = {drop}}, {}},
         drop,
         refused,
         {"ask a name.example.", "ask b name.example."}},
        {"drop on the way out ends it",
         {{}, {.tell = {drop}}, {.ask = {done}}},
         drop,
         no_error,
         {"ask a name.example.", "ask b name.example.", "ask c name.example.", "tell b NOERROR"}},
        {"again walks in behind the one who said it, with the changed question",
         {{}, {.tell = {again, done}}, {}},
         done,
         serv_fail,
         {"ask a name.example.", "ask b name.example.", "ask c name.example.", "tell c SERVFAIL",
          "tell b SERVFAIL", "ask c other.example.", "tell c SERVFAIL", "tell b SERVFAIL",
          "tell a SERVFAIL"}},
        {"again on the way in is against the contract: SERVFAIL, not a hang",
         {{}, {.ask = {again}}, {}},
         done,
         serv_fail,
         {"ask a name.example.", "ask b name.example.", "tell a SERVFAIL"}},
        {"drop behind an again ends it",
         {{}, {.tell = {again}}, {.ask = {done, drop}}},
         drop,
         refused,
         {"ask a name.example.", "ask b name.example.", "ask c name.example.", "tell b NOERROR",
          "ask c other.example."}},
    };
    for (const Case& row : cases) {
        INFO("row at line " << row.at.line() << ": " << row.what);
        const Outcome outcome = walk(row.plugins);
        CHECK(outcome.step == row.step);
        CHECK(outcome.rcode == row.rcode);
        CHECK(outcome.calls == row.calls);
    }
}

TEST_CASE("the first plugin that expects something speaks for the chain") {
    const auto expected_of = [](const std::vector<std::uint64_t>& plugins) {
        std::vector<Link> links;
        for (const std::uint64_t hash : plugins) links.push_back({scripted("a", {}, hash), "a"});
        return Chain{links}.expects(*dns::Name::parse("name.example."));
    };
    CHECK(expected_of({}) == 0);
    CHECK(expected_of({0}) == 0);
    CHECK(expected_of({0, 7, 8}) == 7);
    CHECK(expected_of({9}) == 9);
}

TEST_CASE("each turn starts with an empty reply") {
    const Outcome outcome = walk({{.tell = {again, again, done}}, {.ask = {done}}});
    CHECK(outcome.rcode == dns::Rcode::no_error);
    CHECK(outcome.answers == 1);
}

TEST_CASE("a plugin that turns round for ever is stopped after turns_max walks inwards") {
    const Outcome outcome = walk({{}, {.tell = {again}}, {.ask = {done}}});
    CHECK(outcome.step == done);
    CHECK(outcome.rcode == dns::Rcode::serv_fail);
    CHECK(outcome.answers == 0);
    CHECK(std::ranges::count(outcome.calls, "ask c other.example.") == turns_max - 1);
    CHECK(outcome.calls.back() == "tell a SERVFAIL");
}

TEST_CASE("two plugins that turn round share the bound") {
    const Outcome outcome = walk({{.tell = {again}}, {.tell = {again}}, {.ask = {done}}});
    CHECK(outcome.rcode == dns::Rcode::serv_fail);
    const auto asked = std::ranges::count_if(
        outcome.calls, [](const std::string& call) { return call.starts_with("ask c"); });
    CHECK(asked == turns_max);
}

TEST_CASE("the longest chain is walked whole") {
    std::vector<Steps> plugins(plugins_in_chain_max);
    CHECK(walk(plugins).calls.size() == 2 * plugins_in_chain_max);
}

namespace {

/// Keeps a number, and says what it knows.
class Knowing final : public Plugin {
public:
    Knowing(std::string_view label, bool all_classes) : label_{label}, all_classes_{all_classes} {}
    Step ask(Query& query, Reply&) const noexcept override {
        int* const kept = query.keep<int>(this);
        if (kept != nullptr) *kept += 1;
        return Step::next;
    }
    std::optional<std::string_view> metadata(Query& query,
                                             std::string_view label) const noexcept override {
        if (label != label_ || query.kept<int>(this) == nullptr) return std::nullopt;
        return label_;
    }
    bool takes_all_classes() const noexcept override { return all_classes_; }

private:
    std::string_view label_;
    bool all_classes_;
};

}  // namespace

TEST_CASE("what a plugin keeps is its own, and found again") {
    Arena arena{4096};
    const dns::Name name = *dns::Name::parse("name.example.");
    Query query{{.name = name, .asked = name, .arena = &arena}};
    const Knowing a{"a/x", false};
    const Knowing b{"b/x", false};
    CHECK(query.kept<int>(&a) == nullptr);
    int* const of_a = query.keep<int>(&a);
    int* const of_b = query.keep<int>(&b);
    REQUIRE(of_a != nullptr);
    REQUIRE(of_b != nullptr);
    CHECK(*of_a == 0);
    *of_a = 7;
    CHECK(query.keep<int>(&a) == of_a);
    CHECK(query.kept<int>(&b) == of_b);
    CHECK(*query.kept<int>(&a) == 7);

    Arena full{8};
    Query cramped{{.name = name, .asked = name, .arena = &full}};
    CHECK(cramped.keep<int>(&a) == nullptr);
    CHECK(cramped.kept<int>(&a) == nullptr);
}

TEST_CASE("metadata comes from the plugin that has it, once it is allowed") {
    std::vector<Link> links;
    links.push_back({std::make_unique<Knowing>("a/x", false), "a"});
    links.push_back({std::make_unique<Knowing>("b/x", false), "b"});
    const Chain chain{links};
    CHECK_FALSE(chain.takes_all_classes());
    Arena arena{4096};
    const dns::Name name = *dns::Name::parse("name.example.");
    Query query{{.name = name, .asked = name, .arena = &arena}};
    Reply reply{arena};
    CHECK(chain.walk(query, reply) == Step::done);
    CHECK_FALSE(query.metadata("b/x").has_value());
    query.allow_metadata();
    CHECK(query.metadata("a/x") == "a/x");
    CHECK(query.metadata("b/x") == "b/x");
    CHECK_FALSE(query.metadata("c/x").has_value());
}

TEST_CASE("one plugin that takes all classes opens the chain to them") {
    std::vector<Link> links;
    links.push_back({std::make_unique<Knowing>("a/x", false), "a"});
    links.push_back({std::make_unique<Knowing>("b/x", true), "b"});
    CHECK(Chain{links}.takes_all_classes());
}

TEST_CASE("where nobody answers, the last plugin is named, in CoreDNS' words") {
    std::vector<Link> links;
    links.push_back({std::make_unique<Knowing>("a/x", false), "rewrite"});
    links.push_back({std::make_unique<Knowing>("b/x", false), "hosts"});
    const Chain chain{links};
    Arena arena{4096};
    const dns::Name name = *dns::Name::parse("name.example.");
    Query query{{.name = name, .asked = name, .arena = &arena}};
    Reply reply{arena};
    CHECK(chain.walk(query, reply) == Step::done);
    CHECK(reply.failed());
    CHECK(reply.error == "plugin/hosts: no next plugin found");
}

TEST_CASE("a walk that waits goes on where it stood") {
    using enum dns::Rcode;
    const Case cases[] = {
        {"the one that waited answers",
         {{}, {.ask = {wait}}, {}},
         done,
         no_error,
         {"ask a name.example.", "ask b name.example.", "...", "woken b", "tell a NOERROR"}},
        {"it waits once more",
         {{}, {.ask = {wait}, .woken = {wait, done}}},
         done,
         no_error,
         {"ask a name.example.", "ask b name.example.", "...", "woken b", "...", "woken b",
          "tell a NOERROR"}},
        {"it leaves the answer to those behind, and is told of it",
         {{}, {.ask = {wait}, .woken = {next}}, {.ask = {done}}},
         done,
         no_error,
         {"ask a name.example.", "ask b name.example.", "...", "woken b", "ask c name.example.",
          "tell b NOERROR", "tell a NOERROR"}},
        {"two wait, one behind the other",
         {{.ask = {wait}, .woken = {next}}, {.ask = {wait}}},
         done,
         no_error,
         {"ask a name.example.", "...", "woken a", "ask b name.example.", "...", "woken b",
          "tell a NOERROR"}},
        {"drop",
         {{}, {.ask = {wait}, .woken = {drop}}},
         drop,
         refused,
         {"ask a name.example.", "ask b name.example.", "...", "woken b"}},
        {"again leads to another wait, with the turns counted on",
         {{.tell = {again, done}}, {.ask = {wait}}},
         done,
         no_error,
         {"ask a name.example.", "ask b name.example.", "...", "woken b", "tell a NOERROR",
          "ask b other.example.", "...", "woken b", "tell a NOERROR"}},
        {"again from woken() breaks the contract",
         {{}, {.ask = {wait}, .woken = {again}}},
         done,
         serv_fail,
         {"ask a name.example.", "ask b name.example.", "...", "woken b", "tell a SERVFAIL"}},
        {"a wait on the way out: it is told again, and then those further out",
         {{}, {.tell = {wait, done}}, {.ask = {done}}},
         done,
         no_error,
         {"ask a name.example.", "ask b name.example.", "ask c name.example.", "tell b NOERROR",
          "...", "tell b NOERROR", "tell a NOERROR"}},
        {"a wait on the way out, then again, then a wait on the way in",
         {{.tell = {wait, again, done}}, {.ask = {done, wait}}},
         done,
         no_error,
         {"ask a name.example.", "ask b name.example.", "tell a NOERROR", "...", "tell a NOERROR",
          "ask b other.example.", "...", "woken b", "tell a NOERROR"}},
        {"after a wait on the way out it may be dropped",
         {{}, {.tell = {wait, drop}}, {.ask = {done}}},
         drop,
         no_error,
         {"ask a name.example.", "ask b name.example.", "ask c name.example.", "tell b NOERROR",
          "...", "tell b NOERROR"}},
    };
    for (const Case& row : cases) {
        INFO(row.what << ", row at line " << row.at.line());
        const Outcome outcome = walk(row.plugins);
        CHECK(outcome.calls == row.calls);
        CHECK(outcome.step == row.step);
        CHECK(outcome.rcode == row.rcode);
    }
}

TEST_CASE("a refresh walks in behind who wanted it, and out to it") {
    std::vector<Link> links;
    links.push_back({scripted("a", {}), "scripted"});
    links.push_back({scripted("b", {}), "scripted"});
    links.push_back({scripted("c", {}), "scripted"});
    links.push_back({scripted("d", {.ask = {Step::done}}), "scripted"});
    const Chain chain{links};
    Arena arena{64 << 10};
    const dns::Name name = *dns::Name::parse("name.example.");
    Query query{{.name = name, .asked = name, .arena = &arena, .for_nobody = true}};
    Reply reply{arena};
    Script::current().calls.clear();
    CHECK(chain.walk_behind(1, query, reply) == done);
    CHECK(Script::current().calls == std::vector<std::string>{"ask c name.example.",
                                                              "ask d name.example.",
                                                              "tell c NOERROR", "tell b NOERROR"});
}

TEST_CASE("without a host nothing can wait") {
    Arena arena{1 << 10};
    const dns::Name name = *dns::Name::parse("name.example.");
    Query query{{.name = name, .asked = name, .arena = &arena}};
    CHECK_FALSE(query.can_wait());
}

namespace {

/// Writes down what it hears.
class Listening final : public WalkWatch {
public:
    void begins(const Visit& visit) noexcept override {
        heard.push_back("begins " + text_of(visit));
    }
    void ends(const Visit& visit, Step step, Query& query, const Reply&) noexcept override {
        constexpr std::array steps{"next", "done", "drop", "wait", "again"};
        heard.push_back("ends " + text_of(visit) + ' ' + steps[static_cast<std::size_t>(step)]);
        if (leaves_at == visit.place) query.watch_with(nullptr);
    }
    void tapped(const UpstreamExchange& exchange) noexcept override {
        heard.push_back("tapped " + exchange.upstream.to_string());
    }
    WalkWatch* within() noexcept override { return nullptr; }

    std::vector<std::string> heard;
    std::optional<std::size_t> leaves_at;

private:
    static std::string text_of(const Visit& visit) {
        constexpr std::array parts{"ask", "woken", "tell"};
        return std::string{visit.name} + ' ' + std::to_string(visit.place) + ' ' +
               parts[static_cast<std::size_t>(visit.part)];
    }
};

/// What a watch hears of a walk through plugins "a" and "b", and goes when that place has ended.
std::vector<std::string> heard_of(Steps a, Steps b, std::optional<std::size_t> leaves_at = {}) {
    std::vector<Link> links;
    links.push_back({scripted("a", std::move(a)), "a"});
    links.push_back({scripted("b", std::move(b)), "b"});
    const Chain chain{links};
    Arena arena{64 << 10};
    const dns::Name name = *dns::Name::parse("name.example.");
    Query query{{.name = name, .asked = name, .arena = &arena}};
    Reply reply{arena};
    Listening listening;
    listening.leaves_at = leaves_at;
    query.watch_with(&listening);
    Script::current().calls.clear();
    Step step = chain.walk(query, reply);
    while (step == Step::wait) {
        query.tap({.upstream = *SocketAddress::parse("192.0.2.1:53")});
        step = chain.resume(query, reply);
    }
    return listening.heard;
}

}  // namespace

TEST_CASE("who watches a query hears of each plugin before and after it") {
    CHECK(heard_of({}, {.ask = {done}}) ==
          std::vector<std::string>{"begins a 0 ask", "ends a 0 ask next", "begins b 1 ask",
                                   "ends b 1 ask done", "begins a 0 tell", "ends a 0 tell done"});
    CHECK(heard_of({.ask = {drop}}, {}) ==
          std::vector<std::string>{"begins a 0 ask", "ends a 0 ask drop"});
    CHECK(heard_of({}, {.ask = {wait}}) ==
          std::vector<std::string>{"begins a 0 ask", "ends a 0 ask next", "begins b 1 ask",
                                   "ends b 1 ask wait", "tapped 192.0.2.1:53", "begins b 1 woken",
                                   "ends b 1 woken done", "begins a 0 tell", "ends a 0 tell done"});
    CHECK(heard_of({.tell = {wait, done}}, {.ask = {done}}) ==
          std::vector<std::string>{"begins a 0 ask", "ends a 0 ask next", "begins b 1 ask",
                                   "ends b 1 ask done", "begins a 0 tell", "ends a 0 tell wait",
                                   "tapped 192.0.2.1:53", "begins a 0 tell", "ends a 0 tell done"});
}

TEST_CASE("who stops watching hears nothing more") {
    CHECK(heard_of({}, {.ask = {done}}, 0) ==
          std::vector<std::string>{"begins a 0 ask", "ends a 0 ask next"});
}
