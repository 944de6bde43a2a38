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

bool Recording::begin(Query& query, bool shares_spans, Random& ids, Sink& sink) noexcept {
    const TraceContext* const client = query.trace_context();
    ids_ = &ids;
    join(client, shares_spans);
    write_id();
    if (client != nullptr && !client->is_wanted()) return false;
    arena_ = &query.arena();
    room_ = arena_->array<Span>(spans_max);
    if (room_.empty()) return false;
    sink_ = &sink;
    worker_ = query.worker();
    name_ = query.name();
    head_.begin = std::chrono::system_clock::now();
    head_.type = query.type();
    head_.transport = query.transport();
    head_.client = query.client().address;
    began_ = std::chrono::steady_clock::now();
    return true;
}

// As zipkin-go joins a trace.
void Recording::join(const TraceContext* client, bool shares_spans) noexcept {
    if (client != nullptr) {
        head_.parent = client->parent;
        head_.debug = client->debug;
    }
    if (client == nullptr || !client->names_trace()) {
        head_.trace = head_.id = new_id(*ids_);
        return;
    }
    head_.trace_high = client->trace_high;
    head_.trace = client->trace;
    head_.is_shared = shares_spans;
    if (shares_spans) {
        head_.id = client->span;
    } else {
        head_.parent = client->span;
        head_.id = new_id(*ids_);
    }
}

void Recording::write_id() noexcept {
    const auto write = [this](std::uint64_t part) {
        for (int shift = 60; shift >= 0; shift -= 4) {
            id_text_[id_text_size_++] = "0123456789abcdef"[part >> shift & 15U];
        }
    };
    if (head_.trace_high != 0) write(head_.trace_high);
    write(head_.trace);
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
