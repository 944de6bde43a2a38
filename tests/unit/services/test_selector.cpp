#include "services/selections.hpp"
#include "services/selector.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace nameplane::services {
namespace {

std::string written(std::string_view text) {
    const Result<Selector> selector = Selector::parse(text);
    return selector ? selector->to_string() : "error: " + selector.error().text;
}

TEST_CASE("label selectors are read in every form", "[services]") {
    struct Row {
        std::string_view text;
        std::string_view means;
    };
    const std::vector<Row> rows{
        {"app=web", "app in (web)"},
        {"app==web", "app in (web)"},
        {" app  =  web ", "app in (web)"},
        {"app=", "app in (,)"},
        {"app", "app"},
        {"!app", "!app"},
        {"! app", "!app"},
        {"app in (web)", "app in (web)"},
        {"app in(web,api , web)", "app in (api,web)"},
        {"app notin (web,)", "app notin (,web)"},
        {"b,a=1,!c,b", "a in (1),b,!c"},
        {"environment in (production, staging, qa),application=nginx",
         "application in (nginx),environment in (production,qa,staging)"},
        {"example.com/app=Web_1.0", "example.com/app in (Web_1.0)"},
        {"in=notin", "in in (notin)"},
        {"in in (in)", "in in (in)"},
        {"", "error: '', expected the key of a label"},
        {"a,", "error: '', expected the key of a label"},
        {"a b", "error: 'b', expected '=', 'in', 'notin', ',' or the end"},
        {"a!=b", "error: '!=b', expected '=', 'in', 'notin', ',' or the end"},
        {"a>1", "error: '>1', expected '=', 'in', 'notin', ',' or the end"},
        {"a in b", "error: 'b', expected '(' and values"},
        {"a in ()", "error: no values between '(' and ')', expected some"},
        {"environment in (production, qa", "error: the end, expected ',' or ')'"},
        {"a in (b c)", "error: 'c)', expected ',' or ')'"},
        {"a=b)", "error: ')', expected ',' or the end"},
        {"-a=b", "error: '-a', expected the key of a label"},
        {"Example/a", "error: 'Example/a', expected the key of a label"},
        {"a..b/c", "error: 'a..b/c', expected the key of a label"},
        {"a/b/c", "error: 'a/b/c', expected the key of a label"},
        {"/a", "error: '/a', expected the key of a label"},
        {"a=-b", "error: '-b', expected the value of a label"},
    };
    for (const Row& row : rows) {
        INFO(row.text);
        CHECK(written(row.text) == row.means);
    }
    const std::string most(63, 'a');
    CHECK(Selector::parse(most + "=" + most).has_value());
    CHECK_FALSE(Selector::parse(most + "a").has_value());
    CHECK_FALSE(Selector::parse("a=" + most + "a").has_value());
}

TEST_CASE("label selectors match as Kubernetes' do", "[services]") {
    const Labels labels{{"app", "web"}, {"tier", ""}, {"env", "qa"}};
    struct Row {
        std::string_view text;
        bool matches;
    };
    const std::vector<Row> rows{
        {"app=web", true},
        {"app=api", false},
        {"app", true},
        {"!app", false},
        {"none", false},
        {"!none", true},
        {"tier=", true},
        {"none=", false},
        {"env in (prod,qa)", true},
        {"env in (prod)", false},
        {"env notin (prod)", true},
        {"env notin (prod,qa)", false},
        {"none notin (a)", true},
        {"app=web,env=qa", true},
        {"app=web,env=prod", false},
        {"app=web,app=api", false},
    };
    for (const Row& row : rows) {
        INFO(row.text);
        CHECK(Selector::parse(row.text)->matches(labels) == row.matches);
    }
}

TEST_CASE("a set of selectors gives each a bit, and no more than there is room for", "[services]") {
    SelectorSet set;
    CHECK(set.empty());
    for (const char* text : {"a", "b", "c", "a=1", "!d"}) {
        REQUIRE(set.add(*Selector::parse(text)));
        REQUIRE(set.add(*Selector::parse(text)));
    }
    CHECK_FALSE(set.add(*Selector::parse("e")));
    CHECK(set.bit_of(*Selector::parse("a == 1")) == 8);
    CHECK_FALSE(set.bit_of(*Selector::parse("e")).has_value());
    CHECK(set.judge({}) == 16);
    CHECK(set.judge({{"a", "1"}, {"d", ""}}) == 9);
    CHECK(set.judge({{"a", "2"}, {"c", ""}}) == 21);
    CHECK(set.to_string() == "a\nb\nc\na in (1)\n!d\n");
}

}  // namespace
}  // namespace nameplane::services
