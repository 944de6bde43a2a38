#include "services/change_triggers.hpp"
#include "services/contents.hpp"
#include "services/limits.hpp"
#include "services/merge.hpp"
#include "services/store.hpp"
#include "support/service_cases.hpp"
#include <nameplane/services/view.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace nameplane::services {
namespace {

using namespace nameplane::test;

void list(Store& store, Kind kind, const std::vector<Event>& objects) {
    REQUIRE(store.apply(BeginList{kind}));
    for (const Event& object : objects) REQUIRE(store.apply(object));
    REQUIRE(store.apply(EndList{kind}));
}

/// What for_each() says, as words.
std::vector<std::string> words_of(const Contents& contents) {
    std::vector<std::string> words;
    contents.for_each([&](const auto& said) {
        using Said = std::decay_t<decltype(said)>;
        if constexpr (std::same_as<Said, BeginList>) {
            words.push_back("begin " + std::string{to_string(said.kind)});
        } else if constexpr (std::same_as<Said, EndList>) {
            words.push_back("end " + std::string{to_string(said.kind)});
        } else {
            words.push_back(said.key.ns + "/" + said.key.name);
        }
    });
    return words;
}

EndpointSlice unpacked(const StoredSlice& stored, const EndpointSlice& named) {
    EndpointSlice out;
    out.key = named.key;
    out.service = named.service;
    out.endpoints.resize(7);  // memory that is used again, with something in it
    out.endpoints[0].hostname = "old";
    stored.unpack(out);
    return out;
}

TEST_CASE("contents say what brings an empty store to the same state", "[services]") {
    HandClock clock;
    Store store{StoreOptions{.keep_pods = true}, clock};
    list(store, Kind::namespace_, {name_space("ns")});
    list(store, Kind::service, {cluster_ip_service("ns", "web", "10.96.0.1")});
    list(store, Kind::endpoint_slice,
         {slice("ns", "web", "web-1", {endpoint("10.0.0.1")}),
          slice("ns", "early", "early-1", {endpoint("10.0.0.2")})});
    Pod pod;
    pod.key = {"ns", "web-0"};
    pod.ips = {ip("10.0.0.1"), ip("fd00::1")};
    list(store, Kind::pod, {pod});
    // No list of Nodes: they may not be watched at all.
    const Contents contents = store.contents();
    const auto words = words_of(contents);
    CHECK(std::ranges::count(words, "ns/early-1") == 1);
    CHECK(words.size() == 5 + 4 * 2);
    CHECK(contents.has(Kind::pod));
    CHECK_FALSE(contents.has(Kind::node));

    Store again{StoreOptions{.keep_pods = true}, clock};
    contents.for_each([&](const auto& said) { REQUIRE(again.apply(Event{said})); });
    const auto before = store.snapshot();
    const auto after = again.snapshot();
    const ServiceView view{*after};
    CHECK(view.synced());
    CHECK(view.has_namespace("ns"));
    CHECK(view.has_pod("ns", ip("fd00::1")));
    REQUIRE(view.find("ns", "web") != nullptr);
    CHECK(view.find("ns", "web")->endpoints.size() == 1);
    CHECK(after->endpoint_count() == before->endpoint_count());
    // The slice that came before its Service is there when that comes.
    REQUIRE(again.apply(cluster_ip_service("ns", "early", "10.96.0.2")));
    CHECK(ServiceView{*again.snapshot()}.find("ns", "early")->endpoints.size() == 1);
}

TEST_CASE("contents stay as they were when taken", "[services]") {
    HandClock clock;
    Store store{{}, clock};
    list(store, Kind::service, {cluster_ip_service("ns", "web", "10.96.0.1")});
    list(store, Kind::endpoint_slice, {slice("ns", "web", "web-1", {endpoint("10.0.0.1")})});
    const Contents contents = store.contents();
    const auto words = words_of(contents);
    REQUIRE(store.apply(Remove{Kind::service, {"ns", "web"}}));
    REQUIRE(store.apply(Remove{Kind::endpoint_slice, {"ns", "web-1"}}));
    (void)store.snapshot();
    store.sweep();
    CHECK(words_of(contents) == words);
    CHECK(words_of(store.contents()).size() == 4);
}

TEST_CASE("a slice comes out of its compact form as it went in", "[services]") {
    const auto pool = std::make_shared<StringPool>();
    EndpointSlice given = slice("ns", "web", "web-1", {});
    given.family = Family::ipv6;
    given.change_trigger_ns = 5;
    Endpoint first = endpoint("fd00::1", "web-0");
    first.addresses.push_back(ip("fd00::2"));
    first.zone = "a";
    first.pod_name = "web-0";
    first.terminating = true;
    first.hint_zones = {"a", "b"};
    first.hint_nodes = {"node-b"};
    Endpoint twin = first;  // the same but for its addresses, and still another endpoint
    twin.addresses = {ip("fd00::3")};
    Endpoint bare;
    bare.addresses = {ip("fd00::4")};
    bare.ready = false;
    Endpoint like_bare = bare;
    like_bare.addresses = {ip("fd00::5"), ip("fd00::6")};
    given.endpoints = {first, twin, bare, like_bare, bare};
    for (const bool foreign : {false, true}) {
        given.foreign_proxy = foreign;
        CHECK(unpacked(StoredSlice{given, pool}, given) == given);
    }
    CHECK(unpacked(StoredSlice{slice("ns", "web", "none", {}), pool}, given).endpoints.empty());
}

TEST_CASE("endpoints without a text come out within the limits", "[services]") {
    const auto pool = std::make_shared<StringPool>();
    EndpointSlice given = slice("ns", "web", "web-1", {});
    std::uint8_t low = 0;
    for (std::size_t i = 0; i < endpoints_per_slice_max; ++i) {
        Endpoint many;
        for (std::uint8_t at = 0; at < 100; ++at) {
            many.addresses.push_back(
                IpAddress::v4(10, static_cast<std::uint8_t>(i / 250), low, at));
        }
        low = static_cast<std::uint8_t>((low + 1) % 250);
        given.endpoints.push_back(std::move(many));
    }
    const StoredSlice stored{given, pool};
    const EndpointSlice out = unpacked(stored, given);
    CHECK(check_limits(out));
    CHECK(StoredSlice{out, pool}.equals(stored));
}

TEST_CASE("another address type is another slice", "[services]") {
    const auto pool = std::make_shared<StringPool>();
    EndpointSlice given = slice("ns", "web", "web-1", {});
    const StoredSlice v4{given, pool};
    given.family = Family::ipv6;
    CHECK_FALSE(StoredSlice{given, pool}.equals(v4));
}

TEST_CASE("whose a slice is, and which addresses are one endpoint's, make another slice",
          "[services]") {
    const auto pool = std::make_shared<StringPool>();
    EndpointSlice given = slice("ns", "web", "web-1", {endpoint("10.0.0.1"), endpoint("10.0.0.2")});
    const StoredSlice apart{given, pool};
    EndpointSlice foreign = given;
    foreign.foreign_proxy = true;
    CHECK_FALSE(StoredSlice{foreign, pool}.equals(apart));
    given.endpoints.pop_back();
    given.endpoints[0].addresses.push_back(ip("10.0.0.2"));
    CHECK_FALSE(StoredSlice{given, pool}.equals(apart));
}

/// A Service whose slices have these triggers; "6" in front of a number: an IPv6 slice.
std::shared_ptr<const ServiceEntry> with_triggers(const std::vector<std::string>& triggers) {
    const auto pool = std::make_shared<StringPool>();
    std::vector<std::shared_ptr<const StoredSlice>> slices;
    for (const std::string& text : triggers) {
        EndpointSlice one = slice("ns", "web", "web-1", {});
        one.family = text[0] == '6' ? Family::ipv6 : Family::ipv4;
        one.change_trigger_ns = std::stoll(text.substr(1));
        slices.push_back(std::make_shared<const StoredSlice>(one, pool));
    }
    return merge(std::make_shared<const Service>(), std::move(slices));
}

TEST_CASE("new change triggers are those of the slices that were changed", "[services]") {
    using Times = std::vector<std::int64_t>;
    const auto before = with_triggers({"410", "420", "40", "610"});
    CHECK(new_change_triggers(nullptr, *before) == Times{10, 10, 20});
    CHECK(new_change_triggers(before.get(), *before).empty());
    // One change of two slices is two, a slice that goes is none.
    const auto after = with_triggers({"430", "430", "40", "610"});
    CHECK(new_change_triggers(before.get(), *after) == Times{30, 30});
    CHECK(new_change_triggers(before.get(), *with_triggers({"410"})).empty());
    CHECK(new_change_triggers(before.get(), *with_triggers({"410", "699"}), Family::ipv4).empty());
    CHECK(new_change_triggers(before.get(), *with_triggers({"410", "699"}), Family::ipv6) ==
          Times{99});
}

}  // namespace
}  // namespace nameplane::services
