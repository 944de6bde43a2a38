#include "rules/iptables/nft_tables.hpp"

#include "rules/iptables/apply_pass.hpp"
#include "rules/iptables/child.hpp"
#include "rules/iptables/encode.hpp"
#include "rules/iptables/table.hpp"
#include "rules/nftables/kernel_table.hpp"
#include "rules/nftables/netlink.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace nameplane::rules::iptables {
namespace {

constexpr std::array families{Family::ipv4, Family::ipv6};
constexpr std::array<std::string_view, 2> marks{"KUBE-IPTABLES-HINT", "KUBE-KUBELET-CANARY"};

bool is_mark(std::string_view chain) {
    return chain == marks[0] || chain == marks[1];
}

/// The names of the family's legacy tables that are there.
std::vector<std::string> legacy_tables(Family family) {
    const char* path = family == Family::ipv4 ? "/proc/thread-self/net/ip_tables_names"
                                              : "/proc/thread-self/net/ip6_tables_names";
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path, "re"), std::fclose};
    std::vector<std::string> names;
    std::array<char, 64> line{};
    while (file && std::fgets(line.data(), line.size(), file.get()) != nullptr) {
        const std::string_view text{line.data()};
        names.emplace_back(text.substr(0, text.find('\n')));
    }
    return names;
}

Signs legacy_signs(Family family) {
    Signs signs;
    for (const std::string& name : legacy_tables(family)) {
        for (const TableName table :
             {TableName::filter, TableName::nat, TableName::mangle, TableName::raw}) {
            if (name != to_string(table)) continue;
            const auto opened = Table::open(family, table);
            if (!opened) continue;
            opened->for_each_chain([&](const char* chain, bool) {
                signs.kubelet = signs.kubelet || (table == TableName::mangle && is_mark(chain));
                for (const void* rule = opened->first_rule(chain); rule != nullptr;
                     rule = opened->next_rule(rule)) {
                    ++signs.rules;
                }
            });
        }
    }
    return signs;
}

Signs nft_signs(Family family) {
    Signs signs;
    auto netlink = nftables::Netlink::open();
    if (!netlink) return signs;
    (void)nftables::for_each_chain(
        *netlink, family, [&](std::string_view table, std::string_view chain) {
            signs.kubelet = signs.kubelet || (table == "mangle" && is_mark(chain));
        });
    for (const std::string_view table : {"filter", "nat", "mangle", "raw"}) {
        const auto counted = nftables::count_rules(*netlink, family, table);
        if (counted) signs.rules += *counted;
    }
    return signs;
}

}  // namespace

Kind kind_by(const Signs& legacy, const Signs& nft) {
    if (nft.kubelet) return Kind::nft;
    if (legacy.kubelet) return Kind::legacy;
    return nft.rules > legacy.rules ? Kind::nft : Kind::legacy;
}

Choice kind_in_use() {
    if (!is_in_path("iptables-nft-restore"))
        return {Kind::legacy, "iptables-nft-restore is not in PATH"};
    Signs legacy;
    Signs nft;
    for (const Family family : families) {
        for (const auto& [all, one] :
             {std::pair{&legacy, legacy_signs(family)}, std::pair{&nft, nft_signs(family)}}) {
            all->kubelet = all->kubelet || one.kubelet;
            all->rules += one.rules;
        }
    }
    const Kind kind = kind_by(legacy, nft);
    if (nft.kubelet || legacy.kubelet) return {kind, "the kubelet's mark is there"};
    if (kind == Kind::legacy && legacy.rules == 0 && !has_ip_tables(Family::ipv4))
        return {Kind::nft, "the kernel has no ip_tables"};
    return {kind, "rules of iptables-legacy: " + std::to_string(legacy.rules) +
                      ", of iptables-nft: " + std::to_string(nft.rules)};
}

bool has_legacy_tables(Family family) {
    return !legacy_tables(family).empty();
}

Result<bool> has_nft_chains(Family family) {
    auto netlink = nftables::Netlink::open();
    if (!netlink) return std::move(netlink).error();
    bool any = false;
    auto listed = nftables::for_each_chain(
        *netlink, family, [&](std::string_view table, std::string_view chain) {
            for (const TableName name : {TableName::filter, TableName::nat, TableName::mangle}) {
                any = any || (table == to_string(name) && is_ours(name, chain));
            }
        });
    // A kernel without nf_tables has none either.
    if (!listed &&
        (listed.error().code == Errc::not_found || listed.error().code == Errc::unsupported)) {
        return false;
    }
    if (!listed) return std::move(listed).error();
    return any;
}

}  // namespace nameplane::rules::iptables
