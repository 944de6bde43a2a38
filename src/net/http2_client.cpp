// HTTP/2 (RFC 9113) by nghttp2, which ends here.

#include "net/http2_client.hpp"

#include <nameplane/base/check.hpp>

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <utility>

namespace nameplane::net {

namespace {

// Answers of all streams together may be so far ahead of what we read.
constexpr std::int32_t window_octets = 1 << 20;

struct FreeSession {
    void operator()(nghttp2_session* session) const noexcept { nghttp2_session_del(session); }
};

nghttp2_nv header(std::string_view name, std::string_view value,
                  std::uint8_t flags = NGHTTP2_NV_FLAG_NONE) noexcept {
    return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
            reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
            value.size(), flags};
}

// Nothing: no number.
std::optional<std::uint32_t> number_of(std::string_view text) noexcept {
    std::uint32_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || at != end) return std::nullopt;
    return number;
}

}  // namespace

struct Http2Client::State {
    explicit State(std::string called);

    /// A request that has no whole answer yet.
    struct Pending {
        Ended end;
        std::vector<std::uint8_t> question;  // what is POSTed
        std::size_t question_from = 0;
        std::size_t header_octets = 0;
    };
    using Streams = std::map<std::int32_t, Pending>;

    static State& self(void* data) noexcept { return *static_cast<State*>(data); }
    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                         std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                         std::uint8_t, void* data);
    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream,
                       const std::uint8_t* octets, std::size_t size, void* data);
    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* data);
    static int on_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* data);
    static int on_close(nghttp2_session*, std::int32_t stream, std::uint32_t error, void* data);
    static ssize_t read_question(nghttp2_session*, std::int32_t, std::uint8_t* room,
                                 std::size_t size, std::uint32_t* flags,
                                 nghttp2_data_source* source, void*);

    void note(Pending& pending, std::string_view name, std::string_view value);
    int refuse(std::int32_t stream);
    void end(Streams::iterator place, Failure failure);
    bool pump();

    std::string authority;
    std::unique_ptr<nghttp2_session, FreeSession> session;
    Streams streams;
    std::vector<Ended> ended;
    std::vector<std::uint8_t> output;
    std::size_t kept = 0;
    bool going = false;  // the server has said that it ends
    bool over = false;
};

Http2Client::State::State(std::string called) : authority{std::move(called)} {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session* made = nullptr;
    const int code = nghttp2_session_client_new(&made, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    NP_CHECK(code == 0, "out of memory ends the process");
    session.reset(made);
    const std::array<nghttp2_settings_entry, 3> settings{
        {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
         {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, body_octets_max},
         {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, header_octets_max}}};
    nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
    nghttp2_session_set_local_window_size(made, NGHTTP2_FLAG_NONE, 0, window_octets);
    pump();
}

int Http2Client::State::on_header(nghttp2_session*, const nghttp2_frame* frame,
                                  const std::uint8_t* name, std::size_t name_size,
                                  const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                                  void* data) {
    State& mine = self(data);
    const auto place = mine.streams.find(frame->hd.stream_id);
    if (place == mine.streams.end()) return 0;
    Pending& pending = place->second;
    pending.header_octets += name_size + value_size;
    if (pending.header_octets > header_octets_max) return mine.refuse(place->first);
    mine.note(pending, {reinterpret_cast<const char*>(name), name_size},
              {reinterpret_cast<const char*>(value), value_size});
    return 0;
}

void Http2Client::State::note(Pending& pending, std::string_view name, std::string_view value) {
    // Of the last head: those of status 100 to 199 announce another one.
    if (name == ":status") {
        pending.end.status = number_of(value).value_or(0);
        pending.end.content_type.clear();
        pending.end.age_s = 0;
    }
    if (name == "content-type") pending.end.content_type = value;
    if (name == "age") pending.end.age_s = number_of(value).value_or(0);
}

int Http2Client::State::on_data(nghttp2_session*, std::uint8_t, std::int32_t stream,
                                const std::uint8_t* octets, std::size_t size, void* data) {
    State& mine = self(data);
    const auto place = mine.streams.find(stream);
    if (place == mine.streams.end()) return 0;
    std::vector<std::uint8_t>& body = place->second.end.body;
    const bool fits = body.size() + size <= body_octets_max && mine.kept + size <= kept_octets_max;
    if (!fits) return mine.refuse(stream);
    body.insert(body.end(), octets, octets + size);
    mine.kept += size;
    return 0;
}

int Http2Client::State::on_frame(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    State& mine = self(data);
    if (frame->hd.type == NGHTTP2_GOAWAY) mine.going = true;
    const bool ends_answer =
        (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!ends_answer) return 0;
    const auto place = mine.streams.find(frame->hd.stream_id);
    if (place == mine.streams.end()) return 0;
    // It may have answered before it has read all of what is POSTed; the rest is not sent.
    if (place->second.question_from < place->second.question.size()) {
        nghttp2_submit_rst_stream(mine.session.get(), NGHTTP2_FLAG_NONE, place->first,
                                  NGHTTP2_NO_ERROR);
    }
    mine.end(place, Failure::none);
    return 0;
}

// A request that waited for its turn when the server said that it ends.
int Http2Client::State::on_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* data) {
    State& mine = self(data);
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    const auto place = mine.streams.find(frame->hd.stream_id);
    if (place != mine.streams.end()) mine.end(place, Failure::not_taken);
    return 0;
}

int Http2Client::State::on_close(nghttp2_session*, std::int32_t stream, std::uint32_t error,
                                 void* data) {
    State& mine = self(data);
    const auto place = mine.streams.find(stream);
    if (place == mine.streams.end()) return 0;
    mine.end(place, error == NGHTTP2_REFUSED_STREAM ? Failure::not_taken : Failure::reset);
    return 0;
}

ssize_t Http2Client::State::read_question(nghttp2_session*, std::int32_t stream, std::uint8_t* room,
                                          std::size_t size, std::uint32_t* flags,
                                          nghttp2_data_source* source, void*) {
    State& mine = *static_cast<State*>(source->ptr);
    const auto place = mine.streams.find(stream);
    // Given up, or answered already: the reset is on its way.
    if (place == mine.streams.end()) return NGHTTP2_ERR_DEFERRED;
    Pending& pending = place->second;
    const std::span<const std::uint8_t> left =
        std::span{pending.question}.subspan(pending.question_from);
    const std::span<const std::uint8_t> some = left.first(std::min(size, left.size()));
    std::ranges::copy(some, room);
    pending.question_from += some.size();
    if (some.size() == left.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(some.size());
}

/// Its answer is beyond the limits. Always 0, for callbacks.
int Http2Client::State::refuse(std::int32_t stream) {
    nghttp2_submit_rst_stream(session.get(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
    end(streams.find(stream), Failure::too_large);
    return 0;
}

void Http2Client::State::end(Streams::iterator place, Failure failure) {
    Ended& end = place->second.end;
    kept -= end.body.size();
    end.stream = place->first;
    end.failure = failure;
    if (failure != Failure::none) end.body = {};
    ended.push_back(std::move(end));
    streams.erase(place);
}

/// Moves what is to be sent to `output`, as far as the server's windows allow.
bool Http2Client::State::pump() {
    for (;;) {
        const std::uint8_t* octets = nullptr;
        const ssize_t size = nghttp2_session_mem_send(session.get(), &octets);
        if (size < 0) over = true;
        if (size <= 0) break;
        output.insert(output.end(), octets, octets + size);
    }
    if (nghttp2_session_want_read(session.get()) == 0 &&
        nghttp2_session_want_write(session.get()) == 0) {
        over = true;
    }
    return !over;
}

Http2Client::Http2Client(std::string authority)
    : state_{std::make_unique<State>(std::move(authority))} {}
Http2Client::~Http2Client() = default;

std::optional<std::int32_t> Http2Client::request(const Request& request) {
    if (!takes_more()) return std::nullopt;
    const bool posts = !request.body.empty();
    const std::string length = std::to_string(request.body.size());
    // What is another one each time would only push the rest out of the server's table.
    const std::uint8_t path_flags = posts ? NGHTTP2_NV_FLAG_NONE : NGHTTP2_NV_FLAG_NO_INDEX;
    std::array<nghttp2_nv, 7> headers{{header(":method", posts ? "POST" : "GET"),
                                       header(":scheme", "https"),
                                       header(":authority", state_->authority),
                                       header(":path", request.path, path_flags),
                                       header("accept", request.content_type),
                                       {},
                                       {}}};
    std::size_t count = 5;
    if (posts) {
        headers[count++] = header("content-type", request.content_type);
        headers[count++] = header("content-length", length, NGHTTP2_NV_FLAG_NO_INDEX);
    }
    nghttp2_data_provider body{};
    body.source.ptr = state_.get();
    body.read_callback = State::read_question;
    const std::int32_t stream = nghttp2_submit_request(
        state_->session.get(), nullptr, headers.data(), count, posts ? &body : nullptr, nullptr);
    if (stream < 0) return std::nullopt;
    State::Pending& pending = state_->streams[stream];
    pending.question.assign(request.body.begin(), request.body.end());
    if (state_->pump()) return stream;
    state_->streams.erase(stream);
    return std::nullopt;
}

void Http2Client::give_up(std::int32_t stream) {
    const auto place = state_->streams.find(stream);
    if (place == state_->streams.end()) return;
    state_->kept -= place->second.end.body.size();
    state_->streams.erase(place);
    nghttp2_submit_rst_stream(state_->session.get(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
    state_->pump();
}

bool Http2Client::receive(std::span<const std::uint8_t> octets) {
    if (state_->over) return false;
    const auto took = nghttp2_session_mem_recv(state_->session.get(), octets.data(), octets.size());
    if (took < 0) state_->over = true;
    return state_->pump();
}

std::vector<Http2Client::Ended> Http2Client::ended() {
    return std::exchange(state_->ended, {});
}

bool Http2Client::takes_more() const noexcept {
    return !state_->over && !state_->going &&
           nghttp2_session_check_request_allowed(state_->session.get()) != 0;
}

std::size_t Http2Client::streams_max() const noexcept {
    return nghttp2_session_get_remote_settings(state_->session.get(),
                                               NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

std::size_t Http2Client::under_way() const noexcept {
    return state_->streams.size();
}

std::vector<std::uint8_t>& Http2Client::output() noexcept {
    return state_->output;
}

}  // namespace nameplane::net
