#include "agent/rule_writers.hpp"

#include "rules/iptables/apply.hpp"

namespace nameplane::agent {

Result<std::unique_ptr<rules::RuleWriter>> make_rule_writer(Family family) {
    return rules::iptables::make_iptables_writer(family, {});
}

}  // namespace nameplane::agent
