// The words of a health check port: requests in, answers out, as Go's HTTP server has them.
#include "agent/health_ports.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace nameplane::agent {

namespace {

/// What a client may send for nothing before it is left.
constexpr std::size_t body_octets_max = std::size_t{256} * 1024;

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_equal(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
    while (text.ends_with(' ') || text.ends_with('\t') || text.ends_with('\r')) {
        text.remove_suffix(1);
    }
    return text;
}

// The next line, taken away from `rest`, without its end.
std::string_view next_line(std::string_view& rest) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return line;
}

struct Request {
    bool is_head = false;
    bool is_1_0 = false;
    bool has_host = false;
    bool wants_close = false;
    std::size_t body = 0;
    bool is_endless = false;  ///< where the body ends is not said in octets
};

std::optional<Request> parse(std::string_view text) {
    Request request;
    const std::string_view first = next_line(text);
    const std::size_t method = first.find(' ');
    const std::size_t target = first.rfind(' ');
    if (method == std::string_view::npos || target == method) return std::nullopt;
    const std::string_view version = first.substr(target + 1);
    if (version != "HTTP/1.1" && version != "HTTP/1.0") return std::nullopt;
    request.is_head = first.substr(0, method) == "HEAD";
    request.is_1_0 = version == "HTTP/1.0";
    while (!text.empty()) {
        const std::string_view line = next_line(text);
        if (line.empty()) break;
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || colon == 0) return std::nullopt;
        const std::string_view name = line.substr(0, colon);
        const std::string_view value = trimmed(line.substr(colon + 1));
        if (is_equal(name, "host")) request.has_host = true;
        if (is_equal(name, "connection") && is_equal(value, "close")) request.wants_close = true;
        if (is_equal(name, "content-length")) {
            const char* const end = value.data() + value.size();
            const auto [stop, error] = std::from_chars(value.data(), end, request.body);
            if (error != std::errc{} || stop != end) return std::nullopt;
        }
        if (is_equal(name, "transfer-encoding")) request.is_endless = true;
    }
    return request;
}

HealthReply refusal(const std::string& what) {
    return {"HTTP/1.1 " + what +
                "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" + what,
            true};
}

std::string body_of(const services::ObjectKey& service, std::size_t local_endpoints,
                    bool proxy_healthy) {
    return "{\n\t\"service\": {\n\t\t\"namespace\": \"" + service.ns + "\",\n\t\t\"name\": \"" +
           service.name + "\"\n\t},\n\t\"localEndpoints\": " + std::to_string(local_endpoints) +
           ",\n\t\"serviceProxyHealthy\": " + (proxy_healthy ? "true" : "false") + "\n}";
}

}  // namespace

HealthReply health_reply(std::string_view text, const services::ObjectKey& service,
                         std::size_t local_endpoints, bool proxy_healthy, std::string_view date) {
    const std::optional<Request> request = parse(text);
    if (!request) return refusal("400 Bad Request");
    if (!request->has_host && !request->is_1_0) {
        return refusal("400 Bad Request: missing required Host header");
    }
    const std::string body = body_of(service, local_endpoints, proxy_healthy);
    HealthReply reply;
    reply.close = request->is_1_0 || request->wants_close || request->is_endless ||
                  request->body > body_octets_max;
    reply.body = request->body;
    reply.text = request->is_1_0 ? "HTTP/1.0 " : "HTTP/1.1 ";
    reply.text += local_endpoints != 0 && proxy_healthy ? "200 OK" : "503 Service Unavailable";
    reply.text += "\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n"
                  "X-Load-Balancing-Endpoint-Weight: " +
                  std::to_string(local_endpoints) + "\r\nDate: " + std::string{date} +
                  "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    if (reply.close && !request->is_1_0) reply.text += "Connection: close\r\n";
    reply.text += "\r\n";
    if (!request->is_head) reply.text += body;
    return reply;
}

}  // namespace nameplane::agent
