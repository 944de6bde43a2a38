#pragma once
// compile: a Document to a Config. All checks are made here in one pass, and all that is wrong is
// reported at once.

#include "conf/config.hpp"
#include "conf/document.hpp"
#include "conf/tables.hpp"

#include <span>
#include <string>
#include <vector>

namespace nameplane::conf {

struct Compiled {
    Config config;                  ///< to be used only when nothing is wrong
    std::vector<Problem> problems;  ///< sorted by place
    std::vector<Problem> warnings;  ///< what may be meant so
    std::string sources;            ///< all that was read: when it changes, so may the meaning
};

/// `plugins`: the kinds that exist, in chain order; the tables are static. What the document does
/// not mention has its default; a document without server blocks gets the default one
/// (cluster.local and the reverse zones, answered by `kubernetes`).
Compiled compile(const Document& document, std::span<const OptionTable> plugins);

}  // namespace nameplane::conf
