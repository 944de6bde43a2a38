// What the kernel tells of a rule of iptables-nft: one line, or none.

#include "rules/nftables/xtables_rules.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nameplane;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        std::string text;
        rules::nftables::append_xtables_rule({data, size}, family, text);
        if (text.empty()) continue;
        if (!text.starts_with("-A ") || std::ranges::count(text, '\n') != 1) std::abort();
        if (text.back() != '\n') std::abort();
        // Quotes are whole, and only in them anything may stand.
        bool quoted = false;
        for (std::size_t at = 0; at + 1 < text.size(); ++at) {
            if (quoted && text[at] == '\\') {
                ++at;
            } else if (text[at] == '"') {
                quoted = !quoted;
            } else if (!quoted && (text[at] == '\\' || text[at] == '\'' || text[at] == '\t')) {
                std::abort();
            }
        }
        if (quoted) std::abort();
    }
    return 0;
}
