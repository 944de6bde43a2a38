#include "zone/entries.hpp"
#include "zone/generate.hpp"
#include "zone/zone_file.hpp"
#include "zones.hpp"

#include <map>
#include <source_location>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;
using zone::Entries;
using zone::Entry;

namespace {

const std::string soa = "@ 60 IN SOA ns admin 1 2 3 4 5\n";

/// Files by path, for $INCLUDE.
zone::ZoneFileOptions files(std::map<std::string, std::string> texts) {
    zone::ZoneFileOptions options;
    options.load = [texts = std::move(texts)](const std::string& path) -> Result<std::string> {
        const auto found = texts.find(path);
        if (found == texts.end()) return Error{Errc::not_found, path + ": no such file"};
        return found->second;
    };
    return options;
}

/// All records but the SOA as "name ttl TYPE octets", or the error.
std::string read(const std::string& text, const zone::ZoneFileOptions& options = files({})) {
    const auto file = zone::read_zone(text, "/zones/db", name_of("example.org"), options);
    if (!file) return file.error().text;
    if (file->zone == nullptr) return "unchanged";
    std::string all;
    for (std::size_t i = 1; i + 1 < file->zone->transfer_size(); ++i) {
        const dns::Record record = file->zone->transfer_record(i);
        all += record.owner.to_string() + ' ' + std::to_string(record.ttl) + ' ' +
               dns::to_string(record.type);
        if (const auto* address = std::get_if<IpAddress>(&record.data)) {
            all += ' ' + address->to_string();
        } else if (const auto* name = std::get_if<dns::NameView>(&record.data)) {
            all += ' ' + name->to_string();
        } else if (const auto* raw = std::get_if<dns::RawData>(&record.data)) {
            all += ' ' + std::to_string(raw->size());
        }
        all += '\n';
    }
    return all;
}

struct Row {
    std::string text;
    std::string records;
    std::source_location at = std::source_location::current();
};

}  // namespace

TEST_CASE("what stands in front of a record's data") {
    for (const Row& row : std::vector<Row>{
             {"www 5 IN A 192.0.2.1", "www.example.org. 5 A 192.0.2.1\n"},
             {"www IN 5 A 192.0.2.1", "www.example.org. 5 A 192.0.2.1\n"},
             {"www 5 A 192.0.2.1", "www.example.org. 5 A 192.0.2.1\n"},
             {"www 1h1m1s in a 192.0.2.1", "www.example.org. 3661 A 192.0.2.1\n"},
             {"www IN A 192.0.2.1", "www.example.org. 60 A 192.0.2.1\n"},
             {"www A 192.0.2.1", "www.example.org. 60 A 192.0.2.1\n"},
             {"www A 192.0.2.1 ; comment", "www.example.org. 60 A 192.0.2.1\n"},
             {"www\tA\t192.0.2.1\r", "www.example.org. 60 A 192.0.2.1\n"},
             {"www 5 A 192.0.2.1\n  A 192.0.2.2",
              "www.example.org. 5 A 192.0.2.1\nwww.example.org. 5 A 192.0.2.2\n"},
             {"$TTL 1d\nwww 5 A 192.0.2.1\n  A 192.0.2.2",
              "www.example.org. 5 A 192.0.2.1\nwww.example.org. 86400 A 192.0.2.2\n"},
             {"$ORIGIN sub\nwww A 192.0.2.1\n$ORIGIN deep.example.org.\n@ CNAME www",
              "deep.example.org. 60 CNAME www.deep.example.org.\n"
              "www.sub.example.org. 60 A 192.0.2.1\n"},
             {"a.b. A 192.0.2.1", ""},
             {"www TXT ((a\n) \"b\")", "www.example.org. 60 TXT 4\n"},
             {"www TXT \"two\nlines\"\nx A 192.0.2.1",
              "www.example.org. 60 TXT 10\nx.example.org. 60 A 192.0.2.1\n"},
             {"(www A 192.0.2.1)\n( A 192.0.2.2)",
              "www.example.org. 60 A 192.0.2.1\nwww.example.org. 60 A 192.0.2.2\n"},
             {"www HTTPS 1 . alpn=\"h3,h2\" port=\"443\"", "www.example.org. 60 HTTPS 19\n"},
             {"www TXT \"a\"b\"c\"", "www.example.org. 60 TXT 6\n"},
             {R"(a\.b A 192.0.2.1)", "a\\.b.example.org. 60 A 192.0.2.1\n"},
             {R"(a\. A 192.0.2.1)", "a\\..example.org. 60 A 192.0.2.1\n"},
             {R"(a\\. A 192.0.2.1)", ""},
             {"www TXT ( \"one\" ; first\n \"two;three\"\n)", "www.example.org. 60 TXT 14\n"},
             {"www TYPE65280 \\# 2 ab cd", "www.example.org. 60 TYPE65280 2\n"},
             {"www HTTPS 1 . alpn=h2", "www.example.org. 60 HTTPS 10\n"},
             {"$generate 8-10/2 n$ A 192.0.2.$",
              "n10.example.org. 3600 A 192.0.2.10\nn8.example.org. 3600 A 192.0.2.8\n"},
             {"$GENERATE 1-2 n${0,2,d} 5 CNAME x${-1}",
              "n01.example.org. 5 CNAME x0.example.org.\nn02.example.org. 5 CNAME "
              "x1.example.org.\n"},
         }) {
        INFO("row at line " << row.at.line() << ": " << row.text);
        CHECK(read(soa + row.text + "\n") == row.records);
        CHECK(read(soa + row.text) == row.records);
    }
}

TEST_CASE("a string that is too long is several") {
    CHECK(read(soa + "www TXT \"" + std::string(255, 'x') + "\"") ==
          "www.example.org. 60 TXT 256\n");
    CHECK(read(soa + "www TXT \"" + std::string(256, 'x') + "\"") ==
          "www.example.org. 60 TXT 258\n");
    CHECK(read(soa + "www TXT " + std::string(256, 'x')) == "www.example.org. 60 TXT 258\n");
    std::string escaped;
    for (int i = 0; i < 300; ++i) escaped += "\\065";
    CHECK(read(soa + "www TXT \"" + escaped + "\"") == "www.example.org. 60 TXT 302\n");
}

TEST_CASE("mistakes are told with their place") {
    for (const Row& row : std::vector<Row>{
             {"www A 192.0.2.1.2", "/zones/db:2: 'A 192.0.2.1.2', expected a type and its data"},
             {"www NONSENSE x", "/zones/db:2: 'NONSENSE x', expected a type and its data"},
             {"\n\nwww A", "/zones/db:4: 'A', expected a type and its data"},
             {"www", "/zones/db:2: no type, expected"},
             {"www 5 IN", "/zones/db:2: no type, expected"},
             {"www CH TXT x", "/zones/db:2: no type, expected"},
             {"www 5x A 192.0.2.1", "/zones/db:2: no type, expected"},
             {"a..b A 192.0.2.1", "/zones/db:2: 'a..b', expected an owner's name"},
             {"$TTL", "/zones/db:2: $TTL: expected"},
             {"$TTL x", "/zones/db:2: $TTL: expected"},
             {"$ORIGIN a b", "/zones/db:2: $ORIGIN: expected"},
             {"$INCLUDE", "/zones/db:2: $INCLUDE: expected"},
             {"$INCLUDE gone", "/zones/db:2: $INCLUDE: /zones/gone: no such file"},
             {"$GENERATE 2-1 a A 192.0.2.1", "/zones/db:2: $GENERATE: '2-1', expected a range"},
             {"$GENERATE 1-2 a", "/zones/db:2: $GENERATE: expected"},
             {"$GENERATE 1-2 a${x} A 192.0.2.1", "/zones/db:2: $GENERATE: '${x}', expected"},
             {"www TXT \"open", "/zones/db:2: a quote that nothing closes"},
             {"x A 192.0.2.1\nwww TXT \"open\n\n", "/zones/db:3: a quote that nothing closes"},
             {"www TXT ( a", "/zones/db:2: '(' that nothing closes"},
             {"x A 192.0.2.1\nwww TXT ( (\n a )\n\n", "/zones/db:3: '(' that nothing closes"},
             {"\"www\" A 192.0.2.1", "/zones/db:2: '\"www\"', expected an owner's name"},
             {"( www A 192.0.2.1 )", "/zones/db:2: 'www A 192.0.2.1', expected a type"},
             {"www MX 65536 a", "/zones/db:2: 'MX 65536 a', expected a type and its data ('65536', "
                                "expected a number from 0 to 65535)"},
             {"www NS \"a\"", "/zones/db:2: 'NS \"a\"', expected a type and its data ('\"a\"', "
                              "expected a name without quotes)"},
             {"www TXT a )", "/zones/db:2: ')', expected"},
             {"x TYPE255 \\# 0", "/zones/db:2: a type that no record has"},
             {"x TYPE41 \\# 0", "/zones/db:2: a type that no record has"},
             {"x NSEC3PARAM 1 0 0 -", "/zones/db:2: NSEC3 is not served"},
         }) {
        INFO("row at line " << row.at.line() << ": " << row.text);
        const std::string error = read(soa + row.text);
        INFO(error);
        CHECK(error.starts_with(row.records));
    }
    CHECK(read("www 60 A 192.0.2.1") == "/zones/db: no SOA record");
    CHECK(read(" A 192.0.2.1").starts_with("/zones/db:1: no owner"));
    CHECK(read("www A 192.0.2.1").starts_with("/zones/db:1: no TTL"));
}

TEST_CASE("files that include others") {
    const auto options = files({{"/zones/part", "inner A 192.0.2.1\n$ORIGIN x.example.org.\n"
                                                "$TTL 5\n@ A 192.0.2.2\n"},
                                {"/zones/deep/one", "$INCLUDE two\n"},
                                {"/zones/deep/two", "two A 192.0.2.3\n"},
                                {"/abs", "abs A 192.0.2.4\n"},
                                {"/zones/wrong", "\n\nx y z\n"},
                                {"/zones/self", "$INCLUDE self\n"}});
    CHECK(read(soa + "$INCLUDE part\nafter A 192.0.2.9\n", options) ==
          "after.example.org. 60 A 192.0.2.9\ninner.example.org. 60 A 192.0.2.1\n"
          "x.example.org. 5 A 192.0.2.2\n");
    CHECK(read(soa + "$INCLUDE \"part\" sub\n", options).find("inner.sub.example.org.") !=
          std::string::npos);
    CHECK(read(soa + "$INCLUDE deep/one\n$INCLUDE /abs\n", options) ==
          "abs.example.org. 60 A 192.0.2.4\ntwo.example.org. 60 A 192.0.2.3\n");
    CHECK(read(soa + "$INCLUDE wrong\n", options).starts_with("/zones/wrong:3: 'y z', expected"));
    CHECK(read(soa + "$INCLUDE self\n", options).find("the eighth within another") !=
          std::string::npos);
}

TEST_CASE("a serial that is there already ends the reading") {
    auto options = files({});
    options.unless_serial = 1;
    CHECK(read(soa + "nonsense", options) == "unchanged");
    options.unless_serial = 2;
    CHECK(read(soa + "www 5 A 192.0.2.1", options) == "www.example.org. 5 A 192.0.2.1\n");
}

TEST_CASE("one file for several zones, and records that are in none") {
    const auto file = zone::read_zone(soa + "www A 192.0.2.1\nwww.example.net. A 192.0.2.2\n", "db",
                                      name_of("example.org"), files({}));
    REQUIRE(file);
    CHECK(file->outside == 1);
    // The SOA of another name is this zone's, as in CoreDNS.
    const auto other = zone::read_zone("example.net. 5 IN SOA a. b. 9 1 1 1 1\n", "db",
                                       name_of("example.org"), files({}));
    REQUIRE(other);
    CHECK(other->zone->serial() == 9);
    CHECK(other->zone->soa_owner().to_string() == "example.net.");
    CHECK(other->zone->transfer_record(0).owner.to_string() == "example.net.");
}
