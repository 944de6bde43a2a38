// hot path
#include "server/handler.hpp"

#include "chain/traffic.hpp"
#include <nameplane/base/check.hpp>
#include <nameplane/seal.hpp>

#include <new>

namespace nameplane::server {

namespace {

/// With fewer in a batch there is too little waiting to overlap.
constexpr std::size_t worth_expecting_min = 3;

const TraceContext* copied(const TraceContext* given, Arena& arena) noexcept {
    if (given == nullptr) [[likely]]
        return nullptr;
    void* const memory = arena.allocate(sizeof(TraceContext), alignof(TraceContext));
    return memory == nullptr ? nullptr : new (memory) TraceContext{*given};
}

}  // namespace

void Handler::take(Message message, std::size_t listener, Taken& taken) const noexcept {
    taken.message = message;
    taken.error = dns::parse_query(message, taken.question);
    taken.zone = nullptr;
    if (taken.error != dns::ParseError::none) return;
    const chain::Zone* const zone =
        chains_->find(taken.question.name, taken.question.type, listener);
    // As CoreDNS: only the Internet class leads to a chain, unless a plugin in it says otherwise.
    if (zone == nullptr) return;
    if (taken.question.klass == dns::Class::in || zone->takes_all_classes) {
        taken.zone = zone;
    }
}

void Handler::take(std::span<const Message> messages, std::size_t listener) noexcept {
    NP_CHECK(messages.size() <= messages_max, "the caller's batches are no larger");
    std::array<std::uint64_t, messages_max> hashes;
    std::size_t count = 0;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        Taken& taken = *taken_[i];
        take(messages[i], listener, taken);
        if (taken.zone == nullptr) continue;
        hashes[count] = taken.zone->chain->expects(taken.question.name);
        count += hashes[count] != 0 ? 1U : 0U;
    }
    lap(StageClock::Stage::parse, messages.size());
    foresee(messages.size());
    if (count < worth_expecting_min) return;
    for (unsigned step = 0; step < services::ServiceView::expect_steps; ++step) {
        for (std::size_t i = 0; i < count; ++i) services_.expect(hashes[i], step);
    }
}

void Handler::foresee(std::size_t size) const noexcept {
    if (size < worth_expecting_min) return;
    struct One {
        const Plugin* plugin;
        Foreseen question;
        std::uint64_t note;
    };
    std::array<One, messages_max> all;
    std::size_t count = 0;
    for (std::size_t i = 0; i < size; ++i) {
        const Taken& taken = *taken_[i];
        const Plugin* plugin = taken.zone == nullptr ? nullptr : taken.zone->chain->foreseeing();
        if (plugin == nullptr) continue;
        const dns::Question& question = taken.question;
        all[count++] = {.plugin = plugin,
                        .question = {.name = question.name,
                                     .type = question.type,
                                     .klass = question.klass,
                                     .dnssec_ok = question.edns && question.edns->dnssec_ok,
                                     .checking_disabled = question.checking_disabled},
                        .note = 0};
    }
    if (count < worth_expecting_min) return;
    for (unsigned step = 0; step < Plugin::foresee_steps; ++step) {
        for (One& one : std::span{all}.first(count))
            one.plugin->foresee(one.question, one.note, step);
    }
}

std::size_t Handler::answer(std::size_t i, const Arrival& arrival,
                            std::span<std::uint8_t> out) noexcept {
    return answer(taken_[i], arrival, out);
}

std::size_t Handler::answer(Message message, const Arrival& arrival,
                            std::span<std::uint8_t> out) noexcept {
    take(message, arrival.listener, *single_);
    lap(StageClock::Stage::parse);
    return answer(single_, arrival, out);
}

std::size_t Handler::answer(TakenPtr& taken, const Arrival& arrival,
                            std::span<std::uint8_t> out) noexcept {
    const std::size_t octets = taken->error == dns::ParseError::none
                                   ? answer_question(taken, arrival, out)
                                   : answer_error(taken->error, taken->question, arrival, out);
    current_->arena.clear();
    return octets;
}

std::size_t Handler::answer_question(TakenPtr& taken, const Arrival& arrival,
                                     std::span<std::uint8_t> out) noexcept {
    const dns::Question& question = taken->question;
    if (taken->zone != nullptr && taken->zone->chain->filters()) {
        Query query{parts_of(*taken, arrival)};
        taken->zone = admitting_zone(taken->zone, query);
    }
    const chain::Zone* const zone = taken->zone;
    const chain::Traffic& traffic =
        zone == nullptr ? chains_->dropped(arrival.listener) : *zone->traffic;
    traffic.asked(worker_, {.transport = arrival.transport,
                            .family = arrival.client.address.family(),
                            .type = question.type,
                            .octets = taken->message.size(),
                            .dnssec_ok = question.edns && question.edns->dnssec_ok});
    note_asked(traffic);
    Context& context = *current_;
    Reply& reply = context.reply.emplace(context.arena);
    context.query.reset();
    if (zone == nullptr) {
        if (question.opcode != dns::Opcode::query) reply.rcode = dns::Rcode::not_imp;
    } else {
        const Step step = ask_chain(*taken, arrival);
        if (step == Step::wait) {
            let_wait(taken, arrival);
            return 0;
        }
        if (step == Step::drop) {
            oddities_->by_plugin.add(worker_);
            return 0;
        }
        if (context.query->stream() != nullptr) {
            if (arrival.transport == Transport::tcp && spare_ != nullptr) {
                let_flow(taken, arrival);
                return 0;
            }
            reply.fail();
        }
    }
    const Query* const query = context.query ? &*context.query : nullptr;
    const std::size_t octets = encode(question, reply, query, arrival.transport, out);
    lap(StageClock::Stage::encode);
    if (octets != 0) {
        const std::size_t plugin = context.query ? context.query->answered_by() : 0;
        traffic.answered(worker_, arrival.transport, reply.rcode, octets, plugin);
    }
    if (context.query && context.query->refresh_wanted()) refresh(*context.query, *zone, {});
    return octets;
}

Query::Parts Handler::parts_of(const Taken& taken, const Arrival& arrival) noexcept {
    const dns::Question& question = taken.question;
    return {.name = question.name,
            .asked = question.asked,
            .type = question.type,
            .klass = question.klass,
            .opcode = question.opcode,
            .recursion_desired = question.recursion_desired,
            .checking_disabled = question.checking_disabled,
            .dnssec_ok = question.edns && question.edns->dnssec_ok,
            .has_edns = question.edns.has_value(),
            .udp_size = question.edns ? question.edns->udp_size : std::uint16_t{512},
            .edns_options =
                question.edns ? question.edns->options : std::span<const std::uint8_t>{},
            .id = question.id,
            .octets = taken.message.size(),
            .message = taken.message,
            .client = arrival.client,
            .server = arrival.server,
            .transport = arrival.transport,
            .worker = worker_,
            .services = services_,
            .arena = &current_->arena,
            .host = arrival.late != nullptr ? this : nullptr,
            .place = current_,
            .clock = clock_,
            .trace = copied(arrival.trace, current_->arena)};
}

const chain::Zone* Handler::admitting_zone(const chain::Zone* zone, Query& query) noexcept {
    while (zone != nullptr) {
        const bool right_class = query.klass() == dns::Class::in || zone->takes_all_classes;
        if (right_class && zone->chain->admits(query)) break;
        zone = zone->next;
    }
    return zone;
}

Step Handler::ask_chain(Taken& taken, const Arrival& arrival) noexcept {
    Context& context = *current_;
    context.zone = taken.zone;
    context.chains = chains_;
    context.listener = arrival.listener;
    answering_ = &taken;
    Query& query = context.query.emplace(parts_of(taken, arrival));
    lap(StageClock::Stage::route);
    return taken.zone->chain->walk(query, *context.reply);
}

std::size_t Handler::answer_error(dns::ParseError error, const dns::Question& question,
                                  const Arrival& arrival, std::span<std::uint8_t> out) noexcept {
    dns::Rcode rcode = dns::Rcode::form_err;
    switch (error) {
    case dns::ParseError::none: return 0;
    case dns::ParseError::too_short: oddities_->too_short.add(worker_); return 0;
    case dns::ParseError::response: oddities_->response.add(worker_); return 0;
    case dns::ParseError::opcode:
        oddities_->opcode.add(worker_);
        rcode = dns::Rcode::not_imp;
        break;
    case dns::ParseError::malformed: oddities_->malformed.add(worker_); break;
    case dns::ParseError::no_question: oddities_->no_question.add(worker_); break;
    case dns::ParseError::edns_version:
        oddities_->edns_version.add(worker_);
        rcode = dns::Rcode::bad_vers;
        break;
    }
    std::size_t octets = 0;
    if (rcode == dns::Rcode::bad_vers) {
        Reply reply{current_->arena};
        reply.rcode = rcode;
        octets = encode(question, reply, nullptr, arrival.transport, out);
    } else {
        octets = dns::encode_header_only(question, rcode, out);
    }
    if (octets != 0)
        chains_->dropped(arrival.listener).answered(worker_, arrival.transport, rcode, octets, 0);
    return octets;
}

std::size_t Handler::encode(const dns::Question& question, const Reply& reply, const Query* query,
                            Transport transport, std::span<std::uint8_t> out) noexcept {
    Seal* const seal = query == nullptr ? nullptr : query->seal();
    std::size_t octets = dns::encode(question, reply,
                                     {.tcp = transport == Transport::tcp,
                                      .udp_size_max = limits_.udp_size_max,
                                      .udp_size_advertised = limits_.udp_size_max,
                                      .octets_behind = seal == nullptr ? 0 : seal->octets_max()},
                                     out);
    if (octets != 0 && seal != nullptr) octets = seal->close(out, octets);
    if (octets == 0) oddities_->unencodable.add(worker_);
    return octets;
}

void Handler::note_asked(const chain::Traffic& traffic) noexcept {
    for (std::size_t i = 0; i < asked_size_; ++i) {
        if (asked_[i].traffic == &traffic) {
            ++asked_[i].queries;
            return;
        }
    }
    // Only a stream of queries into more zones than that counts the first ones' time alone.
    if (asked_size_ < asked_.size()) asked_[asked_size_++] = {&traffic, 1};
}

void Handler::forget_asked(const chain::Traffic& traffic) noexcept {
    for (std::size_t i = 0; i < asked_size_; ++i) {
        if (asked_[i].traffic == &traffic && asked_[i].queries != 0) --asked_[i].queries;
    }
}

void Handler::batch_took(double seconds) noexcept {
    for (std::size_t i = 0; i < asked_size_; ++i) {
        if (asked_[i].queries != 0) asked_[i].traffic->took(worker_, seconds, asked_[i].queries);
    }
    asked_size_ = 0;
}

}  // namespace nameplane::server
