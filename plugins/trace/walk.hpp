// hot path
#pragma once
// Recording: the spans of one query while it walks; Walk: what makes them of what it hears.
//
// As in CoreDNS a plugin's span lasts from when it gets the query until the answer has passed it,
// so that those of the plugins behind it are within it.

#include "plugins/trace/span.hpp"
#include <nameplane/base/arena.hpp>
#include <nameplane/base/random.hpp>
#include <nameplane/walk_watch.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace nameplane::plugins::tracing {

/// Lies in the arena of the query and is never destroyed.
class Recording {
public:
    /// More are left out and counted: a query that is turned round many times, or looks up much.
    static constexpr std::size_t spans_max = 128;

    /// Once, before all else. Goes on with the trace that the client names, in its very span if
    /// `shares_spans`. False when the arena is full, or the client wants no spans: then there is
    /// an id at most. `ids` and `sink` outlive the query.
    bool begin(Query& query, bool shares_spans, Random& ids, Sink& sink) noexcept;
    /// The query is over: hands everything to the sink, with spans that nothing has ended.
    void finish(dns::Rcode rcode, bool failed, std::string_view error) noexcept;

    /// Of the query's own span.
    std::uint64_t id() const noexcept { return head_.id; }
    /// Of the trace; empty before begin().
    std::string_view id_text() const noexcept { return {id_text_.data(), id_text_size_}; }
    Arena& arena() noexcept { return *arena_; }

    /// nullptr when there is no room.
    Span* open(std::string_view name, std::uint64_t parent) noexcept;
    void close(Span& span) noexcept { span.took = now() - span.begin; }
    void add(const UpstreamExchange& exchange, std::uint64_t parent) noexcept;

private:
    std::chrono::nanoseconds now() const noexcept {
        return std::chrono::steady_clock::now() - began_;
    }
    Span* take(std::string_view name, std::uint64_t parent) noexcept;
    void join(const TraceContext* client, bool shares_spans) noexcept;
    void write_id() noexcept;

    Head head_;
    std::array<char, 32> id_text_{};
    std::size_t id_text_size_ = 0;
    dns::NameView name_;
    std::chrono::steady_clock::time_point began_;
    Arena* arena_ = nullptr;
    Random* ids_ = nullptr;
    Sink* sink_ = nullptr;
    std::size_t worker_ = 0;
    std::span<Span> room_;
    std::size_t size_ = 0;
    std::size_t left_out_ = 0;
};

class Walk final : public WalkWatch {
public:
    /// Of the query that is recorded.
    explicit Walk(Recording& recording) noexcept
        : recording_{&recording}, parent_{recording.id()} {}

    void begins(const Visit& visit) noexcept override;
    void ends(const Visit& visit, Step step, Query& query, const Reply& reply) noexcept override;
    void tapped(const UpstreamExchange& exchange) noexcept override;
    WalkWatch* within() noexcept override;

private:
    static constexpr std::size_t nowhere = std::numeric_limits<std::size_t>::max();
    /// Of a query that the plugin whose span is `parent` looks something up by. As in CoreDNS, the
    /// first plugin of the chain has no span.
    Walk(Recording& recording, std::uint64_t parent) noexcept
        : recording_{&recording}, parent_{parent}, first_{1}, is_inner_{true} {}
    /// The span that is open at `place`, or nearest to it further out.
    std::uint64_t span_at(std::size_t place) const noexcept;
    void close(std::size_t place) noexcept;
    void dropped(Query& query) noexcept;

    Recording* recording_;
    std::uint64_t parent_;
    std::size_t first_ = nowhere;  ///< the first place that has a span
    std::size_t at_ = 0;           ///< who has the query
    bool is_inner_ = false;
    std::array<Span*, plugins_in_chain_max> open_{};  ///< by place
};

}  // namespace nameplane::plugins::tracing
