#include "chain/registry.hpp"

namespace nameplane::chain {

std::vector<conf::OptionTable> plugin_tables() {
    std::vector<conf::OptionTable> tables;
    for (const PluginKind& kind : plugin_kinds()) {
        tables.push_back({kind.name, kind.options, kind.syntax});
    }
    return tables;
}

}  // namespace nameplane::chain
