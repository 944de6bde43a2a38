#include "conf/values.hpp"
#include "row.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::conf;
using namespace std::chrono_literals;
using nameplane::test::Row;

namespace {

using WordList = std::vector<std::string>;

struct GoodValue {
    OptionType type;
    WordList words;
    Options::Value value;
    Row row = {};
};

struct BadValue {
    OptionType type;
    WordList words;
    std::string error;
    Row row = {};
};

const OptionType seconds = Seconds{.from = 1, .to = 3600, .unset = 5};
const OptionType milliseconds = Milliseconds{.from = 10, .to = 60'000, .unset = 250};
const OptionType integer = Integer{.from = -5, .to = 4096, .unset = 7};
const OptionType one_of = OneOf{{"disabled", "insecure", "verified"}, "disabled"};

}  // namespace

TEST_CASE("every kind of option reads what it is documented to read") {
    const std::vector<GoodValue> rows{
        {seconds, {"30"}, std::uint32_t{30}},
        {seconds, {"30s"}, std::uint32_t{30}},
        {seconds, {"1m30s"}, std::uint32_t{90}},
        {seconds, {"1h"}, std::uint32_t{3600}},
        {seconds, {"1"}, std::uint32_t{1}},
        {milliseconds, {"250ms"}, std::uint64_t{250}},
        {milliseconds, {"10s"}, std::uint64_t{10'000}},
        {milliseconds, {"1m"}, std::uint64_t{60'000}},
        {OptionType{Milliseconds{0, 10, 1}}, {"0"}, std::uint64_t{0}},
        {integer, {"4096"}, std::int64_t{4096}},
        {integer, {"-5"}, std::int64_t{-5}},
        {OptionType{Flag{}}, {"true"}, true},
        {OptionType{Flag{true}}, {"false"}, false},
        {OptionType{Flag{}}, {}, true},
        {one_of, {"verified"}, std::string{"verified"}},
        {OptionType{OneOf{{"word"}, ""}}, {""}, std::string{}},
        {OptionType{Text{}}, {""}, std::string{}},
        {OptionType{Text{}}, {"any thing"}, std::string{"any thing"}},
        {OptionType{Words{}}, {"a", "b"}, WordList{"a", "b"}},
        {OptionType{Words{}}, {}, WordList{}},
        {OptionType{Words{1, 2}}, {"a", "b"}, WordList{"a", "b"}},
        {OptionType{Statements{}}, {"a", "b"}, std::vector<Statement>{{{"a", "b"}, {}, {}}}},
        {OptionType{Zones{}},
         {"10.0.2.0/23", "a"},
         std::vector<dns::Name>{*dns::Name::parse("2.0.10.in-addr.arpa"),
                                *dns::Name::parse("3.0.10.in-addr.arpa"), *dns::Name::parse("a")}},
        {OptionType{Zones{}},
         {"Cluster.LOCAL", "."},
         std::vector<dns::Name>{*dns::Name::parse("cluster.local."), dns::Name{}}},
        {OptionType{Cidrs{}},
         {"10.96.0.1/12", "fd00::/112"},
         std::vector<Cidr>{*Cidr::parse("10.96.0.0/12"), *Cidr::parse("fd00::/112")}},
        {OptionType{Addresses{}},
         {"::1", "127.0.0.1"},
         std::vector<IpAddress>{*IpAddress::parse("::1"), IpAddress::v4(127, 0, 0, 1)}},
        {OptionType{PortRange{}}, {"30000-32767"}, Ports{30000, 32767}},
        {OptionType{PortRange{}}, {"80"}, Ports{80, 80}},
    };
    std::vector<bool> kinds(std::variant_size_v<OptionType>);
    for (const GoodValue& row : rows) {
        INFO(row.row.to_string());
        kinds[row.type.index()] = true;
        const Result<Options::Value> value = read_value(row.type, row.words);
        REQUIRE(value.has_value());
        CHECK(*value == row.value);
    }
    CHECK(kinds == std::vector<bool>(kinds.size(), true));
}

TEST_CASE("what does not read says what it is and what was expected") {
    const std::vector<BadValue> rows{
        {seconds, {"0"}, "'0', expected seconds from 1 to 3600"},
        {seconds, {"3601"}, "'3601', expected seconds from 1 to 3600"},
        {seconds, {"500ms"}, "'500ms', expected seconds from 1 to 3600"},
        {seconds, {"-1"}, "'-1', expected seconds from 1 to 3600"},
        {seconds,
         {"99999999999999999999"},
         "'99999999999999999999', expected seconds from 1 to 3600"},
        {seconds, {"5", "6"}, "'5 6', expected seconds from 1 to 3600"},
        {seconds, {}, "'', expected seconds from 1 to 3600"},
        {milliseconds, {"250"}, "'250', expected a duration from 10ms to 1m"},
        {milliseconds, {"9ms"}, "'9ms', expected a duration from 10ms to 1m"},
        {milliseconds, {"61s"}, "'61s', expected a duration from 10ms to 1m"},
        {integer, {"4097"}, "'4097', expected a number from -5 to 4096"},
        {integer, {"12x"}, "'12x', expected a number from -5 to 4096"},
        {integer, {""}, "'', expected a number from -5 to 4096"},
        {OptionType{Flag{}}, {"yes"}, "'yes', expected true or false"},
        {OptionType{Words{1}}, {}, "'', expected 1 word or more"},
        {OptionType{Words{2}}, {"a"}, "'a', expected 2 words or more"},
        {OptionType{Words{1, 1}}, {"a", "b"}, "'a b', expected 1 word"},
        {OptionType{Words{2, 3}}, {"a"}, "'a', expected 2 to 3 words"},
        {one_of, {"Verified"}, "'Verified', expected one of 'disabled' 'insecure' 'verified'"},
        {one_of, {""}, "'', expected one of 'disabled' 'insecure' 'verified'"},
        {OptionType{Text{}}, {"a", "b"}, "'a b', expected one text"},
        {OptionType{Zones{}},
         {"good.example", "a..b"},
         "'a..b', expected domain names such as 'cluster.local', or networks "
         "such as '10.96.0.0/12'"},
        {OptionType{Cidrs{}},
         {"10.0.0.0/33"},
         "'10.0.0.0/33', expected networks such as '10.96.0.0/12'"},
        {OptionType{Addresses{}},
         {"10.0.0.256"},
         "'10.0.0.256', expected addresses such as '10.0.0.1'"},
        {OptionType{PortRange{}},
         {"2-1"},
         "'2-1', expected a range of ports such as '30000-32767'"},
        {OptionType{PortRange{}},
         {"0-10"},
         "'0-10', expected a range of ports such as '30000-32767'"},
        {OptionType{PortRange{}},
         {"1-65536"},
         "'1-65536', expected a range of ports such as '30000-32767'"},
    };
    for (const BadValue& row : rows) {
        INFO(row.row.to_string());
        const Result<Options::Value> value = read_value(row.type, row.words);
        REQUIRE_FALSE(value.has_value());
        CHECK(value.error().text == row.error);
    }
}

TEST_CASE("defaults stand in the option's type") {
    CHECK(default_of(seconds) == Options::Value{std::uint32_t{5}});
    CHECK(default_of(milliseconds) == Options::Value{std::uint64_t{250}});
    CHECK(default_of(integer) == Options::Value{std::int64_t{7}});
    CHECK(default_of(Flag{true}) == Options::Value{true});
    CHECK(default_of(one_of) == Options::Value{std::string{"disabled"}});
    CHECK(default_of(Text{"abc"}) == Options::Value{std::string{"abc"}});
    CHECK(default_of(Words{}) == Options::Value{WordList{}});
    CHECK(default_of(Zones{}) == Options::Value{std::vector<dns::Name>{}});
    CHECK(default_of(Cidrs{"10.0.0.0/8 fd00::/8"}) ==
          Options::Value{std::vector<Cidr>{*Cidr::parse("10.0.0.0/8"), *Cidr::parse("fd00::/8")}});
    CHECK(default_of(Cidrs{}) == Options::Value{std::vector<Cidr>{}});
    CHECK(default_of(Addresses{"::"}) ==
          Options::Value{std::vector<IpAddress>{*IpAddress::parse("::")}});
    CHECK(default_of(PortRange{"1-2"}) == Options::Value{Ports{1, 2}});
}

TEST_CASE("durations are numbers with units, as Go has them") {
    CHECK(parse_duration("1.5h") == std::chrono::minutes{90});
    CHECK(parse_duration("0.5s") == 500ms);
    CHECK(parse_duration(".25s1.5ms") == 252ms);
    CHECK(parse_duration("1.s") == 1s);
    CHECK(parse_duration("1us") == 1ms);
    CHECK(parse_duration("2ms1\u00b5s") == 3ms);
    CHECK(parse_duration("3000000ns") == 3ms);
    CHECK(parse_duration("0.0000000000000000000000001s") == 0ms);
    CHECK(parse_duration("1h2m3s4ms") == std::chrono::milliseconds{3'723'004});
    CHECK(parse_duration("0s") == 0ms);
    CHECK(parse_duration("0") == 0ms);
    CHECK(parse_duration("+0") == 0ms);
    CHECK(parse_duration("+1s1m2s") == 63s);
    CHECK(parse_duration("5\u03bcs") == 1ms);
    for (const char* wrong : {"", "1", "s", "+", "--1s", ".s", "1..5s", "1.5.5s", "1.5", "-1s",
                              "1 s", "1d", "1s ", "18446744073709551616ms", "999999999h"}) {
        INFO(wrong);
        CHECK_FALSE(parse_duration(wrong).has_value());
    }
    for (const auto duration : {0ms, 1ms, 999ms, 1000ms, 90'000ms, 3'600'001ms}) {
        CHECK(parse_duration(duration_text(duration)) == duration);
    }
    CHECK(duration_text(90'000ms) == "1m30s");
}

TEST_CASE("zones among a plugin's words may have a scheme and a port, which mean nothing") {
    const auto zones_of = [](std::string_view word) {
        std::vector<dns::Name> zones;
        std::string text = add_zones(word, zones) ? "" : "wrong";
        for (const dns::Name& zone : zones) text += zone.to_string();
        return text;
    };
    CHECK(zones_of("example.org:53") == "example.org.");
    CHECK(zones_of("tls://Example.org") == "example.org.");
    CHECK(zones_of("https3://example.org:443") == "example.org.");
    CHECK(zones_of("10.0.0.0/24:53") == "0.0.10.in-addr.arpa.");
    CHECK(zones_of("2001:db8::/32") == "8.b.d.0.1.0.0.2.ip6.arpa.");
    CHECK(zones_of("0/25.2.0.192.in-addr.arpa") == "0/25.2.0.192.in-addr.arpa.");
    CHECK(zones_of("example.org:dns") == "example.org:dns.");
    CHECK(zones_of("example.org:") == "wrong");
    CHECK(zones_of("10.0.0.0/33") == "wrong");
    CHECK(zones_of(":53") == "wrong");
}
