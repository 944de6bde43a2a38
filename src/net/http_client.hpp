#pragma once
// HttpClient: HTTP requests and endless answers over libcurl's multi interface on a Loop. All
// requests of one client go to one server and share its connections; over HTTP/2 they share one.
//
// The thread of the loop only.

#include "net/loop.hpp"
#include <nameplane/base/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::net {

/// PEM text: in a file, which is read again for each new connection, or in memory. Neither: none.
struct Pem {
    std::string file;
    std::string text;
    bool empty() const noexcept { return file.empty() && text.empty(); }
    friend bool operator==(const Pem&, const Pem&) = default;
};

/// Whom one speaks to, and how the two know each other.
struct HttpPeer {
    std::string url;     ///< "https://10.96.0.1:443" or "http://127.0.0.1:8080/prefix", without "/"
                         ///< at its end
    bool verify = true;  ///< false: take whoever answers
    Pem authorities;     ///< who may vouch for the server; none: those of the system
    Pem certificate;     ///< who we are; none: no client certificate
    Pem key;             ///< its private key
    std::string server_name;  ///< the name the server must prove; empty: the URL's host
    std::string proxy;        ///< URL of a proxy; empty: none, whatever the environment says
    friend bool operator==(const HttpPeer&, const HttpPeer&) = default;
};

struct HttpRequest {
    std::string target;                ///< path and query: "/api/v1/services?limit=500"
    std::vector<std::string> headers;  ///< "Accept: application/json"
    bool compressed = false;           ///< asks for gzip; the bytes come uncompressed
    std::optional<std::string> post;   ///< what is sent to the server; nothing: a GET
    /// Until the answer is complete; zero: for ever.
    std::chrono::milliseconds time_max{30'000};
};

/// Why there is no whole answer.
enum class HttpFailure : std::uint8_t {
    none,         ///< there is one
    unresolved,   ///< the host's name leads nowhere
    unconnected,  ///< no connection: refused, unreachable, timed out
    untrusted,    ///< the server's certificate was signed by none of the authorities
    other_name,   ///< the server's certificate is for other names
    other_time,   ///< the server's certificate is not valid yet, or not any more, by our clock
    tls,          ///< anything else between us and TLS; our certificate refused, too
    timed_out,    ///< time_max is over
    cut,          ///< the connection went before the end of the answer
    proxy,        ///< the proxy cannot be reached or refuses
    other,
};

/// The head of an answer.
struct HttpHead {
    int status = 0;
    /// Retry-After, if there in seconds.
    std::optional<std::chrono::seconds> retry_after;
    std::string content_type;
    bool shared = false;  ///< HTTP/2: other requests use the same connection
};

struct HttpEnd {
    HttpFailure failure = HttpFailure::none;
    std::string reason;  ///< of a failure, as the library says it
};

/// Called on the loop, in this order; never from within HttpClient::start(). Each may destroy the
/// transfer it belongs to, or the client.
struct HttpCallbacks {
    std::function<void(const HttpHead&)> head;
    std::function<void(std::string_view octets)> body;
    std::function<void(const HttpEnd&)> end;
};

/// A request under way. Destroying it cancels it: nothing is called any more.
class HttpTransfer {
public:
    virtual ~HttpTransfer() = default;
};

/// What a client has done so far.
struct HttpTotals {
    std::uint64_t octets_in = 0;    ///< of bodies, as they came: compressed ones count so
    std::uint64_t connections = 0;  ///< made
};

class HttpClient {
public:
    HttpClient(HttpPeer peer, Loop& loop);
    /// Cancels what is under way and closes all connections.
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    std::unique_ptr<HttpTransfer> start(HttpRequest request, HttpCallbacks callbacks);
    /// Ends every transfer with HttpFailure::cut and `reason`, and closes all connections: for who
    /// knows that the other side is gone although the kernel does not. The next start() connects
    /// anew.
    void drop_connections(std::string reason);
    /// Whom to connect to from now on. What is under way goes on as it was; connections that were
    /// made in another name are not used again.
    void use(HttpPeer peer);
    HttpTotals totals() const noexcept;

private:
    class Engine;
    std::shared_ptr<Engine> engine_;
};

}  // namespace nameplane::net
