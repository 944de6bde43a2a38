// Trees from YAML and JSON: the same for both, lines right, limits kept.
#include "kube/tree.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::kube;

namespace {

/// A tree as text: {key: value, ...}, [..], 'quoted', plain, ~; with @line behind scalars.
std::string shown(Value value) {
    std::string out;
    switch (value.shape()) {
    case Shape::null: return "~";
    case Shape::plain: return std::string{value.text()} + '@' + std::to_string(value.line());
    case Shape::text: return '\'' + std::string{value.text()} + "'@" + std::to_string(value.line());
    case Shape::list:
    case Shape::map: break;
    }
    const bool map = value.shape() == Shape::map;
    for (Value one = value.first(); one; one = one.next()) {
        if (!out.empty()) out += ", ";
        if (map) out += std::string{one.key()} + ": ";
        out += shown(one);
    }
    return (map ? "{" : "[") + out + (map ? "}" : "]");
}

std::string yaml(std::string_view text) {
    const Tree tree = read_yaml({text, 1});
    if (const Fault* fault = tree.fault()) return std::to_string(fault->line) + ": " + fault->text;
    return shown(tree.root());
}

std::string json(std::string_view text) {
    const Tree tree = read_json(text);
    if (const Fault* fault = tree.fault()) return std::to_string(fault->line) + ": " + fault->text;
    return shown(tree.root());
}

std::string repeated(std::string_view text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
}

}  // namespace

TEST_CASE("scalars keep their line and whether they were quoted") {
    CHECK(yaml("a: 1\nb: '1'\nc: \"x\"\nd:\ne: ~\nf: [p, 'q']\ng: {h: i}\n") ==
          "{a: 1@1, b: '1'@2, c: 'x'@3, d: ~, e: ~, f: [p@6, 'q'@6], g: {h: i@7}}");
    CHECK(yaml("a: |\n  two\n  lines\nb: !!str 5\n") == "{a: 'two\nlines\n'@1, b: '5'@4}");
    CHECK(json("{\"a\": 1,\n \"b\": \"1\",\n\n \"c\": [true, null, -2.5e3],\n \"d\\u0041\": {}}") ==
          "{a: 1@1, b: '1'@2, c: [true@4, ~, -2.5e3@4], dA: {}}");
}

TEST_CASE("aliases and merge keys are written out") {
    CHECK(yaml("a: &x {p: 1, q: 2}\nb: *x\n") == "{a: {p: 1@1, q: 2@1}, b: {p: 1@1, q: 2@1}}");
    CHECK(yaml("a: &x [1, 2]\nb: [*x, 3]\n") == "{a: [1@1, 2@1], b: [[1@1, 2@1], 3@2]}");
    const Tree tree = read_yaml({"base: &b {p: 1, q: 2}\nown:\n  <<: *b\n  q: 3\n", 1});
    REQUIRE(tree.fault() == nullptr);
    CHECK(tree.root().find("own").find("q").text() == "3");
    CHECK(tree.root().find("own").find("p").text() == "1");
    CHECK(yaml("a: &x [*x]\n") ==
          "1: alias of a value inside that value, expected one that is complete");
    CHECK(yaml("a: {&k key: v, o: *k}\n") == "1: alias of a key, expected one of a value");
    CHECK(yaml("a: 1\n<<: 5\n") ==
          "2: merge key '<<' of something else, expected a map or a list of maps");
}

TEST_CASE("an alias bomb is refused") {
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 10; ++i) {
        const std::string before = "*a" + std::to_string(i - 1);
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before +
                repeated(", " + before, 9) + "]\n";
    }
    CHECK_THAT(yaml(bomb), Catch::Contains("aliases that write out more than 100000 values"));
}

TEST_CASE("nesting up to the limit and not beyond") {
    const auto nested = [](std::size_t levels) {
        return repeated("[", levels) + "1" + repeated("]", levels);
    };
    CHECK(yaml(nested(nesting_levels_max)).ends_with("]"));
    CHECK(json(nested(nesting_levels_max)).ends_with("]"));
    const std::string refused = "1: nested deeper than 64 levels, expected less";
    CHECK(yaml(nested(nesting_levels_max + 1)) == refused);
    CHECK(json(nested(nesting_levels_max + 1)) == refused);
    CHECK_THAT(yaml(repeated("[", 100'000)), Catch::Contains("expected"));
    CHECK_THAT(json(repeated("[", 100'000)), Catch::Contains("expected"));
    CHECK_THAT(yaml(repeated("- ", 10'000)), Catch::Contains("expected"));
}

TEST_CASE("doubled keys are refused, in small maps and large ones") {
    CHECK(yaml("a: 1\nb: 2\na: 3\n") == "3: key 'a' stands twice in a map, expected once");
    std::string large;
    for (int i = 0; i < 100; ++i) large += "k" + std::to_string(i) + ": 1\n";
    CHECK(yaml(large).starts_with("{k0"));
    CHECK(yaml(large + "k7: 2\n") == "101: key 'k7' stands twice in a map, expected once");
    CHECK(json("{\"a\":1,\n\"a\":2}") == "2: key 'a' stands twice in a map, expected once");
}

TEST_CASE("syntax errors name their line") {
    CHECK_THAT(yaml("a: 1\nb: [1, 2\n"), Catch::StartsWith("3: not YAML ("));
    CHECK_THAT(yaml("a: 1\n  b: 2\n"), Catch::Contains("not YAML ("));
    CHECK_THAT(yaml("a: 1\nb: {\n"), Catch::Contains("not YAML (end of map flow not found)"));
    // yaml-cpp would go on with this one for ever.
    CHECK(yaml(", x") == "1: second document without '---', expected '---' before it");
    CHECK_THAT(json("{\"a\": 1,\n \"b\": }"), Catch::StartsWith("2: not JSON ("));
    CHECK_THAT(json("{\"a\": 01}"), Catch::Contains("not JSON ("));
    CHECK_THAT(json("{\"a\": 1} {"), Catch::Contains("not JSON ("));
    CHECK_THAT(json("{\"a\": nul}"), Catch::Contains("not JSON ("));
    CHECK_THAT(json(""), Catch::Contains("not JSON ("));
    CHECK(json("kind: Service\n") == "1: document is no object, expected a JSON document");
    CHECK_THAT(json("{\"a\": \"\xff\"}"), Catch::Contains("not JSON ("));
}

TEST_CASE("a byte order mark in front changes nothing") {
    const std::string mark = "\xEF\xBB\xBF";
    CHECK(json(mark + "{\"a\": 1}") == json("{\"a\": 1}"));
    CHECK(yaml(mark + "a: 1\n") == yaml("a: 1\n"));
    CHECK(json(mark + "{\n\"a\": }").starts_with("2: not JSON ("));
}

TEST_CASE("documents are split at --- whatever stands in them") {
    const auto split = [](std::string_view text) {
        std::vector<std::pair<std::uint32_t, std::string>> parts;
        for (const DocumentText& each : split_documents(text))
            parts.emplace_back(each.first_line, std::string{each.text});
        return parts;
    };
    using Parts = std::vector<std::pair<std::uint32_t, std::string>>;
    CHECK(split("a\n---\nb\n") == Parts{{1, "a\n"}, {2, "---\nb\n"}});
    CHECK(split("---\n{\n---\nb") == Parts{{1, "---\n{\n"}, {3, "---\nb"}});
    CHECK(split("# only\n---\n\n--- # and\n...\n---\nb") == Parts{{6, "---\nb"}});
    CHECK(split("--- {a: 1}\n---x: 1\n") == Parts{{1, "--- {a: 1}\n---x: 1\n"}});
    CHECK(split("%YAML 1.2\n---\na: 1\n") == Parts{{2, "---\na: 1\n"}});
    CHECK(split("a: 1\r\n---\r\nb: 2\r\n").size() == 2);
    CHECK(split("").empty());
    CHECK(split("---").empty());
}
