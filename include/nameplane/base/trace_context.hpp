// hot path
#pragma once
// TraceContext: which span of a client's own a request of it belongs to, as the client says.

#include <cstdint>
#include <optional>
#include <type_traits>

namespace nameplane {

/// Plain numbers from a stranger. Either a trace is named, or all ids but perhaps the parent are 0.
struct TraceContext {
    std::uint64_t trace_high = 0;  ///< the upper half of an id with 128 bits
    std::uint64_t trace = 0;
    std::uint64_t span = 0;               ///< the client's
    std::optional<std::uint64_t> parent;  ///< of that
    std::optional<bool> sampled;          ///< nothing: that is left to us
    bool debug = false;                   ///< whoever samples is to take it

    bool names_trace() const noexcept { return (trace_high | trace) != 0; }
    bool is_wanted() const noexcept { return debug || sampled.value_or(true); }
    friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

static_assert(std::is_trivially_copyable_v<TraceContext> &&
              std::is_trivially_destructible_v<TraceContext>);

}  // namespace nameplane
