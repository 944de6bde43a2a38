// The reflector against a scripted server: every way a list and a watch can go, and what is told.
#include "kube/reflector.hpp"
#include "support/fake_api.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace nameplane;
using namespace nameplane::kube;
using namespace std::chrono_literals;
using services::Kind;
using tests::FakeApi;
using tests::FakeTime;
using Lines = std::vector<std::string>;

namespace {

/// Everything that a reflector tells, in short words.
class Told final : public ReflectorListener {
public:
    void bound(services::Event event) override {
        if (std::holds_alternative<services::BeginList>(event)) lines.push_back("begin");
        if (std::holds_alternative<services::EndList>(event)) lines.push_back("end");
        if (const auto* keep = std::get_if<services::Keep>(&event))
            lines.push_back("keep " + keep->key.name);
    }
    void put(ApiObject object) override {
        const bool removal = std::holds_alternative<services::Remove>(*object.put);
        lines.push_back((removal ? "remove " : "put ") + object.key.name);
    }
    void refused(const ApiObject& object) override {
        lines.push_back("refused " + object.key.name);
        reason = object.reason;
    }
    void settled() override { lines.push_back("settled"); }
    void heard() override { ++heard_times; }
    void counted(ApiEventType) override { ++events; }
    void listed(const ListReport& report) override {
        lines.push_back("listed by " + std::string{to_string(report.how)} + ": " +
                        std::to_string(report.objects) + " (" + std::to_string(report.refused) +
                        ")");
    }
    void relisting(RelistReason why, const std::string& error) override {
        lines.push_back("relist " + std::string{to_string(why)});
        reason = error;
    }
    void watch_restarted() override { lines.push_back("again"); }
    void watching() override { lines.push_back("watching"); }
    void trouble(const std::string& error) override {
        lines.push_back("trouble");
        reason = error;
    }
    /// What was told since the last time.
    Lines take() { return std::exchange(lines, {}); }

    Lines lines;
    std::string reason;
    std::size_t heard_times = 0;
    std::size_t events = 0;
};

std::string object(std::string_view name, std::string_view version) {
    return R"({"kind":"Namespace","apiVersion":"v1","metadata":{"name":")" + std::string{name} +
           R"(","resourceVersion":")" + std::string{version} + R"("}})";
}
std::string event(std::string_view type, std::string_view name, std::string_view version) {
    return R"({"type":")" + std::string{type} + R"(","object":)" + object(name, version) + "}\n";
}
std::string bookmark(std::string_view version, bool initial_end = false) {
    const std::string_view annotation =
        initial_end ? R"(,"annotations":{"k8s.io/initial-events-end":"true"})" : "";
    return R"({"type":"BOOKMARK","object":{"kind":"Namespace","metadata":{"resourceVersion":")" +
           std::string{version} + "\"" + std::string{annotation} + "}}}\n";
}
std::string error_event(int code, std::string_view details = "{}") {
    return R"({"type":"ERROR","object":{"kind":"Status","status":"Failure","message":"too old","code":)" +
           std::to_string(code) + R"(,"details":)" + std::string{details} + "}}\n";
}
std::string list(std::string_view version, const Lines& names, std::string_view token = "") {
    std::string items;
    for (const std::string& name : names) items += (items.empty() ? "" : ",") + object(name, "1");
    return R"({"kind":"NamespaceList","apiVersion":"v1","metadata":{"resourceVersion":")" +
           std::string{version} + R"(","continue":")" + std::string{token} + R"("},"items":[)" +
           items + "]}\n";
}

/// A reflector of Namespaces with everything it needs.
struct World {
    explicit World(bool stream_lists = true, bool known_before = false,
                   Kind kind = Kind::namespace_, std::chrono::seconds absent_pause = {})
        : reflector{{.kind = kind,
                     .path = "/api/v1/namespaces",
                     .resource = "namespaces",
                     .stream_lists = stream_lists,
                     .known_before = known_before,
                     .absent_pause = absent_pause},
                    api,
                    decoder,
                    [this](std::function<void()> fire) { return time.timer(std::move(fire)); },
                    time,
                    [this] { return random; },
                    told} {
        reflector.start();
    }

    /// A reflector that has listed "a" by a stream, and watches from version 5.
    static std::unique_ptr<World> watching() {
        auto world = std::make_unique<World>();
        world->answer(event("ADDED", "a", "3") + bookmark("5", true));
        world->told.take();
        return world;
    }

    std::shared_ptr<FakeApi::Call> call() const { return api.call(); }
    void answer(std::string_view octets, std::size_t piece = 0) { api.body(call(), octets, piece); }
    /// Lets the time pass until the next attempt, and says how long it was.
    std::chrono::milliseconds wait_for_attempt() {
        REQUIRE(api.calls().empty());
        const auto in = time.next_in();
        REQUIRE(in);
        time.advance(*in);
        REQUIRE(api.calls().size() == 1);
        return *in;
    }

    FakeTime time;
    FakeApi api;
    ApiDecoder decoder;
    Told told;
    double random = 0.5;
    Reflector reflector;
};

}  // namespace

TEST_CASE("a streaming list ends with its bookmark and goes on as the watch") {
    World world;
    CHECK(world.call()->request.target ==
          "/api/v1/namespaces?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
          "&allowWatchBookmarks=true&timeoutSeconds=450");
    CHECK(world.call()->request.what == "watch namespaces");
    CHECK_FALSE(world.call()->request.compressed);
    const std::string octets = event("ADDED", "a", "3") + event("ADDED", "b", "9") +
                               event("MODIFIED", "b", "10") + bookmark("11", true) +
                               event("DELETED", "a", "12");
    const std::size_t piece = GENERATE(0U, 1U, 7U, 64U);
    world.answer(octets, piece);
    Lines told = world.told.take();
    std::erase(told, "settled");
    CHECK(told == Lines{"begin", "put a", "put b", "put b", "end", "listed by stream: 3 (0)",
                        "watching", "remove a"});
    CHECK(world.told.events == 5);
    world.time.advance(20min);
    CHECK(world.api.asked() == 1);
}

TEST_CASE("a snapshot is due once a chunk, and not before the first list is whole") {
    World world;
    world.answer(event("ADDED", "a", "3"));
    world.answer(event("ADDED", "b", "4"));
    CHECK(world.told.take() == Lines{"begin", "put a", "put b"});
    world.answer(bookmark("5", true));
    CHECK(world.told.take() == Lines{"end", "listed by stream: 2 (0)", "watching", "settled"});
    world.answer(event("ADDED", "c", "6") + event("ADDED", "d", "7"));
    CHECK(world.told.take() == Lines{"put c", "put d", "settled"});
}

TEST_CASE("who does not know sendInitialEvents is asked for pages") {
    const int status = GENERATE(400, 403, 422);
    World world;
    world.api.fail(world.call(), status);
    CHECK(world.told.take() == Lines{});
    CHECK(world.call()->request.target == "/api/v1/namespaces?limit=500&resourceVersion=0");
    CHECK(world.call()->request.what == "list namespaces");
    CHECK(world.call()->request.compressed);
    world.answer(list("7", {"a", "b"}, "t=1/"), GENERATE(0U, 1U));
    world.api.end(world.call());
    CHECK(world.call()->request.target == "/api/v1/namespaces?limit=500&continue=t%3D1%2F");
    world.answer(list("7", {"c"}));
    CHECK(world.told.take() == Lines{"begin", "put a", "put b", "put c"});
    world.api.end(world.call());
    CHECK(world.told.take() == Lines{"end", "listed by pages: 3 (0)", "settled"});
    CHECK(world.call()->request.target == "/api/v1/namespaces?watch=1&resourceVersion=7"
                                          "&allowWatchBookmarks=true&timeoutSeconds=450");
    world.api.begin(world.call());
    CHECK(world.told.take() == Lines{"watching"});
}

TEST_CASE("who passes over sendInitialEvents is asked for pages after a while") {
    World world;
    world.answer(event("ADDED", "a", "3"));
    world.time.advance(14s);
    world.answer(event("ADDED", "b", "4"));
    world.time.advance(14s);
    CHECK(world.call()->streams());
    SECTION("of silence") {
        world.time.advance(1s);
    }
    SECTION("of anything else") {
        for (int i = 0; i < 11; ++i) {
            world.answer(event("MODIFIED", "b", "5"));
            world.time.advance(14s);
        }
        CHECK(world.call()->streams());
        world.answer(event("MODIFIED", "b", "6"));
    }
    CHECK(world.call()->has("limit=500"));
    world.answer(list("7", {"b"}));
    world.api.end(world.call());
    const Lines told = world.told.take();
    CHECK(std::ranges::count(told, "begin") == 2);
    CHECK(std::ranges::count(told, "end") == 1);
    CHECK(std::ranges::count(told, "trouble") == 0);
}

TEST_CASE("an old list is asked for only by who knows nothing") {
    SECTION("known from an earlier life") {
        World world{false, true};
        CHECK(world.call()->request.target == "/api/v1/namespaces?limit=500");
    }
    SECTION("listed before") {
        World world{false};
        world.answer(list("7", {"a"}));
        world.api.end(world.call());
        world.api.fail(world.call(), 410);
        world.wait_for_attempt();
        CHECK(world.call()->request.target == "/api/v1/namespaces?limit=500");
    }
}

TEST_CASE("pages that expire begin again, in one") {
    World world{false};
    world.answer(list("7", {"a"}, "token"));
    world.api.end(world.call());
    world.api.fail(world.call(), 410);
    CHECK(world.call()->request.target == "/api/v1/namespaces");
    world.answer(list("9", {"b"}));
    world.api.end(world.call());
    CHECK(world.told.take() ==
          Lines{"begin", "put a", "begin", "put b", "end", "listed by pages: 1 (0)", "settled"});
    CHECK(world.call()->has("resourceVersion=9&"));
}

TEST_CASE("a list that breaks ends nothing and is made again") {
    struct Case {
        std::string_view name;
        std::string octets;
        bool ok;
        std::string_view error;
    };
    const auto [name, octets, ok, error] = GENERATE(values<Case>({
        {"cut", R"({"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a"}},)", false,
         "list namespaces: the connection was cut"},
        {"ended early", R"({"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a"}})",
         true, "list namespaces: the answer is no whole list"},
        {"without a version", R"({"metadata":{},"items":[{"metadata":{"name":"a"}}]})", true,
         "list namespaces: the answer is no whole list"},
        {"without items", R"({"metadata":{"resourceVersion":"7"}})", true,
         "list namespaces: the answer is no whole list"},
        {"no JSON", R"({"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a"}},<)",
         true, "list namespaces: the answer cannot be read: not JSON"},
        {"an item that is no JSON and has no name",
         R"({"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a"}},{tru}]})", true,
         "list namespaces: the answer cannot be read: not JSON"},
    }));
    CAPTURE(name);
    World world{false};
    world.answer(octets);
    if (world.api.calls().size() == 1) {
        if (ok)
            world.api.end(world.call());
        else
            world.api.cut(world.call());
    }
    Lines told = world.told.take();
    CHECK(std::ranges::count(told, "end") == 0);
    CHECK(told.back() == "trouble");
    CHECK(world.told.reason.starts_with(error));
    CHECK(world.wait_for_attempt() == 250ms);
    world.answer(list("7", {"a"}));
    world.api.end(world.call());
    told = world.told.take();
    CHECK(told == Lines{"begin", "put a", "end", "listed by pages: 1 (0)", "settled"});
}

TEST_CASE("a watch that its server ends goes on at once from where it was") {
    const auto world = World::watching();
    world->answer(bookmark("8"));
    world->time.advance(5min);
    world->api.end(world->call());
    CHECK(world->call()->has("watch=1&resourceVersion=8&"));
    CHECK(world->told.take() == Lines{"settled", "again"});
    world->api.begin(world->call());
    world->answer(event("ADDED", "b", "9"));
    world->api.end(world->call());
    CHECK(world->call()->has("watch=1&resourceVersion=9&"));
    CHECK(world->told.take() == Lines{"watching", "put b", "settled", "again"});
}

TEST_CASE("a watch that ends before it has lived is not begun again at once") {
    const auto world = World::watching();
    world->time.advance(5min);
    world->api.end(world->call());
    world->api.begin(world->call());
    world->api.end(world->call());
    CHECK(world->told.take() == Lines{"again", "watching", "trouble"});
    CHECK(world->wait_for_attempt() == 250ms);
    world->api.begin(world->call());
    world->api.end(world->call());
    CHECK(world->wait_for_attempt() == 500ms);
}

TEST_CASE("what breaks a watch, and how it goes on") {
    struct Case {
        std::string_view name;
        std::function<void(World&)> breaks;
        std::string_view then;  ///< in the target of the next request
        std::string_view told;
        std::string_view error;
    };
    const std::string_view rewatch = "watch=1&resourceVersion=5&";
    const std::string_view relist = "sendInitialEvents=true";
    const auto restart = [](World& world) {
        world.time.advance(5min);
        world.api.end(world.call());
    };
    const auto status = [&](int code) {
        return [restart, code](World& world) {
            restart(world);
            world.api.fail(world.call(), code);
        };
    };
    const Case test = GENERATE_REF(values<Case>({
        {"cut", [](World& w) { w.api.cut(w.call()); }, rewatch, "trouble",
         "watch namespaces: the connection was cut"},
        {"ended within an event",
         [](World& w) {
             w.answer("{\"type\":");
             w.api.end(w.call());
         },
         rewatch, "trouble", "watch namespaces: the server ended it within an event"},
        {"garbage", [](World& w) { w.answer("<html>"); }, rewatch, "trouble",
         "watch namespaces: the answer cannot be read: not JSON"},
        {"an event of another sort", [](World& w) { w.answer("{\"type\":\"HELLO\"}"); }, rewatch,
         "trouble", "watch namespaces: the answer cannot be read: an event whose type is 'HELLO'"},
        {"410 as an event", [](World& w) { w.answer(error_event(410)); }, relist, "relist expired",
         "watch namespaces: too old"},
        {"another error event", [](World& w) { w.answer(error_event(500)); }, relist,
         "relist error", "watch namespaces: too old"},
        {"410", status(410), relist, "relist expired", "watch namespaces: HTTP 410"},
        {"400", status(400), relist, "relist refused", "watch namespaces: HTTP 400"},
        {"401", status(401), rewatch, "trouble", "watch namespaces: HTTP 401"},
        {"403", status(403), rewatch, "trouble", "watch namespaces: HTTP 403"},
        {"429", status(429), rewatch, "trouble", "watch namespaces: HTTP 429"},
        {"500", status(500), rewatch, "trouble", "watch namespaces: HTTP 500"},
        {"no answer", status(0), rewatch, "trouble", "watch namespaces: HTTP 0"},
        {"silence at the beginning",
         [restart](World& w) {
             restart(w);
             w.time.advance(60s);
         },
         rewatch, "trouble", "watch namespaces: no answer within 60 seconds"},
    }));
    CAPTURE(test.name);
    const auto world = World::watching();
    test.breaks(*world);
    const Lines told = world->told.take();
    CHECK(std::ranges::count(told, test.told) == 1);
    CHECK(std::ranges::count(told, "end") == 0);
    CHECK(world->told.reason.starts_with(test.error));
    CHECK(world->wait_for_attempt() == 250ms);
    CHECK(world->call()->has(test.then));
}

TEST_CASE("a watch whose beginning fails again and again ends in a new list") {
    const auto world = World::watching();
    world->api.cut(world->call());
    for (int i = 0; i < 3; ++i) {
        world->wait_for_attempt();
        CHECK(world->call()->has("resourceVersion=5&"));
        world->api.fail(world->call(), 504);
    }
    CHECK(world->told.take().back() == "relist failing");
    world->wait_for_attempt();
    CHECK(world->call()->streams());
}

TEST_CASE(
    "who is not there is asked less and less often, and never for a list in place of a watch") {
    const auto world = World::watching();
    world->api.cut(world->call(), 0);
    std::vector<long> waits;
    for (int i = 0; i < 9; ++i) {
        waits.push_back(world->wait_for_attempt().count());
        CHECK(world->call()->has("resourceVersion=5&"));
        world->api.cut(world->call(), 0);
    }
    CHECK(waits == std::vector<long>{250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000});
    SECTION("a watch that lived sets it back") {
        world->wait_for_attempt();
        world->api.begin(world->call());
        world->time.advance(10s);
        world->api.cut(world->call());
        CHECK(world->wait_for_attempt() == 250ms);
    }
    SECTION("a watch that did not live does not") {
        world->wait_for_attempt();
        world->api.begin(world->call());
        world->time.advance(9s);
        world->api.cut(world->call());
        CHECK(world->wait_for_attempt() == 15s);
    }
}

TEST_CASE("the jitter is full") {
    for (const double random : {0.0, 0.25, 0.999}) {
        World world;
        world.random = random;
        world.api.fail(world.call(), 500);
        CHECK(world.wait_for_attempt().count() == static_cast<long>(500 * random));
    }
}

TEST_CASE("Retry-After is a minimum, and bounded") {
    SECTION("of a list") {
        World world;
        world.api.fail(world.call(), 429, 7s);
        CHECK(world.wait_for_attempt() == 7250ms);
    }
    SECTION("of a watch") {
        const auto world = World::watching();
        world->time.advance(5min);
        world->api.end(world->call());
        world->api.fail(world->call(), 503, 7s);
        CHECK(world->wait_for_attempt() == 7250ms);
    }
    SECTION("of an error event") {
        const auto world = World::watching();
        world->answer(error_event(429, R"({"retryAfterSeconds":3})"));
        CHECK(world->wait_for_attempt() == 3250ms);
    }
    SECTION("of somebody who has lost his mind") {
        World world;
        world.api.fail(world.call(), 429, 1'000'000s);
        CHECK(world.wait_for_attempt() == 600'250ms);
    }
}

TEST_CASE("who does not know a path is asked rarely, where that is wanted") {
    World eager;
    eager.api.fail(eager.call(), 404);
    CHECK(eager.wait_for_attempt() == 250ms);

    World world{true, false, Kind::service_cidr, 5min};
    world.api.fail(world.call(), 404);
    CHECK(world.wait_for_attempt() == 5min + 250ms);
    world.api.fail(world.call(), 404, 700s);
    CHECK(world.wait_for_attempt() == 600s + 500ms);
    world.api.fail(world.call(), 503);
    CHECK(world.wait_for_attempt() == 1s);
    // By pages, too.
    World pages{false, false, Kind::service_cidr, 5min};
    pages.api.fail(pages.call(), 404);
    CHECK(pages.wait_for_attempt() == 5min + 250ms);
}

TEST_CASE("streams that fail twice give way to pages") {
    World world;
    for (int i = 0; i < 2; ++i) {
        world.answer(event("ADDED", "a", "1"));
        world.api.cut(world.call());
        world.wait_for_attempt();
    }
    CHECK(world.call()->has("limit=500"));
    world.answer(list("4", {"a"}));
    world.api.end(world.call());
    world.api.fail(world.call(), 410);
    world.wait_for_attempt();
    CHECK(world.call()->streams());
}

TEST_CASE("a server whose etcd cannot stream lists says so in an event") {
    World world;
    world.answer(
        R"({"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",)"
        R"("message":"a watch stream was requested by the client but the required storage feature )"
        R"(RequestWatchProgress is disabled","reason":"InternalError","code":500}})");
    CHECK(world.call()->has("limit=500"));
    CHECK(world.told.take() == Lines{"begin"});
}

TEST_CASE("a watch that stays silent after a loss is not believed") {
    const auto world = World::watching();
    CHECK(world->call()->has("timeoutSeconds=450"));
    world->api.cut(world->call());
    world->wait_for_attempt();
    CHECK(world->call()->has("timeoutSeconds=90"));
    world->api.begin(world->call());
    SECTION("silence") {
        world->time.advance(90s);
        world->api.end(world->call());
        CHECK(world->told.take().back() == "relist silent");
        world->wait_for_attempt();
        CHECK(world->call()->streams());
        CHECK(world->call()->has("timeoutSeconds=90"));
        world->answer(bookmark("2", true));
        world->time.advance(90s);
        world->api.end(world->call());
        CHECK(world->call()->has("watch=1&resourceVersion=2&"));
        CHECK(world->call()->has("timeoutSeconds=450"));
    }
    SECTION("a bookmark") {
        world->answer(bookmark("6"));
        world->time.advance(90s);
        world->api.end(world->call());
        CHECK(world->told.take().back() == "again");
        CHECK(world->call()->has("resourceVersion=6&"));
        CHECK(world->call()->has("timeoutSeconds=450"));
    }
}

TEST_CASE("an object that cannot be read is kept by lists and changes nothing in watches") {
    const std::string bad =
        R"({"kind":"Namespace","metadata":{"name":"bad","resourceVersion":"6","labels":7}})";
    const std::string nameless = R"({"kind":"Namespace","metadata":{"resourceVersion":"6"}})";
    const auto added = [](const std::string& what) {
        return R"({"type":"ADDED","object":)" + what + "}";
    };
    SECTION("a stream") {
        World world;
        world.answer(added(bad) + added(nameless) + event("ADDED", "a", "7") + bookmark("8", true));
        CHECK(world.told.take() == Lines{"begin", "refused bad", "keep bad", "refused ", "put a",
                                         "end", "listed by stream: 3 (2)", "watching", "settled"});
    }
    SECTION("pages") {
        World world{false};
        world.answer(R"({"metadata":{"resourceVersion":"7"},"items":[)" + bad + "," + nameless +
                     "," + object("a", "1") + "]}");
        world.api.end(world.call());
        CHECK(world.told.take() == Lines{"begin", "refused bad", "keep bad", "refused ", "put a",
                                         "end", "listed by pages: 3 (2)", "settled"});
    }
    SECTION("a watch, which goes on behind it") {
        const auto world = World::watching();
        world->answer(added(bad));
        CHECK(world->told.take() == Lines{"refused bad", "settled"});
        CHECK(world->told.reason == "metadata.labels is '7', expected a map");
        world->api.cut(world->call());
        world->wait_for_attempt();
        CHECK(world->call()->has("resourceVersion=6&"));
    }
}

TEST_CASE("what is no JSON is asked for again, and refused if it stays so") {
    const std::string damaged =
        R"({"type":"ADDED","object":{"metadata":{"name":"bad","resourceVersion":"6"},"spec":tru}})";
    SECTION("in a watch") {
        const auto world = World::watching();
        for (int i = 0; i < 2; ++i) {
            world->answer(damaged);
            CHECK(std::ranges::count(world->told.take(), "trouble") == 1);
            world->wait_for_attempt();
            CHECK(world->call()->has("resourceVersion=5&"));
        }
        world->answer(damaged + event("ADDED", "b", "7"));
        CHECK(world->told.take() == Lines{"again", "watching", "refused bad", "put b", "settled"});
        world->answer(damaged);
        CHECK(world->told.take() == Lines{"trouble", "settled"});
    }
    SECTION("in a list") {
        World world{false};
        const std::string text = R"({"metadata":{"resourceVersion":"7"},"items":[)" +
                                 object("a", "1") + R"(,{"metadata":{"name":"bad"},"x":tru},)" +
                                 R"({"metadata":{"name":"bad2"},"x":tru}]})";
        for (int i = 0; i < 4; ++i) {
            world.answer(text);
            CHECK(world.told.take().back() == "trouble");
            world.wait_for_attempt();
        }
        world.answer(text);
        world.api.end(world.call());
        CHECK(world.told.take() == Lines{"begin", "put a", "refused bad", "keep bad",
                                         "refused bad2", "keep bad2", "end",
                                         "listed by pages: 3 (2)", "settled"});
    }
}

TEST_CASE("an object that is too long is refused by its name, and its removal is understood") {
    const auto world = World::watching();
    const std::string padding(object_octets_max, 'x');
    const auto huge = [&](std::string_view type) {
        return R"({"type":")" + std::string{type} +
               R"(","object":{"kind":"Namespace","metadata":{"name":"huge","resourceVersion":"6"},"x":")" +
               padding + "\"}}\n";
    };
    world->answer(huge("MODIFIED") + event("ADDED", "b", "7"), 1'000'000);
    Lines told = world->told.take();
    std::erase(told, "settled");
    CHECK(told == Lines{"refused huge", "put b"});
    CHECK(world->told.reason == "is longer than 8 MiB");
    world->answer(huge("DELETED"), 1'000'000);
    told = world->told.take();
    std::erase(told, "settled");
    CHECK(told == Lines{"remove huge"});
}
