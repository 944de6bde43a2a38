#pragma once
// Http2Client: the client's end of an HTTP/2 connection, octets in and octets out. Many small
// requests at a time, answered in any order. Knows no socket and no DNS. What a server can make us
// keep is bounded by the limits below, whatever it sends.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::net {

class Http2Client {
public:
    static constexpr std::size_t header_octets_max = 16 << 10;  ///< names and values, of an answer
    static constexpr std::size_t body_octets_max = 65535;
    /// Bodies of answers that are not whole yet, of one connection.
    static constexpr std::size_t kept_octets_max = 2 << 20;

    /// Valid during request().
    struct Request {
        std::string_view path;          ///< with the query part, if any
        std::string_view content_type;  ///< of `body`, and what the answer should be of
        /// Empty: GET; else it is POSTed.
        std::span<const std::uint8_t> body;
    };
    enum class Failure : std::uint8_t {
        none,
        not_taken,  ///< the server says that it has not looked at the request
        reset,      ///< the server gave it up, or what it sent is no answer
        too_large,  ///< the answer is beyond the limits
    };
    /// How a request ended: with a whole answer, whatever its status, or with a failure.
    struct Ended {
        std::int32_t stream = 0;
        Failure failure = Failure::none;
        unsigned status = 0;
        std::string content_type;
        std::uint32_t age_s = 0;  ///< how long a cache on the way had it
        std::vector<std::uint8_t> body;
    };

    /// `authority`: the host, and its port unless it is the usual one.
    explicit Http2Client(std::string authority);
    ~Http2Client();
    Http2Client(const Http2Client&) = delete;
    Http2Client& operator=(const Http2Client&) = delete;

    /// Begins a request and gives its stream; nothing if the connection takes no more.
    std::optional<std::int32_t> request(const Request& request);
    /// Nobody waits for its answer any more; ended() will not tell of it.
    void give_up(std::int32_t stream);
    /// Takes what came. False: the connection is of no more use; what ended() says still counts.
    [[nodiscard]] bool receive(std::span<const std::uint8_t> octets);
    /// What has ended since the last call.
    std::vector<Ended> ended();
    /// Whether further requests are taken: the server has not said that it ends.
    bool takes_more() const noexcept;
    /// So many requests at a time the server answers; more wait for their turn here.
    std::size_t streams_max() const noexcept;
    std::size_t under_way() const noexcept;

    /// To be sent; the caller takes it away.
    std::vector<std::uint8_t>& output() noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::net
