#include "zone/canonical.hpp"
#include "zones.hpp"

#include <algorithm>
#include <random>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;
using zone::Suffixes;
using zone::Zone;

namespace {

constexpr std::string_view soa =
    "example.org. 3600 IN SOA ns.example.org. admin.example.org. 42 7200 3600 1209600 300\n";

zone::ZonePtr example() {
    return zone_of("example.org", std::string{soa} + R"(
        example.org. 3600 IN NS NS.example.org.
        www.example.org. 60 IN A 192.0.2.1
        WWW.example.org. 60 IN A 192.0.2.2
        www.example.org. 60 IN AAAA 2001:db8::1
        a.b.c.example.org. 60 IN TXT "deep"
        *.wild.example.org. 60 IN MX 10 mail.example.org.
        sub.example.org. 60 IN NS ns.sub.example.org.
        ns.sub.example.org. 60 IN A 192.0.2.53
        away.example.org. 60 IN DNAME example.net.
        below.away.example.org. 60 IN A 192.0.2.9
    )");
}

std::vector<std::string> transfer_of(const Zone& zone) {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < zone.transfer_size(); ++i) {
        const dns::Record record = zone.transfer_record(i);
        lines.push_back(record.owner.to_string() + ' ' + dns::to_string(record.type));
    }
    return lines;
}

}  // namespace

TEST_CASE("the names of a zone are found, whatever has made them") {
    const zone::ZonePtr zone = example();
    for (const char* const there :
         {"example.org.", "www.example.org.", "a.b.c.example.org.", "b.c.example.org.",
          "c.example.org.", "wild.example.org.", "*.wild.example.org.", "ns.sub.example.org."}) {
        INFO(there);
        const zone::Node* const node = zone->find(name_of(there));
        REQUIRE(node != nullptr);
        CHECK(zone->name_of(*node).to_string() == there);
    }
    for (const char* const missing :
         {"org.", "example.net.", "x.www.example.org.", "ns.example.org.", "x.wild.example.org."}) {
        INFO(missing);
        CHECK(zone->find(name_of(missing)) == nullptr);
    }
}

TEST_CASE("nodes know what is above them") {
    const zone::ZonePtr zone = example();
    const auto at = [&](const char* name) -> const zone::Node& {
        const zone::Node* const node = zone->find(name_of(name));
        REQUIRE(node != nullptr);
        return *node;
    };
    CHECK(at("www.example.org").cut == zone::none);
    CHECK(zone->node(at("ns.sub.example.org").cut) == &at("sub.example.org"));
    CHECK(zone->node(at("ns.sub.example.org").delegation) == &at("sub.example.org"));
    CHECK(zone->node(at("below.away.example.org").cut) == &at("away.example.org"));
    CHECK(at("below.away.example.org").delegation == zone::none);
    CHECK(zone->node(at("wild.example.org").wildcard) == &at("*.wild.example.org"));
    CHECK(at("c.example.org").has_records == false);
    // Nothing but SOA and NS there.
    CHECK_FALSE(zone->apex().has_records);
}

TEST_CASE("the last name with records that is not behind another one") {
    const zone::ZonePtr zone = example();
    const auto before = [&](const char* name) {
        const zone::Node* const node = zone->last_before(name_of(name));
        return node == nullptr ? std::string{} : zone->name_of(*node).to_string();
    };
    CHECK(before("www.example.org") == "www.example.org.");
    CHECK(before("wwx.example.org") == "www.example.org.");
    CHECK(before("b.c.example.org") == "below.away.example.org.");
    CHECK(before("x.b.c.example.org") == "a.b.c.example.org.");
    CHECK(before("example.org").empty());
    CHECK(before("aa.example.org").empty());
}

TEST_CASE("a transfer begins and ends with the SOA and has everything once") {
    CHECK(transfer_of(*example()) ==
          std::vector<std::string>{
              "example.org. SOA", "example.org. NS", "away.example.org. DNAME",
              "below.away.example.org. A", "a.b.c.example.org. TXT", "sub.example.org. NS",
              "ns.sub.example.org. A", "*.wild.example.org. MX", "www.example.org. A",
              "www.example.org. A", "www.example.org. AAAA", "example.org. SOA"});
}

TEST_CASE("a zone made of what was transferred is the same zone") {
    const zone::ZonePtr zone = example();
    Zone::Builder builder{name_of("EXAMPLE.org")};
    for (std::size_t i = 0; i < zone->transfer_size(); ++i) {
        REQUIRE(builder.add(zone->transfer_record(i)));
    }
    const auto again = builder.finish();
    REQUIRE(again);
    CHECK(transfer_of(**again) == transfer_of(*zone));
    CHECK((*again)->serial() == 42);
    CHECK((*again)->soa().minimum == 300);
    CHECK((*again)->record_count() == zone->record_count());
}

TEST_CASE(
    "records come back as they were put in, names in lower case where CoreDNS makes them so") {
    const zone::ZonePtr zone = zone_of("example.org", std::string{soa} + R"(
        Mixed.example.org. 5 IN CNAME Target.Example.ORG.
        srv.example.org. 5 IN SRV 1 2 3 Host.Example.org.
        mx.example.org. 5 IN MX 1 Mail.Example.org.
        ptr.example.org. 5 IN PTR Host.Example.org.
        odd.example.org. 5 IN TYPE65280 \# 3 01AA02
        odd.example.org. 5 IN TYPE65280 \# 0
        txt.example.org. 5 IN TXT "one" "two"
    )");
    const auto first = [&](const char* name, dns::Type type) {
        const zone::Node* const node = zone->find(name_of(name));
        REQUIRE(node != nullptr);
        const zone::Set* const set = zone->set_of(*node, type);
        REQUIRE(set != nullptr);
        return zone->record_of(*set, zone->rrs_of(*set).front(), zone->name_of(*node));
    };
    CHECK(std::get<dns::NameView>(first("mixed.example.org", dns::Type::cname).data).to_string() ==
          "target.example.org.");
    const auto srv = std::get<dns::SrvData>(first("srv.example.org", dns::Type::srv).data);
    CHECK(srv.priority == 1);
    CHECK(srv.weight == 2);
    CHECK(srv.port == 3);
    CHECK(srv.target.to_string() == "Host.Example.org.");
    CHECK(std::get<dns::MxData>(first("mx.example.org", dns::Type::mx).data).exchange.to_string() ==
          "mail.example.org.");
    CHECK(std::get<dns::NameView>(first("ptr.example.org", dns::Type::ptr).data).to_string() ==
          "Host.Example.org.");
    const dns::RawData raw =
        std::get<dns::RawData>(first("odd.example.org", static_cast<dns::Type>(65280)).data);
    CHECK(std::vector<int>(raw.begin(), raw.end()) == std::vector<int>{1, 0xaa, 2});
    CHECK(first("txt.example.org", dns::Type::txt).ttl == 5);
}

TEST_CASE("what cannot be a zone is refused, what is not in it left out") {
    Zone::Builder builder{name_of("example.org")};
    CHECK_FALSE(builder.has_soa());
    CHECK(builder.finish().error().text == "no SOA record");
    add_lines(builder, soa);
    add_lines(builder, "www.example.net. 60 IN A 192.0.2.1\nwww.example.org. 60 IN A 192.0.2.1\n"
                       "www.example.org. 60 IN A 192.0.2.1\n");
    CHECK(builder.outside() == 1);
    Arena arena{1 << 16};
    for (const char* const refused :
         {"www.example.org. 60 CH A 192.0.2.1", "example.org. 60 IN NSEC3PARAM 1 0 0 -"}) {
        INFO(refused);
        const auto record = dns::read_record(refused, arena);
        REQUIRE(record);
        CHECK_FALSE(builder.add(*record));
    }
    const std::array<std::uint8_t, 2> half_a_name{1, 'a'};
    CHECK_FALSE(builder.add({.owner = name_of("example.org"),
                             .type = zone::dname_type,
                             .klass = dns::Class::in,
                             .ttl = 60,
                             .data = dns::RawData{half_a_name}}));
    const auto zone = builder.finish();
    REQUIRE(zone);
    CHECK((*zone)->record_count() == 2);
}

TEST_CASE("random names lie in the order of their labels from the right") {
    std::mt19937 random{7};
    std::vector<dns::Name> names;
    for (int i = 0; i < 300; ++i) {
        std::vector<std::uint8_t> wire;
        for (unsigned labels = random() % 4; labels != 0; --labels) {
            const auto size = static_cast<std::uint8_t>(1 + random() % 2);
            wire.push_back(size);
            for (unsigned j = 0; j < size; ++j) {
                wire.push_back(std::array<std::uint8_t, 6>{0, 1, 2, 'a', 'b', 255}[random() % 6]);
            }
        }
        wire.push_back(0);
        names.emplace_back(*dns::NameView::check(wire));
    }
    // By the definition of RFC 4034: vectors of labels, last one first.
    const auto labels = [](dns::NameView name) {
        std::vector<std::vector<std::uint8_t>> all;
        for (; !name.is_root(); name = name.parent()) {
            const std::string_view label = name.first_label();
            all.emplace_back(label.begin(), label.end());
        }
        std::ranges::reverse(all);
        return all;
    };
    for (const dns::Name& a : names) {
        for (const dns::Name& b : names) {
            REQUIRE(zone::canonical_order(Suffixes{a}, Suffixes{b}) == (labels(a) <=> labels(b)));
        }
    }
    // And a zone of them lies in that order.
    Zone::Builder builder{dns::Name{}};
    add_lines(builder, ". 60 IN SOA a. b. 1 2 3 4 5\n");
    for (const dns::Name& name : names) {
        REQUIRE(builder.add({.owner = name,
                             .type = dns::Type::a,
                             .klass = dns::Class::in,
                             .ttl = 1,
                             .data = *IpAddress::parse("192.0.2.1")}));
    }
    const auto zone = builder.finish();
    REQUIRE(zone);
    for (std::size_t i = 2; i + 1 < (*zone)->transfer_size(); ++i) {
        const dns::Record before = (*zone)->transfer_record(i - 1);
        const dns::Record record = (*zone)->transfer_record(i);
        REQUIRE(labels(before.owner) < labels(record.owner));
    }
}
