#pragma once
// trace: tells a Zipkin collector of one query in so many: when it came, through which plugins it
// went, how long each had it, and what came of it.
//
//     settings   where to, how many, how much at once
//     walk       a query's way through the chain to spans, on its worker
//     ring       from the worker to the reporter's thread
//     poster     spans to requests; json is how they are written
//
// A query that is not traced costs one counter (trace.cpp).

#include "plugins/trace/settings.hpp"
#include "plugins/trace/walk.hpp"
#include <nameplane/base/worker_local.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>

namespace nameplane::plugins {

class Trace final : public Plugin {
public:
    static constexpr std::int64_t spans_max = 1'000'000;
    static constexpr std::uint64_t interval_ms_max = 3600'000;
    static constexpr std::array options{
        Option{"endpoint", Words{.from = 0, .to = 2},
               "the collector, HOST:PORT or a URL, perhaps with 'zipkin' in front"},
        Option{"every", Integer{0, std::numeric_limits<std::int64_t>::max(), 1},
               "one query in so many is traced; 0: none"},
        Option{"service", Text{"coredns"}, "who we are in the collector's eyes"},
        Option{"client_server", Statements{},
               "whether our span and the client's are one, true or false"},
        Option{"datadog_analytics_rate", Words{.from = 0, .to = 1}, "0 to 1, without effect"},
        Option{"zipkin_max_backlog_size", Integer{0, spans_max, 1000},
               "spans that wait for the collector at most"},
        Option{"zipkin_max_batch_size", Integer{0, spans_max, 100}, "spans that are sent at once"},
        Option{"zipkin_max_batch_interval", Milliseconds{0, interval_ms_max, 1000},
               "after which fewer are sent, too"}};
    static constexpr Syntax syntax{.positional = {"endpoint..."},
                                   .again = Syntax::Again::last_counts};
    static Result<PluginPtr> make(const Options& given, Setup& setup);
    struct How {
        std::uint64_t every = 1;
        bool shares_spans = false;  ///< a client that names its span and we mean the same one
    };
    /// `sink` may be nullptr: nothing is traced.
    Trace(How how, std::shared_ptr<tracing::Sink> sink, std::size_t workers);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    [[nodiscard]] Step tell(Query& query, Reply& reply) const noexcept override;
    /// "trace/traceid" of a query that is traced.
    std::optional<std::string_view> metadata(Query& query,
                                             std::string_view label) const noexcept override;
    bool takes_unusual() const noexcept override { return true; }

private:
    struct Local {
        std::uint64_t count = 0;
        Random ids;
    };
    void record(Query& query, Local& local) const noexcept;

    How how_;
    std::shared_ptr<tracing::Sink> sink_;
    mutable WorkerLocal<Local> locals_;
};

}  // namespace nameplane::plugins
