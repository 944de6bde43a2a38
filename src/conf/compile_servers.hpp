#pragma once
// compile_servers: the server blocks of a Document into a Config: zones, plugins, and those
// directives that are no plugins.

#include "conf/compile.hpp"
#include "conf/document.hpp"
#include "conf/tables.hpp"

#include <span>

namespace nameplane::conf {

/// Adds to `compiled`, whose own tables have been compiled before.
void compile_servers(const Document& document, std::span<const OptionTable> plugins,
                     Compiled& compiled);

}  // namespace nameplane::conf
