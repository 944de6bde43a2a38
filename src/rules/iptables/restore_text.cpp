#include "rules/iptables/restore_text.hpp"

#include "rules/iptables/apply_pass.hpp"
#include "rules/iptables/dispatch.hpp"
#include "rules/iptables/render.hpp"
#include "rules/iptables/render_names.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

namespace nameplane::rules::iptables {
namespace {

constexpr std::array tables{TableName::filter, TableName::nat, TableName::mangle};
constexpr std::string_view kubelet_comment = "block incoming localnet connections";

/// Rules as lines, by chain.
using Lines = std::vector<std::string>;
using Chains = std::map<std::string, Lines, std::less<>>;
using Content = std::map<TableName, Chains>;

bool is_large(const Plan& plan) {
    return plan.endpoint_count > large_cluster_endpoints;
}

void add(Lines& lines, std::string_view chain, const Chain& rules) {
    for (const Rule& rule : rules) {
        std::string& line = lines.emplace_back("-A ");
        line += chain;
        line += ' ';
        line += to_text(rule);
    }
}

void add(Content& content, TableName table, std::string_view chain, const Chain& rules) {
    add(content[table][std::string{chain}], chain, rules);
}

ServiceRules render(const ServicePlan& service, const Plan& plan) {
    return render_service(service, plan.settings, is_large(plan));
}

/// Chains of single Services.
void add_own(Content& content, const ServicePlan& service, const Plan& plan) {
    for (const NamedChain& chain : render(service, plan).nat_chains)
        add(content, TableName::nat, chain.name, chain.rules);
}

/// Chains to which all Services add rules, KUBE-SERVICES with its tree.
void add_shared(Content& content, const Plan& plan) {
    const BaseRules base = render_base(plan.settings);
    const bool tree = plan.settings.dispatch == Dispatch::tree;
    Chain dispatched;
    for (const SharedChain& shared : shared_chains) add(content, shared.table, shared.name, {});
    for (const auto& service : plan.services) {
        ServiceRules rules = render(*service, plan);
        if (tree)
            std::ranges::move(std::exchange(rules.nat_services, {}),
                              std::back_inserter(dispatched));
        for (const SharedChain& shared : shared_chains)
            add(content, shared.table, shared.name, rules.*shared.rules);
    }
    if (tree) {
        for (const NamedChain& chain : divided(std::move(dispatched)))
            add(content, TableName::nat, chain.name, chain.rules);
    }
    add(content, TableName::nat, services_chain, base.nat_services_tail);
}

/// Chains that no Service adds to.
void add_base(Content& content, const Plan& plan) {
    const BaseRules base = render_base(plan.settings);
    const auto add_all = [&](TableName table, const std::vector<NamedChain>& chains) {
        for (const NamedChain& chain : chains) {
            if (chain.name == firewall_chain) continue;
            add(content, table, chain.name, chain.rules);
        }
    };
    add_all(TableName::filter, base.filter_chains);
    add_all(TableName::nat, base.nat_chains);
    add_all(TableName::mangle, base.mangle_chains);
}

/// Writes the blocks of one text.
class Writer {
public:
    /// `remove`, `first` and `last` are lines before and after the chains' rules.
    struct Block {
        TableName table{};
        std::vector<std::string> first;
        std::vector<std::pair<std::string, Lines>> chains;
        std::vector<std::string> last;
        std::vector<std::string> gone;
    };
    void put(const Block& block) {
        if (block.first.empty() && block.chains.empty() && block.last.empty() &&
            block.gone.empty()) {
            return;
        }
        std::string& text = done_.text;
        text += '*';
        text += to_string(block.table);
        text += '\n';
        const auto declare = [&](const std::string& chain) { text += ":" + chain + " - [0:0]\n"; };
        for (const auto& [name, lines] : block.chains) declare(name);
        for (const std::string& name : block.gone) declare(name);
        put(block.first);
        for (const auto& [name, lines] : block.chains) put(lines);
        put(block.last);
        for (const std::string& name : block.gone) text += "-X " + name + "\n";
        text += "COMMIT\n";
        done_.chains += block.chains.size() + block.gone.size();
    }
    RestoreText finish() && { return std::move(done_); }

private:
    static std::string_view to_string(TableName table) {
        switch (table) {
        case TableName::filter: return "filter";
        case TableName::nat: return "nat";
        case TableName::mangle: return "mangle";
        case TableName::raw: return "raw";
        }
        return {};
    }
    void put(const Lines& lines) {
        for (const std::string& line : lines) done_.text += line + "\n";
        done_.rules += lines.size();
    }

    RestoreText done_;
};

/// The chains of one table that differ.
Writer::Block difference(TableName table, const Content& before, const Content& after) {
    static const Chains none;
    const auto of = [&](const Content& content) -> const Chains& {
        const auto found = content.find(table);
        return found == content.end() ? none : found->second;
    };
    const Chains& old = of(before);
    const Chains& now = of(after);
    Writer::Block block{.table = table};
    for (const auto& [name, lines] : now) {
        const auto found = old.find(name);
        if (found == old.end() || found->second != lines) block.chains.emplace_back(name, lines);
    }
    for (const auto& [name, lines] : old) {
        if (!now.contains(name)) block.gone.push_back(name);
    }
    return block;
}

/// `block` with the rules that it takes away still there, behind the others; nothing when it takes
/// none away. What nat does not translate yet is refused meanwhile.
std::optional<Writer::Block> with_old_rules(const Writer::Block& block, const Content& before) {
    const auto found = before.find(block.table);
    if (found == before.end()) return std::nullopt;
    Writer::Block both = block;
    bool loses = false;
    for (auto& [name, lines] : both.chains) {
        const auto old = found->second.find(name);
        if (old == found->second.end()) continue;
        const std::unordered_set<std::string> kept{lines.begin(), lines.end()};
        for (const std::string& line : old->second) {
            if (kept.contains(line)) continue;
            lines.push_back(line);
            loses = true;
        }
    }
    if (!loses) return std::nullopt;
    return both;
}

std::vector<std::string> jumps_into(const Plan& plan, TableName table) {
    std::vector<std::string> lines;
    const BaseRules base = render_base(plan.settings);
    for (auto jump = base.jumps.rbegin(); jump != base.jumps.rend(); ++jump) {
        if (jump->table == table) {
            lines.push_back("-I " + jump->built_in + " " + to_text(jump->rule));
        }
    }
    return lines;
}

void remove(Lines& lines, const std::vector<SavedRules::Line>& jumps, TableName table) {
    for (const SavedRules::Line& line : jumps) {
        if (line.table == table) lines.push_back("-D" + line.text.substr(2));
    }
}

/// Chains to which others jump cannot go; they stay, empty.
void keep_held(Writer::Block& block, const SavedRules& saved) {
    const auto end = std::ranges::remove_if(block.gone, [&](const std::string& chain) {
        if (!saved.held.contains({block.table, chain})) return false;
        block.chains.emplace_back(chain, Lines{});
        return true;
    });
    block.gone.erase(end.begin(), end.end());
}

constexpr std::array<std::string_view, 5> built_in{"PREROUTING", "INPUT", "FORWARD", "OUTPUT",
                                                   "POSTROUTING"};

std::ptrdiff_t rules_in(const Content& content, TableName table) {
    const auto found = content.find(table);
    if (found == content.end()) return 0;
    std::size_t rules = 0;
    for (const auto& [name, lines] : found->second) rules += lines.size();
    return static_cast<std::ptrdiff_t>(rules);
}

/// What a Service adds to chains of all, in order.
Content shared_lines(const ServicePlan& service, const Plan& plan) {
    Content content;
    const ServiceRules rules = render(service, plan);
    for (const SharedChain& shared : shared_chains)
        add(content, shared.table, shared.name, rules.*shared.rules);
    return content;
}

/// Whether the chains of all Services hold the same for both plans, as far as can be told at once.
bool same_shared(const Plan& before, const Plan& after) {
    if (before.services.size() != after.services.size()) return false;
    for (std::size_t i = 0; i < after.services.size(); ++i) {
        if (before.services[i] == after.services[i]) continue;
        if (shared_lines(*before.services[i], before) != shared_lines(*after.services[i], after))
            return false;
    }
    return true;
}

/// The chain after "-j " or "-g ".
std::string_view target_of(std::string_view line) {
    for (const std::string_view word : {" -j ", " -g "}) {
        const auto at = line.rfind(word);
        if (at == std::string_view::npos) continue;
        const std::string_view rest = line.substr(at + word.size());
        return rest.substr(0, rest.find(' '));
    }
    return {};
}

/// KUBE-FIREWALL is the kubelet's as well: it is added to, never emptied.
void add_kubelet_chain(Writer::Block& block, const Plan& plan, const SavedRules& saved) {
    const BaseRules base = render_base(plan.settings);
    const auto chain = std::ranges::find(base.filter_chains, firewall_chain, &NamedChain::name);
    Lines lines;
    if (!saved.has_kubelet_rule) add(lines, firewall_chain, chain->rules);
    if (saved.has_kubelet_chain) {
        std::ranges::move(lines, std::back_inserter(block.first));
    } else {
        block.chains.emplace_back(firewall_chain, std::move(lines));
    }
}

void note_jump(SavedRules& saved, TableName table, std::string_view chain, std::string_view line) {
    if (is_ours(table, chain)) return;
    const std::string_view target = target_of(line);
    const bool from_built_in = std::ranges::count(built_in, chain) != 0;
    if (is_ours(table, target)) {
        if (from_built_in) {
            saved.jumps.push_back({table, std::string{line}});
        } else {
            saved.held.emplace(table, target);
        }
    } else if (table == TableName::filter && target == firewall_chain && from_built_in) {
        saved.kubelet_jumps.push_back({table, std::string{line}});
    }
}

}  // namespace

SavedRules read_saved(std::string_view text) {
    SavedRules saved;
    std::optional<TableName> table;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.starts_with('*')) {
            table.reset();
            if (line == "*filter") table = TableName::filter;
            if (line == "*nat") table = TableName::nat;
            if (line == "*mangle") table = TableName::mangle;
        }
        if (!table || line.empty()) continue;
        if (line[0] == ':') {
            const std::string_view name = line.substr(1, line.find(' ') - 1);
            if (is_ours(*table, name)) saved.chains.emplace_back(*table, name);
            if (*table == TableName::filter && name == firewall_chain)
                saved.has_kubelet_chain = true;
        } else if (line.starts_with("-A ")) {
            const std::string_view rest = line.substr(3);
            const std::string_view chain = rest.substr(0, rest.find(' '));
            if (*table == TableName::filter && chain == firewall_chain &&
                line.find(kubelet_comment) != std::string_view::npos) {
                saved.has_kubelet_rule = true;
            }
            note_jump(saved, *table, chain, line);
        }
    }
    return saved;
}

RestoreText text_of_changes(const Plan& before, const Plan& after) {
    std::unordered_set<const ServicePlan*> old;
    for (const auto& service : before.services) old.insert(service.get());
    Content from;
    Content to;
    for (const auto& service : after.services) {
        if (old.erase(service.get()) == 0) add_own(to, *service, after);
    }
    for (const auto& service : before.services) {
        if (old.contains(service.get())) add_own(from, *service, before);
    }
    if (!same_shared(before, after)) {
        add_shared(from, before);
        add_shared(to, after);
    }
    const Writer::Block filter = difference(TableName::filter, from, to);
    const Writer::Block nat = difference(TableName::nat, from, to);
    Writer writer;
    const auto both = with_old_rules(filter, from);
    if (nat.chains.empty() && nat.gone.empty()) {
        writer.put(filter);
    } else if (both) {
        writer.put(*both);
        writer.put(nat);
        writer.put(filter);
    } else {
        writer.put(filter);
        writer.put(nat);
    }
    RestoreText text = std::move(writer).finish();
    text.nat_rules = rules_in(to, TableName::nat) - rules_in(from, TableName::nat);
    text.filter_rules = rules_in(to, TableName::filter) - rules_in(from, TableName::filter);
    return text;
}

RestoreText text_of_everything(const Plan& plan, const SavedRules& saved) {
    Content content;
    add_base(content, plan);
    add_shared(content, plan);
    for (const auto& service : plan.services) add_own(content, *service, plan);
    Content there;
    for (const auto& [table, chain] : saved.chains) there[table][chain] = {"?"};
    Writer writer;
    for (const TableName table : tables) {
        Writer::Block block = difference(table, there, content);
        keep_held(block, saved);
        remove(block.first, saved.jumps, table);
        remove(block.first, saved.kubelet_jumps, table);
        block.last = jumps_into(plan, table);
        if (table == TableName::filter) add_kubelet_chain(block, plan, saved);
        writer.put(block);
    }
    RestoreText text = std::move(writer).finish();
    const auto count = [&](TableName table) {
        return rules_in(content, table) +
               static_cast<std::ptrdiff_t>(jumps_into(plan, table).size());
    };
    text.nat_rules = count(TableName::nat);
    const BaseRules base = render_base(plan.settings);
    const auto firewall = std::ranges::find(base.filter_chains, firewall_chain, &NamedChain::name);
    text.filter_rules =
        count(TableName::filter) + static_cast<std::ptrdiff_t>(firewall->rules.size());
    return text;
}

RestoreText text_of_removal(const SavedRules& saved) {
    Writer writer;
    // As when Services go: nat before filter.
    for (const TableName table : {TableName::nat, TableName::filter, TableName::mangle}) {
        Writer::Block block{.table = table};
        remove(block.first, saved.jumps, table);
        for (const auto& [where, chain] : saved.chains) {
            if (where == table) block.gone.push_back(chain);
        }
        keep_held(block, saved);
        writer.put(block);
    }
    return std::move(writer).finish();
}

}  // namespace nameplane::rules::iptables
