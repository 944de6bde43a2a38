#pragma once
// conntrack: makes the kernel forget flows of UDP and SCTP that rules no longer stand for.
//
// A UDP flow has no end that anybody sees: as long as packets come, its conntrack entry keeps
// sending them where the first one went. An SCTP association ends, but its entry does not: a client
// that begins anew usually does so from the same port, and each INIT that it sends to the dead
// endpoint prolongs the entry. Two kinds of entry are stale after a change of rules:
//   - those to an endpoint that is gone (also when it was the last one) or, with UDP, serves no
//     more;
//   - those that began before the Service had endpoints or rules, and so were never translated.
// Both are: the original destination is a Service's frontend, and the reply does not come from an
// endpoint that keeps its flows, whether or not new ones may go there: what terminates but still
// serves, and what a traffic policy or topology passes over, does. Entries of
// other protocols and of other destinations are never touched; an address or port that stops being
// a Service's keeps its flows, as TCP keeps its connections. TCP needs none of it: a dead peer ends
// the connection, and the next one comes from another port.
//
// Deletes go out after the rules are in, since a packet in between would make the stale entry anew.

#include "rules/plan.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

struct nlmsghdr;

namespace nameplane::rules {

/// Where clients send to: sorted by protocol, then address.
struct FlowTarget {
    services::Protocol protocol{};
    SocketAddress address;
    friend auto operator<=>(const FlowTarget&, const FlowTarget&) = default;
};

/// One address and port that clients send UDP or SCTP to, and which endpoints' flows are alive.
struct FlowFrontend {
    FlowTarget target;
    std::vector<SocketAddress> endpoints;  ///< sorted; empty: every flow is stale
    friend bool operator==(const FlowFrontend&, const FlowFrontend&) = default;
};

/// The frontends whose flows can have become stale between two plans of one family, sorted by
/// target; each cluster IP, external IP, load balancer IP, and each node address with a node port.
/// `before` is nullptr when nothing is known, as after a start: then all of them. Frontends that
/// only gained endpoints, or are gone, are left out. Pure.
std::vector<FlowFrontend> stale_candidates(const Plan* before, const Plan& after,
                                           std::span<const IpAddress> node_addresses);

/// Whether a flow to `target` whose replies come from `reply_source` is stale.
bool is_stale(std::span<const FlowFrontend> candidates, const FlowTarget& target,
              const SocketAddress& reply_source) noexcept;

/// What flows have in common that are worth being told of. What is not set may be anything.
struct FlowFilter {
    std::optional<services::Protocol> protocol;
    std::optional<IpAddress> address;   ///< of the original destination
    std::optional<std::uint16_t> port;  ///< likewise
    friend bool operator==(const FlowFilter&, const FlowFilter&) = default;
};
/// What the targets of all candidates have in common. Pure.
FlowFilter common_filter(std::span<const FlowFrontend> candidates);

/// The kernel's table of connections, over one socket that stays open: while a socket of netfilter
/// is closed, the kernel lets nobody change nf_tables until it has taken apart what earlier
/// transactions removed, 14 to 28 ms, which the next change of rules would wait for. One thread at
/// a time.
class FlowTable {
public:
    FlowTable();
    ~FlowTable();
    FlowTable(const FlowTable&) = delete;

    /// Walks the entries of one family once, as a stream, and deletes the stale ones; how many. The
    /// kernel is asked for nothing when there are no candidates, for one number when there are no
    /// flows, and else only tells of flows that have in common what the candidates have (Linux 5.8;
    /// of all flows before). Errc::permission without CAP_NET_ADMIN. Works on the network namespace
    /// of the thread that calls first.
    Result<std::size_t> forget_stale(Family family, std::span<const FlowFrontend> candidates);

    /// How often the kernel's table was walked.
    std::size_t walks() const noexcept { return walks_; }
    /// Of how many flows the kernel told in all.
    std::size_t told() const noexcept { return told_; }

private:
    struct Socket;
    Status open();
    /// Looks at every flow of the family that `filter` lets through.
    Status dump(Family family, const FlowFilter& filter,
                const std::function<void(const nlmsghdr*)>& visit);

    std::unique_ptr<Socket> socket_;  ///< nullptr: not open, or something went wrong with it
    bool filters_ = true;             ///< as far as we know, the kernel does
    std::size_t walks_ = 0;
    std::size_t told_ = 0;
};

}  // namespace nameplane::rules
