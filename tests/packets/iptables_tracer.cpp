#include "rules/iptables/apply_pass.hpp"
#include "rules/iptables/dispatch.hpp"
#include "rules/iptables/render.hpp"
#include "walk.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <optional>

namespace nameplane::tests {

using namespace rules::iptables;

namespace {

class IptablesTracer final : public Tracer {
public:
    IptablesTracer(const rules::Plan& plan, std::set<IpAddress> local);
    std::vector<Outcome> trace(const Packet& packet) override;
    std::vector<std::string> unmatched() const override;

private:
    class Way;

    void add(TableName table, const std::string& chain, const Chain& rules);

    std::map<TableName, std::map<std::string, Chain>> tables_;
    std::set<IpAddress> local_;
    std::set<const Rule*> matched_;
};

class IptablesTracer::Way final : public Walk {
public:
    Way(IptablesTracer& tracer, const Packet& packet, Choices& choices)
        : Walk{tracer.local_, packet, choices}, tracer_{tracer} {}

private:
    Said stop(Stop where) override {
        switch (where) {
        case Stop::prerouting: return chain(TableName::nat, "PREROUTING");
        case Stop::output:
            chain(TableName::nat, "OUTPUT");
            return chain(TableName::filter, "OUTPUT");
        case Stop::input: return chain(TableName::filter, "INPUT");
        case Stop::forward: return chain(TableName::filter, "FORWARD");
        case Stop::postrouting: return chain(TableName::nat, "POSTROUTING");
        }
        return Said::nothing;
    }

    Said chain(TableName table, const std::string& name) {
        auto& chains = tracer_.tables_[table];
        const auto found = chains.find(name);
        if (found == chains.end()) FAIL("jump to " << name << ", which is not there");
        for (const Rule& rule : found->second) {
            if (!matches(rule)) continue;
            tracer_.matched_.insert(&rule);
            INFO(to_text(rule));
            const std::optional<Said> said =
                std::visit([&](const auto& target) { return act(table, target); }, rule.target);
            if (!said) return Said::nothing;  // RETURN
            if (*said != Said::nothing) return *said;
        }
        return Said::nothing;
    }

    // Targets: what they say, or nothing at all to leave the chain.

    std::optional<Said> act(TableName, const NoTarget&) { return Said::nothing; }
    std::optional<Said> act(TableName table, const Jump& target) {
        return chain(table, target.chain);
    }
    std::optional<Said> act(TableName, const Verdict& target) {
        switch (target) {
        case Verdict::accept: return Said::accept;
        case Verdict::drop: return Said::drop;
        case Verdict::return_: return std::nullopt;
        }
        return std::nullopt;
    }
    std::optional<Said> act(TableName table, const Reject&) {
        REQUIRE(table == TableName::filter);
        return Said::reject;
    }
    std::optional<Said> act(TableName table, const Dnat& target) {
        REQUIRE(table == TableName::nat);
        return translate(target.address, target.port);
    }
    std::optional<Said> act(TableName table, const Masquerade&) {
        REQUIRE(table == TableName::nat);
        return masquerade();
    }
    std::optional<Said> act(TableName, const SetMark& target) {
        set_mark(target.value, target.exclusive);
        return Said::nothing;
    }
    std::optional<Said> act(TableName, const NoTrack&) {
        FAIL("no Service's rule ends tracking");
        return Said::nothing;
    }

    // Matches.

    bool matches(const Rule& rule) {
        if (rule.protocol && *rule.protocol != packet_.protocol) return false;
        if (rule.source && rule.source->contains(packet_.source) == rule.source_negated) {
            return false;
        }
        if (rule.destination &&
            rule.destination->contains(packet_.destination) == rule.destination_negated) {
            return false;
        }
        if (!rule.in_interface.empty() &&
            comes_in(rule.in_interface) == rule.in_interface_negated) {
            return false;
        }
        return std::ranges::all_of(rule.matches, [&](const Match& match) {
            return std::visit([&](const auto& item) { return holds(rule, item); }, match);
        });
    }
    bool comes_in(std::string_view pattern) const {
        if (!pattern.ends_with('+')) return packet_.in_interface == pattern;
        return packet_.in_interface.starts_with(pattern.substr(0, pattern.size() - 1));
    }
    bool holds(const Rule&, const CommentMatch&) { return true; }
    bool holds(const Rule& rule, const DportMatch& match) {
        REQUIRE(rule.protocol.has_value());
        return packet_.port == match.port;
    }
    bool holds(const Rule& rule, const DportRangeMatch& match) {
        REQUIRE(rule.protocol.has_value());
        return packet_.port >= match.first && packet_.port <= match.last;
    }
    bool holds(const Rule&, const SportMatch&) {
        FAIL("no Service's rule looks at the source port");
        return false;
    }
    bool holds(const Rule& rule, const ProtocolMatch&) {
        REQUIRE(rule.protocol.has_value());
        return true;
    }
    bool holds(const Rule&, const RandomMatch& match) { return choices_.one_in(match.n); }
    bool holds(const Rule&, const StateMatch& match) {
        const unsigned dnat = outcome_.end == End::dnat ? unsigned{StateMatch::dnat} : 0U;
        return ((match.states & (StateMatch::fresh | dnat)) != 0) != match.negated;
    }
    bool holds(const Rule&, const MarkMatch& match) {
        return ((mark_ & match.mask) == match.value) != match.negated;
    }
    bool holds(const Rule&, const CounterMatch&) { return true; }
    bool holds(const Rule&, const LocalAddressMatch& match) {
        return is_local(match.source ? packet_.source : packet_.destination);
    }
    bool holds(const Rule&, const RecentMatch& match) {
        if (match.seconds != 0) return packet_.remembered == match.list;
        outcome_.remembered = match.list;
        return true;
    }

    IptablesTracer& tracer_;
};

IptablesTracer::IptablesTracer(const rules::Plan& plan, std::set<IpAddress> local)
    : local_{std::move(local)} {
    const BaseRules base = render_base(plan.settings);
    for (const char* chain : {"INPUT", "FORWARD", "OUTPUT"}) add(TableName::filter, chain, {});
    for (const char* chain : {"PREROUTING", "OUTPUT", "POSTROUTING"}) {
        add(TableName::nat, chain, {});
    }
    for (const NamedChain& chain : base.filter_chains)
        add(TableName::filter, chain.name, chain.rules);
    for (const NamedChain& chain : base.nat_chains) add(TableName::nat, chain.name, chain.rules);
    for (const BaseJump& jump : base.jumps) add(jump.table, jump.built_in, {jump.rule});
    const bool tree = plan.settings.dispatch == rules::Dispatch::tree;
    std::map<const SharedChain*, Chain> shared;
    for (const auto& service : plan.services) {
        const ServiceRules rules = render_service(*service, plan.settings, false);
        for (const SharedChain& chain : shared_chains)
            std::ranges::copy(rules.*chain.rules, std::back_inserter(shared[&chain]));
        for (const NamedChain& chain : rules.nat_chains) {
            CHECK_FALSE(tables_[TableName::nat].contains(chain.name));
            add(TableName::nat, chain.name, chain.rules);
        }
    }
    for (auto& [chain, rules] : shared) {
        if (!tree) {
            add(chain->table, std::string{chain->name}, rules);
            continue;
        }
        for (const NamedChain& part : divided(chain->tree, std::move(rules)))
            add(chain->table, part.name, part.rules);
    }
    add(TableName::nat, "KUBE-SERVICES", base.nat_services_tail);
}

void IptablesTracer::add(TableName table, const std::string& chain, const Chain& rules) {
    Chain& all = tables_[table][chain];
    all.insert(all.end(), rules.begin(), rules.end());
}

std::vector<Outcome> IptablesTracer::trace(const Packet& packet) {
    return all_ways([&](Choices& choices) { return Way{*this, packet, choices}.run(); });
}

std::vector<std::string> IptablesTracer::unmatched() const {
    const auto waits_for_later = [](const Rule& rule) {
        return std::ranges::any_of(rule.matches, [](const Match& match) {
            const auto* state = std::get_if<StateMatch>(&match);
            return state != nullptr && !state->negated && (state->states & StateMatch::fresh) == 0;
        });
    };
    std::vector<std::string> all;
    for (const auto& [table, chains] : tables_) {
        for (const auto& [name, rules] : chains) {
            for (const Rule& rule : rules) {
                if (matched_.contains(&rule) || waits_for_later(rule)) continue;
                all.push_back(name + " " + to_text(rule));
            }
        }
    }
    return all;
}

}  // namespace

std::unique_ptr<Tracer> trace_iptables(const rules::Plan& plan, const std::set<IpAddress>& local) {
    return std::make_unique<IptablesTracer>(plan, local);
}

}  // namespace nameplane::tests
