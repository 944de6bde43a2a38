#include "dns/reverse.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::dns;

namespace {

const std::string v6_name =
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.";

}  // namespace

TEST_CASE("an address and its reverse name", "[reverse]") {
    struct Row {
        std::string address;
        std::string name;
    };
    const Row row = GENERATE(values<Row>({
        {"10.96.0.7", "7.0.96.10.in-addr.arpa."},
        {"0.0.0.0", "0.0.0.0.in-addr.arpa."},
        {"255.200.100.9", "9.100.200.255.in-addr.arpa."},
        {"2001:db8::1", v6_name},
        {"fd12:3456:789a:bcde:f012:3456:789a:bcdf",
         "f.d.c.b.a.9.8.7.6.5.4.3.2.1.0.f.e.d.c.b.a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa."},
    }));
    CAPTURE(row.address);
    const IpAddress address = *IpAddress::parse(row.address);
    CHECK(reverse_name(address).to_string() == row.name);
    CHECK(address_of_reverse(*Name::parse(row.name)) == address);
    Arena arena{128};
    CHECK(reverse_name(address, arena)->to_string() == row.name);
    CHECK(arena.used() == reverse_name(address).view().size());
    Arena none{4};
    CHECK_FALSE(reverse_name(address, none).has_value());
}

TEST_CASE("case does not matter in a reverse name", "[reverse]") {
    CHECK(address_of_reverse(*Name::parse("7.0.96.10.IN-addr.ARPA")) ==
          IpAddress::v4(10, 96, 0, 7));
    std::string upper = v6_name;
    for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    CHECK(address_of_reverse(*Name::parse(upper)) == IpAddress::parse("2001:db8::1"));
}

TEST_CASE("what is no address in full", "[reverse]") {
    struct Row {
        const char* note;
        std::string name;
        bool reverse;
    };
    const Row row = GENERATE(values<Row>({
        {"the root", ".", false},
        {"another name", "a.b.c.d.example", false},
        {"another zone's end", "7.0.96.10.xin-addr.arpa", false},
        {"arpa", "arpa", false},
        {"the zone itself", "in-addr.arpa", true},
        {"three octets", "0.96.10.in-addr.arpa", true},
        {"five octets", "1.7.0.96.10.in-addr.arpa", true},
        {"a label in front", "lb._dns-sd.7.0.96.10.in-addr.arpa", true},
        {"256", "256.0.96.10.in-addr.arpa", true},
        {"four digits", "1000.0.96.10.in-addr.arpa", true},
        {"leading zero", "07.0.96.10.in-addr.arpa", true},
        {"two zeros", "00.0.96.10.in-addr.arpa", true},
        {"a letter", "a.0.96.10.in-addr.arpa", true},
        {"a sign", "+7.0.96.10.in-addr.arpa", true},
        {"RFC 2317", "7.0-25.0.96.10.in-addr.arpa", true},
        {"IPv6: the zone itself", "ip6.arpa", true},
        {"IPv6: 31 digits", v6_name.substr(2), true},
        {"IPv6: 33 digits", "0." + v6_name, true},
        {"IPv6: no digit", "g" + v6_name.substr(1), true},
        {"IPv6: two digits in a label", "10" + v6_name.substr(3), true},
        {"IPv6 digits below in-addr.arpa", v6_name.substr(0, 64) + "in-addr.arpa", true},
        {"IPv4 octets below ip6.arpa", "7.0.96.10.ip6.arpa", true},
    }));
    INFO(row.note);
    const std::optional<Name> name = Name::parse(row.name);
    REQUIRE(name.has_value());
    CHECK_FALSE(address_of_reverse(*name).has_value());
    CHECK(is_reverse(*name) == row.reverse);
}

TEST_CASE("the reverse zones of a network", "[reverse]") {
    struct Row {
        const char* network;
        std::vector<std::string> zones;
    };
    const Row row = GENERATE(values<Row>({
        {"10.0.0.0/8", {"10.in-addr.arpa."}},
        {"10.96.0.0/16", {"96.10.in-addr.arpa."}},
        {"10.96.0.0/14",
         {"96.10.in-addr.arpa.", "97.10.in-addr.arpa.", "98.10.in-addr.arpa.",
          "99.10.in-addr.arpa."}},
        {"10.0.255.0/24", {"255.0.10.in-addr.arpa."}},
        {"10.0.0.254/31", {"254.0.0.10.in-addr.arpa.", "255.0.0.10.in-addr.arpa."}},
        {"10.0.0.7/32", {"7.0.0.10.in-addr.arpa."}},
        {"0.0.0.0/0", {"in-addr.arpa."}},
        {"fd00::/8", {"d.f.ip6.arpa."}},
        {"fd12:3000::/18",  // bits 16 to 19 are 0011, of which two count: 0 to 3
         {"0.2.1.d.f.ip6.arpa.", "1.2.1.d.f.ip6.arpa.", "2.2.1.d.f.ip6.arpa.",
          "3.2.1.d.f.ip6.arpa."}},
        {"fd12:3400::/23", {"4.3.2.1.d.f.ip6.arpa.", "5.3.2.1.d.f.ip6.arpa."}},
        {"::/0", {"ip6.arpa."}},
    }));
    CAPTURE(row.network);
    std::vector<std::string> zones;
    for (const Name& zone : reverse_zones(*Cidr::parse(row.network)))
        zones.push_back(zone.to_string());
    CHECK(zones == row.zones);
}

TEST_CASE("a network's names are below its zones and no others", "[reverse]") {
    const Cidr network = *Cidr::parse("10.96.0.0/12");
    const std::vector<Name> zones = reverse_zones(network);
    CHECK(zones.size() == 16);
    CHECK(reverse_zones(*Cidr::parse("10.128.0.0/9")).size() == 128);
    for (const char* text :
         {"10.95.255.255", "10.96.0.0", "10.104.7.1", "10.111.255.255", "10.112.0.0"}) {
        const IpAddress address = *IpAddress::parse(text);
        std::size_t above = 0;
        for (const Name& zone : zones) above += reverse_name(address).view().is_under(zone) ? 1 : 0;
        CAPTURE(text);
        CHECK(above == (network.contains(address) ? 1U : 0U));
    }
}
