#pragma once
// toml: TOML text to a Document. Tables become directives with a body, `[[server]]` becomes a
// ServerBlock; everything keeps the line it stood on. Knows no option.

#include "conf/document.hpp"

#include <string_view>
#include <vector>

namespace nameplane::conf {

struct TomlReading {
    Document document;
    std::vector<Problem> problems;  ///< a syntax error ends the reading; the document is then empty
};

/// `file` is the name that messages carry.
TomlReading read_toml(std::string_view text, std::string_view file);

}  // namespace nameplane::conf
