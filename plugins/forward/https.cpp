#include "plugins/forward/https.hpp"

#include "plugins/forward/https_message.hpp"

#include <algorithm>
#include <utility>

namespace nameplane::plugins::forwarding {

HttpsChannel::HttpsChannel(ChannelUser& user, std::uint32_t number, Time now, net::Loop& loop,
                           Begun begun, const Target& target, bool by_get)
    : ConnectionChannel{user, number, now, loop, std::move(begun)}, target_{target},
      by_get_{by_get}, http_{target.authority()} {}

bool HttpsChannel::opened(std::string_view protocol) noexcept {
    return protocol == "h2" && push_http();
}

bool HttpsChannel::push_http() noexcept {
    std::vector<std::uint8_t>& output = http_.output();
    out().insert(out().end(), output.begin(), output.end());
    output.clear();
    return push();
}

bool HttpsChannel::send(std::span<const std::uint8_t> message) noexcept {
    question_.assign(message.begin(), message.end());
    const std::uint16_t id = take_id(question_);
    path_ = target_.path;
    if (by_get_) append_question(path_, question_);
    const std::optional<std::int32_t> stream =
        http_.request({.path = path_,
                       .content_type = dns_message_type,
                       .body = by_get_ ? std::span<const std::uint8_t>{} : question_});
    if (!stream) return false;
    asked_.push_back({*stream, id});
    return push_http();
}

void HttpsChannel::give_up(std::uint16_t id) noexcept {
    const auto place = std::ranges::find(asked_, id, &Asked::id);
    if (place == asked_.end()) return;
    http_.give_up(place->stream);
    asked_.erase(place);
    // An error is met again by whoever reads or writes next.
    if (!is_broken()) (void)push_http();
}

std::size_t HttpsChannel::room() const noexcept {
    return std::min(room_max, http_.streams_max());
}

bool HttpsChannel::take(std::span<const std::uint8_t> octets) noexcept {
    const bool good = http_.receive(octets);
    for (Ended& ended : http_.ended()) end(ended);
    return push_http() && good;
}

void HttpsChannel::end(Ended& ended) noexcept {
    const auto place = std::ranges::find(asked_, ended.stream, &Asked::stream);
    // Nobody waits for it any more.
    if (place == asked_.end()) return;
    const std::uint16_t id = place->id;
    asked_.erase(place);
    const bool untouched = ended.failure == net::Http2Client::Failure::not_taken;
    const bool good = ended.failure == net::Http2Client::Failure::none && ended.status == 200 &&
                      is_dns_message(ended.content_type) && put_id(ended.body, id);
    if (good) count_age(ended.body, ended.age_s);
    if (!good || !tell(ended.body)) tell_lost(id, untouched);
}

}  // namespace nameplane::plugins::forwarding
