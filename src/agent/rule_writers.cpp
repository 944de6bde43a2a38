#include "agent/rule_writers.hpp"

#include "rules/backend.hpp"
#include <nameplane/base/check.hpp>

namespace nameplane::agent {

namespace {

rules::IptablesKind kind_of(conf::IptablesBackend iptables) {
    switch (iptables) {
    case conf::IptablesBackend::automatic: return rules::IptablesKind::automatic;
    case conf::IptablesBackend::legacy: return rules::IptablesKind::legacy;
    case conf::IptablesBackend::nft: return rules::IptablesKind::nft;
    }
    return rules::IptablesKind::automatic;
}

}  // namespace

std::unique_ptr<rules::RuleWriter> make_rule_writer(Family family, conf::RulesMode mode,
                                                    conf::IptablesBackend iptables) {
    using conf::RulesMode;
    using rules::Backend;
    NP_CHECK(mode != RulesMode::off, "without rules there is no rule thread");
    Backend backend = Backend::iptables;
    switch (mode) {
    case RulesMode::off:
    case RulesMode::iptables: break;
    case RulesMode::nftables: backend = Backend::nftables; break;
    case RulesMode::automatic: backend = Backend::automatic; break;
    }
    return rules::make_backend(family, backend, {.iptables = kind_of(iptables)});
}

}  // namespace nameplane::agent
