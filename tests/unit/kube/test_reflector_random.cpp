// Random histories against a server with every bad habit: in the end the store holds what the
// server has, what never went was never missed, and what did not change woke nobody.
#include "kube/reflector.hpp"
#include "services/store.hpp"
#include "support/fake_api_server.hpp"
#include <nameplane/services/view.hpp>

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <string>

using namespace nameplane;
using namespace nameplane::kube;
using namespace std::chrono_literals;
using services::Kind;

namespace {

using Seen = std::map<std::string, std::string>;

/// Puts events into a store, and looks at it whenever it may.
class Agent final : public ReflectorListener {
public:
    explicit Agent(const Clock& clock) : store{{}, clock} {
        for (const Kind kind : {Kind::endpoint_slice, Kind::namespace_}) {
            REQUIRE(store.apply(services::BeginList{kind}));
            REQUIRE(store.apply(services::EndList{kind}));
        }
        store.snapshot();
    }
    void bound(services::Event event) override { REQUIRE(store.apply(std::move(event))); }
    void put(ApiObject object) override { REQUIRE(store.apply(std::move(*object.put))); }
    void refused(const ApiObject& object) override { FAIL(object.reason); }
    void settled() override {
        const auto snapshot = store.snapshot();
        Seen now = look(*snapshot);
        const bool is_synced = services::ServiceView{*snapshot}.synced();
        const bool differs = now != seen || is_synced != synced;
        CHECK((snapshot->version() != version) == differs);
        version = snapshot->version();
        synced = is_synced;
        seen = std::move(now);
    }
    void heard() override {}
    void counted(ApiEventType) override {}
    void listed(const ListReport&) override { ++lists; }
    void relisting(RelistReason, const std::string&) override {}
    void watch_restarted() override { ++restarts; }
    void watching() override {}
    void trouble(const std::string&) override { ++troubles; }

    static Seen look(const services::Snapshot& snapshot) {
        Seen seen;
        const services::ServiceView view{snapshot};
        for (int i = 0; i < 16; ++i) {
            const std::string name = "s" + std::to_string(i);
            if (const auto* entry = view.find("ns", name))
                seen[name] = entry->service->cluster_ips.at(0).to_string();
        }
        return seen;
    }

    services::Store store;
    Seen seen;
    std::uint64_t version = 0;
    bool synced = false;
    std::size_t lists = 0, restarts = 0, troubles = 0;
};

Seen truth(const tests::FakeApiServer& server) {
    Seen seen;
    for (const auto& [name, object] : server.objects()) seen[name] = object.cluster_ip;
    return seen;
}

void change_something(tests::FakeApiServer& server, std::mt19937& random) {
    const std::string name = "s" + std::to_string(random() % 16);
    const bool lasting = name.size() == 2 && name[1] < '3';
    const std::string note = std::to_string(random());
    const auto at = server.objects().find(name);
    switch (random() % 4) {
    case 0:
        if (!lasting) server.remove(name);
        break;
    case 1:  // nothing that anybody reads
        if (at != server.objects().end()) server.put(name, at->second.cluster_ip, note);
        break;
    default: server.put(name, "10.0.0." + std::to_string(random() % 250), note); break;
    }
}

}  // namespace

TEST_CASE("whatever happens on the way, the store comes to hold what the server has") {
    std::size_t lists = 0;
    std::size_t restarts = 0;
    std::size_t troubles = 0;
    for (unsigned seed = 0; seed < 150; ++seed) {
        CAPTURE(seed);
        std::mt19937 random{seed};
        tests::FakeTime time;
        tests::FakeApi api;
        tests::FakeApiServer server{api, random};
        server.knows_streams = seed % 3 != 0;
        for (const char* name : {"s0", "s1", "s2"}) server.put(name, "10.1.0.1", "");
        server.compact();
        Agent agent{time};
        ApiDecoder decoder;
        Reflector reflector{
            {.kind = Kind::service, .path = "/api/v1/services", .resource = "services"},
            api,
            decoder,
            [&](std::function<void()> fire) { return time.timer(std::move(fire)); },
            time,
            [&] { return static_cast<double>(random() % 1000) / 1000; },
            agent};
        reflector.start();
        for (int step = 0; step < 600; ++step) {
            if (random() % 6 == 0) change_something(server, random);
            if (random() % 60 == 0) server.compact();
            if (random() % 3 == 0) time.advance(std::chrono::milliseconds{random() % 5000});
            server.step();
            if (!agent.synced) continue;
            for (const char* lasting : {"s0", "s1", "s2"}) CHECK(agent.seen.contains(lasting));
        }
        server.misbehaves = false;
        // Some bookmarks more: behind damage that looks like the beginning of an object, an event
        // is understood only when the next one comes.
        for (int step = 0, quiet = 0; step < 3000 && quiet < 100; ++step) {
            quiet = agent.synced && server.all_sent() ? quiet + 1 : 0;
            server.step();
            if (api.calls().empty()) time.advance(30s);
        }
        CHECK(agent.seen == truth(server));
        lists += agent.lists;
        restarts += agent.restarts;
        troubles += agent.troubles;
    }
    // The histories are worth something.
    CHECK(lists > 400);
    CHECK(restarts > 500);
    CHECK(troubles > 1000);
}
