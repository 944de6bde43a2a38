#include "rules/iptables/node_local_rules.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace nameplane::rules::iptables {
namespace {

using services::Protocol;

constexpr const char* skip_conntrack = "NodeLocal DNS Cache: skip conntrack";
constexpr const char* allow_traffic = "NodeLocal DNS Cache: allow DNS traffic";

// The rules of one address.
class Rules {
public:
    Rules(const NodeLocalTraffic& traffic, const IpAddress& address, std::vector<PlacedRule>& all)
        : traffic_{traffic}, host_{*Cidr::make(address, address.is_v4() ? 32 : 128)}, all_{all} {}

    void add() {
        const std::uint16_t dns = traffic_.dns_port;
        const std::uint16_t health = traffic_.health_port;
        for (const Protocol protocol : both) to("PREROUTING", protocol, dns, NoTrack{});
        for (const Protocol protocol : both) to("INPUT", protocol, dns, Verdict::accept);
        for (const Protocol protocol : both) from("OUTPUT", protocol, dns, NoTrack{});
        for (const Protocol protocol : both) from("OUTPUT", protocol, dns, Verdict::accept);
        // Queries of this machine itself, of pods with hostNetwork among others.
        for (const Protocol protocol : both) to("OUTPUT", protocol, dns, NoTrack{});
        to("OUTPUT", Protocol::tcp, health, NoTrack{});
        from("OUTPUT", Protocol::tcp, health, NoTrack{});
    }

private:
    static constexpr std::array both{Protocol::tcp, Protocol::udp};

    void to(const char* chain, Protocol protocol, std::uint16_t port, Target target) {
        Rule rule;
        rule.destination = host_;
        rule.matches.emplace_back(DportMatch{port});
        if (traffic_.only_while_local && std::holds_alternative<NoTrack>(target)) {
            rule.matches.emplace_back(LocalAddressMatch{});
        }
        put(chain, protocol, std::move(rule), std::move(target));
    }
    void from(const char* chain, Protocol protocol, std::uint16_t port, Target target) {
        Rule rule;
        rule.source = host_;
        rule.matches.emplace_back(SportMatch{port});
        put(chain, protocol, std::move(rule), std::move(target));
    }
    void put(const char* chain, Protocol protocol, Rule rule, Target target) {
        const bool untracked = std::holds_alternative<NoTrack>(target);
        rule.protocol = protocol;
        rule.matches.emplace_back(CommentMatch{untracked ? skip_conntrack : allow_traffic});
        rule.target = std::move(target);
        all_.push_back({untracked ? TableName::raw : TableName::filter, chain, std::move(rule)});
    }

    const NodeLocalTraffic& traffic_;
    Cidr host_;
    std::vector<PlacedRule>& all_;
};

}  // namespace

std::vector<PlacedRule> node_local_rules(const NodeLocalTraffic& traffic, Family family) {
    std::vector<PlacedRule> all;
    for (const IpAddress& address : traffic.addresses) {
        if (address.family() == family) Rules{traffic, address, all}.add();
    }
    return all;
}

std::vector<PlacedRule> node_local_rules_of_any(const NodeLocalTraffic& traffic, Family family) {
    NodeLocalTraffic variant = traffic;
    std::vector<PlacedRule> all;
    for (const bool only_while_local : {false, true}) {
        variant.only_while_local = only_while_local;
        std::ranges::move(node_local_rules(variant, family), std::back_inserter(all));
    }
    return all;
}

}  // namespace nameplane::rules::iptables
