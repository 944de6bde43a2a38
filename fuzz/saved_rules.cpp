// What iptables-save prints: read, and written as the text that takes our part of it away, which
// touches nothing but our chains and what leads there, or the rules of a node's DNS cache.

#include "rules/iptables/apply_pass.hpp"
#include "rules/iptables/node_local_text.hpp"
#include "rules/iptables/restore_text.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

using namespace nameplane;
using namespace nameplane::rules::iptables;

namespace {

void check_node_local(std::string_view text) {
    static const std::vector<PlacedRule> rules =
        node_local_rules_of_any({.addresses = {*IpAddress::parse("10.96.0.10")}}, Family::ipv4);
    for (const TableName table : {TableName::raw, TableName::filter}) {
        const NodeLocalText gone = text_without(text, table, rules);
        if (gone.lines != 0 && gone.text.find("NodeLocal DNS Cache: ") == gone.text.npos)
            std::abort();
        const NodeLocalText more = text_of_missing(text, table, rules);
        // What is there is missed no more, and both variants are 24 rules.
        if (more.lines > 24 ||
            (gone.lines == 0 && more.lines != (table == TableName::raw ? 16 : 8)))
            std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const SavedRules saved = read_saved(text);
    bool anything = false;
    for (const auto& [chain, lines] : saved.chains) {
        if (!is_ours(chain.first, chain.second)) std::abort();
        anything = anything || !lines.empty() || !saved.held.contains(chain);
    }
    for (const SavedRules::Jump& jump : saved.jumps) {
        if (!jump.line.starts_with("-A ") || jump.line.data() < text.data()) std::abort();
        anything = anything || !jump.kubelets;
    }
    if (text_of_removal(saved).empty() == anything) std::abort();
    // From anything that may be there to a plan; of the same text, the same again.
    const nameplane::rules::Plan plan;
    const RestoreText whole = text_of_everything(plan, saved);
    if (whole.text != text_of_everything(plan, read_saved(text)).text) std::abort();
    check_node_local(text);
    return 0;
}
