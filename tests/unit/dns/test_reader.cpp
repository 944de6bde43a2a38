#include "dns/reader.hpp"
#include "dns_wire.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

using namespace nameplane::dns;
using nameplane::test::Octets;

TEST_CASE("values are read in network order", "[reader]") {
    const Octets octets{0x01, 0x02, 0x03, 0x84, 0x05, 0x06, 0x07, 0x08, 0x09};
    ByteReader reader{octets};
    CHECK(reader.u8() == 0x01);
    CHECK(reader.u16() == 0x0203);
    CHECK(reader.u32() == 0x84050607U);
    CHECK(reader.offset() == 7);
    CHECK(reader.remaining() == 2);
    CHECK(reader.octets(2)->front() == 0x08);
    CHECK(reader.at_end());
    CHECK(reader.octets(0)->empty());
}

TEST_CASE("a read that fails consumes nothing", "[reader]") {
    const Octets octets{1, 2, 3};
    ByteReader reader{octets};
    CHECK_FALSE(reader.u32());
    CHECK_FALSE(reader.octets(4));
    CHECK_FALSE(reader.skip(4));
    CHECK(reader.offset() == 0);
    CHECK(reader.u16() == 0x0102);
    CHECK_FALSE(reader.u16());
    CHECK(reader.u8() == 3);
    CHECK_FALSE(reader.u8());
    CHECK_FALSE(reader.octets(static_cast<std::size_t>(-1)));
    CHECK(reader.skip(0));
}

TEST_CASE("octets behind what was read change nothing", "[reader]") {
    std::minstd_rand random{1};
    for (int round = 0; round < 200; ++round) {
        Octets octets(random() % 12);
        for (std::uint8_t& octet : octets) octet = static_cast<std::uint8_t>(random());
        Octets longer = octets;
        for (int i = 0; i < 8; ++i) longer.push_back(static_cast<std::uint8_t>(random()));
        ByteReader a{octets};
        ByteReader b{longer};
        // As long as the shorter one gives a value, the longer one gives the same.
        while (true) {
            const auto kind = random() % 3;
            std::optional<std::uint32_t> from_a;
            std::optional<std::uint32_t> from_b;
            if (kind == 0) from_a = a.u8(), from_b = b.u8();
            if (kind == 1) from_a = a.u16(), from_b = b.u16();
            if (kind == 2) from_a = a.u32(), from_b = b.u32();
            if (!from_a) break;
            REQUIRE(from_a == from_b);
            REQUIRE(a.offset() == b.offset());
        }
    }
}
