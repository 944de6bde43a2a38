#pragma once
// builder: server blocks to chains, zones to chains. The result is immutable and shared by all
// workers; a reload builds another beside it and swaps.

#include "chain/chain.hpp"
#include "chain/router.hpp"
#include <nameplane/base/result.hpp>
#include <nameplane/conf/statement.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/setup.hpp>

#include <memory>
#include <string_view>
#include <vector>

namespace nameplane::conf {
struct ServerConfig;
}

namespace nameplane::chain {

/// All chains and the zones that lead to them: longest zone wins, case-insensitive.
class Chains {
public:
    /// `setup.zones` is set anew for each block. Fails on an unknown plugin, a block without zones,
    /// a zone that stands twice, more than plugins_in_chain_max plugins in a block, and when
    /// plugins do: with Errc::mistakes, a line for each mistake of all of them.
    static Result<std::shared_ptr<const Chains>>
    build(const std::vector<conf::ServerConfig>& servers, const Setup& setup);

    ~Chains();

    /// The zone that `name` (lower case) is in, or nullptr (REFUSED). No allocation.
    const Zone* find(dns::NameView name) const noexcept { return router_.find(name); }
    /// What counts the queries that belong to no zone, or never came so far.
    const Traffic& dropped() const noexcept { return *dropped_; }
    /// Plugin::begin() of all; on the worker's thread.
    void begin(WorkerContext& worker) const;
    /// Names of plugins that are not ready.
    std::vector<std::string_view> not_ready() const;

private:
    Chains() = default;
    Status add(const conf::ServerConfig& server, const Setup& setup, std::vector<Zone>& zones,
               Mistakes& mistakes);

    std::vector<std::unique_ptr<const Chain>> chains_;
    std::vector<std::unique_ptr<const Traffic>> traffic_;
    std::unique_ptr<const Traffic> dropped_;
    Router router_;
};

}  // namespace nameplane::chain
