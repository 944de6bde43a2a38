#pragma once
// Row: where a row of a test's table stands, so that a failure names it.

#include <source_location>
#include <string>

namespace nameplane::test {

struct Row {
    std::source_location place = std::source_location::current();
    std::string to_string() const { return "row at line " + std::to_string(place.line()); }
};

}  // namespace nameplane::test
