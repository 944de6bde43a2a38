#pragma once
// http_call: one HTTP request that is waited for, for a thread of its own. For requests of a Loop
// there is HttpClient.

#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nameplane::net {

struct HttpCall {
    std::string method;  ///< "GET", "HEAD", "POST"
    std::string url;
    std::vector<std::string> headers;  ///< "Accept: application/json"
    std::string body;                  ///< of POST
    std::string authorities;           ///< PEM file that vouches besides the system's; empty: none
    std::vector<IpAddress> addresses;  ///< of the URL's host; none: looked up as the machine does
    std::chrono::milliseconds time_max{30'000};
    std::size_t octets_max = 1 << 20;  ///< of the answer's body
};

struct HttpReply {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::optional<std::chrono::seconds> retry_after;

    /// The first of that name, whatever its case; empty: none.
    std::string_view header(std::string_view name) const noexcept;
};

/// Blocks until the answer is complete, or within a second once `stop` is set. An error is that
/// there is none, whatever a status says; redirections are not followed. Any thread.
Result<HttpReply> http_call(const HttpCall& call, const std::atomic<bool>& stop);

}  // namespace nameplane::net
