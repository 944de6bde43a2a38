#include "rules/iptables/restore_text.hpp"

#include "rules/iptables/apply_pass.hpp"
#include "rules/iptables/chain_lines.hpp"
#include "rules/iptables/dispatch.hpp"
#include "rules/iptables/render.hpp"
#include "rules/iptables/render_names.hpp"
#include "rules/iptables/saved_text.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <optional>
#include <ranges>
#include <unordered_set>
#include <utility>

namespace nameplane::rules::iptables {
namespace {

constexpr std::array<std::string_view, 5> built_in{"PREROUTING", "INPUT", "FORWARD", "OUTPUT",
                                                   "POSTROUTING"};
constexpr std::string_view kubelet_comment = "block incoming localnet connections";

std::string_view name_of(TableName table) {
    switch (table) {
    case TableName::filter: return "filter";
    case TableName::nat: return "nat";
    case TableName::mangle: return "mangle";
    case TableName::raw: return "raw";
    }
    return {};
}

bool is_large(const Plan& plan) {
    return plan.endpoint_count > large_cluster_endpoints;
}

/// By what rules are told apart.
enum class Key : std::uint8_t {
    text,   ///< as we write them
    saved,  ///< as iptables-save prints them
};

/// Chains of one table, by name.
using Chains = std::map<std::string, ChainLines, std::less<>>;
using Content = std::map<TableName, Chains>;

class Lines {
public:
    Lines(Family family, Key key) : family_{family}, key_{key} {}

    void add(ChainLines& lines, const Chain& rules) {
        for (const Rule& rule : rules) {
            std::string text = to_text(rule);
            const std::uint64_t key = key_of(key_ == Key::text ? text : saved(rule));
            lines.add(std::move(text), key);
        }
    }
    void add(Content& content, TableName table, std::string_view chain, const Chain& rules) {
        add(content[table][std::string{chain}], rules);
    }
    /// Whether a chain that was saved has these rules.
    bool are(const std::vector<std::string_view>& there, const Chain& rules) {
        return std::ranges::equal(there, rules, [&](std::string_view line, const Rule& rule) {
            return line == saved(rule);
        });
    }
    static std::uint64_t key_of(std::string_view text) {
        return std::hash<std::string_view>{}(text);
    }
    /// Valid until the next call.
    const std::string& saved(const Rule& rule) {
        buffer_.clear();
        append_saved_text(rule, family_, buffer_);
        return buffer_;
    }

private:
    Family family_;
    Key key_;
    std::string buffer_;
};

/// Chains to which all Services add rules, with their trees.
void add_shared(Content& content, const Plan& plan, Lines& lines) {
    const BaseRules base = render_base(plan.settings);
    const bool tree = plan.settings.dispatch == Dispatch::tree;
    ServiceRules divisible;
    std::array<ChainLines*, shared_chains.size()> places{};
    for (std::size_t i = 0; i < shared_chains.size(); ++i)
        places[i] = &content[shared_chains[i].table][std::string{shared_chains[i].name}];
    for (const auto& service : plan.services) {
        ServiceRules rules = render_shared(*service, plan.settings);
        for (std::size_t i = 0; i < shared_chains.size(); ++i) {
            Chain& made = rules.*shared_chains[i].rules;
            if (tree) {
                std::ranges::move(made, std::back_inserter(divisible.*shared_chains[i].rules));
            } else {
                lines.add(*places[i], made);
            }
        }
    }
    for (const SharedChain& shared : shared_chains) {
        if (!tree) break;
        for (const NamedChain& chain : divided(shared.tree, std::move(divisible.*shared.rules)))
            lines.add(content, shared.table, chain.name, chain.rules);
    }
    lines.add(content, TableName::nat, services_chain, base.nat_services_tail);
}

/// Chains that no Service adds to.
void add_base(Content& content, const Plan& plan, Lines& lines) {
    const BaseRules base = render_base(plan.settings);
    const auto add_all = [&](TableName table, const std::vector<NamedChain>& chains) {
        for (const NamedChain& chain : chains) {
            if (chain.name == firewall_chain) continue;
            lines.add(content, table, chain.name, chain.rules);
        }
    };
    add_all(TableName::filter, base.filter_chains);
    add_all(TableName::nat, base.nat_chains);
    add_all(TableName::mangle, base.mangle_chains);
}

struct ChainChange {
    std::string name;
    ChainLines there;
    ChainLines wanted;
    LineEdits edits;

    bool gains() const {
        return edits.anew ? has_other(wanted, there) || there.keys.empty()
                          : !edits.inserted.empty();
    }
    bool loses() const { return edits.anew ? has_other(there, wanted) : !edits.removed.empty(); }

private:
    static bool has_other(const ChainLines& of, const ChainLines& than) {
        const std::unordered_set<std::uint64_t> known{than.keys.begin(), than.keys.end()};
        return std::ranges::any_of(of.keys, [&](auto key) { return !known.contains(key); });
    }
};

/// Nothing where the chain is right. `there`: nullptr for a chain that is not.
std::optional<ChainChange> change_of(std::string name, const ChainLines* there, ChainLines wanted) {
    ChainChange change{
        .name = std::move(name), .there = {}, .wanted = std::move(wanted), .edits = {}};
    if (there != nullptr) change.there = *there;
    change.edits = there != nullptr ? edits_between(change.there, change.wanted)
                                    : LineEdits{.anew = true, .inserted = {}, .removed = {}};
    // A rule of somebody's that we cannot name.
    const auto is_unknown = [](const std::string& text) { return text.starts_with('?'); };
    if (std::ranges::any_of(change.there.texts, is_unknown))
        change.edits = {.anew = true, .inserted = {}, .removed = {}};
    if (change.edits.none()) return std::nullopt;
    return change;
}

/// Which part of a change to write.
enum class Stage : std::uint8_t {
    whole,
    gain,  ///< what is new; nothing goes
    lose,  ///< the rest
};

/// One table's part of a text.
class TableText {
public:
    explicit TableText(TableName table) : table_{table} {}

    void put(const ChainChange& change, Stage stage) {
        if (change.edits.anew) return put_anew(change, stage);
        if (stage != Stage::lose) {
            for (const auto& [place, line] : change.edits.inserted)
                rule("-I ", change.name, std::to_string(place) + ' ' + change.wanted.texts[line]);
        }
        if (stage != Stage::gain) {
            for (const std::size_t line : change.edits.removed)
                rule("-D ", change.name, change.there.texts[line]);
        }
    }
    /// A chain written from nothing, without further ado.
    void write(const std::string& name, const Chain& rules) {
        declare(name);
        for (const Rule& each : rules) rule("-A ", name, to_text(each));
    }
    void declare(std::string_view chain) { declared_.emplace_back(chain); }
    void rule(std::string_view verb, std::string_view chain, std::string_view text) {
        line(rules_, verb, chain, text);
    }
    /// By its place, since what somebody put there need not be a rule that we can name; the last
    /// one of a chain first.
    void remove(const SavedRules::Jump& jump) {
        line(first_, "-D ", jump.built_in, std::to_string(jump.place));
    }
    void remove(std::string_view chain) {
        declare(chain);
        gone_ += "-X ";
        gone_ += chain;
        gone_ += '\n';
    }
    bool empty() const { return declared_.empty() && first_.empty() && rules_.empty(); }
    std::size_t lines() const { return lines_; }

    void move_to(std::string& text) {
        if (empty()) return;
        text += '*';
        text += name_of(table_);
        text += '\n';
        declarations(text);
        text.reserve(text.size() + first_.size() + rules_.size() + gone_.size() + 16);
        for (std::string* part : {&first_, &rules_, &gone_}) text += std::exchange(*part, {});
        text += "COMMIT\n";
    }

private:
    /// The last name first: iptables-nft-restore sorts chains as they come, each from the front.
    void declarations(std::string& text) {
        std::ranges::sort(declared_, std::ranges::greater{});
        for (const std::string& chain : declared_) {
            text += ':';
            text += chain;
            text += " - [0:0]\n";
        }
        declared_.clear();
    }
    void put_anew(const ChainChange& change, Stage stage) {
        if (stage == Stage::gain && !change.gains()) return;
        if (stage == Stage::lose && !change.loses()) return;
        declare(change.name);
        for (const std::string& text : change.wanted.texts) rule("-A ", change.name, text);
        if (stage != Stage::gain) return;
        const std::unordered_set<std::uint64_t> kept{change.wanted.keys.begin(),
                                                     change.wanted.keys.end()};
        for (std::size_t i = 0; i < change.there.keys.size(); ++i) {
            if (!kept.contains(change.there.keys[i]) && !change.there.texts[i].starts_with('?'))
                rule("-A ", change.name, change.there.texts[i]);
        }
    }
    void line(std::string& out, std::string_view verb, std::string_view chain,
              std::string_view text) {
        out += verb;
        out += chain;
        if (!text.empty()) out += ' ';
        out += text;
        out += '\n';
        ++lines_;
    }

    TableName table_;
    std::vector<std::string> declared_;
    std::string first_;  ///< before the chains' rules
    std::string rules_;
    std::string gone_;
    std::size_t lines_ = 0;
};

/// All tables' parts: filter's in two stages where nat changes and filter loses rules.
class Assembly {
public:
    void filter(std::optional<ChainChange> change) {
        if (change) filter_.push_back(std::move(*change));
    }
    void nat(const std::optional<ChainChange>& change) {
        if (!change) return;
        nat_text.put(*change, Stage::whole);
        ++chains;
    }
    void mangle(const std::optional<ChainChange>& change) {
        if (!change) return;
        mangle_text.put(*change, Stage::whole);
        ++chains;
    }
    /// A chain of filter that goes, or stays empty where others jump to it (`held`).
    void filter_gone(std::string_view chain, bool held) { gone_.emplace_back(chain, held); }
    RestoreText finish() && {
        RestoreText done{.text = {}, .chains = chains + filter_.size() + gone_.size()};
        const bool loses = !gone_.empty() || std::ranges::any_of(filter_, &ChainChange::loses);
        const bool staged = !nat_text.empty() && loses;
        TableText last{TableName::filter};
        for (const ChainChange& change : filter_) {
            filter_text.put(change, staged ? Stage::gain : Stage::whole);
            if (staged) last.put(change, Stage::lose);
        }
        // Behind the rules that lead there.
        for (const auto& [chain, held] : gone_) {
            TableText& text = staged ? last : filter_text;
            if (held) {
                text.declare(chain);
            } else {
                text.remove(chain);
            }
        }
        done.nat_written = nat_text.lines();
        done.filter_written = filter_text.lines() + last.lines() + mangle_text.lines();
        for (TableText* text : {&filter_text, &nat_text, &last, &mangle_text})
            text->move_to(done.text);
        return done;
    }

    // What is no change of a chain with rules goes here; `chains` counts it.
    TableText filter_text{TableName::filter};
    TableText nat_text{TableName::nat};
    TableText mangle_text{TableName::mangle};
    std::size_t chains = 0;

private:
    std::vector<ChainChange> filter_;
    std::vector<std::pair<std::string, bool>> gone_;
};

std::ptrdiff_t rules_in(const Content& content, TableName table) {
    const auto found = content.find(table);
    if (found == content.end()) return 0;
    std::size_t rules = 0;
    for (const auto& [name, lines] : found->second) rules += lines.keys.size();
    return static_cast<std::ptrdiff_t>(rules);
}

/// Whether the chains of all Services hold the same for both plans.
bool same_shared(const Plan& before, const Plan& after) {
    if (before.services.size() != after.services.size()) return false;
    for (std::size_t i = 0; i < after.services.size(); ++i) {
        if (before.services[i] == after.services[i]) continue;
        const ServiceRules old = render_shared(*before.services[i], before.settings);
        if (old != render_shared(*after.services[i], after.settings)) return false;
    }
    return true;
}

/// Chains of the Services of `plan` that are not among `others`.
void add_own(Content& content, const Plan& plan, const Plan& others, Lines& lines) {
    std::unordered_set<const ServicePlan*> known;
    for (const auto& service : others.services) known.insert(service.get());
    for (const auto& service : plan.services) {
        if (known.contains(service.get())) continue;
        for (const NamedChain& chain :
             render_service(*service, plan.settings, is_large(plan)).nat_chains) {
            lines.add(content, TableName::nat, chain.name, chain.rules);
        }
    }
}

/// The chain after "-j " or "-g ". In quotes, which somebody's comment is in, they are text.
std::string_view target_of(std::string_view line) {
    bool quoted = false;
    for (std::size_t at = 0; at < line.size(); ++at) {
        if (quoted && line[at] == '\\') {
            ++at;
        } else if (line[at] == '"') {
            quoted = !quoted;
        } else if (!quoted && line[at] == ' ') {
            const std::string_view rest = line.substr(at);
            if (!rest.starts_with(" -j ") && !rest.starts_with(" -g ")) continue;
            return rest.substr(4, rest.find(' ', 4) - 4);
        }
    }
    return {};
}

void note_jump(SavedRules& saved, TableName table, std::string_view chain, std::string_view line,
               std::size_t place) {
    const std::string_view target = target_of(line);
    const bool from_built_in = std::ranges::count(built_in, chain) != 0;
    if (is_ours(table, target)) {
        if (from_built_in) {
            saved.jumps.push_back({table, line, chain, place, false});
        } else {
            saved.held.emplace(table, target);
        }
    } else if (table == TableName::filter && target == firewall_chain && from_built_in) {
        saved.jumps.push_back({table, line, chain, place, true});
    }
}

/// How many rules each chain of others has so far.
using Places = std::map<SavedRules::Chain, std::size_t>;

/// "-A CHAIN ...", whole in `line`.
void note_rule(SavedRules& saved, TableName table, std::string_view line, Places& places) {
    const std::string_view rest = line.substr(3);
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view chain = rest.substr(0, end);
    if (is_ours(table, chain)) {
        saved.chains[{table, chain}].push_back(rest.substr(std::min(end + 1, rest.size())));
        return;
    }
    if (table == TableName::filter && chain == firewall_chain &&
        line.find(kubelet_comment) != std::string_view::npos) {
        saved.has_kubelet_rule = true;
    }
    note_jump(saved, table, chain, line, ++places[{table, chain}]);
}

/// From what is saved to a plan.
class Whole {
public:
    Whole(const Plan& plan, const SavedRules& saved)
        : plan_{plan}, saved_{saved}, base_{render_base(plan.settings)}, lines_{
                                                                             plan.settings.family,
                                                                             Key::saved} {}

    RestoreText text() {
        Content content;
        add_base(content, plan_, lines_);
        add_shared(content, plan_, lines_);
        std::ptrdiff_t nat_rules = rules_in(content, TableName::nat);
        std::ptrdiff_t filter_rules = rules_in(content, TableName::filter);
        for (auto& [table, chains] : content) shared_chains_of(table, std::move(chains));
        nat_rules += own_chains();
        remove_stale();
        filter_rules += kubelet_chain();
        jumps();
        RestoreText done = std::move(assembly_).finish();
        done.nat_rules = nat_rules;
        done.filter_rules = filter_rules;
        return done;
    }

private:
    const std::vector<std::string_view>* find(TableName table, std::string_view chain) {
        const auto found = saved_.chains.find({table, chain});
        if (found == saved_.chains.end()) return nullptr;
        wanted_.insert(found->first);
        return &found->second;
    }
    void shared_chains_of(TableName table, Chains chains) {
        for (auto& [name, wanted] : chains) {
            const auto* lines = find(table, name);
            ChainLines there;
            if (lines != nullptr) {
                for (const std::string_view line : *lines)
                    there.add(std::string{line}, Lines::key_of(line));
            }
            add(table, change_of(name, lines == nullptr ? nullptr : &there, std::move(wanted)));
        }
    }
    void add(TableName table, std::optional<ChainChange> change) {
        switch (table) {
        case TableName::filter: return assembly_.filter(std::move(change));
        case TableName::nat: return assembly_.nat(change);
        case TableName::mangle: return assembly_.mangle(change);
        case TableName::raw: return;
        }
    }
    /// Chains of single Services, one Service after the other, since there may be very many. How
    /// many rules they have.
    std::ptrdiff_t own_chains() {
        std::size_t rules = 0;
        for (const auto& service : plan_.services) {
            for (const NamedChain& chain :
                 render_service(*service, plan_.settings, is_large(plan_)).nat_chains) {
                rules += chain.rules.size();
                const auto* there = find(TableName::nat, chain.name);
                if (there != nullptr && lines_.are(*there, chain.rules)) continue;
                assembly_.nat_text.write(chain.name, chain.rules);
                ++assembly_.chains;
            }
        }
        return static_cast<std::ptrdiff_t>(rules);
    }
    TableText& text_of(TableName table) {
        switch (table) {
        case TableName::filter: return assembly_.filter_text;
        case TableName::mangle: return assembly_.mangle_text;
        case TableName::nat:
        case TableName::raw: break;
        }
        return assembly_.nat_text;
    }
    /// Chains to which others jump cannot go; they stay, empty.
    void remove_stale() {
        for (const auto& [chain, lines] : saved_.chains) {
            if (wanted_.contains(chain)) continue;
            const bool held = saved_.held.contains(chain);
            if (held && lines.empty()) continue;
            if (chain.first == TableName::filter) {
                assembly_.filter_gone(chain.second, held);
                continue;
            }
            if (held) {
                text_of(chain.first).declare(chain.second);
            } else {
                text_of(chain.first).remove(chain.second);
            }
            ++assembly_.chains;
        }
    }
    /// KUBE-FIREWALL is the kubelet's as well: it is added to, never emptied.
    std::ptrdiff_t kubelet_chain() {
        const auto chain =
            std::ranges::find(base_.filter_chains, firewall_chain, &NamedChain::name);
        TableText& text = assembly_.filter_text;
        const bool missing = !saved_.has_kubelet_rule && !chain->rules.empty();
        if (!saved_.has_kubelet_chain) text.declare(firewall_chain);
        if (missing) {
            for (const Rule& rule : chain->rules) text.rule("-A ", firewall_chain, to_text(rule));
        }
        if (missing || !saved_.has_kubelet_chain) ++assembly_.chains;
        return static_cast<std::ptrdiff_t>(chain->rules.size());
    }
    /// Where those of one built-in chain are not as they shall be, all of them are put there anew.
    void jumps() {
        for (const TableName table : {TableName::filter, TableName::nat, TableName::mangle}) {
            for (const std::string_view chain : built_in) jumps_of(table, chain);
        }
    }
    void jumps_of(TableName table, std::string_view chain) {
        std::vector<const Rule*> wanted;
        for (const BaseJump& jump : base_.jumps) {
            if (jump.table == table && jump.built_in == chain) wanted.push_back(&jump.rule);
        }
        std::vector<const SavedRules::Jump*> there;
        for (const SavedRules::Jump& jump : saved_.jumps) {
            if (jump.table == table && jump.built_in == chain) there.push_back(&jump);
        }
        const std::string head = "-A " + std::string{chain} + " ";
        if (std::ranges::equal(there, wanted, [&](const auto* jump, const Rule* rule) {
                return jump->line == head + lines_.saved(*rule);
            })) {
            return;
        }
        TableText& text = text_of(table);
        for (const SavedRules::Jump* jump : there | std::views::reverse) text.remove(*jump);
        for (auto rule = wanted.rbegin(); rule != wanted.rend(); ++rule)
            text.rule("-I ", chain, to_text(**rule));
    }

    const Plan& plan_;
    const SavedRules& saved_;
    BaseRules base_;
    Lines lines_;
    std::set<SavedRules::Chain> wanted_;  ///< of what is saved
    Assembly assembly_;
};

}  // namespace

SavedRules read_saved(std::string_view text) {
    SavedRules saved;
    Places places;
    TableName table = TableName::raw;  // none of ours
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.starts_with('*')) {
            table = TableName::raw;
            for (const TableName each : {TableName::filter, TableName::nat, TableName::mangle}) {
                if (line.substr(1) == name_of(each)) table = each;
            }
        }
        if (table == TableName::raw || line.empty()) continue;
        if (line[0] == ':') {
            const std::string_view name = line.substr(1, line.find(' ') - 1);
            if (is_ours(table, name)) saved.chains[{table, name}];
            if (table == TableName::filter && name == firewall_chain)
                saved.has_kubelet_chain = true;
        } else if (line.starts_with("-A ")) {
            note_rule(saved, table, line, places);
        }
    }
    return saved;
}

RestoreText text_of_changes(const Plan& before, const Plan& after) {
    Lines lines{after.settings.family, Key::text};
    Content from;
    Content to;
    add_own(to, after, before, lines);
    add_own(from, before, after, lines);
    if (!same_shared(before, after)) {
        add_shared(from, before, lines);
        add_shared(to, after, lines);
    }
    const std::ptrdiff_t nat_rules = rules_in(to, TableName::nat) - rules_in(from, TableName::nat);
    const std::ptrdiff_t filter_rules =
        rules_in(to, TableName::filter) - rules_in(from, TableName::filter);
    Assembly assembly;
    for (auto& [name, wanted] : to[TableName::filter]) {
        const auto there = from[TableName::filter].find(name);
        assembly.filter(change_of(name,
                                  there == from[TableName::filter].end() ? nullptr : &there->second,
                                  std::move(wanted)));
    }
    for (const auto& [name, there] : from[TableName::filter]) {
        if (!to[TableName::filter].contains(name)) assembly.filter_gone(name, false);
    }
    for (auto& [name, wanted] : to[TableName::nat]) {
        const auto there = from[TableName::nat].find(name);
        assembly.nat(change_of(name, there == from[TableName::nat].end() ? nullptr : &there->second,
                               std::move(wanted)));
    }
    for (const auto& [name, there] : from[TableName::nat]) {
        if (to[TableName::nat].contains(name)) continue;
        assembly.nat_text.remove(name);
        ++assembly.chains;
    }
    RestoreText text = std::move(assembly).finish();
    text.nat_rules = nat_rules;
    text.filter_rules = filter_rules;
    return text;
}

RestoreText text_of_everything(const Plan& plan, const SavedRules& saved) {
    return Whole{plan, saved}.text();
}

RestoreText text_of_removal(const SavedRules& saved) {
    RestoreText done;
    // As when Services go: nat before filter.
    for (const TableName table : {TableName::nat, TableName::filter, TableName::mangle}) {
        TableText text{table};
        for (const SavedRules::Jump& jump : saved.jumps | std::views::reverse) {
            if (jump.table == table && !jump.kubelets) text.remove(jump);
        }
        for (const auto& [chain, lines] : saved.chains) {
            if (chain.first != table) continue;
            // To which others jump, that cannot go; it stays, empty.
            if (saved.held.contains(chain)) {
                if (!lines.empty()) text.declare(chain.second);
                continue;
            }
            text.remove(chain.second);
            ++done.chains;
        }
        text.move_to(done.text);
    }
    return done;
}

}  // namespace nameplane::rules::iptables
