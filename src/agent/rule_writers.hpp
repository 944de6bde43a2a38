#pragma once
// rule_writers: who writes the rules of a family. The one place of the agent that names a backend.

#include "conf/config.hpp"
#include "rules/writer.hpp"
#include <nameplane/base/ip.hpp>

#include <memory>

namespace nameplane::agent {

/// Touches nothing yet; what the kernel lacks is an error of the writer's apply(). Not for mode
/// off.
std::unique_ptr<rules::RuleWriter> make_rule_writer(Family family, conf::RulesMode mode,
                                                    conf::IptablesBackend iptables);

}  // namespace nameplane::agent
