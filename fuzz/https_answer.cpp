// What a server of DNS over HTTPS sends, in pieces, to a client with questions under way; whatever
// passes for a DNS message has the time in caches taken off.

#include "dns/parse_answer.hpp"
#include "net/http2_client.hpp"
#include "plugins/forward/https_message.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

using namespace nameplane;

namespace {

constexpr std::size_t questions = 5;

void use(net::Http2Client::Ended& ended) {
    using namespace plugins::forwarding;
    if (ended.body.size() > net::Http2Client::body_octets_max) std::abort();
    if (ended.failure != net::Http2Client::Failure::none && !ended.body.empty()) std::abort();
    (void)is_dns_message(ended.content_type);
    const std::size_t size = ended.body.size();
    const bool had_question = dns::read_answer_head(ended.body).has_value();
    if (!put_id(ended.body, 0x1234)) return;
    count_age(ended.body, ended.age_s);
    if (ended.body.size() != size) std::abort();
    // Only TTLs have changed, and the id.
    if (dns::read_answer_head(ended.body).has_value() != had_question) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    net::Http2Client client{"dns.example"};
    const std::vector<std::uint8_t> body(40, 1);
    std::vector<std::int32_t> streams;
    for (std::size_t i = 0; i < questions; ++i) {
        const bool posts = (data[0] >> i & 1) != 0;
        const auto stream =
            client.request({.path = "/dns-query",
                            .content_type = "application/dns-message",
                            .body = posts ? std::span{body} : std::span{body}.first(0)});
        if (!stream) std::abort();
        streams.push_back(*stream);
    }
    const std::size_t step = std::size_t{data[1]} * 4 + 1;
    std::span<const std::uint8_t> left{data + 2, size - 2};
    std::size_t ended = 0;
    for (bool open = true; open && !left.empty();) {
        const auto piece = left.first(std::min(step, left.size()));
        left = left.subspan(piece.size());
        open = client.receive(piece);
        for (net::Http2Client::Ended& each : client.ended()) {
            use(each);
            ++ended;
        }
        if ((data[0] & 0x80) != 0) client.give_up(streams.back());
        if (open && client.takes_more() && (data[0] & 0x40) != 0) {
            (void)client.request({.path = "/", .content_type = "a/b", .body = {}});
        }
        if (client.output().size() > size * 32 + 10'000) std::abort();
        client.output().clear();
    }
    // Nothing ends twice.
    if (ended > questions + size) std::abort();
    return 0;
}
