#include "kube/api_client.hpp"

#include "kube/api_error.hpp"
#include "kube/api_metrics.hpp"
#include "kube/credentials.hpp"
#include "kube/folder.hpp"
#include "net/http_client.hpp"
#include <nameplane/base/log.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace nameplane::kube {
namespace {

using net::HttpEnd;
using net::HttpFailure;
using net::HttpHead;

constexpr std::size_t error_body_octets_max = 64 * 1024;
/// An endless answer must at least begin within that; an API server says so at once.
constexpr std::chrono::seconds head_time_max{60};

struct Call {
    ApiRequest request;
    ApiCallbacks callbacks;
    Identity identity;
    std::unique_ptr<net::HttpTransfer> transfer;
    HttpHead head;
    std::string body;  ///< of an answer that is not 2xx
    Monotonic started;
    bool retried = false;
    bool gone = false;  ///< nobody wants it any more, or it has ended
};
using CallPtr = std::shared_ptr<Call>;

bool is_good(int status) {
    return status / 100 == 2;
}

}  // namespace

/// Calls, and who we are meanwhile. Shared with what waits for callbacks, which may outlive the
/// client.
struct ApiClient::State : std::enable_shared_from_this<ApiClient::State> {
    State(ApiAccess given, net::Loop& on_loop, metrics::Registry& registry, const Clock& the_clock,
          ApiClientOptions given_options)
        : access{std::move(given)}, loop{on_loop}, clock{the_clock}, options{given_options},
          metrics{registry, access.peer.url}, http{std::in_place, access.peer, on_loop},
          credentials{access, on_loop, the_clock, given_options.reread} {}

    void wire() {
        const auto timer = [this](void (State::*what)()) {
            return loop.timer([weak = weak_from_this(), what] {
                if (const auto self = weak.lock()) (*self.*what)();
            });
        };
        ticks = timer(&State::tick);
        soon = timer(&State::tell_unsent);
    }

    void begin(const CallPtr& call) {
        credentials.get([weak = weak_from_this(), call](const Result<Identity>& identity) {
            const auto self = weak.lock();
            if (!self || call->gone) return;
            if (identity) return self->send(call, *identity);
            self->unsent.emplace_back(call, identity.error());
            self->soon->start(std::chrono::milliseconds{0});
        });
    }

    void send(const CallPtr& call, const Identity& identity) {
        call->identity = identity;
        use(identity);
        net::HttpRequest request{.target = call->request.target,
                                 .headers = identity.headers,
                                 .compressed = call->request.compressed && access.compression,
                                 .time_max = call->request.time_max};
        request.headers.emplace_back("Accept: application/json");
        request.headers.emplace_back("User-Agent: nameplane/" NAMEPLANE_VERSION);
        const std::weak_ptr<State> weak = weak_from_this();
        const std::weak_ptr<Call> weak_call = call;
        const auto with = [weak, weak_call](auto what) {
            const auto self = weak.lock();
            const CallPtr alive = weak_call.lock();
            if (self && alive && !alive->gone) what(*self, alive);
        };
        call->transfer = http->start(
            std::move(request),
            {.head =
                 [with](const HttpHead& head) {
                     with([&](State& self, const CallPtr& c) { self.on_head(c, head); });
                 },
             .body =
                 [with](std::string_view octets) {
                     with([&](State& self, const CallPtr& c) { self.on_body(c, octets); });
                 },
             .end =
                 [with](const HttpEnd& end) {
                     with([&](State& self, const CallPtr& c) { self.on_end(c, end); });
                 }});
    }

    void on_head(const CallPtr& call, const HttpHead& head) {
        heard();
        call->head = head;
        metrics.answered(head.status);
        if (is_good(head.status) && call->callbacks.begun) call->callbacks.begun();
    }

    void on_body(const CallPtr& call, std::string_view octets) {
        heard();
        if (is_good(call->head.status)) {
            if (call->callbacks.body) call->callbacks.body(octets);
            return;
        }
        call->body += octets.substr(0, error_body_octets_max - call->body.size());
    }

    void on_end(const CallPtr& call, const HttpEnd& end) {
        metrics.add(http->totals());
        if (end.failure == HttpFailure::none) last_heard = clock.now();
        if (call->head.status == 0) metrics.answered(0);
        if (call->request.time_max.count() != 0) metrics.took(clock.now() - call->started);
        if (call->head.status == 401 && credentials.reject(call->identity) &&
            !std::exchange(call->retried, true)) {
            call->head = {};
            call->body.clear();
            return begin(call);
        }
        ApiEnd told{.status = call->head.status,
                    .ok = is_good(call->head.status) && end.failure == HttpFailure::none,
                    .retry_after = call->head.retry_after,
                    .error = {}};
        if (!told.ok)
            told.error = explain({call->request.what, access, call->head, end, call->body});
        finish(call, told);
    }

    /// May be the end of the client.
    void finish(const CallPtr& call, const ApiEnd& end) {
        forget(*call);
        if (call->callbacks.end) call->callbacks.end(end);
    }

    void forget(Call& call) {
        call.gone = true;
        std::erase_if(calls, [&](const CallPtr& each) { return each.get() == &call; });
        if (!calls.empty()) return;
        ticks->stop();
        probe.reset();
    }

    /// For calls that could not even be sent, which get() must not say.
    void tell_unsent() {
        const auto self = shared_from_this();
        while (!closed && !unsent.empty()) {
            const auto [call, error] = unsent.front();
            unsent.erase(unsent.begin());
            if (!call->gone)
                finish(call, {.status = 0,
                              .ok = false,
                              .retry_after = {},
                              .error = call->request.what + ": " + one_line(error.text)});
        }
    }

    void heard() {
        last_heard = clock.now();
        metrics.add(http->totals());
    }

    /// A plugin's certificate takes the place of that of the access.
    void use(const Identity& identity) {
        net::HttpPeer peer = access.peer;
        if (!identity.certificate.empty()) {
            peer.certificate = {.file = {}, .text = identity.certificate};
            peer.key = {.file = {}, .text = identity.key};
        }
        if (peer == used) return;
        used = peer;
        http->use(std::move(peer));
    }

    void tick() {
        const auto self = shared_from_this();
        const Monotonic now = clock.now();
        look_for_life(now);
        look_for_heads(now);
        if (now - certificate_read < options.reread) return;
        certificate_read = now;
        std::string content = certificate_content();
        if (content.empty() || content == certificate) return;
        if (!std::exchange(certificate, std::move(content)).empty())
            http->drop_connections("the client certificate has changed");
    }

    std::string certificate_content() const {
        if (access.peer.certificate.file.empty()) return {};
        auto content = read_file(access.peer.certificate.file);
        return std::move(content).value_or({});
    }

    void look_for_life(Monotonic now) {
        const auto silent = std::chrono::duration_cast<std::chrono::seconds>(now - last_heard);
        if (now - last_heard < options.silence_max) return probe.reset();
        if (probe) {
            if (now - probe_started < options.probe_time_max) return;
            probe.reset();
            last_heard = now;
            NP_LOG_WARNING("api.silent", "server", access.peer.url, "seconds", silent.count());
            http->drop_connections("the API server has been silent for " +
                                   std::to_string(silent.count()) + " s");
            return;
        }
        if (now < probe_next) return;
        probe_started = now;
        probe_next = now + options.probe_time_max;
        const std::weak_ptr<State> weak = weak_from_this();
        probe = http->start({.target = "/livez",
                             .headers = {"User-Agent: nameplane/" NAMEPLANE_VERSION},
                             .time_max = std::chrono::milliseconds{0}},
                            {.head =
                                 [weak](const HttpHead&) {
                                     // Whatever it says, it lives.
                                     if (const auto self = weak.lock()) self->heard();
                                 },
                             .body = {},
                             .end =
                                 [weak](const HttpEnd&) {
                                     if (const auto self = weak.lock()) self->probe.reset();
                                 }});
    }

    /// An endless answer that does not even begin.
    void look_for_heads(Monotonic now) {
        for (const CallPtr& call : std::vector<CallPtr>{calls}) {
            if (closed || call->gone || !call->transfer) continue;
            if (call->request.time_max.count() != 0 || call->head.status != 0) continue;
            if (now - call->started < head_time_max) continue;
            call->transfer.reset();
            on_end(call, {.failure = HttpFailure::timed_out, .reason = "no answer began"});
        }
    }

    ApiAccess access;
    net::Loop& loop;
    const Clock& clock;
    ApiClientOptions options;
    ApiMetrics metrics;
    std::optional<net::HttpClient> http;
    Credentials credentials;
    net::HttpPeer used = access.peer;
    std::vector<CallPtr> calls;
    std::vector<std::pair<CallPtr, Error>> unsent;
    std::unique_ptr<net::Timer> ticks;
    std::unique_ptr<net::Timer> soon;
    std::unique_ptr<net::HttpTransfer> probe;
    Monotonic last_heard;
    Monotonic probe_started;
    Monotonic probe_next;
    Monotonic certificate_read;
    std::string certificate;
    bool closed = false;
};

ApiClient::ApiClient(ApiAccess access, net::Loop& loop, metrics::Registry& registry,
                     const Clock& clock, ApiClientOptions options)
    : state_{std::make_shared<State>(std::move(access), loop, registry, clock, options)} {
    state_->wire();
    state_->certificate_read = clock.now();
    state_->certificate = state_->certificate_content();
}

ApiClient::~ApiClient() {
    state_->closed = true;
    for (const CallPtr& call : state_->calls) {
        call->gone = true;
        call->transfer.reset();
    }
    state_->calls.clear();
    state_->unsent.clear();
    state_->ticks.reset();
    state_->soon.reset();
    state_->probe.reset();
}

std::unique_ptr<ApiCall> ApiClient::get(ApiRequest request, ApiCallbacks callbacks) {
    class Held final : public ApiCall {
    public:
        Held(std::weak_ptr<State> state, CallPtr call)
            : state_{std::move(state)}, call_{std::move(call)} {}
        ~Held() override {
            call_->transfer.reset();
            const auto state = state_.lock();
            if (state && !state->closed) state->forget(*call_);
            call_->gone = true;
        }
        Held(const Held&) = delete;
        Held& operator=(const Held&) = delete;

    private:
        std::weak_ptr<State> state_;
        CallPtr call_;
    };
    auto call = std::make_shared<Call>();
    call->request = std::move(request);
    call->callbacks = std::move(callbacks);
    call->started = state_->clock.now();
    if (state_->calls.empty()) {
        state_->last_heard = call->started;
        state_->ticks->start(state_->options.tick, state_->options.tick);
    }
    state_->calls.push_back(call);
    state_->begin(call);
    return std::make_unique<Held>(state_, std::move(call));
}

}  // namespace nameplane::kube
