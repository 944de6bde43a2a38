#include "plugins/trace/json.hpp"

#include <nameplane/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace nameplane::plugins::tracing {

namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

std::string quoted(std::string_view text) {
    std::string out{'"'};
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += {'\\', c};
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out += c;
        }
    }
    return out += '"';
}

std::int64_t since_epoch(std::chrono::system_clock::time_point time) {
    return std::chrono::round<microseconds>(time.time_since_epoch()).count();
}

// As zipkin-go: rounded, and what took less than a microsecond took one.
std::int64_t duration(nanoseconds took) {
    if (took < microseconds{1}) return took > nanoseconds{0} ? 1 : 0;
    return std::chrono::round<microseconds>(took).count();
}

// The beginning of an object, up to its endpoint.
std::string begin_of(const Head& head, std::uint64_t id, std::optional<std::uint64_t> parent,
                     std::string_view name, std::chrono::system_clock::time_point begin,
                     nanoseconds took) {
    std::string text = fmt::format(R"({{"timestamp":{},)", since_epoch(begin));
    if (const std::int64_t length = duration(took); length != 0) {
        text += fmt::format(R"("duration":{},)", length);
    }
    text += R"("traceId":")";
    if (head.trace_high != 0) text += fmt::format("{:016x}", head.trace_high);
    text +=
        fmt::format(R"({:016x}","id":"{:016x}","name":{})", head.trace, id, quoted(lower(name)));
    if (parent) text += fmt::format(R"(,"parentId":"{:016x}")", *parent);
    return head.debug ? text += R"(,"debug":true)" : text;
}

std::string text_of(const Span& span, const Head& head, std::string_view endpoint) {
    // A clock that was set back while an upstream was asked is no reason to say what Zipkin
    // refuses.
    const nanoseconds took = std::max(span.took, nanoseconds{0});
    std::string text =
        begin_of(head, span.id, span.parent, span.name, head.begin + span.begin, took);
    text += fmt::format(R"(,"localEndpoint":{})", endpoint);
    if (span.peer) {
        text += fmt::format(R"(,"tags":{{"peer.address":{}}})", quoted(span.peer->to_string()));
    }
    return text += '}';
}

std::string text_of(const Trace& trace, std::string_view endpoint) {
    const Head& head = trace.head;
    std::string text = begin_of(head, head.id, head.parent, "servedns", head.begin, head.took);
    if (head.is_shared) text += R"(,"shared":true)";
    text += fmt::format(R"(,"kind":"SERVER","localEndpoint":{})", endpoint);
    if (head.failed) {
        const std::int64_t at = since_epoch(head.begin + head.took);
        text += fmt::format(R"(,"annotations":[{{"timestamp":{},"value":"event:error"}})", at);
        if (!trace.error.empty()) {
            text += fmt::format(R"(,{{"timestamp":{},"value":{}}})", at,
                                quoted("error.object:" + trace.error));
        }
        text += ']';
    }
    text += fmt::format(R"(,"tags":{{"coredns.io/name":{},"coredns.io/type":{},)",
                        quoted(trace.name.to_string()), quoted(dns::to_string(head.type)));
    text += fmt::format(R"("coredns.io/rcode":{},"coredns.io/proto":"{}","coredns.io/remote":"{}")",
                        quoted(dns::to_string(head.rcode)),
                        head.transport == Transport::tcp ? "tcp" : "udp", head.client.to_string());
    return text += head.failed ? R"(,"error":"true"}})" : "}}";
}

}  // namespace

std::string endpoint_json(std::string_view service, const std::optional<SocketAddress>& at) {
    std::string text;
    if (!service.empty()) text = R"("serviceName":)" + quoted(lower(service));
    if (at) {
        if (!text.empty()) text += ',';
        text += fmt::format(R"("{}":"{}","port":{})", at->address.is_v4() ? "ipv4" : "ipv6",
                            at->address.to_string(), at->port);
    }
    return '{' + text + '}';
}

void write_spans(const Trace& trace, std::string_view endpoint, std::vector<std::string>& out) {
    for (const Span& span : trace.spans) out.push_back(text_of(span, trace.head, endpoint));
    out.push_back(text_of(trace, endpoint));
}

}  // namespace nameplane::plugins::tracing
