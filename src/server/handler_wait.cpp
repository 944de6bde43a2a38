// Queries that wait: what they take along, and what happens when they go on.

#include "chain/traffic.hpp"
#include "server/handler.hpp"
#include <nameplane/base/check.hpp>
#include <nameplane/walk_watch.hpp>

#include <algorithm>
#include <utility>

namespace nameplane::server {

namespace {

/// What a query has used of its arena stays in memory for the next one, but not more than this.
constexpr std::size_t arena_kept_octets = 32 << 10;

/// `part`, which lies in `from`, as it lies in `to`.
std::span<const std::uint8_t> moved(std::span<const std::uint8_t> part,
                                    std::span<const std::uint8_t> from,
                                    std::span<const std::uint8_t> to) noexcept {
    if (part.empty()) return {};
    return to.subspan(static_cast<std::size_t>(part.data() - from.data()), part.size());
}

}  // namespace

Handler::Handler(std::size_t worker, Limits limits, const Oddities& oddities)
    : worker_{worker}, limits_{limits}, oddities_{&oddities}, single_{std::make_unique<Taken>()},
      contexts_{limits.waiting + 1}, current_{contexts_.take()} {
    for (TakenPtr& taken : taken_) taken = std::make_unique<Taken>();
}

Handler::~Handler() = default;

Pins Handler::pin() const noexcept {
    return pins_ == nullptr ? Pins{} : pins_->pin();
}

bool Handler::make_room(Query& query) noexcept {
    // All that wait for each other lie in one arena.
    if (query.parts().asked_by != nullptr) return make_room(*query.parts().asked_by);
    const auto* context = static_cast<Context*>(query.place());
    if (context != current_) return true;  // waits already, or is a refresh: nothing to move
    Taken& taken = *answering_;
    dns::Question& question = taken.question;
    if (spare_ == nullptr) spare_ = contexts_.take();
    const bool fits = spare_ != nullptr && held_octets_ + taken.message.size() <= held_octets_max;
    const std::span<std::uint8_t> copy =
        fits ? query.arena().array<std::uint8_t>(taken.message.size()) : std::span<std::uint8_t>{};
    if (copy.empty()) {
        oddities_->waiting_full.add(worker_);
        return false;
    }
    std::ranges::copy(taken.message, copy.begin());
    const auto asked = moved(question.asked.wire(), taken.message, copy);
    question.asked = dns::NameView::trusted(asked.data(), asked.size());
    std::span<const std::uint8_t> options = query.edns_options();
    if (question.edns) {
        // A plugin may have put others in their place.
        const bool as_sent = options.data() == question.edns->options.data();
        question.edns->options = moved(question.edns->options, taken.message, copy);
        if (as_sent) options = question.edns->options;
    }
    query.moved(copy, question.asked, options);
    taken.message = copy;
    return true;
}

/// Takes what the query being answered uses out of the way of the next one.
Handler::Context& Handler::set_aside(TakenPtr& taken, const Arrival& arrival) noexcept {
    NP_CHECK(spare_ != nullptr, "a plugin that waits has asked can_wait()");
    Context& context = *std::exchange(current_, std::exchange(spare_, nullptr));
    context.query->set_clock(nullptr);
    forget_asked(*context.zone->traffic);
    std::swap(context.taken, taken);
    if (taken == nullptr) taken = std::make_unique<Taken>();
    context.pins = pin();
    context.late = arrival.late;
    context.transport = arrival.transport;
    context.since = std::chrono::steady_clock::now();
    context.held_octets = context.taken->message.size();
    held_octets_ += context.held_octets;
    arrival.late->hold(arrival, context.way);
    ++waiting_;
    return context;
}

void Handler::let_wait(TakenPtr& taken, const Arrival& arrival) noexcept {
    Context& context = set_aside(taken, arrival);
    if (context.query->refresh_wanted()) refresh(*context.query, *context.zone, context.pins);
}

void Handler::let_flow(TakenPtr& taken, const Arrival& arrival) noexcept {
    Context& context = set_aside(taken, arrival);
    context.flowed = 0;
    context.late->flow(context.way, context);
}

AnswerStream::Went Handler::begin_message(Context& context, std::optional<Reply>& reply) noexcept {
    flow_arena_.clear();
    reply.emplace(flow_arena_);
    reply->rcode = dns::Rcode::no_error;
    reply->authoritative = true;
    const AnswerStream::Went went = context.query->stream()->next(*reply, flow_arena_);
    return reply->failed() ? AnswerStream::Went::broken : went;
}

std::size_t Handler::end_message(Context& context, const Reply& reply,
                                 std::span<std::uint8_t> out) noexcept {
    constexpr std::uint8_t truncated = 0x02;  // of the header's third octet
    std::size_t octets =
        encode(context.taken->question, reply, &*context.query, Transport::tcp, out);
    // A record that no message has room for.
    if (octets != 0 && (out[2] & truncated) != 0) octets = 0;
    context.flowed += octets;
    return octets;
}

Handler::Flowed Handler::go_on(Flow& flow, std::span<std::uint8_t> out) noexcept {
    auto& context = static_cast<Context&>(flow);
    std::optional<Reply> reply;
    const AnswerStream::Went went = begin_message(context, reply);
    std::size_t octets = 0;
    if (went != AnswerStream::Went::broken) octets = end_message(context, *reply, out);
    const Flowed flowed{octets, octets == 0 || went == AnswerStream::Went::last};
    if (flowed.over) end_flow(context);
    return flowed;
}

std::size_t Handler::only_message(Flow& flow, std::span<std::uint8_t> out) noexcept {
    auto& context = static_cast<Context&>(flow);
    context.query->stream()->want_one_message();
    std::optional<Reply> reply;
    const AnswerStream::Went went = begin_message(context, reply);
    std::size_t octets = 0;
    if (went == AnswerStream::Went::last) {
        octets = end_message(context, *reply, out);
    } else if (went == AnswerStream::Went::more || reply->failed()) {
        // Too large. Nothing of it is signed yet, so that the refusal can be.
        context.reply->rcode = dns::Rcode::refused;
        octets = end_message(context, *context.reply, out);
    }
    end_flow(context);
    return octets;
}

void Handler::abandon(Flow& flow) noexcept {
    end_flow(static_cast<Context&>(flow));
}

void Handler::end_flow(Context& context) noexcept {
    --waiting_;
    const chain::Traffic& traffic = *context.zone->traffic;
    traffic.answered(worker_, context.transport, context.reply->rcode, context.flowed,
                     context.query->answered_by());
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - context.since;
    traffic.took(worker_, took.count(), 1);
    give_back(context);
}

void Handler::refresh(Query& query, const chain::Zone& zone, const Pins& pins) noexcept {
    query.refresh_begun();
    if (query.for_nobody()) return;
    Context* const context = contexts_.take();
    if (context == nullptr) {
        oddities_->waiting_full.add(worker_);
        return;
    }
    const auto& from = *static_cast<const Context*>(query.place());
    context->zone = &zone;
    context->chains = from.chains;
    context->listener = from.listener;
    context->late = nullptr;
    Query::Parts parts = query.parts();
    const std::optional<dns::NameView> name = query.name().copy_to(context->arena);
    NP_CHECK(name.has_value(), "an arena that was given back is empty");
    parts.name = parts.asked = *name;
    parts.edns_options = {};
    parts.message = {};
    parts.transport = Transport::udp;
    parts.arena = &context->arena;
    parts.host = this;
    parts.place = context;
    parts.for_nobody = true;
    parts.asked_by = nullptr;
    parts.inner = nullptr;
    parts.clock = nullptr;
    parts.trace = nullptr;
    // What the walk may change is its own; what it was started from may be gone before it ends.
    context->pins = pins.chains != nullptr ? pins : pin();
    const std::size_t place = query.refresh_at();
    Reply& reply = context->reply.emplace(context->arena);
    const Step step = zone.chain->walk_behind(place, context->query.emplace(parts), reply);
    if (step != Step::wait) give_back(*context);
}

bool Handler::look_up(Query& asking, dns::NameView name, dns::Type type,
                      const Reply*& answer) noexcept {
    const auto& context = *static_cast<Context*>(asking.place());
    Arena& arena = asking.arena();
    void* const memory = arena.allocate(sizeof(Inner), alignof(Inner));
    const std::span<const std::uint8_t> options = asking.edns_options();
    const std::span<std::uint8_t> copied = arena.array<std::uint8_t>(options.size());
    if (memory == nullptr || copied.size() != options.size()) return true;
    std::ranges::copy(options, copied.begin());
    Query::Parts parts = asking.parts();
    parts.name = parts.asked = name;
    parts.type = type;
    parts.klass = dns::Class::in;
    parts.edns_options = copied;
    parts.asked_by = &asking;
    parts.inner = memory;
    parts.clock = nullptr;  // its time is that of who asks
    auto& inner = *new (memory) Inner{
        .query = Query{parts}, .reply = Reply{arena}, .zone = nullptr, .answer = &answer};
    if (asking.watch() != nullptr) inner.query.watch_with(asking.watch()->within());
    inner.zone = admitting_zone(context.chains->find(name, type, context.listener), inner.query);
    Step step = Step::done;
    if (inner.zone != nullptr) step = inner.zone->chain->walk(inner.query, inner.reply);
    if (inner.query.refresh_wanted()) refresh(inner.query, *inner.zone, context.pins);
    if (step == Step::wait) return false;
    answer = step == Step::done ? &inner.reply : nullptr;
    return true;
}

void Handler::resume(Query& query) noexcept {
    auto& context = *static_cast<Context*>(query.place());
    if (query.parts().inner != nullptr) {
        auto& inner = *static_cast<Inner*>(query.parts().inner);
        const Step step = inner.zone->chain->resume(query, inner.reply);
        if (query.refresh_wanted()) refresh(query, *inner.zone, context.pins);
        if (step == Step::wait) return;
        *inner.answer = step == Step::done ? &inner.reply : nullptr;
        return resume(*query.parts().asked_by);
    }
    StageClock* const clock = sampler_.begin();
    query.set_clock(clock);
    const Step step = context.zone->chain->resume(query, *context.reply);
    if (step != Step::wait) {
        finish(context, step);
    } else {
        query.set_clock(nullptr);
        if (query.refresh_wanted()) refresh(query, *context.zone, context.pins);
    }
    if (clock != nullptr) sampler_.end();
}

void Handler::finish(Context& context, Step step) noexcept {
    if (context.late != nullptr) {
        if (step == Step::done && context.query->stream() != nullptr) {
            if (context.transport == Transport::tcp) {
                context.flowed = 0;
                return context.late->flow(context.way, context);
            }
            context.reply->fail();
        }
        --waiting_;
        answer_late(context, step);
        if (context.query->refresh_wanted()) {
            refresh(*context.query, *context.zone, context.pins);
        }
    }
    give_back(context);
}

void Handler::answer_late(Context& context, Step step) noexcept {
    // On the stack: an answer may lead to another one.
    std::array<std::uint8_t, tcp_octets_max> room;
    std::size_t octets = 0;
    if (step == Step::drop) {
        oddities_->by_plugin.add(worker_);
    } else {
        const std::span<std::uint8_t> out{room};
        octets = encode(context.taken->question, *context.reply, &*context.query, context.transport,
                        context.transport == Transport::tcp
                            ? out
                            : out.first(std::max<std::size_t>(limits_.udp_size_max, 512)));
    }
    StageClock* const clock = context.query->clock();
    if (clock != nullptr) clock->lap(StageClock::Stage::encode);
    if (octets != 0) {
        const chain::Traffic& traffic = *context.zone->traffic;
        traffic.answered(worker_, context.transport, context.reply->rcode, octets,
                         context.query->answered_by());
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - context.since;
        traffic.took(worker_, took.count(), 1);
    }
    context.late->answer(context.way, std::span{room}.first(octets));
    if (clock != nullptr) clock->lap(StageClock::Stage::send);
}

void Handler::give_back(Context& context) noexcept {
    context.query.reset();
    context.reply.reset();
    context.pins = {};
    held_octets_ -= std::exchange(context.held_octets, 0);
    if (context.arena.used() > arena_kept_octets) context.arena = Arena{arena_octets};
    context.arena.clear();
    contexts_.give_back(&context);
}

}  // namespace nameplane::server
