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
    }
    return 0;
}
