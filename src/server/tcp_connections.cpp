// Which connections a worker has: accepted, expired, evicted, drained.

#include "server/tcp_connection.hpp"

#include <algorithm>
#include <utility>

namespace nameplane::server {

namespace {

constexpr std::chrono::milliseconds starved_pause{100};
constexpr int accepts_in_a_row_max = 64;
/// So many wait for room that another worker makes; they are in no budget. More are not accepted.
constexpr std::size_t moving_max = 4;
/// How often it is looked whose time is over, within an eighth of the time.
constexpr std::chrono::milliseconds expiry_every_min{10};
constexpr std::chrono::milliseconds expiry_every_max{1000};

std::int64_t ticks_of(Batches::Time time) noexcept {
    return time.time_since_epoch().count();
}

}  // namespace

TcpService::TcpService(net::Loop& loop, Batches& batches, TcpBudget& budget, const Options& options,
                       PostTo post_to)
    : loop_{&loop}, batches_{&batches}, budget_{&budget}, worker_{options.worker},
      terms_{options.terms}, counts_{&options.counts}, post_to_{std::move(post_to)},
      expiry_{loop.timer([this] { close_expired(); })}, starved_{loop.timer([this] { start(); })},
      in_(room_octets), out_(room_octets), settle_{loop.soon([this] { settle(); })},
      first_turns_{loop.soon([this] { take_turns(); })}, next_turns_{loop.timer(
                                                             [this] { take_turns(); })} {}

TcpService::~TcpService() {
    budget_->set_oldest_idle(worker_, TcpBudget::none);
    for (const HttpFlow& asked : http_flows_) batches_->handler().abandon(*asked.flow);
    while (!connections_.empty()) {
        erase(connections_.begin());
        budget_->give_back();
    }
}

void TcpService::listen(net::TcpListener socket, std::size_t listener, Protocol protocol) {
    Listening& added =
        listening_.emplace_back(Listening{std::move(socket), {listener, protocol}, nullptr});
    added.watch = loop_->watch(added.socket.fd(), [this, &added](bool, bool) { accept(added); });
}

void TcpService::start() {
    for (Listening& listening : listening_) listening.watch->start(true, false);
}

void TcpService::stop() {
    for (Listening& listening : listening_) listening.watch->stop();
}

/// Whether more may be waiting.
bool TcpService::accept(Listening& listening) {
    for (int i = 0; i < accepts_in_a_row_max; ++i) {
        if (moving_ == moving_max) {
            stop();
            return false;
        }
        net::Accepted next = listening.socket.accept();
        switch (next.status) {
        case net::AcceptStatus::none: return false;
        case net::AcceptStatus::accepted: admit(std::move(*next.stream), listening.place); break;
        case net::AcceptStatus::starved:
            // Who waits keeps the listener readable: make room, or look away for a while.
            if (!hand_over_oldest_idle()) {
                stop();
                starved_->start(starved_pause);
                return false;
            }
            budget_->give_back();
            break;
        }
    }
    return true;
}

void TcpService::admit(net::TcpStream stream, const Place& place) {
    batches_->handler().oddities().tcp_accepted.add(worker_);
    if (budget_->take()) return add(std::move(stream), place);
    const std::optional<std::size_t> holder = budget_->holder_of_oldest_idle();
    if (holder == worker_ && hand_over_oldest_idle()) return add(std::move(stream), place);
    if (holder && holder != worker_) {
        return make_room_elsewhere(*holder, std::move(stream), place);
    }
    // All are busy: then nobody may have all of them.
    if (hand_over_of_greediest(stream.peer().address)) return add(std::move(stream), place);
    batches_->handler().oddities().tcp_refused.add(worker_);
}

void TcpService::make_room_elsewhere(std::size_t worker, net::TcpStream stream,
                                     const Place& place) {
    // Shared only because a posted job is copyable; whoever drops it closes the connection.
    auto waiting = std::make_shared<net::TcpStream>(std::move(stream));
    ++moving_;
    post_to_(worker, [waiting, place, mine = worker_](TcpService& there) {
        const bool freed = there.hand_over_oldest_idle();
        there.post_to_(mine, [waiting, place, freed](TcpService& here) {
            if (here.moving_-- == moving_max) here.start();
            if (freed && !here.draining_) return here.add(std::move(*waiting), place);
            if (freed) here.budget_->give_back();
            here.batches_->handler().oddities().tcp_refused.add(here.worker_);
        });
    });
}

/// Takes over a place in the budget.
void TcpService::add(net::TcpStream stream, const Place& place) {
    const Terms& terms = terms_.refresh().of(place.listener);
    if (place.protocol == Protocol::https && !take_https_place(place, terms)) {
        budget_->give_back();
        batches_->handler().oddities().tcp_refused.add(worker_);
        return;
    }
    const std::uint64_t number = next_number_++;
    connections_.emplace_back(std::move(stream), place, terms, std::chrono::steady_clock::now(),
                              *this, number);
    const auto at = std::prev(connections_.end());
    by_number_.emplace(number, at);
    at->watch =
        loop_->watch(at->stream.fd(), [this, at](bool, bool writable) { ready(at, writable); });
    at->holds_https_place = place.protocol == Protocol::https;
    at->watch->start(true, false);
    arm_timer(terms);
    if (at->stream.is_tls()) {
        if (shaking_ == handshakes_max) {
            const auto is_shaking = [](const Connection& each, std::size_t) {
                return each.is_shaking;
            };
            close_oldest(is_shaking, place.listener);
            counts_->evicted.add(worker_);
        }
        at->is_shaking = true;
        ++shaking_;
    } else {
        established(*at);
    }
    publish_oldest_idle();
}

/// Where all of the listener's are taken, its oldest idle one on this worker makes room.
bool TcpService::take_https_place(const Place& place, const Terms& terms) {
    HttpsCounts& counts = *counts_->https[place.listener];
    if (counts.take(terms.https_connections_max)) return true;
    const auto is_idle_there = [](const Connection& each, std::size_t listener) {
        return each.holds_https_place && each.arrival.listener == listener && each.is_idle();
    };
    if (!close_oldest(is_idle_there, place.listener)) return false;
    batches_->handler().oddities().tcp_evicted.add(worker_);
    return counts.take(terms.https_connections_max);
}

/// Closes the first that is `chosen`, the one whose last deed is longest ago.
bool TcpService::close_oldest(bool (*chosen)(const Connection&, std::size_t),
                              std::size_t listener) {
    for (auto at = connections_.begin(); at != connections_.end(); ++at) {
        if (!chosen(*at, listener)) continue;
        close(at);
        return true;
    }
    return false;
}

/// Closes the connection that is idle longest, and leaves its place in the budget to the caller.
/// False if all are busy.
bool TcpService::hand_over_oldest_idle() {
    for (auto at = connections_.begin(); at != connections_.end(); ++at) {
        if (!at->is_idle()) continue;
        erase(at);
        batches_->handler().oddities().tcp_evicted.add(worker_);
        publish_oldest_idle();
        check_drained();
        return true;
    }
    return false;
}

/// The like of hand_over_oldest_idle(), but busy: the oldest one of the client that has the most
/// here, if that is more than twice what `newcomer` would have.
bool TcpService::hand_over_of_greediest(const IpAddress& newcomer) {
    std::unordered_map<IpAddress, std::size_t> counts;
    for (const Connection& each : connections_) ++counts[each.arrival.client.address];
    const auto greediest =
        std::ranges::max_element(counts, {}, [](const auto& one) { return one.second; });
    if (greediest == counts.end()) return false;
    const auto [address, count] = *greediest;
    if (count <= 2 * (counts[newcomer] + 1)) return false;
    const auto at = std::ranges::find_if(connections_, [&](const Connection& each) {
        return each.arrival.client.address == address;
    });
    erase(at);
    batches_->handler().oddities().tcp_evicted.add(worker_);
    return true;
}

void TcpService::erase(Connections::iterator at) {
    if (at->flow != nullptr) batches_->handler().abandon(*at->flow);
    forget_unsent(*at);
    if (at->is_shaking) --shaking_;
    if (at->holds_https_place) counts_->https[at->arrival.listener]->give_back();
    at->stream.finish();
    by_number_.erase(at->arrival.place);
    connections_.erase(at);
}

void TcpService::close(Connections::iterator at) {
    erase(at);
    budget_->give_back();
    publish_oldest_idle();
    check_drained();
}

void TcpService::touched(Connections::iterator at) {
    at->last_deed = std::chrono::steady_clock::now();
    connections_.splice(connections_.end(), connections_, at);
}

void TcpService::publish_oldest_idle() {
    std::int64_t ticks = TcpBudget::none;
    for (const Connection& connection : connections_) {
        if (!connection.is_idle()) continue;
        ticks = ticks_of(connection.last_deed);
        break;
    }
    budget_->set_oldest_idle(worker_, ticks);
}

TcpService::Time TcpService::deadline_of(const Connection& connection) {
    // Something lies there that the client does not take, or it has begun and does not go on.
    if (connection.is_busy()) return connection.last_deed + connection.write;
    if (!connection.has_asked) return connection.opened_at + connection.read;
    if (connection.waiting == 0 && connection.has_unfinished()) {
        return connection.last_deed + connection.write;
    }
    return connection.last_deed + connection.idle;
}

/// Not for each query: it is looked now and then whose time is over.
void TcpService::arm_timer(const Terms& terms) {
    const auto shortest = std::min({terms.read, terms.write, terms.idle});
    const auto every = std::clamp(shortest / 8, expiry_every_min, expiry_every_max);
    if (expiry_every_.count() != 0 && expiry_every_ <= every) return;
    expiry_every_ = every;
    expiry_->start(every, every);
}

void TcpService::close_expired() {
    const Time now = std::chrono::steady_clock::now();
    for (auto at = connections_.begin(); at != connections_.end();) {
        const auto next = std::next(at);
        if (deadline_of(*at) <= now) {
            if (at->is_shaking) counts_->expired.add(worker_);
            batches_->handler().oddities().tcp_idle.add(worker_);
            close(at);
        }
        at = next;
    }
    if (!connections_.empty()) return;
    expiry_->stop();
    expiry_every_ = {};
}

void TcpService::drain(std::function<void()> done) {
    for (Listening& listening : listening_) {
        while (accept(listening)) continue;
    }
    listening_.clear();
    starved_->stop();
    draining_ = true;
    drained_ = std::move(done);
    // What lies in the kernel's buffers has been received: it is answered, too.
    std::vector<Connections::iterator> all;
    for (auto at = connections_.begin(); at != connections_.end(); ++at) all.push_back(at);
    for (const Connections::iterator at : all) {
        if (at->https) at->https->session->shut_down();
        ready(at, true);
    }
    check_drained();
}

void TcpService::check_drained() {
    if (!draining_ || !connections_.empty() || !drained_) return;
    std::exchange(drained_, nullptr)();
}

}  // namespace nameplane::server
