#include <nameplane/dns/rdata.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::dns;
using namespace std::string_literals;

namespace {

std::string txt(Arena& arena, const std::vector<std::string_view>& strings) {
    const std::optional<RawData> data = txt_data(arena, strings);
    REQUIRE(data.has_value());
    return {data->begin(), data->end()};
}

}  // namespace

TEST_CASE("strings become TXT rdata", "[rdata]") {
    Arena arena{1 << 17};
    CHECK(txt(arena, {"1.1.0"}) == "\0051.1.0");
    CHECK(txt(arena, {"a", "", "bc"}) == "\1a\0\2bc"s);
    CHECK(txt(arena, {}) == "\0"s);
    const std::string longest(255, 'x');
    CHECK(txt(arena, {longest}) == "\377" + longest);

    const std::string too_long(256, 'x');
    const std::array<std::string_view, 1> one{too_long};
    CHECK_FALSE(txt_data(arena, one).has_value());
    // 255 strings of 256 octets with their lengths make 65,280: one more is too much.
    std::vector<std::string_view> many(255, longest);
    CHECK(txt_data(arena, many).has_value());
    many.push_back(longest);
    CHECK_FALSE(txt_data(arena, many).has_value());
    Arena small{4};
    const std::array<std::string_view, 1> four{"abcd"};
    CHECK_FALSE(txt_data(small, four).has_value());
}

TEST_CASE("an address record has the type of its address", "[rdata]") {
    const Name owner = *Name::parse("a.b");
    const Record v4 = address_record(owner, 5, IpAddress::v4(10, 0, 0, 1));
    CHECK(v4.type == Type::a);
    CHECK(v4.klass == Class::in);
    CHECK(v4.ttl == 5);
    CHECK(v4.owner.equals(owner));
    CHECK(address_record(owner, 5, *IpAddress::parse("fd00::1")).type == Type::aaaa);
}
