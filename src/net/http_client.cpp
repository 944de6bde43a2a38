#include "net/http_client.hpp"

#include "net/http_exchange.hpp"
#include "net/http_library.hpp"
#include <nameplane/base/check.hpp>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

namespace nameplane::net {
namespace {

constexpr std::chrono::milliseconds quiet_after{3};

struct FreeMulti {
    void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
};

void check_multi(CURLMcode code) {
    NP_CHECK(code == CURLM_OK, "libcurl is not entered from within itself");
}

}  // namespace

void init_http_library() {
    // libcurl of Debian 12 locks where it must.
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    NP_CHECK(initialised == CURLE_OK, "there is memory");
}

/// Enters libcurl, and nobody else does. A user's callbacks run inside of libcurl (head, body) or
/// behind it (end). What they ask for meanwhile is only written down; tidy() does it when nobody
/// is inside any more. Whoever calls back keeps the engine alive.
class HttpClient::Engine final : public ExchangeOwner, public std::enable_shared_from_this<Engine> {
public:
    Engine(HttpPeer peer, Loop& loop) : loop_{loop}, peer_{std::move(peer)} {
        init_http_library();
        make_multi();
    }
    ~Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// Once, when the engine is shared: what its timers hold must not keep it alive.
    void wire() {
        timer_ = loop_.timer([weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->act(CURL_SOCKET_TIMEOUT, 0);
        });
        soon_ = loop_.timer([weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->settle();
        });
        quiet_ = loop_.timer([weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->wake_all();
        });
    }

    std::shared_ptr<Exchange> start(HttpRequest request, HttpCallbacks callbacks);
    void stop(Exchange& exchange);
    void drop(const std::string& reason);
    void close();
    void use(HttpPeer peer) { peer_ = std::move(peer); }
    HttpTotals totals() const noexcept { return totals_; }
    void account(std::uint64_t octets_in, std::uint64_t connections) noexcept override {
        burst_ += octets_in;
        totals_.octets_in += octets_in;
        totals_.connections += connections;
    }

private:
    struct Entry {
        std::shared_ptr<Exchange> exchange;
        bool added = false;              ///< to the multi
        std::optional<HttpEnd> cut{};    ///< how it ended, whatever libcurl says
        std::unique_ptr<Timer> limit{};  ///< of the time without a connection
    };

    static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void*);
    static int on_timer(CURLM*, long delay_ms, void* self);

    void make_multi();
    void end_multi();
    void act(curl_socket_t fd, int events);
    void wake_all();
    void settle();
    void tell_ends();
    void tell_cuts();
    void tidy();
    void look_for_connection(const Exchange& exchange);
    static void cut(Entry& entry, HttpFailure failure, std::string reason);
    Entry& entry_of(const CURL* easy);

    Loop& loop_;
    HttpPeer peer_;
    HttpTotals totals_;
    std::unique_ptr<CURLM, FreeMulti> multi_;
    std::unordered_map<curl_socket_t, std::unique_ptr<FdWatch>> watches_;
    std::unique_ptr<Timer> timer_;  ///< libcurl's
    std::unique_ptr<Timer> soon_;   ///< for ends that nothing of libcurl's will bring
    std::unique_ptr<Timer> quiet_;  ///< for transfers that sleep
    std::uint64_t burst_ = 0;       ///< octets since all had a turn
    std::vector<Entry> entries_;
    bool busy_ = false;    ///< inside of libcurl or of a user's callback
    bool renew_ = false;   ///< the multi and its connections are to go
    bool closed_ = false;  ///< the client has gone
};

std::shared_ptr<Exchange> HttpClient::Engine::start(HttpRequest request, HttpCallbacks callbacks) {
    auto exchange =
        std::make_shared<Exchange>(peer_, std::move(request), std::move(callbacks), *this);
    Entry& entry = entries_.emplace_back(Entry{.exchange = exchange});
    // libcurl's limit does not count while a request waits for the connection of another.
    entry.limit = loop_.timer([weak = weak_from_this(), waiting = exchange.get()] {
        if (const auto self = weak.lock()) self->look_for_connection(*waiting);
    });
    entry.limit->start(http_connect_time_max + std::chrono::seconds{1});
    tidy();
    return exchange;
}

void HttpClient::Engine::look_for_connection(const Exchange& exchange) {
    if (exchange.connected()) return;
    cut(entry_of(exchange.easy()), HttpFailure::unconnected,
        "No connection to the server within " + std::to_string(http_connect_time_max.count()) +
            " s");
    settle();
}

void HttpClient::Engine::cut(Entry& entry, HttpFailure failure, std::string reason) {
    if (entry.cut) return;
    entry.cut = HttpEnd{.failure = failure, .reason = std::move(reason)};
    entry.exchange->mute();
}

void HttpClient::Engine::stop(Exchange& exchange) {
    exchange.cancel();
    tidy();
}

void HttpClient::Engine::drop(const std::string& reason) {
    for (Entry& each : entries_) cut(each, HttpFailure::cut, reason);
    renew_ = true;
    soon_->start(std::chrono::milliseconds{0});
    tidy();
}

void HttpClient::Engine::close() {
    closed_ = true;
    timer_.reset();
    soon_.reset();
    quiet_.reset();
    // What callbacks hold goes with them, and may stop other exchanges.
    const bool was_busy = std::exchange(busy_, true);
    for (const Entry& each : entries_) each.exchange->cancel();
    busy_ = was_busy;
    tidy();
}

void HttpClient::Engine::make_multi() {
    multi_.reset(curl_multi_init());
    NP_CHECK(multi_ != nullptr, "there is memory");
    CURLM* const m = multi_.get();
    check_multi(curl_multi_setopt(m, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX)));
    check_multi(curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, &Engine::on_socket));
    check_multi(curl_multi_setopt(m, CURLMOPT_SOCKETDATA, this));
    check_multi(curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, &Engine::on_timer));
    check_multi(curl_multi_setopt(m, CURLMOPT_TIMERDATA, this));
}

/// Closes all connections; the watches go before their descriptors do.
void HttpClient::Engine::end_multi() {
    if (!multi_) return;
    CURLM* const m = multi_.get();
    check_multi(curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, nullptr));
    check_multi(curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, nullptr));
    watches_.clear();
    if (timer_) timer_->stop();
    for (Entry& each : entries_) {
        if (!std::exchange(each.added, false)) continue;
        each.exchange->account();
        check_multi(curl_multi_remove_handle(m, each.exchange->easy()));
    }
    multi_.reset();
}

/// libcurl waits for a descriptor, or does not any more. It closes none that it waits for.
int HttpClient::Engine::on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) {
    auto& engine = *static_cast<Engine*>(self);
    if (what == CURL_POLL_REMOVE) {
        engine.watches_.erase(fd);
        return 0;
    }
    if (engine.closed_) return 0;
    std::unique_ptr<FdWatch>& watch = engine.watches_[fd];
    if (!watch) {
        watch = engine.loop_.watch(fd, [weak = engine.weak_from_this(), fd](bool in, bool out) {
            const auto engine_now = weak.lock();
            const int events = (in ? CURL_CSELECT_IN : 0) | (out ? CURL_CSELECT_OUT : 0);
            if (engine_now) engine_now->act(fd, events);
        });
    }
    watch->start((what & CURL_POLL_IN) != 0, (what & CURL_POLL_OUT) != 0);
    return 0;
}

int HttpClient::Engine::on_timer(CURLM*, long delay_ms, void* self) {
    const auto& timer = static_cast<Engine*>(self)->timer_;
    if (!timer) return 0;
    if (delay_ms < 0)
        timer->stop();
    else
        timer->start(std::chrono::milliseconds{delay_ms});
    return 0;
}

void HttpClient::Engine::act(curl_socket_t fd, int events) {
    busy_ = true;
    int running = 0;
    check_multi(curl_multi_socket_action(multi_.get(), fd, events, &running));
    if (quiet_ && burst_ >= exchange_buffer_octets / 2) quiet_->start(quiet_after);
    busy_ = false;
    settle();
}

/// Over HTTP/2, whichever transfer is run reads for all. When it has filled the buffer of another,
/// libcurl 7.88 may forget what it read for the rest: nothing wakes them, although their octets are
/// there. So after a burst that could have filled one, each gets a turn, until two rounds brought
/// nothing. To end a pause that was never made is how libcurl can be asked for one.
void HttpClient::Engine::wake_all() {
    busy_ = true;
    burst_ = 0;
    for (int quiet = 0; quiet < 2 && !closed_ && !renew_;) {
        const std::uint64_t before = totals_.octets_in;
        for (std::size_t i = 0; i < entries_.size() && !closed_ && !renew_; ++i) {
            const Entry& each = entries_[i];
            if (!each.added || each.exchange->cancelled() || !each.exchange->connected()) continue;
            CURL* const easy = each.exchange->easy();
            curl_easy_pause(easy, CURLPAUSE_SEND);
            curl_easy_pause(easy, CURLPAUSE_CONT);
            int running = 0;
            check_multi(curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running));
        }
        quiet = totals_.octets_in == before ? quiet + 1 : 0;
    }
    busy_ = false;
    settle();
}

/// Tells all ends, then does what was asked for meanwhile.
void HttpClient::Engine::settle() {
    busy_ = true;
    tell_ends();
    tell_cuts();
    busy_ = false;
    tidy();
}

void HttpClient::Engine::tell_ends() {
    while (!closed_ && !renew_) {
        int left = 0;
        const CURLMsg* message = curl_multi_info_read(multi_.get(), &left);
        if (message == nullptr) return;
        if (message->msg != CURLMSG_DONE) continue;
        const CURLcode code = message->data.result;
        Entry& entry = entry_of(message->easy_handle);
        const std::shared_ptr<Exchange> exchange = entry.exchange;
        const HttpEnd end = entry.cut.value_or(exchange->end_of(code));
        exchange->account();
        entry.added = false;
        check_multi(curl_multi_remove_handle(multi_.get(), exchange->easy()));
        exchange->finish(end);
    }
}

void HttpClient::Engine::tell_cuts() {
    // By number: a callback may start others.
    for (std::size_t i = 0; i < entries_.size() && !closed_; ++i) {
        if (!entries_[i].cut || entries_[i].exchange->cancelled()) continue;
        const std::shared_ptr<Exchange> exchange = entries_[i].exchange;
        exchange->finish(*entries_[i].cut);
    }
}

/// Calls nobody.
void HttpClient::Engine::tidy() {
    if (busy_) return;
    if (closed_ || renew_) end_multi();
    if (!closed_ && std::exchange(renew_, false)) make_multi();
    std::vector<Entry> gone;  // freed at the end: what they hold may be anything
    for (Entry& each : entries_) {
        if (!each.exchange->cancelled()) {
            if (each.cut || std::exchange(each.added, true)) continue;
            check_multi(curl_multi_add_handle(multi_.get(), each.exchange->easy()));
            continue;
        }
        if (std::exchange(each.added, false))
            check_multi(curl_multi_remove_handle(multi_.get(), each.exchange->easy()));
        gone.push_back(std::move(each));
    }
    std::erase_if(entries_, [](const Entry& each) { return each.exchange == nullptr; });
}

HttpClient::Engine::Entry& HttpClient::Engine::entry_of(const CURL* easy) {
    const auto at =
        std::ranges::find(entries_, easy, [](const Entry& each) { return each.exchange->easy(); });
    NP_CHECK(at != entries_.end(), "libcurl knows only what was started");
    return *at;
}

HttpClient::HttpClient(HttpPeer peer, Loop& loop)
    : engine_{std::make_shared<Engine>(std::move(peer), loop)} {
    engine_->wire();
}

HttpClient::~HttpClient() {
    engine_->close();
}

std::unique_ptr<HttpTransfer> HttpClient::start(HttpRequest request, HttpCallbacks callbacks) {
    class Held final : public HttpTransfer {
    public:
        Held(std::weak_ptr<Engine> engine, std::shared_ptr<Exchange> exchange)
            : engine_{std::move(engine)}, exchange_{std::move(exchange)} {}
        ~Held() override {
            if (const auto engine = engine_.lock())
                engine->stop(*exchange_);
            else
                exchange_->cancel();
        }
        Held(const Held&) = delete;
        Held& operator=(const Held&) = delete;

    private:
        std::weak_ptr<Engine> engine_;
        std::shared_ptr<Exchange> exchange_;
    };
    auto exchange = engine_->start(std::move(request), std::move(callbacks));
    return std::make_unique<Held>(engine_, std::move(exchange));
}

void HttpClient::drop_connections(std::string reason) {
    engine_->drop(reason);
}

void HttpClient::use(HttpPeer peer) {
    engine_->use(std::move(peer));
}

HttpTotals HttpClient::totals() const noexcept {
    return engine_->totals();
}

}  // namespace nameplane::net
