#pragma once
// builder: server blocks to chains, zones to chains. The result is immutable and shared by all
// workers; a reload builds another beside it and swaps.

#include "chain/chain.hpp"
#include "chain/place.hpp"
#include "chain/router.hpp"
#include <nameplane/base/metrics.hpp>
#include <nameplane/base/result.hpp>
#include <nameplane/conf/statement.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/dns/types.hpp>
#include <nameplane/setup.hpp>

#include <atomic>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::conf {
struct ServerConfig;
}

namespace nameplane::chain {

/// Where zones are served: the listeners of the server, and which of them lead to which zones.
struct Layout {
    /// What the label "server" of metrics says, for each listener: "dns://:53".
    std::vector<std::string> labels;
    /// For each server block, for each of its zones: the listeners. Empty: every zone on every
    /// listener.
    std::vector<std::vector<std::vector<std::size_t>>> places;
};

/// All chains and the zones that lead to them: longest zone wins, case-insensitive.
class Chains {
public:
    /// `setup.zones` is set anew for each block. Fails on an unknown plugin, a block without zones,
    /// a zone that stands twice, more than plugins_in_chain_max plugins in a block, and when
    /// plugins do: with Errc::mistakes, a line for each mistake of all of them.
    static Result<std::shared_ptr<const Chains>>
    build(const std::vector<conf::ServerConfig>& servers, const Setup& setup, const Layout& layout);
    /// The same with one listener, that of `setup.server_label`.
    static Result<std::shared_ptr<const Chains>>
    build(const std::vector<conf::ServerConfig>& servers, const Setup& setup);

    ~Chains();

    /// The zone of `listener` that `name` (lower case) is in, or nullptr (REFUSED). DS records of a
    /// zone's own name are its parent's, where that is served as well. No allocation.
    const Zone* find(dns::NameView name, dns::Type type = dns::Type::a,
                     std::size_t listener = 0) const noexcept {
        const Router& router = routers_[listener];
        const Zone* const zone = router.find(name);
        if (type != dns::Type::ds || zone == nullptr || name.is_root()) return zone;
        return parent_of(router, *zone, name);
    }
    /// What counts the queries to `listener` that belong to no zone, or never came so far.
    const Traffic& dropped(std::size_t listener = 0) const noexcept { return *dropped_[listener]; }
    /// Plugin::begin() of all; on the worker's thread.
    void begin(WorkerContext& worker) const;
    /// These serve now, in the place of `before` (nullptr: of nothing): coredns_plugin_enabled.
    void announce(const Chains* before) const;
    /// Names of plugins that are not ready. Whoever was ready is not asked again, unless
    /// `continuously`. Any thread.
    std::vector<std::string_view> not_ready(bool continuously) const;

private:
    Chains() = default;
    struct Building;
    Status add(const conf::ServerConfig& server, std::size_t block, Building& building);
    const Traffic& traffic(const Building& building, const Place& place);
    void note_enabled(const Building& building, const Place& place, const Chain& chain);
    static const Zone* parent_of(const Router& router, const Zone& zone,
                                 dns::NameView name) noexcept;

    std::vector<std::unique_ptr<const Chain>> chains_;
    std::map<Place, std::unique_ptr<const Traffic>> traffic_;
    std::vector<const Traffic*> dropped_;  // by listener
    std::vector<metrics::Gauge*> enabled_;
    std::vector<Router> routers_;  // by listener
    /// For each link of each chain: it was ready when it was asked.
    mutable std::deque<std::atomic<bool>> were_ready_;
};

}  // namespace nameplane::chain
