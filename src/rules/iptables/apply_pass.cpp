#include "rules/iptables/apply_pass.hpp"

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

std::vector<ChainName> without(const std::vector<ChainName>& all,
                               const std::vector<ChainName>& these) {
    std::vector<ChainName> left;
    std::ranges::set_difference(all, these, std::back_inserter(left));
    return left;
}

void add_names(const ServiceRules& rules, std::vector<ChainName>& names) {
    for (const NamedChain& chain : rules.nat_chains) names.push_back(chain_name(chain.name));
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

ChainName chain_name(std::string_view name) noexcept {
    ChainName padded{};
    std::memcpy(padded.data(), name.data(), std::min(name.size(), padded.size() - 1));
    return padded;
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
        pass.changed_.push_back(static_cast<std::uint32_t>(pass.records_.size()));
        auto made = pass.record(service);
        if (!made) return std::move(made).error();
        pass.records_.push_back(std::move(*made));
    }
    for (const auto& [gone, index] : known) add_names(pass.render(*gone), pass.gone_chains_);
    std::ranges::sort(pass.wanted_chains_);
    std::ranges::sort(pass.gone_chains_);
    return pass;
}

ServiceRules Pass::render(const ServicePlan& service) const {
    return render_service(service, plan_->settings, large_);
}

Result<std::vector<EncodedRule>> Pass::encode(const Chain& chain) const {
    return encode_chain(chain, plan_->settings.family, features_);
}

Result<Record> Pass::record(std::shared_ptr<const ServicePlan> plan) {
    const Family family = plan_->settings.family;
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
    for (const NamedChain& chain : rules.nat_chains) {
        record.own_rules += static_cast<std::uint32_t>(chain.rules.size());
    }
    add_names(rules, wanted_chains_);
    return record;
}

Result<EncodedRule> Pass::shared_rule(std::size_t service, std::size_t chain, std::size_t index) {
    if (!full_ && !std::ranges::binary_search(changed_, service)) {
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
    for (std::size_t chain = 0; chain < shared_chains.size(); ++chain) {
        if (shared_chains[chain].table != table.name()) continue;
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
    return {};
}

Status Pass::create_missing(Table& table, const std::vector<ChainName>& wanted,
                            TableEdit& edit) const {
    for (const ChainName& name : wanted) {
        if (table.has_chain(name.data())) continue;
        if (auto made = table.create_chain(name.data()); !made) return made;
        ++edit.chains;
    }
    return {};
}

Status Pass::edit_own_chains(Table& table, TableEdit& edit) const {
    for (const std::uint32_t index : changed_) {
        for (const NamedChain& chain : render(*records_[index].plan).nat_chains) {
            auto rules = encode(chain.rules);
            if (!rules) return std::move(rules).error();
            auto noted = note(edit_chain(table, chain.name.c_str(), *rules), edit);
            if (!noted) return noted;
        }
    }
    return {};
}

Status Pass::remove_stale(Table& table, TableEdit& edit) const {
    std::vector<ChainName> there;
    if (full_) {
        table.for_each_chain([&](const char* chain) {
            if (is_service_chain(chain)) there.push_back(chain_name(chain));
        });
        std::ranges::sort(there);
    } else {
        std::ranges::copy_if(gone_chains_, std::back_inserter(there),
                             [&](const ChainName& name) { return table.has_chain(name.data()); });
    }
    const std::vector<ChainName> stale = without(there, wanted_chains_);
    // They jump to each other: empty all, then remove.
    for (const ChainName& name : stale) {
        if (auto flushed = table.flush_chain(name.data()); !flushed) return flushed;
    }
    for (const ChainName& name : stale) {
        auto removed = table.delete_chain(name.data());
        if (removed) {
            ++edit.chains;
        } else if (removed.error().code != Errc::conflict) {
            return removed;
        }
        // Somebody else's rule jumps there: an empty chain does it no harm.
    }
    return {};
}

Result<TableEdit> Pass::edit_nat(Table& table) {
    TableEdit edit;
    Status done = edit_base(table, base_.nat_chains, edit);
    if (done) done = create_missing(table, wanted_chains_, edit);
    if (done) done = edit_own_chains(table, edit);
    if (done) done = edit_shared(table, false, edit);
    if (done) done = edit_jumps(table, edit);
    if (done) done = remove_stale(table, edit);
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
    for (const BaseJump& jump : base_.jumps) rules += jump.table == table ? 1U : 0U;
    for (const Record& record : records_) {
        if (table == TableName::nat) rules += record.own_rules;
        for (std::size_t i = 0; i < shared_chains.size(); ++i) {
            if (shared_chains[i].table == table) rules += record.counts[i];
        }
    }
    return rules;
}

}  // namespace nameplane::rules::iptables
