#pragma once
// print: a Config as TOML and as a Corefile. What is printed compiles to an equal Config.

#include "conf/config.hpp"
#include "conf/document.hpp"
#include "conf/tables.hpp"

#include <span>
#include <string>
#include <vector>

namespace nameplane::conf {

struct Printed {
    std::string text;
    /// Options that the form has no place for ("rules.mode"); the text leaves them out.
    std::vector<std::string> left_out;
};

/// What a Corefile can say: server blocks and their plugins, the pages, reload, log level debug.
Printed print_toml(const Config& config, std::span<const OptionTable> plugins);
/// The settings of `document` as TOML; they must be right.
std::string print_settings(const Document& document);
Printed print_corefile(const Config& config, std::span<const OptionTable> plugins);

}  // namespace nameplane::conf
