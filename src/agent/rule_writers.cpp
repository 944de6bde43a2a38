#include "agent/rule_writers.hpp"

#include "rules/backend.hpp"
#include <nameplane/base/check.hpp>

namespace nameplane::agent {

std::unique_ptr<rules::RuleWriter> make_rule_writer(Family family, conf::RulesMode mode) {
    using conf::RulesMode;
    using rules::Backend;
    NP_CHECK(mode != RulesMode::off, "without rules there is no rule thread");
    switch (mode) {
    case RulesMode::off:
    case RulesMode::iptables: break;
    case RulesMode::nftables: return rules::make_backend(family, Backend::nftables);
    case RulesMode::automatic: return rules::make_backend(family, Backend::automatic);
    }
    return rules::make_backend(family, Backend::iptables);
}

}  // namespace nameplane::agent
