#include "conf/reader.hpp"
#include "row.hpp"
#include <nameplane/conf/options.hpp>

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::conf;

namespace {

constexpr std::array options_of_table{
    Option{"ttl", Seconds{.from = 0, .to = 3600, .unset = 5}, "TTL of answers"},
    Option{"pods", OneOf{{"disabled", "insecure", "verified"}, "disabled"}, "pod names"},
    Option{"noendpoints", Flag{}, "no endpoints"}, Option{"labels", Words{}, "labels"}};
constexpr OptionTable table{"kubernetes", options_of_table};

constexpr std::array forward_options{Option{"ttl", Seconds{.from = 1, .to = 9, .unset = 5}, "TTL"},
                                     Option{"from", Text{""}, "zone"},
                                     Option{"to", Words{.from = 1}, "upstreams"},
                                     Option{"tls", Words{.to = 3}, "files"},
                                     Option{"except", Zones{}, "zones"},
                                     Option{"success", Statements{}, "numbers"}};
constexpr OptionTable forward{
    "forward", forward_options, {.positional = {"ttl?", "from", "to..."}}};

Directive directive(std::vector<Directive> body) {
    return {"kubernetes", {}, std::move(body), {"np.toml", 3}};
}
Directive option(std::string name, std::vector<std::string> words, unsigned line) {
    return {std::move(name), std::move(words), {}, {"np.toml", line}};
}
std::vector<std::string> texts(const std::vector<Problem>& problems) {
    std::vector<std::string> all;
    for (const Problem& problem : problems) all.push_back(problem.to_string());
    return all;
}

}  // namespace

TEST_CASE("options not given have their defaults") {
    const Options options{options_of_table};
    CHECK(options.seconds("ttl") == 5);
    CHECK(options.word("pods") == "disabled");
    CHECK_FALSE(options.flag("noendpoints"));
    CHECK(options.words("labels").empty());
    CHECK_FALSE(options.given("ttl"));
}

TEST_CASE("options given replace the defaults and know that they were given") {
    std::vector<Problem> problems;
    const Options options =
        read_options(directive({option("ttl", {"30"}, 4), option("noendpoints", {}, 5),
                                option("labels", {"a", "b"}, 6)}),
                     table, problems);
    CHECK(problems.empty());
    CHECK(options.seconds("ttl") == 30);
    CHECK(options.flag("noendpoints"));
    CHECK(options.words("labels") == std::vector<std::string>{"a", "b"});
    CHECK(options.given("ttl"));
    CHECK_FALSE(options.given("pods"));
}

TEST_CASE("writing a default down changes nothing") {
    std::vector<Problem> problems;
    CHECK(read_options(directive({option("ttl", {"5s"}, 4)}), table, problems) ==
          Options{options_of_table});
    CHECK_FALSE(read_options(directive({option("ttl", {"6"}, 4)}), table, problems) ==
                Options{options_of_table});
}

TEST_CASE("everything that is wrong is reported, at its line") {
    std::vector<Problem> problems;
    const Options options =
        read_options(directive({option("tll", {"30"}, 4),
                                option("pods", {"sometimes"}, 5),
                                option("ttl", {"1"}, 6),
                                option("ttl", {"2"}, 7),
                                option("zzz", {"1"}, 8),
                                {"labels", {}, {option("x", {}, 10)}, {"np.toml", 9}}}),
                     table, problems);
    CHECK(texts(problems) ==
          std::vector<std::string>{
              "np.toml:4: unknown option 'tll', did you mean 'ttl'?",
              "np.toml:5: pods: 'sometimes', expected one of 'disabled' 'insecure' 'verified'",
              "np.toml:7: ttl: given twice, expected once (first at np.toml:6)",
              "np.toml:8: unknown option 'zzz'", "np.toml:9: labels: a table, expected words"});
    CHECK(options.seconds("ttl") == 1);
    CHECK(options.word("pods") == "disabled");
}

TEST_CASE("words behind the directive fill the positional options") {
    struct Fills {
        std::vector<std::string> words;
        std::uint32_t ttl;
        std::string from;
        std::vector<std::string> to;
        std::string problems;
        nameplane::test::Row row = {};
    };
    const std::vector<Fills> rows{
        {{".", "a", "b"}, 5, ".", {"a", "b"}, ""},
        {{"7", ".", "a"}, 7, ".", {"a"}, ""},
        {{"-7", ".", "a"}, 5, ".", {"a"}, "np.toml:3: ttl: '-7', expected seconds from 1 to 9"},
        {{"10.in-addr.arpa", "a"}, 5, "10.in-addr.arpa", {"a"}, ""},
        {{"7"},
         7,
         "",
         {},
         "np.toml:3: forward: no 'from', expected one text|"
         "np.toml:3: forward: no 'to', expected 1 word or more"},
        {{"."}, 5, ".", {}, "np.toml:3: forward: no 'to', expected 1 word or more"},
    };
    for (const Fills& row : rows) {
        INFO(row.row.to_string());
        std::vector<Problem> problems;
        const Directive given{"forward", row.words, {}, {"np.toml", 3}, true};
        const Options options = read_options(given, forward, problems);
        std::string all;
        for (const std::string& text : texts(problems)) all += (all.empty() ? "" : "|") + text;
        CHECK(all == row.problems);
        CHECK(options.seconds("ttl") == row.ttl);
        CHECK(options.text("from") == row.from);
        CHECK(options.words("to") == row.to);
        // In TOML they are options like all others.
        if (!problems.empty()) continue;
        const Directive named{"forward",
                              {},
                              {option("from", {row.from}, 4), option("to", row.to, 5),
                               option("ttl", {std::to_string(row.ttl)}, 6)},
                              {"np.toml", 9}};
        CHECK(read_options(named, forward, problems) == options);
        CHECK(problems.empty());
    }
}

TEST_CASE("words that no option wants are refused") {
    std::vector<Problem> problems;
    Directive given = directive({});
    given.words = {"cluster.local"};
    read_options(given, table, problems);
    constexpr OptionTable one{"bufsize", forward_options, {.positional = {"ttl?"}}};
    read_options({"bufsize", {"5", "x"}, {}, {"np.toml", 4}, true}, one, problems);
    read_options({"bufsize", {"x"}, {}, {"np.toml", 5}, true}, one, problems);
    REQUIRE(problems.size() == 3);
    CHECK(problems.back().to_string().starts_with("np.toml:5: ttl: 'x', expected seconds from "));
    problems.pop_back();
    CHECK(texts(problems) ==
          std::vector<std::string>{
              "np.toml:3: kubernetes: 'cluster.local', expected nothing behind it",
              "np.toml:4: bufsize: 'x', expected nothing more behind it"});
}

TEST_CASE("a positional option cannot stand in the body of a line, and not twice in TOML") {
    std::vector<Problem> problems;
    Directive line = option("from", {"a"}, 5);
    line.is_line = true;
    read_options({"forward", {".", "a"}, {line}, {"np.toml", 4}, true}, forward, problems);
    read_options({"forward", {".", "a"}, {option("from", {"a"}, 7)}, {"np.toml", 6}}, forward,
                 problems);
    CHECK(texts(problems) ==
          std::vector<std::string>{
              "np.toml:5: unknown option 'from'",
              "np.toml:7: from: given twice, expected once (first at np.toml:6)"});
}

TEST_CASE("of lines that stand twice the last one counts, and lists grow") {
    std::vector<Problem> problems;
    const auto line = [](std::string name, std::vector<std::string> words) {
        return Directive{std::move(name), std::move(words), {}, {"Corefile", 2}, true};
    };
    const Options options =
        read_options({"forward",
                      {".", "a"},
                      {line("ttl", {"1"}), line("ttl", {"2"}), line("except", {"a", "b"}),
                       line("except", {"c"}), line("success", {"1", "2"}), line("success", {"3"}),
                       line("tls", {"a", "b", "c"}), line("tls", {"d"})},
                      {"Corefile", 1},
                      true},
                     {"forward", forward_options, {.positional = {"from", "to..."}}}, problems);
    CHECK(problems.empty());
    CHECK(options.seconds("ttl") == 2);
    CHECK(options.words("tls") == std::vector<std::string>{"d"});
    CHECK(options.zones("except").size() == 3);
    CHECK(options.zones("except").back() == *dns::Name::parse("c"));
    CHECK(options.statements("success") ==
          std::vector<Statement>{{{"1", "2"}, {}, {}}, {{"3"}, {}, {}}});
    CHECK(options.statements("success")[0].where.to_string() == "Corefile:2");
}

TEST_CASE("in TOML each text of an option of lines is a line") {
    std::vector<Problem> problems;
    const Options options = read_options(
        {"forward", {".", "a"}, {option("success", {"1 2", "3 \"4 5\""}, 4)}, {"np.toml", 3}},
        {"forward", forward_options, {.positional = {"from", "to..."}}}, problems);
    CHECK(problems.empty());
    CHECK(options.statements("success") ==
          std::vector<Statement>{{{"1", "2"}, {}, {}}, {{"3", "4 5"}, {}, {}}});
}

TEST_CASE("what make() finds wrong carries the place of the option, or of the directive") {
    std::vector<Problem> problems;
    const Options options = read_options(directive({option("ttl", {"1"}, 12)}), table, problems);
    CHECK(options.where("ttl").to_string() == "np.toml:12");
    CHECK(options.where("pods").to_string() == "np.toml:3");
    const Error error = options.wrong("ttl", "'1', expected more");
    CHECK(error.code == Errc::mistakes);
    CHECK(error.text == "np.toml:12: ttl: '1', expected more");
    Mistakes mistakes;
    CHECK_FALSE(mistakes.any());
    mistakes.add(error);
    mistakes.add(Where{"Corefile", 7}, "another");
    CHECK(mistakes.to_error().text == "np.toml:12: ttl: '1', expected more\nCorefile:7: another");
}

TEST_CASE("an option's place is that of its directive when it was not given") {
    const Directive given = directive({option("ttl", {"1"}, 12)});
    CHECK(where_of(given, "ttl").to_string() == "np.toml:12");
    CHECK(where_of(given, "pods").to_string() == "np.toml:3");
}
