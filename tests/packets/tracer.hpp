#pragma once
// A packet's way through rendered rules, without a kernel: the built-in chains in netfilter's
// order, the first packet of a connection, every random choice taken both ways. A rule that the
// tracer does not know does not compile; a jump to a chain that is not there fails the test.

#include "rules/plan.hpp"

#include <memory>
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
    /// What Outcome::remembered was when the source came before; empty: never.
    std::string remembered;
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
    /// Where affinity noted the source on this way: a list of `recent`, or an endpoint.
    std::string remembered;
    double probability = 1;
};

class Tracer {
public:
    virtual ~Tracer() = default;
    /// All ways that `packet` may go; their probabilities add up to 1.
    virtual std::vector<Outcome> trace(const Packet& packet) = 0;

    /// What no packet so far has met, as text: rules of iptables, elements of nftables. Rules that
    /// wait for packets of known or broken connections are left out, since only first packets are
    /// traced.
    virtual std::vector<std::string> unmatched() const = 0;
};

/// Through what rules/iptables renders. `local`: the addresses of the node, as `addrtype --dst-type
/// LOCAL` knows them; loopback addresses need not be named.
std::unique_ptr<Tracer> trace_iptables(const rules::Plan& plan, const std::set<IpAddress>& local);
/// Through what rules/nftables renders.
std::unique_ptr<Tracer> trace_nftables(const rules::Plan& plan, const std::set<IpAddress>& local);

/// The random choices of one walk. next_way() turns the last one that can be turned, until every
/// combination has been walked.
class Choices {
public:
    /// Whether "one in n" comes true this time.
    bool one_in(std::uint32_t n) {
        if (used_ == taken_.size()) taken_.push_back(true);
        const bool yes = taken_[used_++];
        probability_ *= yes ? 1.0 / n : 1.0 - 1.0 / n;
        return yes;
    }
    /// A number below n.
    std::uint32_t below(std::uint32_t n) {
        std::uint32_t number = 0;
        while (number + 1 < n && !one_in(n - number)) ++number;
        return number;
    }
    bool next_way() {
        while (!taken_.empty() && !taken_.back()) taken_.pop_back();
        if (taken_.empty()) return false;
        taken_.back() = false;
        used_ = 0;
        probability_ = 1;
        return true;
    }
    double probability() const { return probability_; }

private:
    std::vector<bool> taken_;
    std::size_t used_ = 0;
    double probability_ = 1;
};

}  // namespace nameplane::tests
