// Catalog zones from anybody: an octet of length, that many octets as the data of the TXT record
// `group.raw.zones`, and the other records as a zone file. What is read names each id and each zone
// once, in lower case, and lists the same when it is handed on.

#include "plugins/secondary/catalog.hpp"

#include "zone/zone_file.hpp"
#include <nameplane/base/check.hpp>

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>

using namespace nameplane;
using namespace nameplane::plugins::secondary;

namespace {

void check(const Catalog& catalog) {
    std::set<std::string> ids;
    std::set<std::string> zones;
    for (const CatalogMember& member : catalog.members) {
        NP_CHECK(ids.insert(member.id).second, "an id has one zone");
        NP_CHECK(zones.insert(member.zone.to_string()).second, "a zone has one id");
        NP_CHECK(member.zone.to_string() == member.zone.lower().to_string(), "lower case");
    }
}

Result<Catalog> read(const zone::Zone& zone, dns::RawData group) {
    zone::Zone::Builder builder{zone.origin()};
    for (std::size_t i = 0; i < zone.transfer_size(); ++i) {
        NP_CHECK(builder.add(zone.transfer_record(i)).has_value(), "handed on");
    }
    const dns::Name owner = *dns::Name::parse("group.raw.zones.catalog.example");
    NP_CHECK(builder.add({.owner = owner, .type = dns::Type::txt, .data = group}).has_value(),
             "any octets are data");
    const auto made = builder.finish();
    NP_CHECK(made.has_value(), "what a zone hands on makes a zone");
    return read_catalog(**made);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::span<const std::uint8_t> octets{data, size};
    if (octets.empty() || octets.size() <= octets[0]) return 0;
    const dns::RawData group = octets.subspan(1, octets[0]);
    octets = octets.subspan(1U + octets[0]);
    const std::string_view text{reinterpret_cast<const char*>(octets.data()), octets.size()};
    const dns::Name origin = *dns::Name::parse("catalog.example");
    zone::ZoneFileOptions options;
    options.load = [](const std::string&) -> Result<std::string> { return std::string{"a A ::1"}; };
    const auto file = zone::read_zone(text, "db", origin, options);
    if (!file) return 0;
    const auto whole = read(*file->zone, group);
    const auto catalog = read_catalog(*file->zone);
    // One more record makes no wrong catalog right.
    NP_CHECK(catalog || !catalog.error().text.empty(), "an error says what is wrong");
    NP_CHECK(catalog || !whole, "a wrong catalog stays wrong");
    if (catalog) check(*catalog);
    if (!whole) return 0;
    check(*whole);
    NP_CHECK(whole->members.size() == catalog->members.size(), "the same members");
    return 0;
}
