// How many transfers run at once.

#include "plugins/secondary/turns.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <vector>

using namespace nameplane::plugins::secondary;

TEST_CASE("secondary: turns begin in the order in which they were asked for, some at once") {
    Turns turns{2};
    std::vector<int> begun;
    std::vector<std::unique_ptr<Turns::Turn>> held;
    for (int i = 0; i < 5; ++i) held.push_back(turns.take([&begun, i] { begun.push_back(i); }));
    CHECK(begun == std::vector{0, 1});
    CHECK(turns.waiting() == 3);
    held[2].reset();  // gives up in the line
    CHECK(begun == std::vector{0, 1});
    held[0].reset();
    CHECK(begun == std::vector{0, 1, 3});
    held[1].reset();
    CHECK(begun == std::vector{0, 1, 3, 4});
    held[3].reset();
    held[4].reset();
    const auto last = turns.take([&begun] { begun.push_back(5); });
    CHECK(begun == std::vector{0, 1, 3, 4, 5});
    CHECK(turns.waiting() == 0);
}

TEST_CASE("secondary: no turn begins once they are closed") {
    Turns turns{1};
    int begun = 0;
    auto first = turns.take([&begun] { ++begun; });
    const auto second = turns.take([&begun] { ++begun; });
    turns.close();
    first.reset();
    CHECK(begun == 1);
}
