#pragma once
// restore_text: the difference between what the tables hold and a plan, as text that
// `iptables-restore --noflush` takes. Of a long chain only the rules that differ are named; a short
// one that differs is written anew. Pure.
//
// What nat does not translate yet is refused meanwhile, see apply.hpp: where filter loses rules and
// nat changes, the text has filter's new rules, nat, and then what filter loses.

#include "rules/iptables/rule.hpp"
#include "rules/plan.hpp"

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nameplane::rules::iptables {

/// Our part of the tables as `iptables-save` or nftables::xtables_text() prints them; refers to
/// that text.
struct SavedRules {
    using Chain = std::pair<TableName, std::string_view>;
    struct Jump {
        TableName table{};
        std::string_view line;      ///< "-A OUTPUT -j KUBE-SERVICES"
        std::string_view built_in;  ///< "OUTPUT"
        std::size_t place = 0;      ///< there, from 1
        bool kubelets = false;      ///< into KUBE-FIREWALL
    };
    std::map<Chain, std::vector<std::string_view>> chains;  ///< ours: rules without "-A CHAIN"
    std::set<Chain> held;            ///< of these, what chains of others jump to
    std::vector<Jump> jumps;         ///< from built-in chains into ours
    bool has_kubelet_chain = false;  ///< KUBE-FIREWALL
    bool has_kubelet_rule = false;   ///< with what we put there
};
/// `text` must outlive the result.
SavedRules read_saved(std::string_view text);

/// A text, and what it does.
struct RestoreText {
    std::string text;
    std::size_t chains = 0;          ///< made, changed or removed
    std::size_t nat_written = 0;     ///< lines of rules
    std::size_t filter_written = 0;  ///< likewise, mangle's among them
    /// How many rules a table of ours gains; text_of_everything: how many it has.
    std::ptrdiff_t nat_rules = 0;
    std::ptrdiff_t filter_rules = 0;
    bool empty() const noexcept { return text.empty(); }
};

/// From `before`, which the kernel holds, to `after`; settings are the same.
RestoreText text_of_changes(const Plan& before, const Plan& after);
/// To `plan` from what is `saved`.
RestoreText text_of_everything(const Plan& plan, const SavedRules& saved);
/// From what is `saved` to nothing.
RestoreText text_of_removal(const SavedRules& saved);

}  // namespace nameplane::rules::iptables
