// What iptables-save prints: read, and written as the text that takes our part of it away, which
// touches nothing but our chains and what leads there.

#include "rules/iptables/apply_pass.hpp"
#include "rules/iptables/restore_text.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nameplane::rules::iptables;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const SavedRules saved = read_saved(text);
    for (const auto& [table, chain] : saved.chains) {
        if (!is_ours(table, chain)) std::abort();
    }
    for (const SavedRules::Line& line : saved.jumps) {
        if (!line.text.starts_with("-A ") || text.find(line.text) == text.npos) std::abort();
    }
    const RestoreText removal = text_of_removal(saved);
    if (removal.empty() != (saved.chains.empty() && saved.jumps.empty())) std::abort();
    return 0;
}
