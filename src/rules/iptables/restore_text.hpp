#pragma once
// restore_text: the difference of two plans, or a whole plan over whatever is there, as text that
// `iptables-restore --noflush` takes: whole chains, and only those that differ. Pure.

#include "rules/iptables/rule.hpp"
#include "rules/plan.hpp"

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nameplane::rules::iptables {

/// What `iptables-save` prints of our part of the tables.
struct SavedRules {
    struct Line {
        TableName table{};
        std::string text;  ///< "-A OUTPUT -j KUBE-SERVICES"
    };
    using Chain = std::pair<TableName, std::string>;
    std::vector<Chain> chains;        ///< ours
    std::set<Chain> held;             ///< of these, what chains of others jump to
    std::vector<Line> jumps;          ///< from built-in chains into ours
    std::vector<Line> kubelet_jumps;  ///< from built-in chains into KUBE-FIREWALL
    bool has_kubelet_chain = false;   ///< KUBE-FIREWALL
    bool has_kubelet_rule = false;    ///< with what we put there
};
SavedRules read_saved(std::string_view text);

/// A text, and what it does.
struct RestoreText {
    std::string text;
    std::size_t chains = 0;
    std::size_t rules = 0;
    /// How many rules a table of ours gains; over whatever is there: how many it has.
    std::ptrdiff_t nat_rules = 0;
    std::ptrdiff_t filter_rules = 0;
    bool empty() const noexcept { return text.empty(); }
};

/// From `before`, which the kernel holds, to `after`; settings are the same.
RestoreText text_of_changes(const Plan& before, const Plan& after);
/// To `plan` from what is `saved`: all of it.
RestoreText text_of_everything(const Plan& plan, const SavedRules& saved);
/// From what is `saved` to nothing.
RestoreText text_of_removal(const SavedRules& saved);

}  // namespace nameplane::rules::iptables
