#pragma once
// Rule, Chain, ServiceRules: iptables rules as values, between the renderer (plan to chains), the
// text (iptables-restore) and the kernel (libiptc). Only what our chains need.

#include "services/model.hpp"
#include <nameplane/base/ip.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace nameplane::rules::iptables {

// Matches, in the order in which they stand in the rule.
struct CommentMatch {
    std::string text;
    friend bool operator==(const CommentMatch&, const CommentMatch&) = default;
};
/// `-m tcp --dport N` (udp, sctp); the protocol is the rule's.
struct DportMatch {
    std::uint16_t port = 0;
    friend bool operator==(const DportMatch&, const DportMatch&) = default;
};
/// `-m tcp --dport FIRST:LAST`, likewise.
struct DportRangeMatch {
    std::uint16_t first = 0;
    std::uint16_t last = 0xffff;
    friend bool operator==(const DportRangeMatch&, const DportRangeMatch&) = default;
};
/// `-m tcp --sport N`, likewise.
struct SportMatch {
    std::uint16_t port = 0;
    friend bool operator==(const SportMatch&, const SportMatch&) = default;
};
/// `-m tcp` without a port, as in SEP rules.
struct ProtocolMatch {
    friend bool operator==(const ProtocolMatch&, const ProtocolMatch&) = default;
};
/// `-m statistic --mode random --probability P`: one in `n`.
struct RandomMatch {
    std::uint32_t n = 1;
    friend bool operator==(const RandomMatch&, const RandomMatch&) = default;
};
/// `-m conntrack [!] --ctstate ...`; bits as in xt_conntrack.h (XT_CONNTRACK_STATE_*).
struct StateMatch {
    enum State : std::uint16_t { invalid = 1, established = 2, related = 4, fresh = 8, dnat = 128 };
    std::uint16_t states = 0;
    bool negated = false;
    friend bool operator==(const StateMatch&, const StateMatch&) = default;
};
/// `-m mark [!] --mark V/M`.
struct MarkMatch {
    std::uint32_t value = 0;
    std::uint32_t mask = 0;
    bool negated = false;
    friend bool operator==(const MarkMatch&, const MarkMatch&) = default;
};
/// `-m addrtype --src-type LOCAL` or `--dst-type LOCAL`.
struct LocalAddressMatch {
    bool source = false;
    friend bool operator==(const LocalAddressMatch&, const LocalAddressMatch&) = default;
};
/// `-m recent --name N --rcheck --seconds S --reap`, or `--set`.
struct RecentMatch {
    std::string list;
    std::uint32_t seconds = 0;  ///< 0: --set
    friend bool operator==(const RecentMatch&, const RecentMatch&) = default;
};
/// `-m nfacct --nfacct-name N`: counts in a counter of the kernel's that must be there.
struct CounterMatch {
    std::string name;
    friend bool operator==(const CounterMatch&, const CounterMatch&) = default;
};
using Match =
    std::variant<CommentMatch, DportMatch, DportRangeMatch, SportMatch, ProtocolMatch, RandomMatch,
                 StateMatch, MarkMatch, LocalAddressMatch, RecentMatch, CounterMatch>;

// Targets.
struct NoTarget {
    friend bool operator==(const NoTarget&, const NoTarget&) = default;
};
struct Jump {
    std::string chain;
    friend bool operator==(const Jump&, const Jump&) = default;
};
enum class Verdict : std::uint8_t { accept, drop, return_ };
/// `-j REJECT` (icmp-port-unreachable, icmp6-port-unreachable).
struct Reject {
    friend bool operator==(const Reject&, const Reject&) = default;
};
struct Dnat {
    IpAddress address;
    std::uint16_t port = 0;
    friend bool operator==(const Dnat&, const Dnat&) = default;
};
struct Masquerade {
    bool random_fully = false;
    friend bool operator==(const Masquerade&, const Masquerade&) = default;
};
/// `-j MARK --or-mark V` or `--xor-mark V`.
struct SetMark {
    std::uint32_t value = 0;
    bool exclusive = false;  ///< xor
    friend bool operator==(const SetMark&, const SetMark&) = default;
};
/// `-j NOTRACK`: no connection tracking, and hence no translation, for this packet. Table raw only.
struct NoTrack {
    friend bool operator==(const NoTrack&, const NoTrack&) = default;
};
using Target = std::variant<NoTarget, Jump, Verdict, Reject, Dnat, Masquerade, SetMark, NoTrack>;

struct Rule {
    std::optional<Cidr> source;
    bool source_negated = false;
    /// Text only: a host is written with its prefix length, as kube-proxy writes configured ranges.
    bool source_is_range = false;
    std::optional<Cidr> destination;
    bool destination_negated = false;
    std::string in_interface;  ///< a final '+' matches any that begin so
    bool in_interface_negated = false;
    std::optional<services::Protocol> protocol;
    std::vector<Match> matches;
    Target target;
    friend bool operator==(const Rule&, const Rule&) = default;
};

using Chain = std::vector<Rule>;

enum class TableName : std::uint8_t { filter, nat, mangle, raw };

struct NamedChain {
    std::string name;
    Chain rules;
    friend bool operator==(const NamedChain&, const NamedChain&) = default;
};

/// The rules of one Service. With 10,000 Services nobody holds all of these at once: they are made,
/// compared or written, and dropped.
struct ServiceRules {
    // Rules for chains that all Services share, in the order of the Service's ports.
    Chain nat_services;
    Chain nat_nodeports;
    Chain filter_services;
    Chain filter_external_services;
    Chain filter_nodeports;
    Chain filter_proxy_firewall;
    /// Its own chains in nat: KUBE-EXT-, KUBE-FW-, KUBE-SVC-, KUBE-SVL-, KUBE-SEP-.
    std::vector<NamedChain> nat_chains;
    friend bool operator==(const ServiceRules&, const ServiceRules&) = default;
};

/// A rule that leads from a built-in chain into one of ours. `position` counts from 0 among ours at
/// the head of the built-in chain.
struct BaseJump {
    TableName table = TableName::filter;
    std::string built_in;
    Rule rule;
    friend bool operator==(const BaseJump&, const BaseJump&) = default;
};

/// What does not depend on any Service.
struct BaseRules {
    std::vector<BaseJump> jumps;            ///< in final order within each built-in chain
    std::vector<NamedChain> nat_chains;     ///< POSTROUTING, MARK-MASQ; SERVICES' last rule apart
    std::vector<NamedChain> filter_chains;  ///< FORWARD, FIREWALL; empty ones that Services fill
    std::vector<NamedChain> mangle_chains;  ///< the canary
    Chain nat_services_tail;                ///< the node port jump, last in nat KUBE-SERVICES
};

}  // namespace nameplane::rules::iptables
