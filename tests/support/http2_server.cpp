#include "support/http2_server.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace nameplane::test {

namespace {

nghttp2_nv header(std::string_view name, std::string_view value) {
    return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
            reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
            value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

ScriptedHttp2::ScriptedHttp2(Script script, std::uint32_t streams_max, std::uint32_t window)
    : script_{std::move(script)} {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    const int made = nghttp2_session_server_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    if (made != 0) throw std::runtime_error{"no HTTP/2 session"};
    const std::array<nghttp2_settings_entry, 2> settings{
        {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams_max},
         {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window}}};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
}

bool ScriptedHttp2::receive(std::span<const std::uint8_t> octets) {
    return nghttp2_session_mem_recv(session_, octets.data(), octets.size()) >= 0;
}

ScriptedHttp2::Octets ScriptedHttp2::output() {
    pump();
    return std::exchange(output_, {});
}

void ScriptedHttp2::pump() {
    for (;;) {
        const std::uint8_t* data = nullptr;
        const ssize_t size = nghttp2_session_mem_send(session_, &data);
        if (size <= 0) return;
        output_.insert(output_.end(), data, data + size);
    }
}

void ScriptedHttp2::respond(std::int32_t stream, const Octets& body,
                            const std::string& content_type, const std::string& status,
                            const Headers& more) {
    std::vector<nghttp2_nv> headers{header(":status", status)};
    if (!content_type.empty()) headers.push_back(header("content-type", content_type));
    for (const auto& [name, value] : more) headers.push_back(header(name, value));
    nghttp2_data_provider provider{};
    provider.source.ptr = &bodies_.emplace_back(Body{body});
    provider.read_callback = read_body;
    nghttp2_submit_response(session_, stream, headers.data(), headers.size(),
                            body.empty() ? nullptr : &provider);
}

void ScriptedHttp2::announce(std::int32_t stream, const std::string& status) {
    const nghttp2_nv only = header(":status", status);
    nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream, nullptr, &only, 1, nullptr);
}

void ScriptedHttp2::reset(std::int32_t stream, std::uint32_t error) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, error);
}

void ScriptedHttp2::go_away(std::int32_t last_stream) {
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last_stream, NGHTTP2_NO_ERROR, nullptr, 0);
}

void ScriptedHttp2::raw(const Octets& octets) {
    pump();
    output_.insert(output_.end(), octets.begin(), octets.end());
}

int ScriptedHttp2::on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                             std::size_t name_size, const std::uint8_t* value,
                             std::size_t value_size, std::uint8_t, void* data) {
    self(data)
        .requests_[frame->hd.stream_id]
        .headers[std::string{reinterpret_cast<const char*>(name), name_size}] = {
        reinterpret_cast<const char*>(value), value_size};
    return 0;
}

int ScriptedHttp2::on_data(nghttp2_session*, std::uint8_t, std::int32_t stream,
                           const std::uint8_t* octets, std::size_t size, void* data) {
    Octets& body = self(data).requests_[stream].body;
    body.insert(body.end(), octets, octets + size);
    return 0;
}

int ScriptedHttp2::on_frame(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    ScriptedHttp2& mine = self(data);
    if (frame->hd.type == NGHTTP2_GOAWAY) mine.client_goes = true;
    const bool ends = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
                      (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!ends) return 0;
    Asked asked = std::move(mine.requests_[frame->hd.stream_id]);
    asked.stream = frame->hd.stream_id;
    ++mine.asked;
    mine.script_(mine, asked);
    return 0;
}

int ScriptedHttp2::on_close(nghttp2_session*, std::int32_t stream, std::uint32_t error,
                            void* data) {
    self(data).requests_.erase(stream);
    self(data).closed[stream] = error;
    return 0;
}

ssize_t ScriptedHttp2::read_body(nghttp2_session*, std::int32_t, std::uint8_t* room,
                                 std::size_t size, std::uint32_t* flags,
                                 nghttp2_data_source* source, void*) {
    Body& body = *static_cast<Body*>(source->ptr);
    const std::size_t count = std::min(size, body.octets.size() - body.from);
    std::copy_n(body.octets.begin() + static_cast<std::ptrdiff_t>(body.from), count, room);
    body.from += count;
    if (body.from == body.octets.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(count);
}

}  // namespace nameplane::test
