#pragma once
// ChunkedBody: a request's body in chunks (RFC 9112 7.1), put together. Strict, since what two
// readers understand differently has been used to smuggle requests: lines end with CRLF, a size is
// of digits only, and what stands beside the body is bounded, too.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nameplane::net {

/// Of one request.
class ChunkedBody {
public:
    static constexpr std::size_t line_octets_max = 1024;
    /// Of extensions and of the fields behind the last chunk, which mean nothing to us.
    static constexpr std::size_t extra_octets_max = 16 << 10;

    enum class Went : std::uint8_t {
        more,       ///< not whole yet
        whole,      ///< what is left of the input belongs to the next request
        wrong,      ///< these are no chunks
        too_large,  ///< HttpLimits::body_octets_max, or extra_octets_max
    };

    /// Takes what it can from the front of `input`; half a line may stay there. Nothing more may
    /// be given after anything but `more`.
    Went take(std::string_view& input);
    const std::string& body() const noexcept { return body_; }

private:
    enum class At : std::uint8_t { size, data, data_end, fields };

    Went take_size(std::string_view line);
    Went take_field(std::string_view line);
    Went count_extra(std::string_view text);

    At at_ = At::size;
    std::size_t left_ = 0;   // of the chunk
    std::size_t extra_ = 0;  // octets so far
    std::string body_;
};

/// RFC 9110 5.6.2.
bool is_http_token(std::string_view text) noexcept;

}  // namespace nameplane::net
