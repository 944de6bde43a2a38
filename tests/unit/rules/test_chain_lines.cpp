#include "rules/iptables/chain_lines.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace nameplane::rules::iptables;

namespace {

ChainLines lines(const std::vector<int>& numbers) {
    ChainLines made;
    for (const int number : numbers)
        made.add(std::to_string(number), static_cast<std::uint64_t>(number));
    return made;
}

std::vector<int> up_to(int end) {
    std::vector<int> numbers;
    for (int i = 0; i < end; ++i) numbers.push_back(i);
    return numbers;
}

/// What iptables makes of the edits: insertions by place, then removals by what they say.
std::vector<std::string> applied(const ChainLines& there, const ChainLines& wanted,
                                 const LineEdits& edits) {
    if (edits.anew) return wanted.texts;
    std::vector<std::string> chain = there.texts;
    for (const auto& [place, line] : edits.inserted) {
        REQUIRE(place >= 1);
        REQUIRE(place <= chain.size() + 1);
        chain.insert(chain.begin() + static_cast<std::ptrdiff_t>(place - 1), wanted.texts[line]);
    }
    for (const std::size_t line : edits.removed) {
        const auto found = std::ranges::find(chain, there.texts[line]);
        REQUIRE(found != chain.end());
        chain.erase(found);
    }
    return chain;
}

}  // namespace

TEST_CASE("lines that are right need no edits, a short chain is written anew") {
    CHECK(edits_between(lines(up_to(100)), lines(up_to(100))).none());
    CHECK(edits_between(lines({}), lines({})).none());
    CHECK(edits_between(lines({1, 2}), lines({1, 2, 3})).anew);
    CHECK(edits_between(lines(up_to(edited_lines_min - 1)), lines({1})).anew);
    CHECK(edits_between(lines(up_to(100)), lines({})).anew);
}

TEST_CASE("a long chain is edited where it differs") {
    auto wanted = up_to(100);
    wanted.erase(wanted.begin() + 10);
    wanted.insert(wanted.begin() + 50, 1000);
    wanted.push_back(1001);
    const LineEdits edits = edits_between(lines(up_to(100)), lines(wanted));
    CHECK_FALSE(edits.anew);
    CHECK(edits.removed == std::vector<std::size_t>{10});
    REQUIRE(edits.inserted.size() == 2);
    CHECK(edits.inserted[0].place == 52);  // what goes is still there
    CHECK(edits.inserted[1].place == 102);
}

TEST_CASE("what would move, or cannot be told from what stays, is written anew") {
    auto moved = up_to(100);
    std::swap(moved[3], moved[90]);
    CHECK(edits_between(lines(up_to(100)), lines(moved)).anew);
    auto twice = up_to(100);
    twice.push_back(5);
    CHECK(edits_between(lines(twice), lines(up_to(100))).anew);
    auto others = up_to(100);
    for (int i = 0; i < 30; ++i) others[static_cast<std::size_t>(i * 3)] = 1000 + i;
    CHECK(edits_between(lines(up_to(100)), lines(others)).anew);
}

TEST_CASE("any edits lead to what is wanted") {
    std::minstd_rand random{11};
    for (int round = 0; round < 300; ++round) {
        std::vector<int> there;
        std::vector<int> wanted;
        for (int i = 0; i < 200; ++i) {
            const auto fate = random() % 100;
            const int number = fate == 0 ? 7 : i;  // some say the same
            if (fate != 1) there.push_back(number);
            if (fate != 2) wanted.push_back(number);
            if (fate == 3) std::swap(wanted.front(), wanted.back());
        }
        const ChainLines from = lines(there);
        const ChainLines to = lines(wanted);
        REQUIRE(applied(from, to, edits_between(from, to)) == to.texts);
    }
}
