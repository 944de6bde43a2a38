#pragma once
// builder: server blocks to chains, zones to chains. The result is immutable and shared by all
// workers; a reload builds another beside it and swaps.

#include <memory>
#include <vector>

#include <nameplane/base/result.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

namespace nameplane::conf {
struct ServerConfig;
}

namespace nameplane::chain {

/// The plugins of one server block in chain order.
class Chain {
public:
    explicit Chain(std::vector<PluginPtr> plugins, std::vector<std::string_view> names);
    /// The walk in and out. Leaves `reply` REFUSED when nobody answered. Step is done or drop.
    [[nodiscard]] Step walk(Query& query, Reply& reply) const noexcept;
    /// Names of plugins that are not ready.
    std::vector<std::string_view> not_ready() const;

private:
    std::vector<PluginPtr> plugins_;
    std::vector<std::string_view> names_;
};

/// All chains and the zones that lead to them: longest zone wins, case-insensitive.
class Chains {
public:
    /// `setup.zones` is set anew for each block.
    static Result<std::shared_ptr<const Chains>> build(
        const std::vector<conf::ServerConfig>& servers, const Setup& setup);
    /// The chain for `name`, or nullptr (REFUSED). No allocation.
    const Chain* find(dns::NameView name) const noexcept;
    std::vector<std::string_view> not_ready() const;

private:
    Chains();
    struct State;
    std::shared_ptr<const State> state_;
};

}  // namespace nameplane::chain
