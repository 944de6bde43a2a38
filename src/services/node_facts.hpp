#pragma once
// NodeFacts: what this node is, for whoever reads it (kube) and whoever decides by it (rules).

#include "services/model.hpp"
#include <nameplane/base/ip.hpp>

#include <string>
#include <vector>

namespace nameplane::services {

/// Labels and addresses that decide locality, topology and masquerading.
struct NodeFacts {
    struct Interface {
        std::string name;
        IpAddress address;
        friend bool operator==(const Interface&, const Interface&) = default;
    };
    std::string name;
    Labels labels;
    std::vector<Cidr> pod_cidrs;
    std::vector<Interface> addresses;
    /// What the Node object says, InternalIP first; empty without such an object.
    std::vector<IpAddress> node_ips;
    friend bool operator==(const NodeFacts&, const NodeFacts&) = default;
};

}  // namespace nameplane::services
