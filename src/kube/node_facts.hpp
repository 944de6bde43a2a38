#pragma once
// Node facts from a file, for `render --node-facts`: what the rules need to know of a node that is
// not this machine.
//
//     name: node-1
//     labels: { topology.kubernetes.io/zone: zone-a }
//     podCIDRs: [10.244.1.0/24]
//     addresses:
//       - { interface: eth0, address: 192.0.2.1 }

#include "services/node_facts.hpp"
#include <nameplane/base/result.hpp>

#include <string>
#include <string_view>

namespace nameplane::kube {

/// Reads YAML, or JSON by the name's ending. An error lists all problems, one a line:
/// "file:line: what, expected what". Unknown keys are problems, since this is no exported object.
Result<services::NodeFacts> read_node_facts(const std::string& path);
Result<services::NodeFacts> node_facts_from_text(std::string_view text, std::string_view file,
                                                 bool json);

}  // namespace nameplane::kube
