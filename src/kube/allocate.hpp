#pragma once
// allocate: addresses and node ports as a control plane would have given them. A pure function of
// all Services and of what was given before, so the order in which files are read cannot matter.

#include "kube/source.hpp"
#include <nameplane/conf/options.hpp>

#include <map>
#include <string>
#include <vector>

namespace nameplane::kube {

/// What one Service held: addresses and ports, given or written in its manifest.
struct Given {
    struct Port {
        services::Protocol protocol = services::Protocol::tcp;
        std::uint16_t port = 0;  ///< the Service's
        std::uint16_t node_port = 0;
        friend auto operator<=>(const Port&, const Port&) = default;
    };
    std::vector<IpAddress> addresses;
    std::vector<Port> ports;
    std::uint16_t health_check_port = 0;
    bool empty() const { return addresses.empty() && ports.empty() && health_check_port == 0; }
    friend bool operator==(const Given&, const Given&) = default;
};
using Memory = std::map<services::ObjectKey, Given>;

struct AllocateOptions {
    std::vector<Cidr> service_cidrs;  ///< at most one of each family; the first is the default
    Ports node_ports{30000, 32767};
};

/// One thing filled in: "Service demo/web", "clusterIP 10.96.0.7".
struct Choice {
    std::string object;
    std::string chosen;
    std::string text() const { return object + ": " + chosen; }
    friend auto operator<=>(const Choice&, const Choice&) = default;
};

struct Allocation {
    /// Completed Services. One that is refused is missing here.
    std::map<services::ObjectKey, services::Service> services;
    /// Refused Services whose `before` is still reserved for them: their last state may stay.
    std::vector<services::ObjectKey> kept;
    std::vector<std::string> problems;  ///< "file:line: what, expected what"
    std::vector<Choice> choices;        ///< all that is not written in the manifests
    Memory memory;
};

/// Gives every Service what it lacks. Who holds a thing: the Service that held it `before`; else
/// the one whose manifest names it, the first by namespace and name if there are several; else
/// whoever's hash leads there. Addresses come from a hash of namespace and name into the upper part
/// of the range (the lower one is for addresses chosen by hand, and used when the upper is full),
/// never the first address, nor in IPv4 the last.
Allocation allocate(const std::map<services::ObjectKey, ServiceSource>& services,
                    const Memory& before, const AllocateOptions& options);

}  // namespace nameplane::kube
