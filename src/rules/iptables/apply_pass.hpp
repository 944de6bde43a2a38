#pragma once
// apply_pass: what one apply() does to the open tables of one family, without lock, commit and
// memory, which are apply.cpp's. Private to src/rules/iptables.

#include "rules/iptables/apply_chain.hpp"
#include "rules/iptables/dispatch.hpp"
#include "rules/iptables/encode.hpp"
#include "rules/iptables/render.hpp"
#include "rules/iptables/table.hpp"
#include "rules/plan.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace nameplane::rules::iptables {

/// A chain to which each Service adds rules of its own, in the order of the Services.
struct SharedChain {
    TableName table;
    std::string_view name;
    Chain ServiceRules::*rules;
    TreeRoot tree;  ///< how it is divided with Dispatch::tree
};
inline constexpr std::array shared_chains{
    SharedChain{TableName::nat, "KUBE-SERVICES", &ServiceRules::nat_services, nat_services_root},
    SharedChain{TableName::nat, "KUBE-NODEPORTS", &ServiceRules::nat_nodeports, nat_nodeports_root},
    SharedChain{TableName::filter, "KUBE-SERVICES", &ServiceRules::filter_services,
                filter_services_root},
    SharedChain{TableName::filter, "KUBE-EXTERNAL-SERVICES",
                &ServiceRules::filter_external_services, external_services_root},
    SharedChain{TableName::filter, "KUBE-NODEPORTS", &ServiceRules::filter_nodeports,
                health_checks_root},
    SharedChain{TableName::filter, "KUBE-PROXY-FIREWALL", &ServiceRules::filter_proxy_firewall,
                proxy_firewall_root},
};

/// Chains that belong to the kubelet as well: we add to them and never take away.
bool is_shared_with_kubelet(std::string_view chain) noexcept;
/// KUBE-SVC-, KUBE-SVL-, KUBE-EXT-, KUBE-FW-, KUBE-SEP-: chains of one Service port, ours or left
/// by an earlier run or by kube-proxy.
bool is_service_chain(std::string_view chain) noexcept;

/// KUBE-TREE-: a part of a chain that is divided with dispatch = "tree".
bool is_tree_chain(std::string_view chain) noexcept;

/// Whether a chain is ours alone, or kube-proxy's. KUBE-FIREWALL is not among them: it is the
/// kubelet's as well.
bool is_ours(TableName table, std::string_view chain) noexcept;

/// Where a chain comes from: the index of the record, and of the chain in ServiceRules::nat_chains.
struct ChainPlace {
    std::uint32_t service = 0;
    std::uint32_t chain = 0;
    friend auto operator<=>(const ChainPlace&, const ChainPlace&) = default;
};

/// A chain of one Service's own that the kernel shall hold: a name, and hash_rules() of its rules.
struct OwnChain {
    ChainName name;
    std::uint64_t hash = 0;
    ChainPlace place;
};

/// What is remembered of one Service that is in the kernel: about 100 octets and one for each of
/// its rules in shared chains times eight, with Dispatch::tree times 32. Its own chains are made
/// from `plan` again when needed.
struct Record {
    std::shared_ptr<const ServicePlan> plan;
    std::array<std::uint16_t, shared_chains.size()> counts{};  ///< rules in each shared chain
    std::vector<std::uint64_t> hashes;                         ///< of those rules, chain by chain
    std::uint32_t own_rules = 0;
    std::vector<TreeKey> keys;  ///< of those rules likewise; only with Dispatch::tree
};

/// What changed in one table.
struct TableEdit {
    std::size_t chains = 0;  ///< made, edited or removed
    ChainEdit rules;
    /// A shared chain loses rules, which must not go before the other table is in place.
    bool loses = false;
    bool changed() const noexcept { return chains != 0 || rules.edits() != 0; }
};

/// Made for one plan; its tables may be edited several times (into fresh tables).
class Pass {
public:
    /// `before`: the records of the last successful apply, taken over; empty for a full pass.
    static Result<Pass> make(const Plan& plan, std::vector<Record> before, bool full,
                             const Features& features);

    Result<TableEdit> edit_nat(Table& table);
    /// `keep_old`: rules in shared chains are only added.
    Result<TableEdit> edit_filter(Table& table, bool keep_old);
    Result<TableEdit> edit_mangle(Table& table);

    bool full() const noexcept { return full_; }
    /// Somebody changed what we remembered: only a full pass can mend it.
    bool drifted() const noexcept { return drifted_; }
    std::size_t rules_in(TableName table) const;
    std::vector<Record> take_records() && { return std::move(records_); }

private:
    Pass(const Plan& plan, bool full, const Features& features)
        : plan_{&plan}, features_{features}, full_{full}, large_{plan.endpoint_count >
                                                                 large_cluster_endpoints} {}

    bool is_tree() const { return plan_->settings.dispatch == Dispatch::tree; }
    ServiceRules render(const ServicePlan& service) const;
    /// Adds the record of a Service that is new or different, and its chains.
    Status add(std::shared_ptr<const ServicePlan> plan);
    Result<std::vector<EncodedRule>> encode(const Chain& chain) const;
    Result<EncodedRule> shared_rule(std::size_t service, std::size_t chain, std::size_t index);

    Status edit_base(Table& table, const std::vector<NamedChain>& chains, TableEdit& edit) const;
    Status edit_jumps(Table& table, TableEdit& edit) const;
    Status edit_shared(Table& table, bool keep_old, TableEdit& edit);
    Status edit_tree(Table& table, std::size_t chain, bool keep_old, std::vector<ChainName>& wanted,
                     TableEdit& edit);
    static Status make_tree_chains(Table& table, const std::vector<ChainName>& names,
                                   TableEdit& edit);
    static Status remove_stale_tree(Table& table, std::vector<ChainName> wanted, TableEdit& edit);
    static Status remove_chains(Table& table, const std::vector<ChainName>& stale, TableEdit& edit);
    std::vector<ChainName> service_chains(const Table& table) const;
    Status edit_own_chains(Table& table, const std::vector<ChainName>& there,
                           TableEdit& edit) const;
    Status write_own_chains(Table& table, std::vector<ChainPlace> different, TableEdit& edit) const;
    Status remove_stale(Table& table, const std::vector<ChainName>& there, TableEdit& edit) const;
    Status note(Result<ChainEdit> done, TableEdit& edit) const;

    const Plan* plan_;
    Features features_;
    bool full_;
    bool large_;
    bool drifted_ = false;
    std::array<std::size_t, shared_chains.size()> tree_jumps_{};
    BaseRules base_;
    std::vector<Record> records_;
    std::vector<std::uint32_t> changed_;  ///< indices of records_ that are new or different
    std::vector<OwnChain> own_chains_;    ///< by name: those of the changed Services
    std::vector<ChainName> gone_chains_;  ///< sorted: what changed and removed Services had
    /// The Service rendered last, since rules of one are asked for in a row.
    std::optional<std::size_t> rendered_index_;
    ServiceRules rendered_;
};

/// Takes everything of ours out of `table`. Chains to which somebody else jumps stay, empty.
Result<TableEdit> clean_table(Table& table);

}  // namespace nameplane::rules::iptables
