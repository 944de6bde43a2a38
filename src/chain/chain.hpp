// hot path
#pragma once
// Chain: the plugins of one server block in the order in which a query meets them, and the walk
// through them. Knows no transport and no wire format.

#include <nameplane/plugin.hpp>
#include <nameplane/walk_watch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace nameplane::chain {

/// One plugin of a chain; the name is for people.
struct Link {
    PluginPtr plugin;
    std::string_view name;
    std::uint8_t kind = 0;  ///< 1 + its place among plugin_kinds(); 0: of none of them
};

/// Immutable once built; any thread.
class Chain final : public MetadataSource {
public:
    /// Takes the plugins out of `links`, at most plugins_in_chain_max. The names must live as long
    /// as the chain (they are those of the registry).
    explicit Chain(std::span<Link> links);

    /// The walk in and out. Leaves `reply` REFUSED when nobody answered, SERVFAIL when a plugin
    /// turned round too often or broke the contract. The result is done, drop or wait.
    [[nodiscard]] Step walk(Query& query, Reply& reply) const noexcept;
    /// Goes on with a walk that came to wait.
    [[nodiscard]] Step resume(Query& query, Reply& reply) const noexcept;
    /// A walk in behind the plugin at `place`, and out to it, for Query::refresh_behind().
    [[nodiscard]] Step walk_behind(std::size_t place, Query& query, Reply& reply) const noexcept;
    /// What the first plugin that has a hint about `name` expects; 0: none.
    std::uint64_t expects(dns::NameView name) const noexcept;
    /// The first plugin that foresees(); nullptr: none.
    const Plugin* foreseeing() const noexcept { return foreseeing_; }
    /// What the first plugin that knows `label` says.
    std::optional<std::string_view> metadata(Query& query,
                                             std::string_view label) const noexcept override;
    /// What the plugin called `plugin` says.
    bool search_path(std::string_view plugin, Query& query,
                     SearchPath& path) const noexcept override;
    /// What the first plugin that owns the zone gives.
    std::unique_ptr<ZoneRecords> zone_records(Query& query,
                                              dns::NameView name) const noexcept override;
    bool is_tapped() const noexcept override { return taps_; }
    /// Tells all plugins that want to hear of it.
    void tap(Query& query, const UpstreamExchange& exchange) const noexcept override;
    /// Whether queries of classes other than IN may enter.
    bool takes_all_classes() const noexcept { return takes_all_classes_; }
    /// Whether admits() may say no.
    bool filters() const noexcept { return filters_; }
    /// Whether all plugins admit the query.
    bool admits(Query& query) const noexcept;
    std::span<const Link> links() const noexcept { return {links_.data(), size_}; }

private:
    struct Inwards {
        Step step;
        std::size_t stopped_at;  ///< the plugin that answered, or the number of plugins
    };
    Inwards walk_in(std::size_t from, Query& query, Reply& reply) const noexcept;
    Step walk_out(Inwards inwards, Query& query, Reply& reply) const noexcept;
    /// Whether the plugin at `at` meets the query.
    bool meets(std::size_t at, const Query& query) const noexcept {
        return !query.is_unusual() || takes_unusual_[at];
    }
    void nobody_answered(const Query& query, Reply& reply) const noexcept;
    Step ask(std::size_t at, Query& query, Reply& reply) const noexcept;
    Step woken(std::size_t at, Query& query, Reply& reply) const noexcept;
    Step tell(std::size_t at, Query& query, Reply& reply) const noexcept;
    /// The same as these three, for who looks at the query's walk.
    Step watched(WalkWatch::Part part, std::size_t at, Query& query, Reply& reply) const noexcept;

    std::array<Link, plugins_in_chain_max> links_;
    std::array<bool, plugins_in_chain_max> takes_unusual_{};
    std::size_t size_ = 0;
    const Plugin* foreseeing_ = nullptr;
    bool takes_all_classes_ = false;
    bool filters_ = false;
    bool taps_ = false;
    /// Reply::error then, in CoreDNS' words; and how long it is.
    static constexpr std::size_t name_octets_max = 64;
    std::array<char, name_octets_max + 32> nobody_answered_{};
    std::size_t nobody_answered_size_ = 0;
};

}  // namespace nameplane::chain
