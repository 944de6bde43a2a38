// The engine's sockets, its clock, and the health of its upstreams.

#include "net/connect.hpp"
#include "plugins/forward/engine.hpp"
#include "plugins/forward/exchange.hpp"
#include "plugins/forward/https.hpp"

#include <algorithm>
#include <utility>

namespace nameplane::plugins::forwarding {

namespace {

/// A port is used for so many questions, then another one.
constexpr std::size_t queries_per_port_max = 512;
constexpr std::size_t retired_max = 256;
constexpr std::chrono::milliseconds tick_busy{10};
constexpr std::chrono::milliseconds tick_idle{1000};
constexpr std::chrono::milliseconds probe_timeout{1000};
/// A connection over which nothing comes for so long, with questions waiting, leads nowhere.
constexpr std::chrono::milliseconds silence_least{3000};

}  // namespace

Channel* Engine::channel_to(std::size_t target, Proto proto) noexcept {
    if (closed_) return nullptr;
    return proto == Proto::udp ? udp_to(target) : stream_to(target, proto);
}

bool Engine::is_worn(const Channel& channel, Time now) const noexcept {
    if (channel.is_broken() || channel.is_closing()) return true;
    if (settings_.max_age.count() != 0 && now - channel.born() > settings_.max_age) return true;
    return channel.in_flight() == 0 && now - channel.used_at() > settings_.expire;
}

void Engine::count_channel(std::size_t target, Proto proto, bool kept) noexcept {
    Upstream& upstream = shared_.upstreams[target];
    const auto place = static_cast<std::size_t>(proto);
    (kept ? upstream.hits[place] : upstream.misses[place])->add(worker_);
}

/// Any of a few ports at random: who wants to forge an answer must guess it, too. Questions that
/// are sent together leave from one port.
Channel* Engine::udp_to(std::size_t target) noexcept {
    const Time now = shared_.clock.now();
    Peer& peer = peers_[target];
    const std::size_t ports = settings_.max_idle == 0
                                  ? Peer::udp_channels
                                  : std::min(Peer::udp_channels, settings_.max_idle);
    if (peer.outbox == nullptr) {
        peer.outbox = std::make_unique<Outbox>(*loop_, shared_.window, shared_.clock);
    }
    if (inbox_ == nullptr) inbox_ = std::make_unique<Inbox>();
    if (peer.outbox->is_empty()) peer.udp_at = random_.below(static_cast<std::uint32_t>(ports));
    std::unique_ptr<UdpChannel>& slot = peer.udp[peer.udp_at];
    if (slot != nullptr && (is_worn(*slot, now) || slot->queries() >= queries_per_port_max)) {
        if (retired_.size() >= retired_max) return slot.get();
        // What is under way on it may still be answered.
        retired_.push_back(std::move(slot));
    }
    count_channel(target, Proto::udp, slot != nullptr);
    if (slot != nullptr) return slot.get();
    Result<UniqueFd> fd = net::connected_udp(settings_.targets[target].address, settings_.source);
    if (!fd) return nullptr;
    slot = std::make_unique<UdpChannel>(*this, next_channel_++, now, *loop_, std::move(*fd),
                                        *peer.outbox, *inbox_);
    return slot.get();
}

Channel* Engine::stream_to(std::size_t target, Proto proto) noexcept {
    const Time now = shared_.clock.now();
    Peer& peer = peers_[target];
    const auto silence_max = std::max(silence_least, 2 * settings_.read_timeout);
    for (auto& stream : peer.streams) {
        if (is_worn(*stream, now) || stream->is_silent(now, silence_max)) {
            retired_.push_back(std::move(stream));
        }
    }
    std::erase(peer.streams, nullptr);
    Channel* least = nullptr;
    for (const auto& stream : peer.streams) {
        if (least == nullptr || stream->in_flight() < least->in_flight()) least = stream.get();
    }
    const bool enough = least != nullptr && (least->in_flight() < least->room() ||
                                             peer.streams.size() == Peer::streams_max);
    count_channel(target, proto, enough);
    if (enough) return least;
    std::unique_ptr<Channel> channel = connect(target, proto, now);
    if (channel == nullptr) return nullptr;
    peer.streams.push_back(std::move(channel));
    return peer.streams.back().get();
}

std::unique_ptr<Channel> Engine::connect(std::size_t target, Proto proto, Time now) {
    const Target& to = settings_.targets[target];
    Result<UniqueFd> fd = net::begin_tcp(to.address, settings_.source);
    if (!fd) return nullptr;
    ConnectionChannel::Begun begun{std::move(*fd), to.address, {}};
    const std::uint32_t number = next_channel_++;
    if (proto == Proto::https) {
        begun.security = {shared_.https, to.server_name};
        return std::make_unique<HttpsChannel>(*this, number, now, *loop_, std::move(begun), to,
                                              settings_.doh_get);
    }
    if (proto == Proto::tls) begun.security = {shared_.tls, to.server_name};
    return std::make_unique<StreamChannel>(*this, number, now, *loop_, std::move(begun));
}

/// What was under way on it is lost. A connection that served before was merely closed for being
/// old: the same upstream is asked again, and that is no failure.
void Engine::broken(Channel& channel) noexcept {
    const bool served = channel.answers() != 0;
    looked_at_.clear();
    for (Exchange* exchange : active_) {
        for (const Attempt& attempt : exchange->attempts) {
            if (attempt.channel == &channel) looked_at_.emplace_back(exchange, exchange->serial);
        }
    }
    const std::vector<std::pair<Exchange*, std::uint64_t>> lost = std::exchange(looked_at_, {});
    for (const auto& [exchange, serial] : lost) {
        if (exchange->serial != serial) continue;
        for (Attempt& attempt : exchange->attempts) {
            if (attempt.channel != &channel) continue;
            const bool merely_old = served && attempt.proto != Proto::udp;
            if (!merely_old || !ask_again(*exchange, attempt)) failed(*exchange, attempt);
            break;
        }
    }
}

void Engine::drop_channels(Time now) noexcept {
    std::erase_if(retired_, [](const auto& channel) {
        return channel->is_broken() || channel->in_flight() == 0;
    });
    for (Peer& peer : peers_) {
        for (auto& channel : peer.udp) {
            if (channel != nullptr && channel->in_flight() == 0 && is_worn(*channel, now)) {
                channel = nullptr;
            }
        }
        std::erase_if(peer.streams, [&](const auto& stream) {
            return stream->is_broken() || (stream->in_flight() == 0 && is_worn(*stream, now));
        });
    }
}

void Engine::check_health(std::size_t target) noexcept {
    if (settings_.max_fails == 0 || closed_) return;
    Upstream& upstream = shared_.upstreams[target];
    if (upstream.checking.exchange(true)) return;
    Peer& peer = peers_[target];
    peer.probing = true;
    peer.probe_at = shared_.clock.now();
    arm();
}

void Engine::probe(std::size_t target) noexcept {
    Peer& peer = peers_[target];
    Exchange* const exchange = take_exchange();
    peer.probe_at = shared_.clock.now() + settings_.health_interval;
    if (exchange == nullptr) return;
    exchange->question = {.name = settings_.health_name.lower(),
                          .type = dns::Type::ns,
                          .recursion_desired = settings_.health_recursion};
    exchange->probe_of = static_cast<int>(target);
    exchange->deadline = shared_.clock.now() + probe_timeout;
    enter(*exchange);
    peer.probe = exchange;
    const Proto proto = proto_for(*exchange, target);
    if (start(*exchange, target, proto)) {
        for (Attempt& attempt : exchange->attempts) {
            if (attempt.channel != nullptr) attempt.due = exchange->deadline;
        }
        return;
    }
    leave(*exchange);
    free_.push_back(exchange);
    probed(target, false);
}

void Engine::probed(std::size_t target, bool good) noexcept {
    Peer& peer = peers_[target];
    Upstream& upstream = shared_.upstreams[target];
    peer.probe = nullptr;
    if (good) {
        upstream.fails.store(0);
        peer.probing = false;
        upstream.checking.store(false);
        return;
    }
    upstream.fails.fetch_add(1);
    upstream.check_failures->add(worker_);
}

void Engine::arm() noexcept {
    if (armed_ || closed_) return;
    armed_ = true;
    timer_->start(tick_busy);
}

void Engine::tick() noexcept {
    armed_ = false;
    const Time now = shared_.clock.now();
    looked_at_.clear();
    for (Exchange* exchange : active_) looked_at_.emplace_back(exchange, exchange->serial);
    std::vector<std::pair<Exchange*, std::uint64_t>> all = std::exchange(looked_at_, {});
    for (const auto& [exchange, serial] : all) {
        // Others may have ended it, and begun another one in its place.
        const bool same = exchange->serial == serial && exchange->place < active_.size() &&
                          active_[exchange->place] == exchange;
        if (same) tick_exchange(*exchange, now);
    }
    all.clear();
    looked_at_ = std::move(all);
    bool probing = false;
    for (std::size_t target = 0; target < peers_.size(); ++target) {
        Peer& peer = peers_[target];
        if (peer.probing && peer.probe == nullptr && now >= peer.probe_at) probe(target);
        probing = probing || peer.probing;
    }
    drop_channels(now);
    if (closed_) return;
    const bool idle = active_.empty() && !probing;
    const bool has_channels =
        !retired_.empty() || std::ranges::any_of(peers_, [](const Peer& peer) {
            return !peer.streams.empty() ||
                   std::ranges::any_of(peer.udp, [](const auto& udp) { return udp != nullptr; });
        });
    if (!idle) {
        arm();
    } else if (has_channels) {
        // Idle channels go in time; the next question arms it anew.
        timer_->start(tick_idle);
    }
}

void Engine::tick_exchange(Exchange& exchange, Time now) noexcept {
    if (exchange.probe_of < 0 && now >= exchange.deadline) {
        for (const Attempt& attempt : exchange.attempts) {
            // Where `cancel` ends it early, that is no fault of the upstream's.
            const bool late = now - attempt.sent >= std::min(settings_.read_timeout, deadline_max);
            if (attempt.channel != nullptr && late) check_health(attempt.target);
        }
        for (const Attempt& attempt : exchange.attempts) note_failure(exchange, attempt);
        return complete(exchange, {}, &exchange.failure, 0);
    }
    if (!exchange.is_under_way()) return try_next(exchange);
    const std::uint64_t serial = exchange.serial;
    for (Attempt& attempt : exchange.attempts) {
        if (attempt.channel == nullptr || now < attempt.due) continue;
        failed(exchange, attempt);
        if (exchange.serial != serial || exchange.place >= active_.size() ||
            active_[exchange.place] != &exchange) {
            return;
        }
    }
    if (exchange.may_hedge && now >= exchange.hedge_at) hedge(exchange);
}

}  // namespace nameplane::plugins::forwarding
