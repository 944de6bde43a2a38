#pragma once
// A packet's way through rendered rules, without a kernel: the built-in chains in netfilter's
// order, the first packet of a connection, every random choice taken both ways. A rule that the
// tracer does not know does not compile; a jump to a chain that is not there fails the test.

#include "rules/iptables/render.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace nameplane::tests {

enum class From : std::uint8_t { pod, node, outside };

struct Packet {
    From from = From::outside;
    IpAddress source;
    services::Protocol protocol = services::Protocol::tcp;
    IpAddress destination;
    std::uint16_t port = 0;
    std::string in_interface;  ///< empty for the node's own packets
    std::string remembered;    ///< the list of `recent` that has seen the source before
};

enum class End : std::uint8_t {
    untouched,  ///< goes on to where it was sent
    dnat,       ///< goes on to an endpoint
    reject,
    drop,
};

/// One way that the packet may go.
struct Outcome {
    End end = End::untouched;
    std::string endpoint;  ///< "address:port" for dnat
    bool masqueraded = false;
    std::string remembered;  ///< the list of `recent` that saw the source on this way
    double probability = 1;
};

class Tracer {
public:
    /// `local`: the addresses of the node, as `addrtype --dst-type LOCAL` knows them; loopback
    /// addresses need not be named.
    Tracer(const rules::Plan& plan, std::set<IpAddress> local);

    /// All ways that `packet` may go; their probabilities add up to 1.
    std::vector<Outcome> trace(const Packet& packet);

    /// Rules that no packet so far has matched, as text. Those that wait for packets of known or
    /// broken connections are left out, since only first packets are traced.
    std::vector<std::string> unmatched() const;

private:
    using Tables =
        std::map<rules::iptables::TableName, std::map<std::string, rules::iptables::Chain>>;
    class Walk;

    void add(rules::iptables::TableName table, const std::string& chain,
             const rules::iptables::Chain& rules);

    Tables tables_;
    std::set<IpAddress> local_;
    std::set<const rules::iptables::Rule*> matched_;
};

}  // namespace nameplane::tests
