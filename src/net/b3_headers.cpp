// hot path
#include "net/b3_headers.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace nameplane::net {

namespace {

constexpr std::size_t id_digits = 16;

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/// Whether `text` is `lower_case` in any case.
bool is(std::string_view text, std::string_view lower_case) noexcept {
    return std::ranges::equal(text, lower_case, {}, lower);
}

/// Any number of digits, as long as the value has 64 bits.
bool read_hex(std::string_view text, std::uint64_t& value) noexcept {
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value, id_digits);
    return error == std::errc{} && end == text.data() + text.size();
}

bool read_trace_id(std::string_view text, TraceContext& context) noexcept {
    if (text.size() <= id_digits) return read_hex(text, context.trace);
    const std::size_t high = text.size() - id_digits;
    return read_hex(text.substr(0, high), context.trace_high) &&
           read_hex(text.substr(high), context.trace);
}

bool read_sampled(std::string_view text, std::optional<bool>& sampled) noexcept {
    const bool yes = text == "1" || is(text, "true");
    if (!yes && text != "0" && !is(text, "false")) return false;
    sampled = yes;
    return true;
}

/// One character: what a header all in one says of sampling.
bool read_sampling(std::string_view text, TraceContext& context) noexcept {
    if (text == "d") {
        context.debug = true;
        return true;
    }
    if (text != "0" && text != "1") return false;
    context.sampled = text == "1";
    return true;
}

/// Takes what stands in front of a "-" from `text`, or all of it.
std::string_view next_part(std::string_view& text) noexcept {
    const std::size_t end = std::min(text.find('-'), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return part;
}

/// TRACE-SPAN, TRACE-SPAN-SAMPLING, TRACE-SPAN-SAMPLING-PARENT, or SAMPLING alone.
std::optional<TraceContext> read_single(std::string_view text) noexcept {
    TraceContext context;
    if (text.size() == 1) {
        return read_sampling(text, context) ? std::optional{context} : std::nullopt;
    }
    if (text.ends_with('-')) return std::nullopt;
    const std::string_view trace = next_part(text);
    const std::string_view span = next_part(text);
    if (trace.size() != id_digits && trace.size() != 2 * id_digits) return std::nullopt;
    if (span.size() != id_digits) return std::nullopt;
    if (!read_trace_id(trace, context) || !read_hex(span, context.span)) return std::nullopt;
    if (text.empty()) return context;
    if (!read_sampling(next_part(text), context)) return std::nullopt;
    if (text.empty()) return context;
    if (text.size() != id_digits || !read_hex(text, context.parent.emplace())) return std::nullopt;
    return context;
}

/// Nothing where the ids are none: a collector refuses whatever comes with a span called 0.
std::optional<TraceContext> checked(std::optional<TraceContext> context) noexcept {
    if (context && context->names_trace() && context->span == 0) return std::nullopt;
    return context;
}

}  // namespace

void B3Headers::take(std::string_view name, std::string_view value) noexcept {
    static constexpr std::array<std::string_view, count> names{
        "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags", "b3"};
    const auto* const found =
        std::ranges::find_if(names, [name](std::string_view known) { return is(name, known); });
    if (found == names.end()) return;
    const auto which = static_cast<Which>(found - names.begin());
    const auto bit = static_cast<std::uint8_t>(1U << which);
    if ((seen_ & bit) != 0) return;
    seen_ |= bit;
    if (value.empty()) return;
    given_ |= bit;
    if (!read(which, value)) is_wrong_ = true;
}

bool B3Headers::read(Which which, std::string_view value) noexcept {
    switch (which) {
    case trace_id: return read_trace_id(value, several_);
    case span_id: return read_hex(value, several_.span);
    case parent_id: return read_hex(value, several_.parent.emplace());
    case sampled: return read_sampled(value, several_.sampled);
    case flags: several_.debug = value == "1"; return true;
    case single: single_ = read_single(value); return true;
    case count: break;
    }
    return false;
}

std::optional<TraceContext> B3Headers::several() const noexcept {
    const bool has_trace = (given_ & 1U << trace_id) != 0;
    const bool has_span = (given_ & 1U << span_id) != 0;
    const bool has_parent = (given_ & 1U << parent_id) != 0;
    constexpr unsigned all_in_one = 1U << single;
    if ((given_ & ~all_in_one) == 0) return std::nullopt;
    if (is_wrong_ || has_trace != has_span || (has_parent && !has_trace)) return std::nullopt;
    TraceContext context = several_;
    if (context.debug) context.sampled.reset();
    return context;
}

std::optional<TraceContext> B3Headers::context() const noexcept {
    return checked(single_ ? single_ : several());
}

}  // namespace nameplane::net
