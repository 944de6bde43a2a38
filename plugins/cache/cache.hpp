#pragma once
// cache: keeps what the plugins behind it answer, for all workers together, in memory that is taken
// once; a hit copies the answer into the query's arena and is neither a lock nor an allocation.

#include "plugins/cache/content.hpp"
#include "plugins/cache/settings.hpp"
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>
#include <memory>

namespace nameplane::plugins {

class Cache final : public Plugin {
public:
    static constexpr std::array options{
        Option{"ttl", Integer{.from = 1, .to = 2'147'483'647, .unset = 3600},
               "nothing is kept longer, in seconds; unset: 3600, and 1800 for denials"},
        Option{"zones", Zones{}, "zones whose answers are kept; unset: those of the server block"},
        Option{"success", Statements{}, "CAPACITY [TTL [MINTTL]] for answers"},
        Option{"denial", Statements{}, "CAPACITY [TTL [MINTTL]] for NXDOMAIN, no data, SERVFAIL"},
        Option{"prefetch", Statements{},
               "AMOUNT [DURATION [PERCENTAGE%]]: what is asked for so often is asked again before "
               "it ends"},
        Option{"serve_stale", Statements{},
               "[DURATION [immediate [TTL [RECHECK]] | verify [TIMEOUT [TTL [RECHECK]]]]]"},
        Option{"serve_stale_policy", Statements{},
               "prefer_positive: an answer that is good, or stale, goes before a newer denial"},
        Option{"servfail", Milliseconds{.from = 0, .to = 86'400'000, .unset = 5'000},
               "how long SERVFAIL of an upstream is kept, at most 5m; 0: not at all"},
        Option{"disable", Statements{}, "success|denial [ZONES...]: is not kept"},
        Option{"keepttl", Flag{}, "TTLs are not counted down"}};
    static constexpr Syntax syntax{.positional = {"ttl?", "zones..."}};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    [[nodiscard]] Step woken(Query& query, Reply& reply) const noexcept override;
    [[nodiscard]] Step tell(Query& query, Reply& reply) const noexcept override;
    void begin(WorkerContext& worker) const override;
    bool foresees() const noexcept override { return true; }
    void foresee(const Foreseen& question, std::uint64_t& hash,
                 unsigned step) const noexcept override;

private:
    struct Note;
    using Content = caching::Content;
    using Entry = caching::Entry;
    using Key = caching::Key;
    using Kind = caching::Kind;
    using Time = caching::Time;

    explicit Cache(std::shared_ptr<Content> content) : content_{std::move(content)} {}

    struct Hit;

    bool look_up(Query& query, const Key& key, Time now, Hit& hit) const noexcept;
    bool choose(const Key& key, Time now, Hit& hit) const noexcept;
    bool look_up_stale(Query& query, Time now, Hit& hit) const noexcept;
    bool copy(Query& query, Hit& hit) const noexcept;
    bool may_serve(const Entry& entry, Time now) const noexcept;
    void serve(Query& query, Reply& reply, const Hit& hit, Time now) const noexcept;
    Step serve_stale(Query& query, Reply& reply, const Hit& hit, Time now) const noexcept;
    bool begin_refresh(const Hit& hit, Time now) const noexcept;
    bool prefetch_is_due(const Hit& hit, Time now) const noexcept;
    bool replaces_stale(const Query& query, const Reply& reply) const noexcept;
    bool keep(Query& query, const Key& key, Reply& reply, Time now) const noexcept;
    void end_refresh(const Key& key, bool good, Time now) const noexcept;
    bool stands_in(Query& query, Reply& reply, Time now) const noexcept;

    // Content outlives the plugin when the next configuration has the same cache.
    std::shared_ptr<Content> content_;
};

}  // namespace nameplane::plugins
