#pragma once
// json: spans as Zipkin's API v2 has them.

#include "plugins/trace/span.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::plugins::tracing {

/// Who we are in Zipkin's eyes: a JSON object.
std::string endpoint_json(std::string_view service, const std::optional<SocketAddress>& at);

/// A query with what is below it.
struct Trace {
    Head head;
    dns::Name name;
    std::string error;
    std::vector<Span> spans;
};

/// Appends a JSON object for each span of `trace`, its own last. `endpoint` is an endpoint_json().
void write_spans(const Trace& trace, std::string_view endpoint, std::vector<std::string>& out);

}  // namespace nameplane::plugins::tracing
