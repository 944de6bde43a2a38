#pragma once
// Rule: one directive: for which zones, to whom.

#include <nameplane/base/ip.hpp>
#include <nameplane/dns/name.hpp>

#include <optional>
#include <span>
#include <vector>

namespace nameplane::plugins::transfer {

struct Rule {
    std::vector<dns::Name> zones;
    bool to_all = false;
    std::vector<SocketAddress> to;    ///< who may fetch, and is told of changes
    std::vector<IpAddress> to_quiet;  ///< link-local ones of one interface: who may fetch
    std::optional<IpAddress> source;  ///< of what we tell

    bool allows(const IpAddress& client) const noexcept;
};

/// The rule with the longest zone that `name` is in, or nullptr.
const Rule* rule_for(std::span<const Rule> rules, dns::NameView name) noexcept;

}  // namespace nameplane::plugins::transfer
