// Questions on their way: joined, tried, hedged, answered. Channels and health are in other files.

#include "plugins/forward/engine.hpp"

#include "dns/parse_answer.hpp"
#include "net/socket.hpp"
#include "plugins/forward/exchange.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace nameplane::plugins::forwarding {

namespace {

constexpr std::size_t buckets = 4096;
constexpr double hedges_per_question = 0.1;
constexpr double hedges_max = 32;

}  // namespace

Engine::Engine(Shared& shared, std::size_t worker, net::Loop& loop)
    : shared_{shared}, settings_{shared.settings}, worker_{worker}, loop_{&loop},
      peers_(shared.upstreams.size()), by_question_(buckets),
      by_id_(buckets), timer_{loop.timer([this] { tick(); })} {}

Engine::~Engine() = default;

void Engine::close() noexcept {
    closed_ = true;
    timer_ = nullptr;
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        if (peers_[i].probing) shared_.upstreams[i].checking.store(false);
    }
    retired_.clear();  // before the outboxes of its channels
    peers_.clear();
    active_.clear();
    std::ranges::fill(by_question_, nullptr);
    std::ranges::fill(by_id_, nullptr);
}

bool Engine::ask(Waiter& waiter) noexcept {
    if (closed_) return false;
    const Question question = question_of(*waiter.query);
    const std::span<const std::uint8_t> options = waiter.query->edns_options();
    if (options.empty()) {
        if (Exchange* const same = find(question)) {
            waiter.next = same->waiters;
            same->waiters = &waiter;
            waiter.joined = true;
            shared_.joined.add(worker_);
            return true;
        }
    }
    Exchange* const exchange = take_exchange();
    if (exchange == nullptr) {
        shared_.full.add(worker_);
        return false;
    }
    exchange->question = question;
    exchange->waiters = &waiter;
    waiter.next = nullptr;
    exchange->edns_options = options;
    exchange->shared = options.empty();
    exchange->deadline = shared_.clock.now() + settings_.deadline;
    choose_order(*exchange);
    enter(*exchange);
    hedges_ = std::min(hedges_max, hedges_ + hedges_per_question);
    // Not from here: who asks must not be resumed before it says that it waits.
    const int target = pick(*exchange);
    const auto first = static_cast<std::size_t>(std::max(target, 0));
    if (target < 0 || !start(*exchange, first, proto_for(*exchange, first))) {
        if (target >= 0) {
            note_not_begun(*exchange, first, proto_for(*exchange, first));
            check_health(first);
        }
        ++exchange->failures;
    }
    arm();
    return true;
}

Engine::Exchange* Engine::take_exchange() {
    if (free_.empty()) {
        if (exchanges_.size() == exchanges_max) return nullptr;
        exchanges_.push_back(std::make_unique<Exchange>());
        free_.push_back(exchanges_.back().get());
    }
    Exchange* const exchange = free_.back();
    free_.pop_back();
    *exchange = Exchange{};
    exchange->serial = ++next_serial_;
    for (Attempt& attempt : exchange->attempts) attempt.exchange = exchange;
    if (settings_.randomize_case) exchange->case_bits = random_.next();
    return exchange;
}

void Engine::enter(Exchange& exchange) {
    exchange.place = active_.size();
    active_.push_back(&exchange);
    if (!exchange.shared) return;
    Exchange*& bucket = by_question_[exchange.question.hash() % buckets];
    exchange.next = bucket;
    bucket = &exchange;
}

void Engine::leave(Exchange& exchange) noexcept {
    for (Attempt& attempt : exchange.attempts) end(attempt, false);
    active_[exchange.place] = active_.back();
    active_[exchange.place]->place = exchange.place;
    active_.pop_back();
    if (!exchange.shared) return;
    Exchange** at = &by_question_[exchange.question.hash() % buckets];
    while (*at != nullptr && *at != &exchange) at = &(*at)->next;
    if (*at != nullptr) *at = exchange.next;
}

Engine::Exchange* Engine::find(const Question& question) noexcept {
    Exchange* at = by_question_[question.hash() % buckets];
    while (at != nullptr && !(at->question == question)) at = at->next;
    return at;
}

void Engine::choose_order(Exchange& exchange) noexcept {
    const std::size_t count = peers_.size();
    for (std::size_t i = 0; i < count; ++i) exchange.order[i] = static_cast<std::uint8_t>(i);
    const auto begin = exchange.order.begin();
    const auto end = begin + static_cast<std::ptrdiff_t>(count);
    switch (settings_.policy) {
    case Policy::sequential: return;
    case Policy::round_robin: {
        const std::uint32_t turn = shared_.turn.fetch_add(1, std::memory_order_relaxed);
        std::rotate(begin, begin + static_cast<std::ptrdiff_t>(turn % count), end);
        return;
    }
    case Policy::random:
        for (std::size_t i = count; i > 1; --i) {
            std::swap(exchange.order[i - 1],
                      exchange.order[random_.below(static_cast<std::uint32_t>(i))]);
        }
    }
}

/// The next upstream to ask, as CoreDNS chooses; -1: none shall be asked.
int Engine::pick(Exchange& exchange) noexcept {
    const std::size_t count = peers_.size();
    for (;;) {
        if (exchange.order_at == count) {
            exchange.order_at = 0;
            exchange.skipped = 0;
        }
        const std::size_t target = exchange.order[exchange.order_at++];
        if (!shared_.is_down(target)) return static_cast<int>(target);
        if (++exchange.skipped < count) continue;
        shared_.broken.add(worker_);
        if (settings_.failfast) return -1;
        return static_cast<int>(random_.below(static_cast<std::uint32_t>(count)));
    }
}

Proto Engine::proto_for(const Exchange& exchange, std::size_t target) const noexcept {
    switch (settings_.targets[target].scheme) {
    case Scheme::tls: return Proto::tls;
    case Scheme::https: return Proto::https;
    case Scheme::dns: break;
    }
    if (settings_.force_tcp) return Proto::tcp;
    return exchange.question.tcp && !settings_.prefer_udp ? Proto::tcp : Proto::udp;
}

/// Asks one upstream more, or ends the exchange when there is nobody left and nothing under way.
void Engine::try_next(Exchange& exchange) noexcept {
    const Time now = shared_.clock.now();
    // What cannot even be sent fails at once: not more often than this in a row.
    for (std::size_t i = 0; i < 2 * peers_.size() && now < exchange.deadline; ++i) {
        if (settings_.attempts_max != 0 && exchange.failures >= settings_.attempts_max) break;
        const int picked = pick(exchange);
        if (picked < 0) break;
        const auto target = static_cast<std::size_t>(picked);
        if (start(exchange, target, proto_for(exchange, target))) return;
        note_not_begun(exchange, target, proto_for(exchange, target));
        check_health(target);
        ++exchange.failures;
    }
    if (exchange.is_under_way()) return;
    complete(exchange, {}, &exchange.failure, 0);
}

bool Engine::start(Exchange& exchange, std::size_t target, Proto proto) noexcept {
    Attempt* const attempt = exchange.attempts[0].channel == nullptr   ? &exchange.attempts[0]
                             : exchange.attempts[1].channel == nullptr ? &exchange.attempts[1]
                                                                       : nullptr;
    if (attempt == nullptr) return true;
    Channel* const channel = channel_to(target, proto);
    if (channel == nullptr) return false;
    std::uint16_t id = 0;
    do {
        id = static_cast<std::uint16_t>(random_.next());
    } while (attempt_of(*channel, id) != nullptr);
    std::array<std::uint8_t, question_octets_max> room;
    const std::size_t octets = write_question(exchange.question,
                                              {.id = id,
                                               .edns = exchange.edns,
                                               .case_bits = exchange.case_bits,
                                               .edns_options = exchange.edns_options},
                                              room);
    if (!channel->send(std::span{room}.first(octets))) return false;
    const Time now = shared_.clock.now();
    channel->sent(now);
    attempt->channel = channel;
    attempt->target = target;
    attempt->proto = proto;
    attempt->id = id;
    attempt->sent = now;
    attempt->due = now + settings_.read_timeout;
    link(*attempt);
    if (attempt == &exchange.attempts[0] && exchange.probe_of < 0) {
        exchange.may_hedge = settings_.hedge && (peers_.size() > 1 || proto == Proto::udp);
        exchange.hedge_at = now + peers_[target].patience();
    }
    return true;
}

/// The first attempt is late.
void Engine::hedge(Exchange& exchange) noexcept {
    // Later, perhaps.
    if (hedges_ < 1) return;
    exchange.may_hedge = false;
    if (exchange.attempts[1].channel != nullptr) return;
    const int picked = pick(exchange);
    if (picked < 0) return;
    const auto target = static_cast<std::size_t>(picked);
    hedges_ -= 1;
    shared_.hedged.add(worker_);
    (void)start(exchange, target, proto_for(exchange, target));
}

void Engine::end(Attempt& attempt, bool answered) noexcept {
    if (attempt.channel == nullptr) return;
    unlink(attempt);
    attempt.channel->settled(answered);
    if (!answered) attempt.channel->give_up(attempt.id);
    attempt.channel = nullptr;
}

/// The same upstream, over another connection if need be. That is no failure, but must end: false
/// if it has been tried too often, or cannot be sent.
bool Engine::ask_again(Exchange& exchange, Attempt& attempt) noexcept {
    constexpr unsigned again_max = 3;
    if (exchange.again == again_max) return false;
    ++exchange.again;
    const std::size_t target = attempt.target;
    const Proto proto = attempt.proto;
    end(attempt, false);
    if (start(exchange, target, proto)) return true;
    // As if it had been under way, for failed() to go on from there.
    attempt.target = target;
    return false;
}

void Engine::failed(Exchange& exchange, Attempt& attempt) noexcept {
    const std::size_t target = attempt.target;
    note_failure(exchange, attempt);
    end(attempt, false);
    if (exchange.probe_of >= 0) {
        leave(exchange);
        free_.push_back(&exchange);
        return probed(target, false);
    }
    check_health(target);
    ++exchange.failures;
    try_next(exchange);
}

void Engine::note_failure(Exchange& exchange, const Attempt& attempt) noexcept {
    using Kind = Failure::Kind;
    const Channel* const channel = attempt.channel;
    if (channel == nullptr || exchange.probe_of >= 0) return;
    const bool connecting = channel->is_connecting();
    const Kind kind = connecting                          ? Kind::no_connection
                      : channel->is_broken()              ? Kind::broken
                      : shared_.clock.now() < attempt.due ? Kind::no_answer
                                                          : Kind::late;
    exchange.failure = {.kind = kind,
                        .udp = attempt.proto == Proto::udp,
                        .error = channel->error(),
                        .local = connecting ? SocketAddress{} : net::local_address(channel->fd()),
                        .remote = settings_.targets[attempt.target].address};
}

void Engine::note_not_begun(Exchange& exchange, std::size_t target, Proto proto) noexcept {
    exchange.failure = {.kind = Failure::Kind::not_begun,
                        .udp = proto == Proto::udp,
                        .error = errno,
                        .remote = settings_.targets[target].address};
}

bool Engine::received(Channel& channel, std::span<const std::uint8_t> message) noexcept {
    const std::optional<dns::AnswerHead> head = dns::read_answer_head(message);
    Attempt* const attempt = head ? attempt_of(channel, head->id) : nullptr;
    if (attempt == nullptr) {
        shared_.strays.add(worker_);
        return false;
    }
    Exchange& exchange = *attempt->exchange;
    const Question& question = exchange.question;
    bool ours = head->type == question.type && head->klass == question.klass &&
                head->name.equals(question.name);
    if (ours && exchange.case_bits != 0) {
        std::array<std::uint8_t, dns::name_octets_max> asked;
        const auto name = question.name.view().wire();
        std::ranges::copy(name, asked.begin());
        mix_case(std::span{asked}.first(name.size()), exchange.case_bits);
        ours = std::memcmp(asked.data(), head->name.data(), name.size()) == 0;
    }
    // Somebody guesses: the true answer may still come.
    if (!ours) {
        shared_.strays.add(worker_);
        return false;
    }
    answered(exchange, *attempt, message);
    return true;
}

void Engine::lost(Channel& channel, std::uint16_t id, bool untouched) noexcept {
    Attempt* const attempt = attempt_of(channel, id);
    if (attempt == nullptr) return;
    Exchange& exchange = *attempt->exchange;
    if (!untouched || !ask_again(exchange, *attempt)) failed(exchange, *attempt);
}

void Engine::answered(Exchange& exchange, Attempt& attempt,
                      std::span<const std::uint8_t> message) noexcept {
    const std::size_t target = attempt.target;
    const Proto proto = attempt.proto;
    const dns::AnswerHead head = *dns::read_answer_head(message);
    const std::chrono::duration<double> took = shared_.clock.now() - attempt.sent;
    if (proto == Proto::udp) peers_[target].outbox->answered();
    // A hedge that was worth it makes room for another: it cost nobody anything.
    if (&attempt == &exchange.attempts[1]) hedges_ = std::min(hedges_max, hedges_ + 1);
    end(attempt, true);
    peers_[target].took(took.count() * 1000);
    if (exchange.probe_of >= 0) {
        leave(exchange);
        free_.push_back(&exchange);
        return probed(target, true);
    }
    shared_.duration(target, head.rcode).observe(worker_, took.count());
    if (head.truncated && proto == Proto::udp) {
        if (start(exchange, target, Proto::tcp)) return;
        ++exchange.failures;
        return try_next(exchange);
    }
    // An upstream that does not know EDNS says so without an OPT (RFC 6891 7).
    const bool no_opt = message[10] == 0 && message[11] == 0;
    const bool puzzled = head.rcode == dns::Rcode::form_err || head.rcode == dns::Rcode::not_imp;
    if (puzzled && no_opt && exchange.edns) {
        exchange.edns = false;
        if (start(exchange, target, proto)) return;
    }
    if (std::ranges::find(settings_.failover, head.rcode) != settings_.failover.end() &&
        ++exchange.failovers < peers_.size()) {
        return try_next(exchange);
    }
    for (Waiter* waiter = exchange.waiters; waiter != nullptr; waiter = waiter->next) {
        waiter->tcp = proto != Proto::udp;
    }
    complete(exchange, message, nullptr, target);
}

void Engine::complete(Exchange& exchange, std::span<const std::uint8_t> message,
                      const Failure* failure, std::size_t target) noexcept {
    leave(exchange);
    // The exchange may be in use again when the last one has been resumed.
    const Failure reason = failure == nullptr ? Failure{} : *failure;
    Waiter* waiter = std::exchange(exchange.waiters, nullptr);
    free_.push_back(&exchange);
    while (waiter != nullptr) {
        // It may be gone when its query has been resumed.
        Waiter* const next = waiter->next;
        waiter->message = message;
        waiter->failure = &reason;
        waiter->target = target;
        waiter->query->resume();
        waiter = next;
    }
}

Engine::Attempt* Engine::attempt_of(const Channel& channel, std::uint16_t id) noexcept {
    Attempt* at = by_id_[(channel.number() * 7919U + id) % buckets];
    while (at != nullptr && (at->channel != &channel || at->id != id)) at = at->next;
    return at;
}

void Engine::link(Attempt& attempt) noexcept {
    Attempt*& bucket = by_id_[(attempt.channel->number() * 7919U + attempt.id) % buckets];
    attempt.next = bucket;
    bucket = &attempt;
}

void Engine::unlink(Attempt& attempt) noexcept {
    Attempt** at = &by_id_[(attempt.channel->number() * 7919U + attempt.id) % buckets];
    while (*at != nullptr && *at != &attempt) at = &(*at)->next;
    if (*at != nullptr) *at = attempt.next;
}

}  // namespace nameplane::plugins::forwarding
