// HTTP/2 (RFC 9113) by nghttp2, which ends here.

#include "net/b3_headers.hpp"
#include "net/http_session.hpp"
#include <nameplane/base/check.hpp>

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <utility>

namespace nameplane::net {

namespace {

struct FreeSession {
    void operator()(nghttp2_session* session) const noexcept { nghttp2_session_del(session); }
};

/// A request and its answer.
struct Exchange {
    std::string method;
    std::string target;
    std::vector<std::uint8_t> body;
    B3Headers trace;
    std::size_t header_octets = 0;
    bool is_whole = false;  ///< and the host knows it
    bool is_answered = false;
    unsigned refused_with = 0;  ///< what is wrong with it; 0: nothing so far
    std::vector<std::uint8_t> answer;
    std::size_t answer_from = 0;

    std::size_t kept() const noexcept {
        return method.size() + target.size() + body.size() + answer.size();
    }
};

nghttp2_nv header(std::string_view name, std::string_view value) noexcept {
    return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
            reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
            value.size(), NGHTTP2_NV_FLAG_NONE};
}

class Http2Session final : public HttpSession {
public:
    explicit Http2Session(HttpHost& host) : host_{&host} {
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_session_callbacks_new(&callbacks);
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid);
        nghttp2_session* session = nullptr;
        const int made = nghttp2_session_server_new(&session, callbacks, this);
        nghttp2_session_callbacks_del(callbacks);
        NP_CHECK(made == 0, "out of memory ends the process");
        session_.reset(session);
        const std::array<nghttp2_settings_entry, 2> settings{
            {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HttpLimits::streams_max},
             {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HttpLimits::header_octets_max}}};
        nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
        pump();
    }

    bool receive(std::span<const std::uint8_t> octets) override {
        if (over_) return false;
        const auto took = nghttp2_session_mem_recv(session_.get(), octets.data(), octets.size());
        if (took < 0) over_ = true;
        return pump();
    }

    bool respond(std::uint64_t stream, const HttpResponse& response) override {
        const auto found = exchanges_.find(static_cast<std::int32_t>(stream));
        if (found != exchanges_.end() && !found->second.is_answered) {
            answer(found->first, found->second, response);
        }
        // Within receive() all answers go together.
        return receiving_ ? !over_ : pump();
    }

    bool wants_more() const noexcept override { return !over_; }
    bool is_paused() const noexcept override { return false; }
    bool has_unfinished() const noexcept override { return !over_ && !exchanges_.empty(); }
    std::uint64_t responses_sent() const noexcept override { return sent_; }
    void shut_down() override {
        if (over_ || std::exchange(shut_down_, true)) return;
        nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(session_.get()),
                              NGHTTP2_NO_ERROR, nullptr, 0);
        pump();
    }

private:
    using Exchanges = std::map<std::int32_t, Exchange>;

    static Http2Session& self(void* data) noexcept { return *static_cast<Http2Session*>(data); }

    static bool begins_request(const nghttp2_frame& frame) noexcept {
        return frame.hd.type == NGHTTP2_HEADERS && frame.headers.cat == NGHTTP2_HCAT_REQUEST;
    }

    static int on_begin(nghttp2_session*, const nghttp2_frame* frame, void* data) {
        if (begins_request(*frame)) self(data).exchanges_.try_emplace(frame->hd.stream_id);
        return 0;
    }

    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                         std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                         std::uint8_t, void* data) {
        Http2Session& mine = self(data);
        const auto found = mine.exchanges_.find(frame->hd.stream_id);
        if (found == mine.exchanges_.end()) return 0;
        Exchange& exchange = found->second;
        exchange.header_octets += name_size + value_size;
        if (exchange.header_octets > HttpLimits::header_octets_max) {
            exchange.refused_with = 431;
            return 0;
        }
        const std::string_view called{reinterpret_cast<const char*>(name), name_size};
        const std::string_view text{reinterpret_cast<const char*>(value), value_size};
        if (called == ":method") exchange.method = text;
        if (called == ":path") exchange.target = text;
        if (begins_request(*frame)) exchange.trace.take(called, text);
        if (called != ":method" && called != ":path") return 0;
        mine.kept_ += text.size();
        return mine.kept_ > HttpLimits::kept_octets_max ? mine.give_up(found->first) : 0;
    }

    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream,
                       const std::uint8_t* octets, std::size_t size, void* data) {
        Http2Session& mine = self(data);
        const auto found = mine.exchanges_.find(stream);
        if (found == mine.exchanges_.end()) return 0;
        Exchange& exchange = found->second;
        if (exchange.refused_with != 0) return 0;
        if (exchange.body.size() + size > HttpLimits::body_octets_max) {
            exchange.refused_with = 413;
            return 0;
        }
        if (mine.kept_ + size > HttpLimits::kept_octets_max) return mine.give_up(stream);
        exchange.body.insert(exchange.body.end(), octets, octets + size);
        mine.kept_ += size;
        return 0;
    }

    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* data) {
        Http2Session& mine = self(data);
        const bool ends_request =
            (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
            (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
        if (frame->hd.type == NGHTTP2_RST_STREAM) mine.note_reset();
        if (ends_request) mine.whole(frame->hd.stream_id);
        return 0;
    }

    static int on_invalid(nghttp2_session*, const nghttp2_frame*, int, void* data) {
        self(data).note_reset();
        return 0;
    }

    static int on_close(nghttp2_session*, std::int32_t stream, std::uint32_t error, void* data) {
        Http2Session& mine = self(data);
        const auto found = mine.exchanges_.find(stream);
        if (found == mine.exchanges_.end()) return 0;
        mine.kept_ -= found->second.kept();
        if (found->second.is_answered && error == NGHTTP2_NO_ERROR) {
            ++mine.sent_;
            mine.resets_ = std::max<std::int64_t>(mine.resets_ - 1, 0);
        }
        mine.exchanges_.erase(found);
        return 0;
    }

    static ssize_t read_answer(nghttp2_session*, std::int32_t, std::uint8_t* room, std::size_t size,
                               std::uint32_t* flags, nghttp2_data_source* source, void*) {
        Exchange& exchange = *static_cast<Exchange*>(source->ptr);
        const std::span<const std::uint8_t> left =
            std::span{exchange.answer}.subspan(exchange.answer_from);
        const std::span<const std::uint8_t> some = left.first(std::min(size, left.size()));
        std::ranges::copy(some, room);
        exchange.answer_from += some.size();
        if (some.size() == left.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(some.size());
    }

    void whole(std::int32_t stream) {
        const auto found = exchanges_.find(stream);
        if (found == exchanges_.end() || found->second.is_whole) return;
        Exchange& exchange = found->second;
        exchange.is_whole = true;
        if (exchange.refused_with != 0) {
            answer(
                stream, exchange,
                {.status = exchange.refused_with, .content_type = {}, .max_age_s = {}, .body = {}});
            host_->refused(exchange.refused_with);
            return;
        }
        receiving_ = true;
        host_->requested({.stream = static_cast<std::uint64_t>(stream),
                          .method = exchange.method,
                          .target = exchange.target,
                          .body = exchange.body,
                          .trace = exchange.trace.context()});
        receiving_ = false;
    }

    void answer(std::int32_t stream, Exchange& exchange, const HttpResponse& response) {
        exchange.is_answered = true;
        // A client that asks and does not read what it gets.
        if (kept_ + response.body.size() > HttpLimits::kept_octets_max) {
            give_up(stream);
            return;
        }
        kept_ -= exchange.kept();
        exchange.body = {};
        exchange.target = {};
        if (exchange.method != "HEAD") {
            exchange.answer.assign(response.body.begin(), response.body.end());
        }
        kept_ += exchange.kept();
        const std::string status = std::to_string(response.status);
        const std::string age =
            response.max_age_s ? "max-age=" + std::to_string(*response.max_age_s) : "";
        const std::string length = std::to_string(response.body.size());
        std::array<nghttp2_nv, 4> headers{};
        std::size_t count = 0;
        headers[count++] = header(":status", status);
        if (!response.content_type.empty()) {
            headers[count++] = header("content-type", response.content_type);
        }
        if (!age.empty()) headers[count++] = header("cache-control", age);
        headers[count++] = header("content-length", length);
        nghttp2_data_provider body{};
        body.source.ptr = &exchange;
        body.read_callback = read_answer;
        nghttp2_submit_response(session_.get(), stream, headers.data(), count,
                                exchange.answer.empty() ? nullptr : &body);
    }

    /// Always 0, for callbacks.
    int give_up(std::int32_t stream) {
        nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream,
                                  NGHTTP2_ENHANCE_YOUR_CALM);
        note_reset();
        return 0;
    }

    void note_reset() {
        if (++resets_ == HttpLimits::resets_max) {
            nghttp2_session_terminate_session(session_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
        }
    }

    /// Moves what is to be sent to output(), as far as the client's windows allow.
    bool pump() {
        for (;;) {
            const std::uint8_t* octets = nullptr;
            const ssize_t size = nghttp2_session_mem_send(session_.get(), &octets);
            if (size < 0) over_ = true;
            if (size <= 0) break;
            output_.insert(output_.end(), octets, octets + size);
        }
        if (nghttp2_session_want_read(session_.get()) == 0 &&
            nghttp2_session_want_write(session_.get()) == 0) {
            over_ = true;
        }
        return !over_;
    }

    HttpHost* host_;
    std::unique_ptr<nghttp2_session, FreeSession> session_;
    Exchanges exchanges_;  // by stream
    std::size_t kept_ = 0;
    std::int64_t resets_ = 0;
    std::uint64_t sent_ = 0;
    bool receiving_ = false;
    bool shut_down_ = false;
    bool over_ = false;
};

}  // namespace

std::unique_ptr<HttpSession> HttpSession::http2(HttpHost& host) {
    return std::make_unique<Http2Session>(host);
}

}  // namespace nameplane::net
