#pragma once
// compile_servers: the server blocks of a Document into a Config: zones, plugins, and those
// directives that are no plugins.

#include "conf/config.hpp"
#include "conf/document.hpp"
#include "conf/tables.hpp"

#include <span>
#include <vector>

namespace nameplane::conf {

/// Adds to `config`, whose own tables have been compiled before, and to `problems`.
void compile_servers(const Document& document, std::span<const OptionTable> plugins, Config& config,
                     std::vector<Problem>& problems);

}  // namespace nameplane::conf
