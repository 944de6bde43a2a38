// hot path
#pragma once
// WalkWatch: hears how one query walks through its chain, plugin by plugin. Only few queries have
// one; all others cost the walk a comparison a plugin (the same one as for StageClock).

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nameplane {

enum class Step : std::uint8_t;
class Query;
class Reply;
struct UpstreamExchange;

/// Lies in the arena of its query and is never destroyed. Worker thread only.
class WalkWatch {
public:
    enum class Part : std::uint8_t { ask, woken, tell };
    struct Visit {
        std::size_t place;      ///< of the plugin in its chain
        std::string_view name;  ///< of the plugin, as in the registry: good for ever
        Part part;
    };
    /// Before a plugin has the query.
    virtual void begins(const Visit& visit) noexcept = 0;
    /// After it, and what it said. Not called if the plugin has taken the watch away.
    virtual void ends(const Visit& visit, Step step, Query& query, const Reply& reply) noexcept = 0;
    /// The plugin that has the query has asked an upstream and got an answer.
    virtual void tapped(const UpstreamExchange& exchange) noexcept = 0;
    /// The watch of a query that the watched one looks something up by, which shares its arena;
    /// nullptr: none.
    virtual WalkWatch* within() noexcept = 0;

protected:
    ~WalkWatch() = default;
};

}  // namespace nameplane
