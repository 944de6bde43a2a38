#pragma once
// saved_text: a rule as `iptables-nft-save` prints it, so that what the kernel holds can be
// compared with what it shall hold. Pure. Where another version of that program prints a rule
// otherwise, the rule counts as a different one and is written again.

#include "rules/iptables/rule.hpp"
#include <nameplane/base/ip.hpp>

#include <string>

namespace nameplane::rules::iptables {

/// Appends the rule to `out`, without "-A CHAIN".
void append_saved_text(const Rule& rule, Family family, std::string& out);

}  // namespace nameplane::rules::iptables
