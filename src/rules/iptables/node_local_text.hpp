#pragma once
// node_local_text: the rules of a node's own DNS cache against what `iptables-save` prints of a
// table, as lines that `iptables-restore --noflush` takes. Pure.

#include "rules/iptables/node_local_rules.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace nameplane::rules::iptables {

/// Lines for one table, and how many there are.
struct NodeLocalText {
    std::string text;  ///< "*raw ... COMMIT"; empty if there is nothing to do
    std::size_t lines = 0;
};

/// Puts those of `rules` in `table` that `saved` does not have at the head of their chains.
NodeLocalText text_of_missing(std::string_view saved, TableName table,
                              std::span<const PlacedRule> rules);
/// Takes away each line of `saved` that is one of `rules` in `table`, however often it is there.
NodeLocalText text_without(std::string_view saved, TableName table,
                           std::span<const PlacedRule> rules);

}  // namespace nameplane::rules::iptables
