#pragma once
// HttpSession: the server's end of an HTTP connection, octets in and octets out; HTTP/1.1 and
// HTTP/2 alike. Knows no socket and no DNS. Written for small requests: what a client can make us
// keep is bounded by the limits below, whatever it sends.

#include <nameplane/base/trace_context.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::net {

/// All limits of a request, and of the requests of a connection.
struct HttpLimits {
    static constexpr std::size_t header_octets_max = 16 << 10;  ///< names and values, of a request
    static constexpr std::size_t body_octets_max = 65535;
    /// Requests on their way and answers that the client does not take, of one connection.
    static constexpr std::size_t kept_octets_max = 512 << 10;
    /// With so much to be sent, no further request is looked at.
    static constexpr std::size_t output_octets_max = 64 << 10;
    static constexpr std::size_t streams_max = 100;  ///< of HTTP/2, at the same time
    /// Streams that a client may give up, or open wrongly, before the connection ends
    /// (CVE-2023-44487): so many at once, and one more for each request that is answered.
    static constexpr std::int64_t resets_max = 200;
};

/// A whole request. The views live during the call.
struct HttpRequest {
    std::uint64_t stream = 0;  ///< for respond()
    std::string_view method;
    std::string_view target;  ///< path, and query behind a "?"
    std::span<const std::uint8_t> body;
    std::optional<TraceContext> trace = {};  ///< see B3Headers
};

struct HttpResponse {
    unsigned status = 200;
    std::string_view content_type;
    std::optional<std::uint32_t> max_age_s;  ///< for Cache-Control
    std::span<const std::uint8_t> body;
};

/// Who answers requests.
class HttpHost {
public:
    /// respond() is called once for each request: here, or later.
    virtual void requested(const HttpRequest& request) = 0;
    /// An answer given by the session itself, to a request that was never whole.
    virtual void refused(unsigned status) = 0;

protected:
    ~HttpHost() = default;
};

/// One thread; the host outlives it.
class HttpSession {
public:
    static std::unique_ptr<HttpSession> http1(HttpHost& host);
    static std::unique_ptr<HttpSession> http2(HttpHost& host);
    virtual ~HttpSession() = default;

    /// Takes what came, perhaps nothing: after respond(), or where is_paused(), there may be
    /// requests to go on with. False: nothing that comes can be understood or is wanted any more;
    /// when output() has gone, the connection is to be closed.
    [[nodiscard]] virtual bool receive(std::span<const std::uint8_t> octets) = 0;
    /// The answer to a request; nothing happens if the client has given it up. Never calls the
    /// host. False: as above.
    [[nodiscard]] virtual bool respond(std::uint64_t stream, const HttpResponse& response) = 0;
    /// Whether receive() may be called; if not, it may after the next respond().
    virtual bool wants_more() const noexcept = 0;
    /// Whether receive() left requests alone, since there is much output already.
    virtual bool is_paused() const noexcept = 0;
    /// Whether requests are half received, or answers not sent yet or not taken.
    virtual bool has_unfinished() const noexcept = 0;
    /// Answers that have gone out whole; grows.
    virtual std::uint64_t responses_sent() const noexcept = 0;
    /// Says that nothing new is taken. What was requested is still answered.
    virtual void shut_down() = 0;

    /// To be sent; the caller takes it away.
    std::vector<std::uint8_t>& output() noexcept { return output_; }

protected:
    std::vector<std::uint8_t> output_;
};

}  // namespace nameplane::net
