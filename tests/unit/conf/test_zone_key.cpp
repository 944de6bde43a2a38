#include "conf/zone_key.hpp"
#include "row.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::conf;
using nameplane::test::Row;

namespace {

struct Reads {
    std::string_view text;
    std::string_view zones;
    std::optional<std::uint16_t> port;
    Scheme scheme = Scheme::dns;
    Row row = {};
};

}  // namespace

TEST_CASE("keys of server blocks") {
    const std::vector<Reads> rows{
        {".", "."},
        {".:53", ".", 53},
        {"dns://.:5353", ".", 5353},
        {"tls://.", ".", {}, Scheme::tls},
        {"https://a.example:8443", "a.example.", 8443, Scheme::https},
        {"Cluster.Local", "cluster.local."},
        {"cluster.local.:1053", "cluster.local.", 1053},
        {"10.0.0.0/8", "10.in-addr.arpa."},
        {"10.0.2.0/23:54", "2.0.10.in-addr.arpa. 3.0.10.in-addr.arpa.", 54},
        {"2001:db8::/32", "8.b.d.0.1.0.0.2.ip6.arpa."},
        {"10.0.0.1", "10.0.0.1."},
        {"a:b", "a:b."},
        {"0/25.2.0.192.in-addr.arpa:54", "0/25.2.0.192.in-addr.arpa.", 54},
        {"a/b", "a/b."},
    };
    for (const Reads& row : rows) {
        INFO(row.row.to_string());
        const Result<ZoneKey> key = parse_zone_key(row.text);
        REQUIRE(key);
        std::string zones;
        for (const dns::Name& zone : key->zones) {
            zones += (zones.empty() ? "" : " ") + zone.to_string();
        }
        CHECK(zones == row.zones);
        CHECK(key->port == row.port);
        CHECK(key->scheme == row.scheme);
    }
}

TEST_CASE("keys that cannot be served say why") {
    for (const auto& [text, expected] : std::vector<std::pair<std::string, std::string>>{
             {"quic://.", "dns://, tls:// or https://, since this version does not serve quic://"},
             {"https3://a:443",
              "dns://, tls:// or https://, since this version does not serve https3://"},
             {"grpc://.", "dns://, tls:// or https://, since this version does not serve grpc://"},
             {"ftp://.", "dns://, tls:// or https://, or no scheme"},
             {"", "a domain name or a network, and perhaps a port, such as '.:53'"},
             {":53", "a domain name or a network, and perhaps a port, such as '.:53'"},
             {"a..b", "a domain name or a network, and perhaps a port, such as '.:53'"},
             {"a.example{", "a domain name or a network, and perhaps a port, such as '.:53'"},
             {"10.0.0.0/", "a domain name or a network, and perhaps a port, such as '.:53'"},
             {".:-1", "a port from 0 to 65535 behind the colon"},
             {"10.0.0.0/33", "a domain name or a network, and perhaps a port, such as '.:53'"},
             {".:", "a port from 0 to 65535 behind the colon"},
             {".:65536", "a port from 0 to 65535 behind the colon"},
             {".:99999999999", "a port from 0 to 65535 behind the colon"}}) {
        INFO(text);
        const Result<ZoneKey> key = parse_zone_key(text);
        REQUIRE_FALSE(key);
        CHECK(key.error().text == "'" + text + "', expected " + expected);
    }
}
