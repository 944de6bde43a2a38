#include "plugins/transfer/notifier.hpp"

#include "dns/octets.hpp"
#include "net/connect.hpp"
#include <nameplane/base/log.hpp>
#include <nameplane/dns/types.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace nameplane::plugins::transfer {

namespace {

using Message = std::array<std::uint8_t, 12 + dns::name_octets_max + 4>;

/// RFC 1996 3: the question is the zone's SOA; AA is set. Returns its size.
std::size_t write_notify(dns::NameView zone, std::uint16_t id, Message& to) noexcept {
    constexpr std::uint16_t notify_and_aa = 4 << 11 | 0x0400;
    to.fill(0);
    dns::store16(to.data(), id);
    dns::store16(to.data() + 2, notify_and_aa);
    dns::store16(to.data() + 4, 1);
    std::uint8_t* const behind = std::ranges::copy(zone.wire(), to.data() + 12).out;
    dns::store16(behind, static_cast<std::uint16_t>(dns::Type::soa));
    dns::store16(behind + 2, static_cast<std::uint16_t>(dns::Class::in));
    return 12 + zone.size() + 4;
}

/// The rcode of the answer to the NOTIFY with that id; nothing if it is none.
std::optional<dns::Rcode> rcode_of(std::span<const std::uint8_t> answer,
                                   std::uint16_t id) noexcept {
    if (answer.size() < 12) return std::nullopt;
    const bool mine = answer[0] == id >> 8U && answer[1] == (id & 0xffU) &&
                      (answer[2] & 0xf8U) == (0x80U | 4U << 3U);
    if (!mine) return std::nullopt;
    return static_cast<dns::Rcode>(answer[3] & 0xfU);
}

}  // namespace

Notifier::Notifier(const std::vector<Rule>& rules, std::shared_ptr<News> news,
                   const Counters& counters)
    : rules_{rules}, news_{std::move(news)}, counters_{counters} {}

void Notifier::take_news() {
    const News::Serials news = news_->take();
    if (news.empty()) return;
    const auto is_older = [&](const Telling& telling) { return news.contains(telling.zone); };
    waiting_.remove_if(is_older);
    on_the_way_.remove_if(is_older);
    for (const auto& [zone, serial] : news) {
        const Rule* const rule = rule_for(rules_, zone);
        if (rule == nullptr) continue;
        for (const SocketAddress& to : rule->to) {
            waiting_.push_back({.zone = zone, .serial = serial, .to = to, .source = rule->source});
        }
    }
}

void Notifier::begin(Telling& telling, Monotonic now) {
    if (!telling.socket) {
        Result<UniqueFd> made = net::connected_udp(telling.to, telling.source);
        if (made) telling.socket = std::move(*made);
    }
    telling.id = static_cast<std::uint16_t>(random_.next());
    Message message;
    const std::size_t size = write_notify(telling.zone, telling.id, message);
    // What cannot be sent now counts as a try as well.
    if (telling.socket) ::send(telling.socket.get(), message.data(), size, MSG_NOSIGNAL);
    ++telling.tries;
    telling.due = now + patience;
}

/// Whether it is still on the way.
bool Notifier::try_again(Telling& telling, Monotonic now, const char* why) {
    if (telling.tries < tries_max) {
        begin(telling, now);
        return true;
    }
    counters_.failed->add_shared();
    NP_LOG_WARNING("transfer.not_told", "zone", telling.zone.to_string(), "to", telling.to, "why",
                   why);
    return false;
}

bool Notifier::go_on(Telling& telling, Monotonic now) {
    std::array<std::uint8_t, 512> answer;
    while (telling.socket) {
        const ssize_t size = ::recv(telling.socket.get(), answer.data(), answer.size(), 0);
        if (size < 0) break;
        const auto rcode =
            rcode_of(std::span{answer}.first(static_cast<std::size_t>(size)), telling.id);
        if (!rcode) continue;
        if (*rcode == dns::Rcode::no_error) {
            counters_.accepted->add_shared();
            NP_LOG_DEBUG("transfer.told", "zone", telling.zone.to_string(), "to", telling.to,
                         "serial", telling.serial);
            return false;
        }
        return try_again(telling, now, dns::to_string(*rcode).c_str());
    }
    if (telling.due > now) return true;
    return try_again(telling, now, "no answer");
}

void Notifier::tick(Monotonic now) {
    take_news();
    for (auto at = on_the_way_.begin(); at != on_the_way_.end();) {
        at = go_on(*at, now) ? std::next(at) : on_the_way_.erase(at);
    }
    while (!waiting_.empty() && on_the_way_.size() < on_the_way_max) {
        on_the_way_.splice(on_the_way_.end(), waiting_, waiting_.begin());
        begin(on_the_way_.back(), now);
    }
}

}  // namespace nameplane::plugins::transfer
