// The splitters: the same pieces wherever the octets are cut, bounded memory, garbage ends it.
#include "kube/splitter.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace nameplane::kube;

namespace {

/// What came out, as text: an object as it is, "LONG ..." for the beginning of one, "GARBAGE".
std::string shown(const Piece& piece) {
    switch (piece.what) {
    case Piece::What::object: return std::string{piece.octets};
    case Piece::What::over_long: return "LONG " + std::string{piece.octets};
    case Piece::What::garbage: return "GARBAGE";
    case Piece::What::nothing: break;
    }
    return "NOTHING";
}

/// Feeds `octets` in pieces of `cut`; each is a block of its own.
template <class S>
std::vector<std::string> pieces(S& splitter, std::string_view octets, std::size_t cut) {
    std::vector<std::string> out;
    for (std::size_t at = 0; at < octets.size(); at += cut) {
        const std::string block{octets.substr(at, cut)};
        splitter.feed(block);
        for (Piece piece = splitter.next(); piece.what != Piece::What::nothing;
             piece = splitter.next()) {
            out.push_back(shown(piece));
            if (piece.what == Piece::What::garbage) return out;
        }
    }
    return out;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a watch is cut into its objects wherever the octets are cut") {
    struct Case {
        std::string_view name;
        std::string_view octets;
        Lines want;
        bool inside = false;
    };
    const auto [name, octets, want, inside] = GENERATE(values<Case>({
        {"two lines", "{\"a\":1}\n{\"b\":[{}]}\n", {"{\"a\":1}", "{\"b\":[{}]}"}},
        {"no line ends", "{}{}\r\n \t{}", {"{}", "{}", "{}"}},
        {"braces in strings",
         R"({"a":"}\"]{","b\\":"{"})"
         "\n",
         {R"({"a":"}\"]{","b\\":"{"})"}},
        {"one that is not whole", "{}\n{\"a\":", {"{}"}, true},
        {"within a string", "{\"a\":\"x\\", {}, true},
        {"nothing", " \n", {}},
        {"no object", "{}\n[1]", {"{}", "GARBAGE"}},
        {"a page of HTML", "<html>", {"GARBAGE"}},
        {"in several lines",
         "{\n  \"a\": [\n    {\n    }\n  ]\n}\n{}",
         {"{\n  \"a\": [\n    {\n    }\n  ]\n}", "{}"}},
        {"a brace is missing", "{\"a\":{}\n{}\n", {"GARBAGE"}},
        {"a quote is missing", "{\"a}\n{}\n", {"GARBAGE"}},
        {"one brace too many", "{}}{}", {"{}", "GARBAGE"}},
    }));
    CAPTURE(name);
    for (std::size_t cut = 1; cut <= octets.size(); ++cut) {
        CAPTURE(cut);
        WatchSplitter splitter;
        CHECK(pieces(splitter, octets, cut) == want);
        CHECK(splitter.in_object() == inside);
    }
}

TEST_CASE("a list gives its items, and what stands around them") {
    struct Case {
        std::string_view name;
        std::string_view octets;
        Lines want;
        bool whole = true;
        std::string_view metadata = R"({"resourceVersion":"7"})";
    };
    const auto [name, octets, want, whole, metadata] = GENERATE(values<Case>({
        {"metadata first",
         R"({"kind":"ServiceList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[{"a":1},{"b":"]"}]})",
         {R"({"a":1})", R"({"b":"]"})"}},
        {"metadata last",
         R"( { "items" : [ {} , {} ] , "x" : [ { } ] , "metadata" : {"resourceVersion":"7"} } )",
         {"{}", "{}"}},
        {"no items", R"({"metadata":{"resourceVersion":"7"},"items":[]})", {}},
        {"null for items",
         R"({"metadata":{"resourceVersion":"7"},"items":null,"n":-1.5e3,"t":true})",
         {}},
        {"items within others are none",
         R"({"x":{"items":[{}]},"metadata":{"resourceVersion":"7"},"items":[]})",
         {}},
        {"cut off", R"({"metadata":{"resourceVersion":"7"},"items":[{},{"a")", {"{}"}, false},
        {"cut off behind an item",
         R"({"metadata":{"resourceVersion":"7"},"items":[{})",
         {"{}"},
         false},
        {"an item that is none",
         R"({"metadata":{"resourceVersion":"7"},"items":[{},3]})",
         {"{}", "GARBAGE"},
         false},
        {"a comma too many",
         R"({"metadata":{"resourceVersion":"7"},"items":[{},]})",
         {"{}", "GARBAGE"},
         false},
        {"no colon", R"({"metadata"{})", {"GARBAGE"}, false, ""},
        {"a key that is none", R"({metadata:{}})", {"GARBAGE"}, false, ""},
        {"no list at all", "[]", {"GARBAGE"}, false, ""},
        {"something behind it",
         R"({"metadata":{"resourceVersion":"7"},"items":[]} {)",
         {"GARBAGE"},
         false},
    }));
    CAPTURE(name);
    for (std::size_t cut = 1; cut <= octets.size(); ++cut) {
        CAPTURE(cut);
        ListSplitter splitter;
        CHECK(pieces(splitter, octets, cut) == want);
        CHECK(splitter.whole() == whole);
        CHECK(splitter.metadata() == metadata);
        if (whole) CHECK(splitter.has_items());
    }
    ListSplitter without;
    pieces(without, R"({"kind":"Status","metadata":{},"items":{}})", 5);
    CHECK(without.whole());
    CHECK_FALSE(without.has_items());
    CHECK(without.kind() == "\"Status\"");
}

TEST_CASE("an object that is too long is skipped, its beginning told, and the stream goes on") {
    const std::string long_one = R"({"name":")" + std::string(300'000, 'x') + "\"}";
    const std::string short_one = R"({"name":"y"})";
    for (const std::size_t cut : {1'000U, 70'000U, 1'000'000U}) {
        CAPTURE(cut);
        WatchSplitter watch{200'000};
        const Lines events = pieces(watch, long_one + "\n" + short_one, cut);
        REQUIRE(events.size() == 2);
        CHECK(events[0] == "LONG " + long_one.substr(0, skipped_octets_kept));
        CHECK(events[1] == short_one);

        ListSplitter list{200'000};
        const Lines items = pieces(list, R"({"items":[)" + long_one + "," + short_one + "]}", cut);
        REQUIRE(items.size() == 2);
        CHECK(items[0] == "LONG " + long_one.substr(0, skipped_octets_kept));
        CHECK(items[1] == short_one);
        CHECK(list.whole());
    }
}

TEST_CASE("a field beside the items that is too long is passed over") {
    ListSplitter list;
    const std::string octets =
        R"({"metadata":")" + std::string(100'000, 'x') + R"(","items":[{}]})";
    CHECK(pieces(list, octets, 999) == Lines{"{}"});
    CHECK(list.whole());
    CHECK(list.metadata().empty());
}

TEST_CASE("the name of an object is seen in its beginning") {
    const std::string_view event =
        R"({"type":"DELETED","object":{"kind":"Service","apiVersion":"v1","metadata":{"name":"web","namespace":"shop","uid":"u","resourceVersion":"12","labels":{"name":"no"}},"spec":{)";
    const SeenName seen = name_in(event);
    CHECK(seen.event == "DELETED");
    CHECK(seen.name == "web");
    CHECK(seen.ns == "shop");
    CHECK(seen.resource_version == "12");
    const SeenName item = name_in(R"({"metadata":{"namespace":"a","name":"b"},"spec":tru})");
    CHECK(item.name == "b");
    CHECK(item.ns == "a");
    for (std::size_t size = 0; size <= event.size(); ++size) {
        const std::string block{event.substr(0, size)};
        const SeenName part = name_in(block);
        CHECK((part.name.empty() || part.name == "web"));
        CHECK((part.ns.empty() || part.ns == "shop"));
    }
    CHECK(name_in(R"({"metadata":{"name":7}})").name.empty());
    CHECK(name_in(R"({"spec":{"metadata":{"name":"no"}}})").name.empty());
}
