#pragma once
// reader: a directive and an option table to Options. Every table of the agent and of the plugins
// is read here, so that all of them report mistakes in the same words.

#include "conf/document.hpp"
#include "conf/tables.hpp"
#include <nameplane/conf/options.hpp>

#include <vector>

namespace nameplane::conf {

/// The words and the body of `directive` read by `table`. Whatever is wrong is added to `problems`
/// (unknown names with the nearest known one, values out of bounds, words that are missing or too
/// many) and the option keeps its default. A TOML option can be given once; of a line of a Corefile
/// that stands twice the last one counts, or lists grow, as most plugins of CoreDNS have it.
/// `table` must be static.
Options read_options(const Directive& directive, const OptionTable& table,
                     std::vector<Problem>& problems);

/// Where `option` stands in the body of `directive`, or where the directive itself stands.
const Where& where_of(const Directive& directive, std::string_view option) noexcept;

}  // namespace nameplane::conf
