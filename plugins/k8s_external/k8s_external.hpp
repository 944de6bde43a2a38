#pragma once
// k8s_external: the Services of a cluster under a zone for those outside of it, with the addresses
// that they have there. An outside view of the plugin kubernetes of the same block.

#include "plugins/k8s_external/names.hpp"
#include "plugins/kubernetes/outcome.hpp"
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>

namespace nameplane::plugins {

/// Answers names in its zones, authoritatively.
class K8sExternal final : public Plugin {
public:
    static constexpr std::array options{
        Option{"zones", Zones{}, "zones to answer for; unset: those of the server block"},
        Option{"apex", Text{"dns"}, "label of the names that the zone needs for itself"},
        Option{"ttl", Seconds{.from = 0, .to = 3600, .unset = 5}, "TTL of all answers"},
        Option{"headless", Flag{}, "answer for the endpoints of headless Services, too"},
        Option{"fallthrough", Zones{}, "zones whose missing names go on to the next plugin"}};
    static constexpr Syntax syntax{.positional = {"zones..."}};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    /// Puts what the server knows of a load balancer's host behind its CNAME.
    [[nodiscard]] Step woken(Query& query, Reply& reply) const noexcept override;

private:
    K8sExternal(k8s_external::Settings settings, const kubernetes::Outcomes& counters)
        : settings_{std::move(settings)}, counters_{counters} {}

    Step refuse_name(const k8s_external::Zone& zone, Query& query, Reply& reply) const noexcept;
    void name_servers(const k8s_external::Zone& zone, Query& query, Reply& reply) const noexcept;
    void server_addresses(Query& query, Reply& reply) const noexcept;
    void pointers(const IpAddress& address, Query& query, Reply& reply) const noexcept;

    k8s_external::Settings settings_;
    kubernetes::Outcomes counters_;
};

}  // namespace nameplane::plugins
