#include "plugins/trace/poster.hpp"

#include <nameplane/base/log.hpp>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>
#include <vector>

namespace nameplane::plugins::tracing {

namespace {

/// Nobody is asked again sooner who did not take the last request.
constexpr std::chrono::milliseconds retry_time_min{1000};
constexpr std::size_t request_spans_max = 10'000;
/// A collector has nothing to say; who says more than this is not listened to.
constexpr std::size_t answer_octets_max = 64 << 10;

std::size_t spans_of(const Trace& trace) noexcept {
    return trace.spans.size() + 1;
}

std::size_t spans_of(const std::deque<Trace>& traces) noexcept {
    return std::accumulate(
        traces.begin(), traces.end(), std::size_t{0},
        [](std::size_t sum, const Trace& trace) { return sum + spans_of(trace); });
}

}  // namespace

Poster::Poster(Options options, net::Loop& loop)
    : options_{std::move(options)}, client_{{.url = options_.server}, loop}, timer_{
                                                                                 loop.timer([this] {
                                                                                     timed_ = false;
                                                                                     post();
                                                                                 })} {}

Poster::~Poster() {
    options_.dropped->add_shared(waiting_ + spans_of(under_way_));
}

void Poster::add(Trace trace) {
    waiting_ += spans_of(trace);
    backlog_.push_back(std::move(trace));
    trim();
    if (transfer_ != nullptr) return;
    if (!failing_ && waiting_ >= options_.batch) return post();
    if (!timed_) wait(options_.interval);
}

void Poster::wait(std::chrono::milliseconds time) {
    timed_ = true;
    timer_->start(time);
}

/// A trace is dropped whole, but the one that is larger than everything there is room for stays.
void Poster::trim() {
    while (waiting_ > options_.backlog && backlog_.size() > 1) {
        const std::size_t spans = spans_of(backlog_.front());
        backlog_.pop_front();
        waiting_ -= spans;
        options_.dropped->add_shared(spans);
    }
}

std::string Poster::next_body() {
    std::vector<std::string> texts;
    while (!backlog_.empty() && texts.size() < request_spans_max) {
        write_spans(backlog_.front(), options_.endpoint, texts);
        under_way_.push_back(std::move(backlog_.front()));
        backlog_.pop_front();
    }
    waiting_ -= texts.size();
    std::string body;
    for (const std::string& text : texts) body += (body.empty() ? '[' : ',') + text;
    return body += ']';
}

void Poster::post() {
    if (transfer_ != nullptr || backlog_.empty()) return;
    timer_->stop();
    timed_ = false;
    status_ = 0;
    answer_octets_ = 0;
    // "b3: 0" asks what lies between us and the collector not to trace this very request.
    transfer_ = client_.start({.target = options_.target,
                               .headers = {"Content-Type: application/json", "b3: 0"},
                               .post = next_body(),
                               .time_max = options_.time_max},
                              {.head = [this](const net::HttpHead& head) { status_ = head.status; },
                               .body = [this](std::string_view part) { answered(part.size()); },
                               .end = [this](const net::HttpEnd& end) { ended(end); }});
}

void Poster::answered(std::size_t octets) {
    answer_octets_ += octets;
    if (answer_octets_ > answer_octets_max) ended({});
}

void Poster::ended(const net::HttpEnd& end) {
    transfer_.reset();
    // What comes behind the head of an answer does not matter any more.
    if (status_ == 0) {
        put_back();
        return settle(false, end.reason.empty() ? "no answer" : end.reason);
    }
    const bool taken = status_ / 100 == 2;
    (taken ? options_.sent : options_.dropped)->add_shared(spans_of(under_way_));
    under_way_.clear();
    settle(taken, "status " + std::to_string(status_));
}

void Poster::put_back() {
    waiting_ += spans_of(under_way_);
    backlog_.insert(backlog_.begin(), std::make_move_iterator(under_way_.begin()),
                    std::make_move_iterator(under_way_.end()));
    under_way_.clear();
    trim();
}

void Poster::settle(bool taken, const std::string& reason) {
    if (taken && failing_) NP_LOG_INFO("trace.collector_takes", "to", options_.label);
    if (!taken && !failing_) {
        NP_LOG_WARNING("trace.collector_fails", "to", options_.label, "reason", reason);
    }
    failing_ = !taken;
    if (failing_) return wait(std::max(options_.interval, retry_time_min));
    if (waiting_ >= options_.batch) return post();
    if (!backlog_.empty()) wait(options_.interval);
}

}  // namespace nameplane::plugins::tracing
