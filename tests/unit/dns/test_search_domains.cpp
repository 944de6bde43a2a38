#include "dns/search_domains.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace nameplane;
using namespace nameplane::dns;

TEST_CASE("the search list of a resolv.conf", "[search_domains]") {
    const auto list = [](std::string_view text) {
        std::string names;
        for (const Name& name : search_domains(text)) names += name.to_string() + " ";
        return names;
    };
    CHECK(list("").empty());
    CHECK(list("nameserver 10.0.0.1\noptions ndots:5\n").empty());
    CHECK(list("search A.example b.example.\n") == "a.example. b.example. ");
    CHECK(list("domain a.example\nsearch b.example\tc.example\r\n") == "b.example. c.example. ");
    CHECK(list("search b.example\ndomain a.example") == "a.example. ");
    CHECK(list("# search x\nsearchx y\nsearch bad..name ok\n") == "ok. ");
    CHECK(list("search .\n") == ". ");
    const auto missing = read_search_domains("/nonexistent/resolv.conf");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().code == Errc::not_found);
    CHECK(read_search_domains("/dev/null").value().empty());
}
