// Zone files from anybody: what is read can be transferred into the same zone again, every name in
// it is found, and any question has an answer.

#include "zone/zone_file.hpp"

#include "zone/lookup.hpp"
#include <nameplane/base/check.hpp>

using namespace nameplane;

namespace {

void ask(const zone::Zone& zone, dns::NameView name, dns::Type type, Arena& arena) {
    arena.clear();
    Query query{{.name = name, .asked = name, .type = type, .dnssec_ok = true, .arena = &arena}};
    Reply reply{arena};
    const zone::Suffixes suffixes{name};
    zone::Lookup lookup{zone, suffixes, query, reply};
    const zone::Outcome outcome = lookup.run();
    if (outcome == zone::Outcome::name_error || outcome == zone::Outcome::empty_name) lookup.deny();
    if (outcome == zone::Outcome::elsewhere)
        (void)zone::Lookup::finish(zone, query, reply, nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const dns::Name origin = *dns::Name::parse("example.org");
    zone::ZoneFileOptions options;
    options.load = [](const std::string&) -> Result<std::string> { return std::string{"a A ::1"}; };
    const auto file = zone::read_zone(text, "db", origin, options);
    if (!file) return 0;
    const zone::Zone& zone = *file->zone;
    zone::Zone::Builder builder{origin};
    Arena arena{1 << 19};
    for (std::size_t i = 0; i < zone.transfer_size(); ++i) {
        const dns::Record record = zone.transfer_record(i);
        NP_CHECK(builder.add(record).has_value(), "what a zone hands on makes a zone");
        // A SOA is the zone's whatever its owner, as in CoreDNS; that name need not be in the zone.
        const dns::NameView owner = record.type == dns::Type::soa ? origin.view() : record.owner;
        if (!owner.is_under(origin)) continue;
        NP_CHECK(zone.find(owner) != nullptr, "names of a zone are found in it");
        for (const dns::Type type : {record.type, dns::Type::any, dns::Type::ds, dns::Type::a}) {
            ask(zone, owner, type, arena);
        }
        const auto below = dns::NameBuilder{arena}.label("x").finish(owner);
        if (below) ask(zone, dns::Name{*below}, dns::Type::a, arena);
    }
    const auto again = builder.finish();
    NP_CHECK(again && (*again)->transfer_size() == zone.transfer_size(), "nothing is lost");
    return 0;
}
