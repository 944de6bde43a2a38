#pragma once
// HttpsChannel: an HTTP/2 connection over TLS to a server of DNS over HTTPS (RFC 8484). Each
// question is a request of its own. Messages have the id 0 on the wire, so that caches on the way
// may serve them; to whom an answer belongs its stream tells, and the id is put back.

#include "net/http2_client.hpp"
#include "plugins/forward/connection.hpp"

#include <string>
#include <vector>

namespace nameplane::plugins::forwarding {

class HttpsChannel final : public ConnectionChannel {
public:
    /// `target` outlives it.
    HttpsChannel(ChannelUser& user, std::uint32_t number, Time now, net::Loop& loop, Begun begun,
                 const Target& target, bool by_get);

    /// False, too, when the server takes no further requests.
    bool send(std::span<const std::uint8_t> message) noexcept override;
    void give_up(std::uint16_t id) noexcept override;
    std::size_t room() const noexcept override;
    bool is_closing() const noexcept override { return !http_.takes_more(); }

private:
    using Ended = net::Http2Client::Ended;
    struct Asked {
        std::int32_t stream;
        std::uint16_t id;
    };

    bool opened(std::string_view protocol) noexcept override;
    bool take(std::span<const std::uint8_t> octets) noexcept override;
    void end(Ended& ended) noexcept;
    bool push_http() noexcept;

    const Target& target_;
    bool by_get_;
    net::Http2Client http_;
    std::vector<Asked> asked_;
    std::vector<std::uint8_t> question_;  // of one send()
    std::string path_;                    // likewise
};

}  // namespace nameplane::plugins::forwarding
