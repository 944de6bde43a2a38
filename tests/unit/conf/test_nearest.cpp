#include "conf/nearest.hpp"
#include "row.hpp"

#include <catch2/catch.hpp>

using namespace nameplane::conf;
using nameplane::test::Row;

namespace {

struct Meant {
    std::string_view typed;
    std::string_view known;
    Row row = {};
};

constexpr std::array<std::string_view, 6> known{"ttl",    "pods",    "port",
                                                "listen", "threads", "masquerade_all"};

}  // namespace

TEST_CASE("the known word that was most likely meant is found") {
    const std::vector<Meant> rows{
        {"tll", "ttl"},                      // one letter replaced
        {"tlt", "ttl"},                      // two neighbours swapped
        {"TTL", "ttl"},                      // case is no difference
        {"thread", "threads"},               // one letter missing
        {"lisstenn", "listen"},              // two too many
        {"masqerade-al", "masquerade_all"},  // three in a long word
        {"pot", "port"},                     // nearer than "pods"
        {"pos", "pods"},                     // as near as "port" is not
        {"xyz", ""},                         // nothing in common
        {"ab", ""},                          // short words are alike by chance
        {"completely_else", ""},
        {"", ""},
    };
    for (const Meant& row : rows) {
        INFO(row.row.to_string() << ": " << row.typed);
        CHECK(nearest(row.typed, known) == row.known);
    }
}

TEST_CASE("the question is asked only with something to ask") {
    CHECK(did_you_mean("tll", known) == ", did you mean 'ttl'?");
    CHECK(did_you_mean("xyz", known).empty());
    CHECK(did_you_mean(std::string(100'000, 'a'), known).empty());
    CHECK(did_you_mean("a", {}).empty());
}
