#pragma once
// Zones out of lines of text, each a record that names its owner in full.

#include "dns/record_text.hpp"
#include "zone/zone.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>

namespace nameplane::test {

inline dns::Name name_of(std::string_view text) {
    const auto name = dns::Name::parse(text);
    REQUIRE(name);
    return *name;
}

/// The records of a builder, added line by line.
inline void add_lines(zone::Zone::Builder& builder, std::string_view lines) {
    Arena arena{1 << 20};
    while (!lines.empty()) {
        std::string_view line = lines.substr(0, lines.find('\n'));
        lines.remove_prefix(std::min(line.size() + 1, lines.size()));
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        if (line.empty()) continue;
        const auto record = dns::read_record(line, arena);
        INFO(line);
        REQUIRE(record);
        REQUIRE(builder.add(*record));
    }
}

inline zone::ZonePtr zone_of(std::string_view origin, std::string_view lines) {
    zone::Zone::Builder builder{name_of(origin)};
    add_lines(builder, lines);
    auto zone = builder.finish();
    REQUIRE(zone);
    return *zone;
}

}  // namespace nameplane::test
