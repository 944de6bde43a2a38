#pragma once
// render: a Plan to the chains and elements of our nftables table. Pure; decides nothing.
//
// The number of sets, maps and chains does not depend on the number of Services or endpoints, but
// for one chain for each distinct number of endpoints (pick-3 chooses one of three). What belongs
// to a Service are elements: by its address (or node port) where its traffic goes, and by address
// and a random number which endpoint it meets.

#include "rules/nftables/rule.hpp"
#include "rules/plan.hpp"

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace nameplane::rules::nftables {

using Timeouts = std::set<std::uint32_t>;

/// The chains that do not depend on any Service, called ones before those that call them.
/// Of the plan they show all but its Services. `timeouts`: of Services with session affinity;
/// without any, nothing is remembered.
std::vector<Chain> render_base(const Plan& plan, const Timeouts& timeouts);
Chain render_pick(const Pick& pick);

/// How somebody gets at a Service port: by address, or by node port (no address).
struct Frontend {
    enum class Kind : std::uint8_t { cluster_ip, external_ip, load_balancer_ip, node_port };
    Kind kind{};
    services::Protocol protocol{};
    std::uint16_t port = 0;
    IpAddress address;
    /// Two frontends with the same place meet the same packets.
    bool same_place(const Frontend& other) const noexcept {
        return protocol == other.protocol && port == other.port && address == other.address &&
               (kind == Kind::node_port) == (other.kind == Kind::node_port);
    }
};

using ElementSink = std::function<void(const Element&)>;
/// The frontends of a port, the cluster IP first, each once.
void for_each_frontend(const PortPlan& port, const std::function<void(const Frontend&)>& visit);
/// The elements of one frontend. `number`: of a port with session affinity, else 0.
void render_frontend(const PortPlan& port, const Frontend& frontend, std::uint32_t number,
                     const ElementSink& sink);
/// The elements that a port with session affinity has once, whatever its frontends.
void render_affinity(const PortPlan& port, std::uint32_t number, const ElementSink& sink);
/// The endpoints that may meet themselves by an address that is not masqueraded anyway; some twice.
template <class Visit> void for_each_hairpin(const PortPlan& port, Visit&& visit) {
    if (!port.internal_local || port.external_local) {
        for (const PlanEndpoint& endpoint : port.cluster_endpoints) visit(endpoint.address);
    }
    for (const PlanEndpoint& endpoint : port.local_endpoints) visit(endpoint.address);
}
/// What stands at a hairpin element: it may serve many Services.
inline constexpr std::string_view hairpin_comment = "endpoint";
/// Elements that several ports may want: cluster IPs, and endpoints that may meet themselves; some
/// twice.
void render_shared(const PortPlan& port, const ElementSink& sink);
/// Elements of the settings: the addresses of node ports.
void render_settings(const PlanSettings& settings, const ElementSink& sink);

/// The whole table as text that `nft -f` takes in place of whatever it holds.
std::string to_nft_text(const Plan& plan);
/// One rule as nft shows it.
std::string to_text(const Rule& rule, Family family);
/// One element as nft shows it.
std::string to_text(const Element& element, Family family);

}  // namespace nameplane::rules::nftables
