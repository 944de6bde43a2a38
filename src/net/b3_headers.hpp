// hot path
#pragma once
// B3Headers: the headers by which a client of HTTP says which span of its own a request belongs to
// (Zipkin's B3: X-B3-TraceId and its like, or all in one as b3), read one by one as they come, with
// the leniency of zipkin-go. Keeps numbers and no text, so what a client can make us keep is the
// size of this object.

#include <nameplane/base/trace_context.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace nameplane::net {

/// Of one request.
class B3Headers {
public:
    /// Any header of the request; the case of `name` does not matter. Of several of one name the
    /// first counts.
    void take(std::string_view name, std::string_view value) noexcept;
    /// What they say together; nothing if they say nothing, or are wrong.
    std::optional<TraceContext> context() const noexcept;

private:
    enum Which : std::uint8_t { trace_id, span_id, parent_id, sampled, flags, single, count };

    bool read(Which which, std::string_view value) noexcept;
    std::optional<TraceContext> several() const noexcept;

    TraceContext several_;
    std::optional<TraceContext> single_;
    std::uint8_t seen_ = 0;   ///< a bit for each of Which
    std::uint8_t given_ = 0;  ///< and it was not empty
    bool is_wrong_ = false;   ///< one of the several
};

}  // namespace nameplane::net
