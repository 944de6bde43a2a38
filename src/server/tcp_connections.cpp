// Which connections a worker has: accepted, expired, evicted, drained.

#include "server/tcp_connection.hpp"

#include <utility>

namespace nameplane::server {

namespace {

constexpr std::chrono::milliseconds starved_pause{100};
constexpr int accepts_in_a_row_max = 64;

std::int64_t ticks_of(Batches::Time time) noexcept {
    return time.time_since_epoch().count();
}

}  // namespace

TcpService::TcpService(net::Loop& loop, Batches& batches, TcpBudget& budget, Options options,
                       PostTo post_to)
    : loop_{&loop}, batches_{&batches}, budget_{&budget}, options_{options}, post_to_{std::move(
                                                                                 post_to)},
      expiry_{loop.timer([this] { close_expired(); })}, starved_{loop.timer([this] {
          for (Listening& listening : listening_) listening.watch->start(true, false);
      })},
      in_(room_octets), out_(room_octets), settle_{loop.soon([this] { settle(); })} {}

TcpService::~TcpService() {
    budget_->set_oldest_idle(options_.worker, TcpBudget::none);
    for (std::size_t i = 0; i < connections_.size(); ++i) budget_->give_back();
}

void TcpService::listen(net::TcpListener socket, std::size_t listener) {
    Listening& added = listening_.emplace_back(Listening{std::move(socket), listener, nullptr});
    added.watch = loop_->watch(added.socket.fd(), [this, &added](bool, bool) { accept(added); });
}

void TcpService::start() {
    for (Listening& listening : listening_) listening.watch->start(true, false);
}

/// Whether more may be waiting.
bool TcpService::accept(Listening& listening) {
    for (int i = 0; i < accepts_in_a_row_max; ++i) {
        net::Accepted next = listening.socket.accept();
        switch (next.status) {
        case net::AcceptStatus::none: return false;
        case net::AcceptStatus::accepted: admit(std::move(*next.stream), listening.listener); break;
        case net::AcceptStatus::starved:
            // Who waits keeps the listener readable: make room, or look away for a while.
            if (!hand_over_oldest_idle()) {
                for (Listening& each : listening_) each.watch->stop();
                starved_->start(starved_pause);
                return false;
            }
            budget_->give_back();
            break;
        }
    }
    return true;
}

void TcpService::admit(net::TcpStream stream, std::size_t listener) {
    batches_->handler().oddities().tcp_accepted.add(options_.worker);
    if (budget_->take()) return add(std::move(stream), listener);
    const std::optional<std::size_t> holder = budget_->holder_of_oldest_idle();
    if (holder == options_.worker && hand_over_oldest_idle()) {
        return add(std::move(stream), listener);
    }
    if (holder && holder != options_.worker) {
        return make_room_elsewhere(*holder, std::move(stream), listener);
    }
    batches_->handler().oddities().tcp_refused.add(options_.worker);
}

void TcpService::make_room_elsewhere(std::size_t worker, net::TcpStream stream,
                                     std::size_t listener) {
    // Shared only because a posted job is copyable; whoever drops it closes the connection.
    auto waiting = std::make_shared<net::TcpStream>(std::move(stream));
    post_to_(worker, [waiting, listener, mine = options_.worker](TcpService& there) {
        const bool freed = there.hand_over_oldest_idle();
        there.post_to_(mine, [waiting, listener, freed](TcpService& here) {
            if (freed && !here.draining_) return here.add(std::move(*waiting), listener);
            if (freed) here.budget_->give_back();
            here.batches_->handler().oddities().tcp_refused.add(here.options_.worker);
        });
    });
}

/// Takes over a place in the budget.
void TcpService::add(net::TcpStream stream, std::size_t listener) {
    const std::uint64_t number = next_number_++;
    connections_.emplace_back(std::move(stream), listener, std::chrono::steady_clock::now(), *this,
                              number);
    const auto at = std::prev(connections_.end());
    by_number_.emplace(number, at);
    at->watch =
        loop_->watch(at->stream.fd(), [this, at](bool, bool writable) { ready(at, writable); });
    at->watch->start(true, false);
    arm_timer();
    publish_oldest_idle();
}

/// Closes the connection that is idle longest, and leaves its place in the budget to the caller.
/// False if all are busy.
bool TcpService::hand_over_oldest_idle() {
    for (auto at = connections_.begin(); at != connections_.end(); ++at) {
        if (!at->is_idle()) continue;
        erase(at);
        batches_->handler().oddities().tcp_evicted.add(options_.worker);
        publish_oldest_idle();
        check_drained();
        return true;
    }
    return false;
}

void TcpService::erase(Connections::iterator at) {
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
    budget_->set_oldest_idle(options_.worker, ticks);
}

/// The timer is set for the first connection and looked after when it fires, not for each query.
void TcpService::arm_timer() {
    if (expiry_armed_ || connections_.empty()) return;
    using std::chrono::milliseconds;
    const auto left = std::chrono::ceil<milliseconds>(
        connections_.front().last_deed + options_.idle - std::chrono::steady_clock::now());
    expiry_->start(std::max(left, milliseconds{1}));
    expiry_armed_ = true;
}

void TcpService::close_expired() {
    expiry_armed_ = false;
    const Time now = std::chrono::steady_clock::now();
    while (!connections_.empty() && connections_.front().last_deed + options_.idle <= now) {
        batches_->handler().oddities().tcp_idle.add(options_.worker);
        close(connections_.begin());
    }
    arm_timer();
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
    for (const Connections::iterator at : all) ready(at, true);
    check_drained();
}

void TcpService::check_drained() {
    if (!draining_ || !connections_.empty() || !drained_) return;
    std::exchange(drained_, nullptr)();
}

}  // namespace nameplane::server
