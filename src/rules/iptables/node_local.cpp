#include "rules/iptables/node_local.hpp"

#include "rules/iptables/lock.hpp"
#include "rules/iptables/node_local_text.hpp"
#include "rules/iptables/table.hpp"
#include "rules/nftables/kernel_table.hpp"
#include "rules/nftables/netlink.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

namespace nameplane::rules::iptables {
namespace {

constexpr int attempts_max = 3;

// Positions of `wanted` in its chain, the first one first.
std::vector<std::size_t> positions_of(const Table& table, const char* chain,
                                      const EncodedRule& wanted) {
    const RuleView view = view_of(wanted, table.family());
    std::vector<std::size_t> positions;
    std::size_t position = 0;
    table.for_each_rule(chain, [&](const RuleView& rule) {
        if (same_rule(rule, view, table.family())) positions.push_back(position);
        ++position;
        return true;
    });
    return positions;
}

// One more if it is missing.
Result<std::size_t> ensure(Table& table, const char* chain, const EncodedRule& rule) {
    if (!positions_of(table, chain, rule).empty()) return std::size_t{0};
    if (Status put = table.insert(chain, rule, 0); !put) return std::move(put).error();
    return std::size_t{1};
}

Result<std::size_t> remove(Table& table, const char* chain, const EncodedRule& rule) {
    const std::vector<std::size_t> positions = positions_of(table, chain, rule);
    for (auto position = positions.rbegin(); position != positions.rend(); ++position) {
        if (Status gone = table.remove(chain, *position); !gone) return std::move(gone).error();
    }
    return positions.size();
}

using Edit = Result<std::size_t> (*)(Table&, const char*, const EncodedRule&);

// Edits one table, again when somebody was in between; how many rules that changed.
Result<std::size_t> edit_table(Family family, TableName name, const std::vector<PlacedRule>& rules,
                               Edit edit) {
    for (int attempt = 0;; ++attempt) {
        Result<Table> table = Table::open(family, name);
        if (!table) return std::move(table).error();
        std::size_t edits = 0;
        for (const PlacedRule& placed : rules) {
            if (placed.table != name) continue;
            const Result<EncodedRule> encoded = encode(placed.rule, family, {});
            if (!encoded) return encoded.error();
            Result<std::size_t> done = edit(*table, placed.chain.c_str(), *encoded);
            if (!done) return done;
            edits += *done;
        }
        if (edits == 0) return edits;
        Status committed = table->commit();
        if (committed) return edits;
        if (committed.error().code != Errc::again || attempt + 1 == attempts_max) {
            return std::move(committed).error();
        }
    }
}

using MakeText = NodeLocalText (*)(std::string_view, TableName, std::span<const PlacedRule>);

// Edits one table of an iptables that is the nft one, likewise. What is added or removed at once is
// so whole; between looking and writing somebody may have been quicker.
Result<std::size_t> edit_nft_table(const NftPrograms& programs, TableName name,
                                   const std::vector<PlacedRule>& rules, MakeText make_text) {
    for (int attempt = 0;; ++attempt) {
        const Result<std::string> saved = programs.save(name);
        if (!saved) return saved.error();
        // Of a table that nft alone can read, nothing is printed.
        if (saved->find(std::string{"*"} + to_string(name) + "\n") == std::string::npos) {
            return Error{Errc::unsupported,
                         std::string{"iptables-nft cannot read table "} + to_string(name)};
        }
        const NodeLocalText edits = make_text(*saved, name, rules);
        if (edits.lines == 0) return std::size_t{0};
        auto written = programs.restore(edits.text);
        if (written) return edits.lines;
        if (attempt + 1 == attempts_max) return std::move(written).error();
    }
}

// Whether iptables-nft has a rule of anybody there; without one no program need be asked.
bool has_nft_rules(Family family, TableName table) {
    auto netlink = nftables::Netlink::open();
    if (!netlink) return false;
    return nftables::count_rules(*netlink, family, to_string(table)).value_or(0) != 0;
}

std::vector<Family> families_of(const NodeLocalOptions& options) {
    std::vector<Family> families;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        if (std::ranges::count(options.addresses, family, &IpAddress::family) != 0) {
            families.push_back(family);
        }
    }
    return families;
}

// Filter before raw: what is not tracked must pass the filter already.
template <class EditTable>
Result<std::size_t> ensure_each(const NodeLocalOptions& options, const EditTable& edit) {
    std::size_t added = 0;
    for (const Family family : families_of(options)) {
        const std::vector<PlacedRule> rules = node_local_rules(options, family);
        for (const TableName table : {TableName::filter, TableName::raw}) {
            Result<std::size_t> done = edit(family, table, rules);
            if (!done) return done;
            added += *done;
        }
    }
    return added;
}

template <class EditTable>
Status remove_each(Family family, const NodeLocalOptions& options, const EditTable& edit) {
    const std::vector<PlacedRule> rules = node_local_rules_of_any(options, family);
    Status first;
    for (const TableName table : {TableName::raw, TableName::filter}) {
        Result<std::size_t> gone = edit(table, rules);
        if (!gone && first) first = std::move(gone).error();
    }
    return first;
}

Status remove_legacy(Family family, const NodeLocalOptions& options) {
    if (!has_legacy_tables(family)) return {};
    const auto lock = XtablesLock::take(options.lock_path, options.lock_wait);
    if (!lock) return lock.error();
    return remove_each(family, options, [&](TableName table, const auto& rules) {
        return edit_table(family, table, rules, remove);
    });
}

Status remove_nft(Family family, const NodeLocalOptions& options) {
    const NftPrograms programs{family, options.nft};
    if (!programs.installed()) return {};
    return remove_each(family, options, [&](TableName table, const auto& rules) {
        if (!has_nft_rules(family, table)) return Result{std::size_t{0}};
        return edit_nft_table(programs, table, rules, text_without);
    });
}

}  // namespace

Result<std::size_t> ensure_node_local_rules(const NodeLocalOptions& options) {
    if (options.kind == Kind::nft) {
        return ensure_each(options, [&](Family family, TableName table, const auto& rules) {
            return edit_nft_table({family, options.nft}, table, rules, text_of_missing);
        });
    }
    const auto lock = XtablesLock::take(options.lock_path, options.lock_wait);
    if (!lock) return lock.error();
    return ensure_each(options, [](Family family, TableName table, const auto& rules) {
        return edit_table(family, table, rules, ensure);
    });
}

Status remove_node_local_rules(const NodeLocalOptions& options) {
    Status first;
    for (const Family family : families_of(options)) {
        for (const auto remove_from : {remove_legacy, remove_nft}) {
            Status gone = remove_from(family, options);
            if (!gone && first) first = std::move(gone);
        }
    }
    return first;
}

}  // namespace nameplane::rules::iptables
