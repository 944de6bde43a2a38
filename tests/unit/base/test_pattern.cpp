#include <nameplane/base/pattern.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <string>
#include <string_view>

namespace nameplane {
namespace {

TEST_CASE("a pattern matches anywhere and gives its groups", "[base][pattern]") {
    const auto pattern = Pattern::make(R"((?P<host>[a-z]+)-(\d+)?\.example\.)");
    REQUIRE(pattern);
    CHECK(pattern->group_count() == 2);
    CHECK(pattern->group_names() == std::vector<std::string>{"", "host", ""});
    std::array<std::string_view, 3> groups;
    const std::string text = "x.web-17.example.org.";
    REQUIRE(pattern->match(text, groups));
    CHECK(groups[0] == "web-17.example.");
    CHECK(groups[1] == "web");
    CHECK(groups[2] == "17");
    REQUIRE(pattern->match("web-.example.", groups));
    CHECK(groups[2].empty());
    CHECK(pattern->matches(text));
    CHECK_FALSE(pattern->matches("web.example."));
    CHECK_FALSE(pattern->match("web.example.", groups));
    std::array<std::string_view, 1> whole;
    REQUIRE(pattern->match(text, whole));
    CHECK(whole[0] == "web-17.example.");
}

TEST_CASE("what Go's regexp refuses is refused", "[base][pattern]") {
    for (const char* const text : {"(", "[a", "a**", "(?=a)", R"((a)\1)", "a{2000}"}) {
        INFO(text);
        const auto pattern = Pattern::make(text);
        REQUIRE_FALSE(pattern);
        CHECK(pattern.error().text.find("expected a pattern") != std::string::npos);
    }
    CHECK_FALSE(Pattern::make(std::string(Pattern::octets_max + 1, 'a')));
    CHECK(Pattern::make(std::string(Pattern::octets_max, 'a')));
    std::string groups;
    for (std::size_t i = 0; i < Pattern::groups_max; ++i) groups += "(a)";
    CHECK_FALSE(Pattern::make(groups));
}

}  // namespace
}  // namespace nameplane
