#include "kube/state_saver.hpp"
#include "net/loop.hpp"
#include "support.hpp"
#include "support/service_cases.hpp"
#include "support/stderr_of.hpp"

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include <deque>
#include <filesystem>
#include <thread>
#include <utility>

using namespace nameplane;
using namespace nameplane::kube;
using namespace nameplane::services;
using namespace std::chrono_literals;
using test::HandClock;
using test::stderr_of;

namespace {

constexpr auto npos = std::string::npos;

double value_of(const metrics::Registry& registry, std::string_view name,
                std::string_view label = {}) {
    for (const auto& family : registry.read()) {
        if (family.name != name) continue;
        for (const auto& sample : family.samples) {
            if (label.empty() || sample.labels.at(0).second == label) return sample.value;
        }
    }
    return -1;
}

/// A store with a Service, a saver, and work that is done when the test says so.
struct Fixture {
    Fixture() {
        for (const Kind kind : {Kind::service, Kind::endpoint_slice, Kind::namespace_}) list(kind);
        put("web");
    }
    void list(Kind kind) {
        REQUIRE(store.apply(BeginList{kind}));
        REQUIRE(store.apply(EndList{kind}));
    }
    void put(const std::string& name) {
        REQUIRE(store.apply(test::headless_service("ns", name)));
        saver.changed();
    }
    void tick() { saver.tick(clock.wall()); }
    /// Does the oldest job, and on this thread what follows it.
    void work() {
        REQUIRE_FALSE(works.empty());
        works.front().first();
        works.front().second();
        works.pop_front();
    }
    /// Names in the file; -1 if there is none that is good.
    std::int64_t saved() const {
        const auto state = SavedState::read(options.path, options.fingerprint);
        return state ? static_cast<std::int64_t>(state->objects()) : -1;
    }
    double saves(std::string_view result) const {
        return value_of(registry, "nameplane_state_saves_total", result);
    }

    test::TemporaryFolder folder;
    StateOptions options{.path = folder / "state", .fingerprint = "here"};
    HandClock clock;
    metrics::Registry registry{1};
    Store store{{}, clock};
    std::deque<std::pair<std::function<void()>, std::function<void()>>> works;
    StateSaver saver{
        options, store,
        [this](auto job, auto done) { works.emplace_back(std::move(job), std::move(done)); },
        registry, clock};
};

}  // namespace

TEST_CASE("a change is saved at once if nothing was lately, else when its time has come",
          "[saved]") {
    Fixture f;
    f.tick();
    f.work();
    CHECK(f.saved() == 1);
    CHECK(f.saves("done") == 1);
    CHECK(value_of(f.registry, "nameplane_state_saved_timestamp_seconds") == 1'700'000'000);
    CHECK(value_of(f.registry, "nameplane_state_size_bytes") ==
          static_cast<double>(std::filesystem::file_size(f.options.path)));
    f.clock.turn(9999ms);
    f.put("db");
    f.tick();
    CHECK(f.works.empty());
    f.clock.turn(1ms);
    f.tick();
    f.work();
    CHECK(f.saved() == 2);
    f.clock.turn(1h);
    f.tick();
    CHECK(f.works.empty());
    CHECK(f.saves("done") == 2);
    CHECK(f.saves("failed") == 0);
}

TEST_CASE("one save at a time, and what changes meanwhile is in the next", "[saved]") {
    Fixture f;
    f.tick();
    f.put("db");
    f.clock.turn(1h);
    f.tick();
    CHECK(f.works.size() == 1);
    f.work();
    CHECK(f.saved() == 1);
    f.tick();
    f.work();
    CHECK(f.saved() == 2);
}

TEST_CASE("half a cluster is not saved", "[saved]") {
    const test::TemporaryFolder folder;
    HandClock clock;
    metrics::Registry registry{1};
    Store store{{}, clock};
    REQUIRE(store.apply(BeginList{Kind::service}));
    REQUIRE(store.apply(EndList{Kind::service}));
    StateSaver saver{{.path = folder / "state", .fingerprint = "here"},
                     store,
                     [](auto, auto) { FAIL("nothing to do"); },
                     registry,
                     clock};
    saver.changed();
    saver.tick(clock.wall());
    saver.stop(clock.wall());
    CHECK_FALSE(std::filesystem::exists(folder / "state"));
}

TEST_CASE("without a path nothing is saved or loaded", "[saved]") {
    Fixture f;
    StateSaver saver{{}, f.store, [](auto, auto) { FAIL("nothing to do"); }, f.registry, f.clock};
    saver.changed();
    saver.tick(f.clock.wall());
    saver.stop(f.clock.wall());
    CHECK_FALSE(load_saved_state({}, f.registry, f.clock, [](Event) { FAIL("no file"); }));
    CHECK(value_of(f.registry, "nameplane_state_loaded") == 0);
}

TEST_CASE("an orderly stop saves what changed, and the time of contact", "[saved]") {
    Fixture f;
    f.saver.stop(f.clock.wall());
    CHECK(f.saved() == 1);
    CHECK(f.saves("done") == 1);
    f.saver.stop(f.clock.wall());
    CHECK(f.saves("done") == 1);
    f.clock.turn(1min);
    f.saver.stop(f.clock.wall());
    CHECK(f.saves("done") == 2);
    CHECK(SavedState::read(f.options.path, "here").value().contact() == f.clock.wall());
}

TEST_CASE("a stop waits for the save under way", "[saved]") {
    Fixture f;
    f.tick();
    std::thread worker{f.works.front().first};
    f.put("db");
    f.saver.stop(f.clock.wall());
    worker.join();
    CHECK(f.saved() == 2);
    CHECK(f.saves("done") == 2);
    f.works.front().second();  // comes late, and is not counted again
    CHECK(f.saves("done") == 2);
}

TEST_CASE("a saver may go before its work is done", "[saved]") {
    Fixture f;
    auto saver = std::make_unique<StateSaver>(
        f.options, f.store,
        [&f](auto job, auto done) { f.works.emplace_back(std::move(job), std::move(done)); },
        f.registry, f.clock);
    saver->changed();
    saver->tick(f.clock.wall());
    std::thread worker{f.works.front().first};
    saver.reset();
    worker.join();
    f.works.front().second();
    CHECK(f.saved() == 1);
}

TEST_CASE("a disk that refuses is counted each time, logged once, and tried again", "[saved]") {
    Fixture f;
    std::filesystem::create_directory(f.options.path);  // which no file can replace
    for (int round = 1; round <= 3; ++round) {
        const std::string printed = stderr_of([&] {
            f.tick();
            f.work();
        });
        CHECK(printed.find("state.unwritten") == (round == 1 ? printed.find("state.") : npos));
        CHECK(f.saves("failed") == round);
        f.tick();
        CHECK(f.works.empty());
        f.clock.turn(10s);
    }
    std::filesystem::remove(f.options.path);
    const std::string printed = stderr_of([&] {
        f.tick();
        f.work();
    });
    CHECK(printed.find("state.written_again path=" + f.options.path + " after=3") != npos);
    CHECK(f.saves("done") == 1);
    CHECK(f.saved() == 1);
    f.put("db");
    f.clock.turn(10s);
    CHECK(stderr_of([&] {
              f.tick();
              f.work();
          }).empty());
}

TEST_CASE("what was saved is loaded, and needs no saving then", "[saved]") {
    Fixture f;
    f.saver.stop(f.clock.wall());
    const WallTime saved_at = f.clock.wall();
    f.clock.turn(42s);

    Store store{{}, f.clock};
    StateSaver saver{f.options, store, [](auto, auto) { FAIL("nothing to do"); }, f.registry,
                     f.clock};
    const auto contact = load_saved_state(f.options, f.registry, f.clock, [&](Event event) {
        REQUIRE(store.apply(std::move(event)));
        saver.changed();
    });
    REQUIRE(contact == saved_at);
    saver.loaded(*contact);
    CHECK(value_of(f.registry, "nameplane_state_loaded") == 1);
    CHECK(store.snapshot()->service_count() == 1);
    saver.tick(*contact);
    saver.stop(*contact);
    CHECK(f.saves("done") == 1);
}

TEST_CASE("a file that is no good is dropped, and replaced by the next save", "[saved]") {
    Fixture f;
    f.folder.write("state", "nameplane state\nand then rubbish that is long enough for a sum");
    REQUIRE(::chmod(f.options.path.c_str(), 0600) == 0);
    const std::string printed = stderr_of([&] {
        CHECK_FALSE(load_saved_state(f.options, f.registry, f.clock,
                                     [](Event) { FAIL("nothing of it is believed"); }));
    });
    CHECK(printed.find("warning state.dropped path=" + f.options.path +
                       " error=\"damaged: the checksum is wrong\"") != npos);
    CHECK(value_of(f.registry, "nameplane_state_loaded") == 0);
    f.tick();
    f.work();
    CHECK(f.saved() == 1);
}

TEST_CASE("on a real loop the file is written by another thread", "[saved]") {
    Fixture f;
    net::Loop loop;
    std::thread::id wrote_on;
    StateSaver saver{f.options, f.store,
                     [&](auto job, auto done) {
                         loop.work(
                             [&wrote_on, job] {
                                 wrote_on = std::this_thread::get_id();
                                 job();
                             },
                             [&loop, done] {
                                 done();
                                 loop.stop();
                             });
                     },
                     f.registry, f.clock};
    saver.changed();
    saver.tick(f.clock.wall());
    loop.run();
    CHECK(f.saved() == 1);
    CHECK(f.saves("done") == 1);
    CHECK(wrote_on != std::thread::id{});
    CHECK(wrote_on != std::this_thread::get_id());
}
