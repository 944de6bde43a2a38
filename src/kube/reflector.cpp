#include "kube/reflector.hpp"

#include <algorithm>
#include <utility>

namespace nameplane::kube {
namespace {

using namespace std::chrono_literals;

constexpr unsigned watch_failures_max = 3;
constexpr unsigned streams_failed_max = 2;
constexpr unsigned damaged_times_max = 2;
constexpr std::chrono::seconds page_time_max{120};
/// How long a watch may last: so much to twice as much.
constexpr std::chrono::seconds watch_time_min{300};
constexpr std::chrono::seconds doubt_time_min{60};
/// What a watch may take longer than its server promised.
constexpr std::chrono::seconds watch_time_extra{60};
/// A watch that ends sooner, without an event, is none.
constexpr std::chrono::seconds watch_life_min{1};

constexpr int expired = 410;
constexpr int absent = 404;

/// Whether the answer may mean "sendInitialEvents: what is that".
bool refuses_parameter(int status) noexcept {
    return status == 400 || status == 403 || status == 422;
}
/// Whether asking again for the same may help.
bool may_pass(int status) noexcept {
    return status == 0 || status == 401 || status == 403 || status == 404 || status == 408 ||
           status == 429;
}

}  // namespace

std::string_view to_string(ListHow how) noexcept {
    switch (how) {
    case ListHow::streamed: return "stream";
    case ListHow::paged: return "pages";
    }
    return {};
}

std::string_view to_string(RelistReason reason) noexcept {
    switch (reason) {
    case RelistReason::expired: return "expired";
    case RelistReason::error: return "error";
    case RelistReason::refused: return "refused";
    case RelistReason::failing: return "failing";
    case RelistReason::silent: return "silent";
    }
    return {};
}

std::string escaped(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                           (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            out += c;
            continue;
        }
        const auto octet = static_cast<unsigned char>(c);
        out += '%';
        out += digits[octet >> 4U];
        out += digits[octet & 15U];
    }
    return out;
}

Reflector::Reflector(ReflectorOptions options, Api& api, ApiDecoder& decoder,
                     const MakeTimer& make_timer, const Clock& clock,
                     std::function<double()> random, ReflectorListener& listener)
    : options_{std::move(options)}, api_{api}, decoder_{decoder}, clock_{clock}, random_{random},
      listener_{listener}, backoff_{std::move(random)} {
    retry_timer_ = make_timer([this] { (this->*attempt_)(); });
    patience_ = make_timer([this] { on_patience(); });
}

Reflector::~Reflector() = default;

void Reflector::start() {
    list();
}

// Requests.

std::string Reflector::target(std::string_view query) const {
    std::string target = options_.path;
    char before = '?';
    for (const std::string_view part : {query, std::string_view{options_.selectors}}) {
        if (part.empty()) continue;
        target.append(1, std::exchange(before, '&')).append(part);
    }
    return target;
}

std::chrono::seconds Reflector::watch_time() {
    const std::chrono::seconds least = in_doubt_ ? doubt_time_min : watch_time_min;
    return least +
           std::chrono::seconds{static_cast<long>(random_() * static_cast<double>(least.count()))};
}

void Reflector::send(Phase phase, std::string target, bool watches) {
    phase_ = phase;
    begun_ = false;
    ApiRequest request{.target = std::move(target),
                       .what = (watches ? "watch " : "list ") + options_.resource,
                       .compressed = !watches,
                       .time_max = page_time_max};
    if (watches) request.time_max = 2 * watch_time_min + watch_time_extra;
    patience_->start(begin_max);
    call_ =
        api_.get(std::move(request), {.body = [this](std::string_view octets) { on_body(octets); },
                                      .end = [this](const ApiEnd& end) { on_end(end); },
                                      .begun = [this] { on_begun(); }});
}

void Reflector::list() {
    list_began_ = clock_.now();
    watched_ = false;
    report_ = {};
    open_ = false;
    continue_token_.clear();
    if (options_.stream_lists && !pages_only_)
        stream();
    else
        page();
}

void Reflector::stream() {
    events_.emplace();
    send(Phase::streaming,
         target("watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
                "&allowWatchBookmarks=true&timeoutSeconds=" +
                std::to_string(watch_time().count())),
         true);
}

void Reflector::page() {
    items_.emplace();
    std::string query;
    if (!whole_page_) {
        query = "limit=500";
        // Old is good enough for who knows nothing yet, and spares the server. Never later: an
        // old list would take back what we have told.
        if (!continue_token_.empty())
            query += "&continue=" + escaped(continue_token_);
        else if (!listed_ && !options_.known_before)
            query += "&resourceVersion=0";
    }
    send(Phase::paging, target(query), false);
}

void Reflector::watch() {
    events_.emplace();
    watch_events_ = 0;
    if (std::exchange(watched_, true)) listener_.watch_restarted();
    send(Phase::watching,
         target("watch=1&resourceVersion=" + escaped(resource_version_) +
                "&allowWatchBookmarks=true&timeoutSeconds=" + std::to_string(watch_time().count())),
         true);
}

// Answers.

void Reflector::on_begun() {
    begun_ = true;
    patience_->stop();
    listener_.heard();
    switch (phase_) {
    case Phase::streaming:
        patience_->start(quiet_max);
        open_list();
        break;
    case Phase::paging:
        if (!open_) open_list();
        break;
    case Phase::watching: begin_watching(); break;
    case Phase::idle:
    case Phase::waiting: break;
    }
}

void Reflector::begin_watching() {
    watch_began_ = clock_.now();
    watch_events_ = 0;
    listener_.watching();
}

void Reflector::on_body(std::string_view octets) {
    if (!begun_) on_begun();
    listener_.heard();
    const bool streaming = phase_ == Phase::streaming;
    if (streaming) patience_->start(quiet_max);
    const bool more = phase_ == Phase::paging ? take_items(octets) : take_events(octets);
    settle();
    if (more && phase_ == Phase::streaming && clock_.now() - list_began_ > streaming_max)
        on_patience();
}

/// A first list is of use to nobody before it is whole.
void Reflector::settle() {
    if (listed_) listener_.settled();
}

/// Silence where something should have come.
void Reflector::on_patience() {
    stop_call();
    if (phase_ == Phase::streaming && begun_) {
        pages_only_ = true;
        return list();
    }
    const bool watches = phase_ == Phase::watching;
    retry(watches ? &Reflector::watch : &Reflector::list,
          within("no answer within " + std::to_string(begin_max.count()) +
                 " seconds; look whether the API server is overloaded"));
}

std::string Reflector::within(std::string_view what) const {
    const bool lists = phase_ == Phase::paging;
    return (lists ? "list " : "watch ") + options_.resource + ": " + std::string{what};
}

void Reflector::on_end(const ApiEnd& end) {
    patience_->stop();
    const ApiEnd copy = end;  // the call owns it
    call_.reset();
    switch (phase_) {
    case Phase::streaming: return on_stream_end(copy);
    case Phase::paging: return on_page_end(copy);
    case Phase::watching: return on_watch_end(copy);
    case Phase::idle:
    case Phase::waiting: break;
    }
}

void Reflector::on_stream_end(const ApiEnd& end) {
    if (!begun_ && refuses_parameter(end.status)) {
        pages_only_ = true;
        return list();
    }
    // Somebody in between may have trouble with streams only.
    const bool answered = begun_ || end.status >= 500;
    if (answered && ++streams_failed_ == streams_failed_max) pages_only_ = true;
    retry(&Reflector::list,
          end.ok ? within("the server ended it before the list was whole") : end.error,
          pause_after(end));
}

void Reflector::on_page_end(const ApiEnd& end) {
    if (!end.ok) {
        // As client-go does: begin again, and without pages, which might expire once more.
        whole_page_ = end.status == expired && !continue_token_.empty();
        if (whole_page_) return list();
        return retry(&Reflector::list, end.error, pause_after(end));
    }
    const auto metadata = decoder_.list_metadata(items_->metadata());
    if (!items_->whole() || !items_->has_items() || !metadata || metadata->resource_version.empty())
        return retry(&Reflector::list, within("the answer is no whole list"));
    if (continue_token_.empty()) resource_version_ = metadata->resource_version;
    continue_token_ = metadata->continue_token;
    if (!continue_token_.empty()) return page();
    finish_list(ListHow::paged);
    settle();
    watch();
}

void Reflector::on_watch_end(const ApiEnd& end) {
    const auto lived = begun_ ? clock_.now() - watch_began_ : Monotonic::duration{};
    if (lived >= life_min) {
        backoff_.reset();
        watch_failures_ = 0;
    }
    if (!begun_ && !end.ok) return on_watch_refused(end);
    if (!end.ok) return retry(&Reflector::watch, end.error, end.retry_after);
    if (events_->in_object())
        return retry(&Reflector::watch, within("the server ended it within an event"));
    if (lived < watch_life_min && watch_events_ == 0)
        return retry(&Reflector::watch, within("the server ended it at once"));
    if (in_doubt_)
        return relist(RelistReason::silent, within("not even a bookmark since it was lost"));
    watch();
}

void Reflector::on_watch_refused(const ApiEnd& end) {
    if (end.status == expired) return relist(RelistReason::expired, end.error, end.retry_after);
    if (may_pass(end.status)) return retry(&Reflector::watch, end.error, end.retry_after);
    if (end.status < 500) return relist(RelistReason::refused, end.error, end.retry_after);
    // A server that was set back waits for a version that lies in its future.
    rewatch_or_relist(end.error, end.retry_after);
}

void Reflector::rewatch_or_relist(const std::string& error,
                                  std::optional<std::chrono::seconds> retry_after) {
    if (++watch_failures_ < watch_failures_max) return retry(&Reflector::watch, error, retry_after);
    watch_failures_ = 0;
    relist(RelistReason::failing, error, retry_after);
}

// Contents.

/// False if the answer is of no more use; then it has been seen to what comes next.
bool Reflector::take_events(std::string_view octets) {
    events_->feed(octets);
    while (true) {
        const Piece piece = events_->next();
        switch (piece.what) {
        case Piece::What::nothing: return true;
        case Piece::What::object:
            if (!take(decoder_.event(options_.kind, piece.octets))) return false;
            break;
        case Piece::What::over_long:
            if (!take(ApiDecoder::event_over_long(options_.kind, piece.octets))) return false;
            break;
        case Piece::What::garbage: return take(ApiEvent{.object = {.reason = "not JSON"}});
        }
    }
}

bool Reflector::take_items(std::string_view octets) {
    items_->feed(octets);
    while (true) {
        const Piece piece = items_->next();
        switch (piece.what) {
        case Piece::What::nothing: return true;
        case Piece::What::object:
            if (!take(decoder_.item(options_.kind, piece.octets))) return false;
            break;
        case Piece::What::over_long:
            if (!take(ApiDecoder::item_over_long(options_.kind, piece.octets))) return false;
            break;
        case Piece::What::garbage: return take(ApiObject{.reason = "not JSON"});
        }
    }
}

bool Reflector::take(ApiEvent event) {
    if (!is_of_use(event.object)) {
        on_garbage(event.object.reason);
        return false;
    }
    listener_.counted(event.type);
    ++watch_events_;
    const bool streaming = phase_ == Phase::streaming;
    std::string version = event.object.resource_version;
    switch (event.type) {
    case ApiEventType::added:
    case ApiEventType::modified:
    case ApiEventType::deleted: tell(std::move(event.object)); break;
    case ApiEventType::bookmark: break;
    case ApiEventType::error: return on_error_event(event.status);
    }
    // While a list streams, the versions of its objects are no place to go on from.
    if (streaming && !event.initial_events_end) return true;
    if (!version.empty()) {
        resource_version_ = std::move(version);
        watch_failures_ = 0;
        damaged_.clear();
        in_doubt_ = false;
    }
    if (!streaming) return true;
    patience_->stop();
    finish_list(ListHow::streamed);
    phase_ = Phase::watching;
    watched_ = true;
    begin_watching();
    return true;
}

/// The server says that it cannot go on. Always false.
bool Reflector::on_error_event(const ApiStatus& status) {
    stop_call();
    const std::string error =
        within(status.message.empty() ? "the server sent an error" : status.message);
    if (phase_ == Phase::streaming) {
        on_stream_error(error, status);
        return false;
    }
    if (clock_.now() - watch_began_ >= life_min) backoff_.reset();
    relist(status.code == expired ? RelistReason::expired : RelistReason::error, error,
           status.retry_after);
    return false;
}

/// A server whose etcd is too old for streaming lists says so in an event.
void Reflector::on_stream_error(const std::string& error, const ApiStatus& status) {
    if (status.retry_after) return retry(&Reflector::list, error, status.retry_after);
    pages_only_ = true;
    list();
}

void Reflector::on_garbage(const std::string& reason) {
    stop_call();
    const std::string error = within("the answer cannot be read: " + reason);
    if (phase_ == Phase::watching) return rewatch_or_relist(error, {});
    if (phase_ == Phase::streaming && ++streams_failed_ == streams_failed_max) pages_only_ = true;
    retry(&Reflector::list, error);
}

void Reflector::stop_call() {
    patience_->stop();
    call_.reset();
}

/// What was damaged on its way comes whole the next time. What comes damaged again and again is
/// like that, and must not stop the rest.
bool Reflector::is_of_use(const ApiObject& object) {
    if (object.state == ApiObject::State::garbage) return false;
    if (!object.damaged) return true;
    constexpr std::size_t keys_max = 1000;
    if (damaged_.size() >= keys_max) damaged_.clear();
    unsigned& times = damaged_[object.key];
    if (times >= damaged_times_max) return true;
    ++times;
    return false;
}

bool Reflector::take(ApiObject item) {
    if (is_of_use(item)) {
        tell(std::move(item));
        return true;
    }
    on_garbage(item.reason);
    return false;
}

void Reflector::tell(ApiObject object) {
    const bool lists = phase_ != Phase::watching;
    report_.objects += lists ? 1U : 0U;
    switch (object.state) {
    case ApiObject::State::read: listener_.put(std::move(object)); break;
    case ApiObject::State::ignored: break;
    case ApiObject::State::refused:
        report_.refused += lists ? 1U : 0U;
        listener_.refused(object);
        if (lists && !object.key.name.empty())
            listener_.bound(services::Keep{options_.kind, std::move(object.key)});
        break;
    case ApiObject::State::garbage: break;
    }
}

void Reflector::open_list() {
    open_ = true;
    listener_.bound(services::BeginList{options_.kind});
}

void Reflector::finish_list(ListHow how) {
    listener_.bound(services::EndList{options_.kind});
    listed_ = true;
    in_doubt_ = false;
    damaged_.clear();
    pages_only_ = false;
    streams_failed_ = 0;
    whole_page_ = false;
    report_.how = how;
    report_.took = clock_.now() - list_began_;
    listener_.listed(report_);
}

// Failures.

std::optional<std::chrono::seconds> Reflector::pause_after(const ApiEnd& end) const {
    const bool pauses = end.status == absent && options_.absent_pause > std::chrono::seconds{0};
    return pauses ? std::max(options_.absent_pause, end.retry_after.value_or(options_.absent_pause))
                  : end.retry_after;
}

void Reflector::wait(void (Reflector::*attempt)(),
                     std::optional<std::chrono::seconds> retry_after) {
    phase_ = Phase::waiting;
    attempt_ = attempt;
    std::chrono::milliseconds delay = backoff_.next();
    if (retry_after) delay += std::min(*retry_after, retry_after_max);
    retry_timer_->start(delay);
}

void Reflector::retry(void (Reflector::*attempt)(), const std::string& error,
                      std::optional<std::chrono::seconds> retry_after) {
    in_doubt_ = true;
    wait(attempt, retry_after);
    listener_.trouble(error);
}

void Reflector::relist(RelistReason reason, const std::string& error,
                       std::optional<std::chrono::seconds> retry_after) {
    wait(&Reflector::list, retry_after);
    listener_.relisting(reason, error);
}

}  // namespace nameplane::kube
