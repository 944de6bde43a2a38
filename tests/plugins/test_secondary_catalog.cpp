// Catalog zones (RFC 9432): what a zone lists, and all that makes it none.

#include "plugins/secondary/catalog.hpp"
#include "zone/zone_file.hpp"

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

using namespace nameplane;
using namespace nameplane::plugins::secondary;

namespace {

const dns::Name origin = *dns::Name::parse("Catalog.Example.");
const std::string head = "@ 60 SOA invalid. invalid. 1 3600 600 86400 30\n"
                         "@ 60 NS invalid.\n";
const std::string version = "version 60 TXT \"2\"\n";

/// A record that the text of a zone file cannot have, or that is one of too many for it.
struct Extra {
    dns::Name owner;
    dns::Type type;
    std::variant<dns::Name, dns::RawData> data;
};

dns::Rdata data_of(const Extra& extra) {
    if (const auto* const name = std::get_if<dns::Name>(&extra.data)) return name->view();
    return std::get<dns::RawData>(extra.data);
}

Result<Catalog> read(const std::string& text, const std::vector<Extra>& extras = {}) {
    const auto file = zone::read_zone(text, "db", origin);
    REQUIRE(file);
    if (extras.empty()) return read_catalog(*file->zone);
    zone::Zone::Builder builder{origin};
    std::size_t added = 0;
    for (std::size_t i = 0; i < file->zone->transfer_size(); ++i) {
        added += builder.add(file->zone->transfer_record(i)) ? 1U : 0U;
    }
    for (const Extra& extra : extras) {
        const dns::Record record{.owner = extra.owner, .type = extra.type, .data = data_of(extra)};
        added += builder.add(record) ? 1U : 0U;
    }
    REQUIRE(added == file->zone->transfer_size() + extras.size());
    const auto zone = builder.finish();
    REQUIRE(zone);
    return read_catalog(**zone);
}

/// The members, each "id zone", and what else there is of it.
std::string listed(const std::string& members) {
    const auto catalog = read(head + version + members);
    if (!catalog) return "error: " + catalog.error().text;
    std::string text;
    for (const CatalogMember& member : catalog->members) {
        if (!text.empty()) text += ", ";
        text += member.id + ' ' + member.zone.to_string();
        if (member.coo) text += " coo " + member.coo->to_string();
        for (const std::string& group : member.groups) text += " group " + group;
    }
    return text;
}

std::string mistake(const std::string& text, const std::vector<Extra>& extras = {}) {
    const auto catalog = read(text, extras);
    return catalog ? "" : catalog.error().text;
}

}  // namespace

TEST_CASE("catalog: members by their ids") {
    CHECK(listed("").empty());
    CHECK(listed("b.zones 60 PTR example.net.\na.zones 60 PTR example.org.\n") ==
          "a example.org., b example.net.");
    CHECK(listed("one.zones 60 PTR .\n") == "one .");
    CHECK(listed("\\007a\\.B.zones 60 PTR example.\n") == "\\007a\\.b example.");
}

TEST_CASE("catalog: names count without their case") {
    CHECK(listed("A1.ZONES 60 PTR Example.ORG.\n"
                 "COO.a1.Zones 60 PTR Other.Catalog.\n"
                 "Group.a1.zones 60 TXT Green\n") ==
          "a1 example.org. coo other.catalog. group Green");
    CHECK(mistake(head + "VERSION 60 TXT 2\n").empty());
    CHECK(listed("a.zones 60 PTR example.org.\nb.zones 60 PTR EXAMPLE.org.\n") ==
          "error: zone 'example.org.' is member 'a' and member 'b'");
}

TEST_CASE("catalog: where members move to, and their groups") {
    CHECK(listed("a.zones 60 PTR example.org.\n"
                 "coo.a.zones 60 PTR other.catalog.\n"
                 "group.a.zones 60 TXT \"sec\" \"ond\"\n"
                 "group.a.zones 60 TXT first\n"
                 "b.zones 60 PTR example.net.\n") ==
          "a example.org. coo other.catalog. group first group second, b example.net.");
}

TEST_CASE("catalog: what is not known is left out") {
    CHECK(listed("a.zones 60 PTR example.org.\n"
                 "a.zones 60 TXT \"no version\"\n"
                 "a.zones 60 A 192.0.2.1\n"
                 "x.a.zones 60 PTR example.net.\n"
                 "coo.a.zones 60 TXT \"no PTR\"\n"
                 "group.a.zones 60 PTR example.net.\n"
                 "group.x.a.zones 60 TXT deep\n"
                 "coo.x.a.zones 60 PTR example.net.\n"
                 "zones 60 PTR example.net.\n"
                 "x 60 PTR example.net.\n"
                 "a.zone 60 PTR example.net.\n"
                 "a.other 60 PTR example.net.\n"
                 "@ 60 PTR example.net.\n"
                 "@ 60 TXT \"3\"\n"
                 "version 60 A 192.0.2.1\n"
                 "x.version 60 TXT \"3\"\n"
                 "foo.ext.a.zones 60 TXT \"private\"\n") == "a example.org.");
    // Properties of somebody who is no member.
    CHECK(listed("coo.x.zones 60 PTR a.\ncoo.x.zones 60 PTR b.\ngroup.x.zones 60 TXT c\n").empty());
}

TEST_CASE("catalog: an id has one zone, and a zone one id") {
    CHECK(listed("a.zones 60 PTR example.org.\na.zones 60 PTR example.net.\n") ==
          "error: member 'a': 2 PTR records, expected one");
    CHECK(listed("a.zones 60 PTR example.org.\nb.zones 60 PTR example.org.\n") ==
          "error: zone 'example.org.' is member 'a' and member 'b'");
    CHECK(listed("a.zones 60 PTR example.org.\n"
                 "coo.a.zones 60 PTR one.catalog.\n"
                 "coo.a.zones 60 PTR two.catalog.\n") ==
          "error: member 'a': 2 PTR records 'coo', expected one at most");
}

TEST_CASE("catalog: its version is 2, said once") {
    const std::string other = "another version, expected '2'";
    const std::string none = "0 TXT records 'version', expected one";
    CHECK(mistake(head) == none);
    CHECK(mistake(head + "version 60 A 192.0.2.1\n") == none);
    CHECK(mistake(head + "version.zones 60 TXT 2\n") == none);
    CHECK(mistake(head + version + "version 60 TXT \"1\"\n") ==
          "2 TXT records 'version', expected one");
    CHECK(mistake(head + "version 60 TXT \"1\"\n") == other);
    CHECK(mistake(head + "version 60 TXT \"2\" \"2\"\n") == other);
    CHECK(mistake(head + "version 60 TXT \"\"\n") == other);
    CHECK(mistake(head + "version 60 TXT \"\" \"2\"\n").empty());
}

TEST_CASE("catalog: it has SOA and NS, as each zone") {
    CHECK(mistake("@ 60 SOA invalid. invalid. 1 3600 600 86400 30\n" + version) == "no NS record");
    CHECK(mistake("@ 60 SOA invalid. invalid. 1 3600 600 86400 30\n"
                  "zones 60 NS invalid.\n" +
                  version) == "no NS record");
    CHECK(mistake("x 60 SOA invalid. invalid. 1 3600 600 86400 30\n@ 60 NS invalid.\n" + version) ==
          "no SOA record");
}

TEST_CASE("catalog: octets that are no strings") {
    const std::vector<std::uint8_t> cut{2, '2'};
    const std::vector<std::uint8_t> bare{5};
    const auto with = [](const std::string& owner, dns::RawData data) {
        return mistake(head + version + "a.zones 60 PTR example.org.\n",
                       {{.owner = *dns::Name::parse(owner), .type = dns::Type::txt, .data = data}});
    };
    for (const auto& octets : {cut, bare}) {
        CHECK(with("version.catalog.example.", octets) ==
              "a malformed TXT record at version.catalog.example.");
        CHECK(with("group.a.zones.catalog.example.", octets) ==
              "a malformed TXT record at group.a.zones.catalog.example.");
        CHECK(with("x.a.zones.catalog.example.", octets).empty());
    }
}

TEST_CASE("catalog: it has no more members than one can keep") {
    const auto with = [](std::size_t count) {
        std::vector<Extra> members;
        for (std::size_t i = 0; i < count; ++i) {
            const std::string id = std::to_string(i);
            members.push_back({*dns::Name::parse(id + ".zones.catalog.example."), dns::Type::ptr,
                               *dns::Name::parse(id + ".example.")});
        }
        return read(head + version, members);
    };
    const auto most = with(catalog_members_max);
    REQUIRE(most);
    CHECK(most->members.size() == catalog_members_max);
    const auto more = with(catalog_members_max + 1);
    REQUIRE_FALSE(more);
    CHECK(more.error().text == "more than 100000 members");
}

TEST_CASE("catalog: a filter takes zones and what is below them") {
    const auto accepts = [](std::vector<std::string> zones, const std::string& member) {
        CatalogFilter filter;
        for (const std::string& zone : zones) filter.zones.push_back(*dns::Name::parse(zone));
        return filter.accepts(*dns::Name::parse(member));
    };
    CHECK(accepts({}, "example.org."));
    CHECK(accepts({"example.org."}, "example.org."));
    CHECK(accepts({"example.org."}, "a.b.Example.ORG."));
    CHECK(accepts({"example.org.", "internal."}, "a.internal."));
    CHECK(accepts({"."}, "anything."));
    CHECK_FALSE(accepts({"example.org."}, "example.net."));
    CHECK_FALSE(accepts({"example.org."}, "myexample.org."));
    CHECK_FALSE(accepts({"example.org."}, "org."));
}
