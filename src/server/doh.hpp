#pragma once
// doh: DNS queries in HTTP requests and answers in HTTP responses (RFC 8484), as CoreDNS has them:
// at /dns-query, by GET and POST; every mistake is 400, another path 404.

#include "net/http_session.hpp"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace nameplane::server {

/// A query as it came by HTTP.
struct DohQuery {
    unsigned status = 200;  ///< else it is the answer, and there is no message
    std::span<const std::uint8_t> message;
};

/// Finds the query in `request`; lies there or in `room`, which is overwritten.
DohQuery read_doh(const net::HttpRequest& request, std::vector<std::uint8_t>& room);

/// A response that is no DNS answer.
net::HttpResponse doh_refusal(unsigned status) noexcept;

/// The response with the DNS `answer`. Cache-Control's max-age is the least TTL of its records, 5
/// where it says nothing that may be kept.
net::HttpResponse doh_response(std::span<const std::uint8_t> answer) noexcept;

}  // namespace nameplane::server
