#include "conf/reader.hpp"
#include <nameplane/conf/options.hpp>

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::conf;

namespace {

constexpr std::array table{
    Option{"ttl", Seconds{.from = 0, .to = 3600, .unset = 5}, "TTL of answers"},
    Option{"pods", OneOf{{"disabled", "insecure", "verified"}, "disabled"}, "pod names"},
    Option{"noendpoints", Flag{}, "no endpoints"}, Option{"labels", Words{}, "labels"}};

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
    const Options options{table};
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
    CHECK(read_options(directive({option("ttl", {"5s"}, 4)}), table, problems) == Options{table});
    CHECK_FALSE(read_options(directive({option("ttl", {"6"}, 4)}), table, problems) ==
                Options{table});
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

TEST_CASE("words behind the directive are kept") {
    std::vector<Problem> problems;
    Directive given = directive({});
    given.words = {"cluster.local", "in-addr.arpa"};
    CHECK(read_options(given, table, problems).arguments() == given.words);
}

TEST_CASE("an option's place is that of its directive when it was not given") {
    const Directive given = directive({option("ttl", {"1"}, 12)});
    CHECK(where_of(given, "ttl").to_string() == "np.toml:12");
    CHECK(where_of(given, "pods").to_string() == "np.toml:3");
}
