#include "rules/iptables/apply_pass.hpp"

#include "rules/iptables/dispatch.hpp"
#include "rules/iptables/render_names.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <unordered_map>

namespace nameplane::rules::iptables {
namespace {

bool is_shared(TableName table, std::string_view chain) {
    return std::ranges::any_of(shared_chains, [&](const SharedChain& shared) {
        return shared.table == table && shared.name == chain;
    });
}

}  // namespace

bool is_shared_with_kubelet(std::string_view chain) noexcept {
    return chain == "KUBE-FIREWALL";
}

bool is_service_chain(std::string_view chain) noexcept {
    constexpr std::array<std::string_view, 5> prefixes{"KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-",
                                                       "KUBE-FW-", "KUBE-SEP-"};
    return std::ranges::any_of(prefixes,
                               [&](std::string_view prefix) { return chain.starts_with(prefix); });
}

bool is_tree_chain(std::string_view chain) noexcept {
    return chain.starts_with(tree_prefix);
}

Result<Pass> Pass::make(const Plan& plan, std::vector<Record> before, bool full,
                        const Features& features) {
    Pass pass{plan, full, features};
    pass.base_ = render_base(plan.settings);
    std::unordered_map<const ServicePlan*, std::size_t> known;
    for (std::size_t i = 0; i < before.size(); ++i) known.emplace(before[i].plan.get(), i);
    pass.records_.reserve(plan.services.size());
    for (const auto& service : plan.services) {
        if (const auto old = known.find(service.get()); old != known.end()) {
            pass.records_.push_back(std::move(before[old->second]));
            known.erase(old);
            continue;
        }
        if (auto added = pass.add(service); !added) return std::move(added).error();
    }
    for (const auto& [gone, index] : known) {
        for (const NamedChain& chain : pass.render(*gone).nat_chains)
            pass.gone_chains_.push_back(chain_name(chain.name));
    }
    std::ranges::sort(pass.own_chains_, {}, &OwnChain::name);
    std::ranges::sort(pass.gone_chains_);
    return pass;
}

ServiceRules Pass::render(const ServicePlan& service) const {
    return render_service(service, plan_->settings, large_);
}

Result<std::vector<EncodedRule>> Pass::encode(const Chain& chain) const {
    return encode_chain(chain, plan_->settings.family, features_);
}

Status Pass::add(std::shared_ptr<const ServicePlan> plan) {
    const Family family = plan_->settings.family;
    const auto index = static_cast<std::uint32_t>(records_.size());
    const ServiceRules rules = render(*plan);
    Record record{.plan = std::move(plan)};
    for (std::size_t i = 0; i < shared_chains.size(); ++i) {
        auto encoded = encode(rules.*shared_chains[i].rules);
        if (!encoded) return std::move(encoded).error();
        record.counts[i] = static_cast<std::uint16_t>(encoded->size());
        for (const EncodedRule& rule : *encoded) {
            record.hashes.push_back(hash_rule(view_of(rule, family), family));
        }
    }
    record.hashes.shrink_to_fit();
    if (is_tree()) {
        for (const SharedChain& chain : shared_chains) {
            for (const Rule& rule : rules.*chain.rules) {
                if (!features_.sctp && rule.protocol == services::Protocol::sctp) continue;
                record.keys.push_back(tree_key(rule));
            }
        }
        record.keys.shrink_to_fit();
    }
    for (std::uint32_t chain = 0; chain < rules.nat_chains.size(); ++chain) {
        auto encoded = encode(rules.nat_chains[chain].rules);
        if (!encoded) return std::move(encoded).error();
        record.own_rules += static_cast<std::uint32_t>(encoded->size());
        own_chains_.push_back({.name = chain_name(rules.nat_chains[chain].name),
                               .hash = hash_rules(*encoded, family),
                               .place = {.service = index, .chain = chain}});
    }
    changed_.push_back(index);
    records_.push_back(std::move(record));
    return {};
}

Result<EncodedRule> Pass::shared_rule(std::size_t service, std::size_t chain, std::size_t index) {
    // In a tree, rules of others change their chain with those of one.
    if (!full_ && !is_tree() && !std::ranges::binary_search(changed_, service)) {
        drifted_ = true;
        return Error{Errc::again, "somebody removed rules of ours"};
    }
    if (rendered_index_ != service) {
        rendered_ = render(*records_[service].plan);
        rendered_index_ = service;
    }
    auto encoded = encode(rendered_.*shared_chains[chain].rules);
    if (!encoded) return std::move(encoded).error();
    return std::move((*encoded)[index]);
}

Status Pass::note(Result<ChainEdit> done, TableEdit& edit) const {
    if (!done) return std::move(done).error();
    edit.rules += *done;
    if (done->edits() != 0) ++edit.chains;
    return {};
}

Status Pass::edit_base(Table& table, const std::vector<NamedChain>& chains, TableEdit& edit) const {
    for (const NamedChain& chain : chains) {
        if (table.has_chain(chain.name.c_str())) continue;
        if (auto made = table.create_chain(chain.name.c_str()); !made) return made;
        ++edit.chains;
    }
    for (const NamedChain& chain : chains) {
        if (is_shared(table.name(), chain.name)) continue;
        auto rules = encode(chain.rules);
        if (!rules) return std::move(rules).error();
        const Others others = is_shared_with_kubelet(chain.name) ? Others::keep : Others::remove;
        auto noted = note(edit_chain(table, chain.name.c_str(), *rules, others), edit);
        if (!noted) return noted;
    }
    return {};
}

Status Pass::edit_jumps(Table& table, TableEdit& edit) const {
    std::vector<std::string_view> built_in;
    for (const BaseJump& jump : base_.jumps) {
        if (jump.table == table.name() && !std::ranges::count(built_in, jump.built_in)) {
            built_in.push_back(jump.built_in);
        }
    }
    for (const std::string_view chain : built_in) {
        Chain jumps;
        for (const BaseJump& jump : base_.jumps) {
            if (jump.table == table.name() && jump.built_in == chain) jumps.push_back(jump.rule);
        }
        auto rules = encode(jumps);
        if (!rules) return std::move(rules).error();
        auto noted = note(ensure_rules(table, std::string{chain}.c_str(), *rules), edit);
        if (!noted) return noted;
    }
    return {};
}

Status Pass::edit_shared(Table& table, bool keep_old, TableEdit& edit) {
    struct Place {
        std::uint32_t service;
        std::uint32_t index;
    };
    const Family family = plan_->settings.family;
    std::vector<ChainName> trees;
    for (std::size_t chain = 0; chain < shared_chains.size(); ++chain) {
        if (shared_chains[chain].table != table.name()) continue;
        if (is_tree()) {
            if (auto done = edit_tree(table, chain, keep_old, trees, edit); !done) return done;
            continue;
        }
        std::vector<std::uint64_t> wanted;
        std::vector<Place> places;
        for (std::uint32_t service = 0; service < records_.size(); ++service) {
            const Record& record = records_[service];
            auto hash = record.hashes.begin();
            for (std::size_t before = 0; before < chain; ++before) hash += record.counts[before];
            for (std::uint32_t index = 0; index < record.counts[chain]; ++index) {
                wanted.push_back(*hash++);
                places.push_back({service, index});
            }
        }
        std::vector<EncodedRule> tail;
        if (chain == 0) {
            auto encoded = encode(base_.nat_services_tail);
            if (!encoded) return std::move(encoded).error();
            tail = std::move(*encoded);
            for (const EncodedRule& rule : tail) {
                wanted.push_back(hash_rule(view_of(rule, family), family));
            }
        }
        const auto rule = [&](std::size_t i) -> Result<EncodedRule> {
            if (i >= places.size()) return tail[i - places.size()];
            return shared_rule(places[i].service, chain, places[i].index);
        };
        auto done = edit_chain(table, shared_chains[chain].name.data(), wanted, rule,
                               keep_old ? Others::keep : Others::remove);
        if (done && done->removed != 0) edit.loses = true;
        if (auto noted = note(std::move(done), edit); !noted) return noted;
    }
    // What a tree left that is none any more, whoever wrote it: it leads to what goes next.
    if (keep_old || (!is_tree() && !full_)) return {};
    return remove_stale_tree(table, std::move(trees), edit);
}

/// A shared chain and the chains that it is divided into, whose names are added to `trees`.
Status Pass::edit_tree(Table& table, std::size_t chain, bool keep_old,
                       std::vector<ChainName>& trees, TableEdit& edit) {
    struct Place {
        std::uint32_t service;
        std::uint32_t index;
    };
    const Family family = plan_->settings.family;
    std::vector<Place> places;
    std::vector<std::uint64_t> hashes;
    std::vector<TreeKey> keys;
    for (std::uint32_t service = 0; service < records_.size(); ++service) {
        const Record& record = records_[service];
        std::size_t first = 0;
        for (std::size_t before = 0; before < chain; ++before) first += record.counts[before];
        for (std::uint32_t index = 0; index < record.counts[chain]; ++index) {
            places.push_back({service, index});
            hashes.push_back(record.hashes[first + index]);
            keys.push_back(record.keys[first + index]);
        }
    }
    const TreeRoot& root = shared_chains[chain].tree;
    const std::vector<BitList> tree = dispatch_tree(root, keys);
    std::vector<ChainName> names;
    for (const BitList& part : tree)
        names.push_back(chain_name(part.range ? tree_chain_name(root, *part.range) : root.chain));
    if (auto made = make_tree_chains(table, names, edit); !made) return made;
    tree_jumps_[chain] = tree.size() - 1;
    for (std::size_t i = 0; i < tree.size(); ++i) {
        const std::vector<BitEntry>& entries = tree[i].entries;
        Chain others;  // jumps, and the last rule of the root
        std::vector<std::size_t> jump_at(entries.size());
        for (std::size_t at = 0; at < entries.size(); ++at) {
            jump_at[at] = others.size();
            if (entries[at].range) others.push_back(tree_jump(root, *entries[at].range));
        }
        const std::size_t jumps = others.size();
        if (i == 0 && chain == 0)
            std::ranges::copy(base_.nat_services_tail, std::back_inserter(others));
        auto encoded = encode(others);
        if (!encoded) return std::move(encoded).error();
        const auto hash_of_other = [&](std::size_t other) {
            return hash_rule(view_of((*encoded)[other], family), family);
        };
        std::vector<std::uint64_t> wanted;
        for (std::size_t at = 0; at < entries.size(); ++at) {
            wanted.push_back(entries[at].range ? hash_of_other(jump_at[at])
                                               : hashes[entries[at].item]);
        }
        for (std::size_t other = jumps; other < others.size(); ++other)
            wanted.push_back(hash_of_other(other));
        const auto rule = [&](std::size_t at) -> Result<EncodedRule> {
            if (at >= entries.size()) return (*encoded)[jumps + at - entries.size()];
            if (entries[at].range) return (*encoded)[jump_at[at]];
            const Place place = places[entries[at].item];
            return shared_rule(place.service, chain, place.index);
        };
        auto done = edit_chain(table, names[i].data(), wanted, rule,
                               keep_old ? Others::keep : Others::remove);
        if (done && done->removed != 0) edit.loses = true;
        if (auto noted = note(std::move(done), edit); !noted) return noted;
    }
    trees.insert(trees.end(), names.begin(), names.end());
    return {};
}

/// `names`: the root first, which is there.
Status Pass::make_tree_chains(Table& table, const std::vector<ChainName>& names, TableEdit& edit) {
    std::vector<ChainName> missing;
    for (const ChainName& name : names) {
        if (!table.has_chain(name.data())) missing.push_back(name);
    }
    std::ranges::sort(missing, std::ranges::greater{});
    for (const ChainName& name : missing) {
        if (auto made = table.create_chain(name.data()); !made) return made;
    }
    edit.chains += missing.size();
    return {};
}

/// Chains of a tree that are not `wanted`.
Status Pass::remove_stale_tree(Table& table, std::vector<ChainName> wanted, TableEdit& edit) {
    std::ranges::sort(wanted);
    std::vector<ChainName> stale;
    table.for_each_chain([&](const char* chain, bool built_in) {
        if (built_in || !is_tree_chain(chain)) return;
        if (!std::ranges::binary_search(wanted, chain_name(chain)))
            stale.push_back(chain_name(chain));
    });
    if (!stale.empty()) edit.loses = true;
    return remove_chains(table, stale, edit);
}

/// Sorted: the Services' chains in the table, as far as this pass has to do with them.
std::vector<ChainName> Pass::service_chains(const Table& table) const {
    std::vector<ChainName> there;
    const auto look_for = [&](const ChainName& name) {
        if (table.has_chain(name.data())) there.push_back(name);
    };
    if (full_) {
        table.for_each_chain([&](const char* chain, bool built_in) {
            if (!built_in && is_service_chain(chain)) there.push_back(chain_name(chain));
        });
    } else {
        for (const OwnChain& chain : own_chains_) look_for(chain.name);
        std::ranges::for_each(gone_chains_, look_for);
    }
    if (!std::ranges::is_sorted(there)) std::ranges::sort(there);
    const auto twice = std::ranges::unique(there);
    there.erase(twice.begin(), twice.end());
    return there;
}

Status Pass::edit_own_chains(Table& table, const std::vector<ChainName>& there,
                             TableEdit& edit) const {
    // Both lists in libiptc's own order: each lookup lands near the last one.
    std::vector<ChainPlace> different;
    std::vector<const OwnChain*> missing;
    auto present = there.begin();
    for (const OwnChain& chain : own_chains_) {
        while (present != there.end() && *present < chain.name) ++present;
        const bool is_there = present != there.end() && *present == chain.name;
        if (!is_there && (missing.empty() || missing.back()->name != chain.name))
            missing.push_back(&chain);
        if (!is_there || hash_rules(table, chain.name.data()) != chain.hash)
            different.push_back(chain.place);
    }
    for (auto chain = missing.rbegin(); chain != missing.rend(); ++chain) {
        if (auto made = table.create_chain((*chain)->name.data()); !made) return made;
    }
    edit.chains += missing.size();
    return write_own_chains(table, std::move(different), edit);
}

Status Pass::write_own_chains(Table& table, std::vector<ChainPlace> different,
                              TableEdit& edit) const {
    std::ranges::sort(different);  // so that each Service is rendered once
    std::optional<std::uint32_t> rendered;
    ServiceRules service;
    for (const ChainPlace& place : different) {
        if (rendered != place.service) {
            service = render(*records_[place.service].plan);
            rendered = place.service;
        }
        const NamedChain& chain = service.nat_chains[place.chain];
        auto rules = encode(chain.rules);
        if (!rules) return std::move(rules).error();
        auto noted = note(edit_chain(table, chain.name.c_str(), *rules), edit);
        if (!noted) return noted;
    }
    return {};
}

Status Pass::remove_stale(Table& table, const std::vector<ChainName>& there,
                          TableEdit& edit) const {
    std::vector<ChainName> stale;
    std::ranges::copy_if(there, std::back_inserter(stale), [&](const ChainName& name) {
        return !std::ranges::binary_search(own_chains_, name, {}, &OwnChain::name);
    });
    return remove_chains(table, stale, edit);
}

Status Pass::remove_chains(Table& table, const std::vector<ChainName>& stale, TableEdit& edit) {
    // They jump to each other: empty all, then remove.
    for (const ChainName& name : stale) {
        if (table.first_rule(name.data()) == nullptr) continue;
        if (auto flushed = table.flush_chain(name.data()); !flushed) return flushed;
        ++edit.rules.removed;
    }
    auto deleted = delete_chains(table, stale);
    if (!deleted) return std::move(deleted).error();
    edit.chains += *deleted;
    return {};
}

Result<TableEdit> Pass::edit_nat(Table& table) {
    TableEdit edit;
    const std::vector<ChainName> there = service_chains(table);
    Status done = edit_base(table, base_.nat_chains, edit);
    if (done) done = edit_own_chains(table, there, edit);
    if (done) done = edit_shared(table, false, edit);
    if (done) done = edit_jumps(table, edit);
    if (done) done = remove_stale(table, there, edit);
    if (!done) return std::move(done).error();
    return edit;
}

Result<TableEdit> Pass::edit_filter(Table& table, bool keep_old) {
    TableEdit edit;
    Status done = edit_base(table, base_.filter_chains, edit);
    if (done) done = edit_shared(table, keep_old, edit);
    if (done) done = edit_jumps(table, edit);
    if (!done) return std::move(done).error();
    return edit;
}

Result<TableEdit> Pass::edit_mangle(Table& table) {
    TableEdit edit;
    if (auto done = edit_base(table, base_.mangle_chains, edit); !done) {
        return std::move(done).error();
    }
    return edit;
}

std::size_t Pass::rules_in(TableName table) const {
    std::size_t rules = 0;
    const auto& base = table == TableName::nat ? base_.nat_chains : base_.filter_chains;
    for (const NamedChain& chain : base) rules += chain.rules.size();
    if (table == TableName::nat) rules += base_.nat_services_tail.size();
    for (const Record& record : records_) {
        if (table == TableName::nat) rules += record.own_rules;
        for (std::size_t i = 0; i < shared_chains.size(); ++i) {
            if (shared_chains[i].table == table) rules += record.counts[i];
        }
    }
    for (std::size_t i = 0; i < shared_chains.size(); ++i) {
        if (shared_chains[i].table == table) rules += tree_jumps_[i];
    }
    return rules;
}

}  // namespace nameplane::rules::iptables
