#include "dns/serial.hpp"

#include <catch2/catch.hpp>

#include <vector>

using namespace nameplane::dns;

namespace {

using Octets = std::vector<std::uint8_t>;

/// IXFR example. with a SOA of serial 0x01020304 in the authority section, its names compressed.
Octets ixfr() {
    return {0,    1,   0,    0,   0,   1,   0,   0,   0,  1, 0,   0,  // header
            7,    'e', 'x',  'a', 'm', 'p', 'l', 'e', 0,  0, 251, 0, 1, 0xc0, 12, 0,
            6,    0,   1,    0,   0,   0,   0,   0,   24,  // owner to length
            0xc0, 12,  0xc0, 12,  1,   2,   3,   4,        // names and serial
            0,    0,   0,    1,   0,   0,   0,   2,   0,  0, 0,   3, 0, 0,    0,  4};
}

}  // namespace

TEST_CASE("serials: RFC 1982") {
    CHECK(serial_less(0, 1));
    CHECK_FALSE(serial_less(1, 0));
    CHECK_FALSE(serial_less(7, 7));
    CHECK(serial_less(0xffffffffU, 0));
    CHECK(serial_less(0xfffffff0U, 0x10));
    CHECK(serial_less(1, 0x80000000U));
    CHECK_FALSE(serial_less(1, 0x80000002U));
}

TEST_CASE("serials: the one that a client has") {
    CHECK(serial_asked_with(ixfr()) == 0x01020304U);
    for (std::size_t size = 0; size < ixfr().size(); ++size) {
        const Octets whole = ixfr();
        CHECK_FALSE(serial_asked_with(
            Octets(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))));
    }
    Octets none = ixfr();
    none[9] = 0;
    CHECK_FALSE(serial_asked_with(none));
    Octets two = ixfr();
    two[9] = 2;
    CHECK_FALSE(serial_asked_with(two));
    Octets other = ixfr();
    other[28] = 2;  // NS
    CHECK_FALSE(serial_asked_with(other));
}
