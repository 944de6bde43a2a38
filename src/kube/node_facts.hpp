#pragma once
// Node facts from a file, for `render --node-facts`: what the rules need to know of a node that is
// not this machine.
//
//     name: node-1
//     labels: { topology.kubernetes.io/zone: zone-a }
//     podCIDRs: [10.244.1.0/24]
//     addresses:
//       - { interface: eth0, address: 192.0.2.1 }

#include "services/model.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace nameplane::kube {

/// The same as what the rules take; they live on this floor too, so whoever uses both copies it.
struct NodeFactsFile {
    struct Interface {
        std::string name;
        IpAddress address;
        friend bool operator==(const Interface&, const Interface&) = default;
    };
    std::string name;
    services::Labels labels;
    std::vector<Cidr> pod_cidrs;
    std::vector<Interface> addresses;
};

/// Reads YAML, or JSON by the name's ending. An error lists all problems, one a line:
/// "file:line: what, expected what". Unknown keys are problems, since this is no exported object.
Result<NodeFactsFile> read_node_facts(const std::string& path);
Result<NodeFactsFile> node_facts_from_text(std::string_view text, std::string_view file, bool json);

}  // namespace nameplane::kube
