// hot path
#include "plugins/trace/walk.hpp"

#include <nameplane/plugin.hpp>
#include <nameplane/tap.hpp>

#include <new>

namespace nameplane::plugins::tracing {

namespace {

/// As zipkin-go has them: 63 bits, so that nobody takes one for a negative number. Never zero.
std::uint64_t new_id(Random& random) noexcept {
    const std::uint64_t high = random.next();
    const std::uint64_t id = (high << 32U | random.next()) & 0x7fff'ffff'ffff'ffffU;
    return id == 0 ? 1 : id;
}

}  // namespace

bool Recording::begin(Query& query, Random& ids, Sink& sink) noexcept {
    arena_ = &query.arena();
    room_ = arena_->array<Span>(spans_max);
    if (room_.empty()) return false;
    ids_ = &ids;
    sink_ = &sink;
    worker_ = query.worker();
    name_ = query.name();
    head_ = {.trace = new_id(ids),
             .begin = std::chrono::system_clock::now(),
             .type = query.type(),
             .transport = query.transport(),
             .client = query.client().address};
    began_ = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < id_text_.size(); ++i) {
        id_text_[i] = "0123456789abcdef"[head_.trace >> (60 - 4 * i) & 15U];
    }
    return true;
}

Span* Recording::take(std::string_view name, std::uint64_t parent) noexcept {
    if (size_ == room_.size()) {
        ++left_out_;
        return nullptr;
    }
    Span* const span = &room_[size_++];
    *span = {.id = new_id(*ids_), .parent = parent, .name = name};
    return span;
}

Span* Recording::open(std::string_view name, std::uint64_t parent) noexcept {
    Span* const span = take(name, parent);
    if (span != nullptr) span->begin = now();
    return span;
}

void Recording::add(const UpstreamExchange& exchange, std::uint64_t parent) noexcept {
    Span* const span = take("connect", parent);
    if (span == nullptr) return;
    span->begin = exchange.asked - head_.begin;
    span->took = exchange.answered - exchange.asked;
    span->peer = exchange.upstream;
}

void Recording::finish(dns::Rcode rcode, bool failed, std::string_view error) noexcept {
    const std::span<Span> spans = room_.first(size_);
    head_.took = now();
    for (Span& span : spans) {
        if (span.took == Span::open) span.took = head_.took - span.begin;
    }
    head_.rcode = rcode;
    head_.failed = failed;
    sink_->submit(worker_, head_, name_, error, spans, left_out_);
}

std::uint64_t Walk::span_at(std::size_t place) const noexcept {
    for (std::size_t at = place + 1; at-- > 0;) {
        if (open_[at] != nullptr) return open_[at]->id;
    }
    return parent_;
}

void Walk::close(std::size_t place) noexcept {
    if (open_[place] == nullptr) return;
    recording_->close(*open_[place]);
    open_[place] = nullptr;
}

void Walk::begins(const Visit& visit) noexcept {
    at_ = visit.place;
    if (visit.part != Part::ask) return;
    if (first_ == nowhere) first_ = visit.place;
    if (visit.place < first_) return;
    close(visit.place);  // of the walk before, if a plugin further out has turned round
    open_[visit.place] = recording_->open(visit.name, span_at(visit.place));
}

void Walk::ends(const Visit& visit, Step step, Query& query, const Reply&) noexcept {
    switch (step) {
    case Step::wait: return;
    case Step::done: return close(visit.place);
    case Step::drop: return dropped(query);
    case Step::next:
        if (visit.part == Part::tell) close(visit.place);
        return;
    case Step::again:
        // On the way out the next walk in is still within its time.
        if (visit.part != Part::tell) close(visit.place);
        return;
    }
}

void Walk::dropped(Query& query) noexcept {
    for (std::size_t place = 0; place < open_.size(); ++place) close(place);
    if (is_inner_) return;
    query.watch_with(nullptr);
    recording_->finish(dns::Rcode::no_error, false, {});  // as CoreDNS has those that say nothing
}

void Walk::tapped(const UpstreamExchange& exchange) noexcept {
    recording_->add(exchange, span_at(at_));
}

WalkWatch* Walk::within() noexcept {
    void* const memory = recording_->arena().allocate(sizeof(Walk), alignof(Walk));
    return memory == nullptr ? nullptr : new (memory) Walk{*recording_, span_at(at_)};
}

}  // namespace nameplane::plugins::tracing
