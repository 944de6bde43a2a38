#include <nameplane/base/arena.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <limits>

namespace nameplane {
namespace {

std::uintptr_t address_of(const void* memory) {
    return reinterpret_cast<std::uintptr_t>(memory);
}

TEST_CASE("an arena gives memory until it is full, and again when cleared", "[base][arena]") {
    Arena arena{64};
    CHECK(arena.capacity() == 64);
    const auto first = arena.array<std::uint8_t>(60);
    REQUIRE(first.size() == 60);
    CHECK(arena.array<std::uint8_t>(5).empty());
    CHECK(arena.array<std::uint8_t>(4).size() == 4);
    CHECK(arena.used() == 64);
    CHECK(arena.allocate(1, 1) == nullptr);
    arena.clear();
    CHECK(arena.used() == 0);
    CHECK(arena.array<std::uint8_t>(64).data() == first.data());
}

TEST_CASE("memory is aligned and does not overlap", "[base][arena]") {
    Arena arena{256};
    const auto octet = arena.array<std::uint8_t>(1);
    const auto numbers = arena.array<std::uint64_t>(3);
    const auto more = arena.array<std::uint8_t>(1);
    const auto words = arena.array<std::uint16_t>(1);
    CHECK(address_of(numbers.data()) % alignof(std::uint64_t) == 0);
    CHECK(address_of(words.data()) % alignof(std::uint16_t) == 0);
    octet[0] = 0xaa;
    more[0] = 0xbb;
    for (auto& number : numbers) number = std::numeric_limits<std::uint64_t>::max();
    CHECK(octet[0] == 0xaa);
    CHECK(more[0] == 0xbb);
    CHECK(address_of(more.data()) >= address_of(numbers.data() + numbers.size()));
}

TEST_CASE("alignment may be what fills an arena", "[base][arena]") {
    Arena arena{16};
    REQUIRE(arena.array<std::uint8_t>(9).size() == 9);
    CHECK(arena.array<std::uint64_t>(1).empty());
    CHECK(arena.array<std::uint8_t>(7).size() == 7);
}

TEST_CASE("an absurd size is refused, not wrapped round", "[base][arena]") {
    Arena arena{64};
    constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();
    CHECK(arena.allocate(huge, 1) == nullptr);
    CHECK(arena.allocate(huge - 7, 8) == nullptr);
    CHECK(arena.array<std::uint64_t>(huge / 8 + 1).empty());
    CHECK(arena.array<std::uint64_t>(huge / 8).empty());
    CHECK(arena.used() == 0);
    CHECK(arena.array<std::uint64_t>(8).size() == 8);
}

}  // namespace
}  // namespace nameplane
