// clean_table(): everything of ours out of a table.

#include "rules/iptables/apply_pass.hpp"

#include <linux/netfilter/x_tables.h>

#include <algorithm>
#include <string>
#include <vector>

namespace nameplane::rules::iptables {

bool is_ours(TableName table, std::string_view chain) noexcept {
    // nf_tables takes longer names, and iptables, which would have to take them away, does not.
    if (chain.size() >= XT_EXTENSION_MAXNAMELEN) return false;
    if (chain == "KUBE-PROXY-CANARY") return true;
    constexpr std::array<std::string_view, 4> nat{"KUBE-SERVICES", "KUBE-NODEPORTS",
                                                  "KUBE-POSTROUTING", "KUBE-MARK-MASQ"};
    constexpr std::array<std::string_view, 5> filter{"KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES",
                                                     "KUBE-FORWARD", "KUBE-NODEPORTS",
                                                     "KUBE-PROXY-FIREWALL"};
    switch (table) {
    case TableName::nat:
        return std::ranges::count(nat, chain) != 0 || is_service_chain(chain) ||
               is_tree_chain(chain);
    case TableName::filter: return std::ranges::count(filter, chain) != 0 || is_tree_chain(chain);
    case TableName::mangle:
    case TableName::raw: return false;
    }
    return false;
}

namespace {

/// Takes the rules that lead from the built-in chain into ours, whoever wrote them and how.
Status remove_jumps(Table& table, const std::string& chain, TableEdit& edit) {
    std::vector<std::size_t> jumps;
    std::size_t position = 0;
    table.for_each_rule(chain.c_str(), [&](const RuleView& rule) {
        if (rule.standard && is_ours(table.name(), rule.target)) jumps.push_back(position);
        ++position;
        return true;
    });
    for (auto jump = jumps.rbegin(); jump != jumps.rend(); ++jump) {
        if (auto removed = table.remove(chain.c_str(), *jump); !removed) return removed;
        ++edit.rules.removed;
    }
    return {};
}

}  // namespace

Result<TableEdit> clean_table(Table& table) {
    TableEdit edit;
    std::vector<std::string> built_in;
    std::vector<ChainName> ours;
    table.for_each_chain([&](const char* chain, bool is_built_in) {
        if (is_built_in) {
            built_in.emplace_back(chain);
        } else if (is_ours(table.name(), chain)) {
            ours.push_back(chain_name(chain));
        }
    });
    std::ranges::sort(ours);
    for (const std::string& chain : built_in) {
        if (auto removed = remove_jumps(table, chain, edit); !removed) {
            return std::move(removed).error();
        }
    }
    for (const ChainName& chain : ours) {
        if (table.first_rule(chain.data()) == nullptr) continue;
        if (auto flushed = table.flush_chain(chain.data()); !flushed) {
            return std::move(flushed).error();
        }
        ++edit.rules.removed;
    }
    auto deleted = delete_chains(table, ours);
    if (!deleted) return std::move(deleted).error();
    edit.chains += *deleted;
    return edit;
}

}  // namespace nameplane::rules::iptables
