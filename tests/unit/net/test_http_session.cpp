// What the two versions of HTTP have in common is tried with both; HTTP/2 by nghttp2's own client.

#include "net/http_chunks.hpp"
#include "net/http_session.hpp"

#include <catch2/catch.hpp>
#include <nghttp2/nghttp2.h>

#include <array>
#include <deque>
#include <map>
#include <string>
#include <vector>

using namespace nameplane::net;

namespace {

std::span<const std::uint8_t> octets(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string text(std::span<const std::uint8_t> octets) {
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

struct Asked {
    std::uint64_t stream;
    std::string method;
    std::string target;
    std::string body;
    std::optional<nameplane::TraceContext> trace;
};

/// Keeps what was asked; answers at once if it has something to say.
struct Host final : HttpHost {
    void requested(const HttpRequest& request) override {
        asked.push_back({request.stream, std::string{request.method}, std::string{request.target},
                         text(request.body), request.trace});
        if (!says.empty()) {
            went_on = session->respond(
                request.stream,
                {.status = 200, .content_type = "text/x", .max_age_s = 7, .body = octets(says)});
        }
    }
    void refused(unsigned status) override { refusals.push_back(status); }

    HttpSession* session = nullptr;
    std::string says;
    std::vector<Asked> asked;
    std::vector<unsigned> refusals;
    bool went_on = true;
};

struct Http1 {
    explicit Http1(std::string says = "yes") {
        host.says = std::move(says);
        host.session = session.get();
    }
    bool send(std::string_view text) { return session->receive(octets(text)); }
    std::string output() {
        std::string all = text(session->output());
        session->output().clear();
        return all;
    }
    Host host;
    std::unique_ptr<HttpSession> session = HttpSession::http1(host);
};

constexpr const char* answer_of_yes =
    "HTTP/1.1 200 OK\r\ncontent-type: text/x\r\ncache-control: max-age=7\r\n"
    "content-length: 3\r\n\r\nyes";

/// A client by nghttp2 at the other end of a session.
class Http2Client {
public:
    struct Response {
        std::string status;
        std::string body;
        std::uint32_t error = 0;
        bool closed = false;
    };

    explicit Http2Client(HttpSession& server, std::uint32_t window = 65535) : server_{&server} {
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_session_callbacks_new(&callbacks);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        nghttp2_session_client_new(&session_, callbacks, this);
        nghttp2_session_callbacks_del(callbacks);
        const nghttp2_settings_entry entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
        nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &entry, 1);
    }
    ~Http2Client() { nghttp2_session_del(session_); }
    Http2Client(const Http2Client&) = delete;
    Http2Client& operator=(const Http2Client&) = delete;

    std::int32_t ask(std::string_view method, std::string_view path, std::string_view body = {},
                     std::string_view extra = {}, std::string_view extra_name = "x-extra") {
        std::array<nghttp2_nv, 5> headers{header(":method", method), header(":scheme", "https"),
                                          header(":authority", "dns.example"),
                                          header(":path", path), header(extra_name, extra)};
        bodies_.emplace_back(body);
        nghttp2_data_provider data{};
        data.source.ptr = &bodies_.back();
        data.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* room,
                                std::size_t size, std::uint32_t* flags, nghttp2_data_source* source,
                                void*) {
            auto& left = *static_cast<std::string*>(source->ptr);
            const std::size_t count = std::min(size, left.size());
            std::copy_n(left.begin(), count, room);
            left.erase(0, count);
            if (left.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
            return static_cast<ssize_t>(count);
        };
        const std::int32_t stream =
            nghttp2_submit_request(session_, nullptr, headers.data(), extra.empty() ? 4 : 5,
                                   body.empty() ? nullptr : &data, nullptr);
        REQUIRE(stream > 0);
        return stream;
    }
    void reset(std::int32_t stream) {
        nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
    }
    void ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }

    /// Octets both ways until nobody has any; false: the server wants no more.
    bool exchange() {
        bool open = true;
        for (bool moved = true; moved;) {
            moved = false;
            for (;;) {
                const std::uint8_t* data = nullptr;
                const ssize_t size = nghttp2_session_mem_send(session_, &data);
                if (size <= 0) break;
                moved = true;
                open = open && server_->receive({data, static_cast<std::size_t>(size)});
            }
            std::vector<std::uint8_t> output;
            output.swap(server_->output());
            if (output.empty()) continue;
            moved = true;
            nghttp2_session_mem_recv(session_, output.data(), output.size());
        }
        return open;
    }

    std::map<std::int32_t, Response> responses;
    std::uint32_t goaway = 0;
    bool has_goaway = false;

private:
    static nghttp2_nv header(std::string_view name, std::string_view value) {
        return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                value.size(), NGHTTP2_NV_FLAG_NONE};
    }
    static Http2Client& self(void* data) { return *static_cast<Http2Client*>(data); }
    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                         std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                         std::uint8_t, void* data) {
        if (std::string_view{reinterpret_cast<const char*>(name), name_size} == ":status") {
            self(data).responses[frame->hd.stream_id].status = text({value, value_size});
        }
        return 0;
    }
    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream,
                       const std::uint8_t* octets, std::size_t size, void* data) {
        self(data).responses[stream].body += text({octets, size});
        return 0;
    }
    static int on_close(nghttp2_session*, std::int32_t stream, std::uint32_t error, void* data) {
        self(data).responses[stream].closed = true;
        self(data).responses[stream].error = error;
        return 0;
    }
    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* data) {
        if (frame->hd.type != NGHTTP2_GOAWAY) return 0;
        self(data).has_goaway = true;
        self(data).goaway = frame->goaway.error_code;
        return 0;
    }

    HttpSession* server_;
    nghttp2_session* session_ = nullptr;
    std::deque<std::string> bodies_{};  // stay where they are
};

struct Http2 {
    explicit Http2(std::string says = "yes", std::uint32_t window = 65535)
        : client{*session, window} {
        host.says = std::move(says);
        host.session = session.get();
    }
    Host host;
    std::unique_ptr<HttpSession> session = HttpSession::http2(host);
    Http2Client client;
};

}  // namespace

TEST_CASE("HTTP/1.1: a request may come octet by octet, and several at once") {
    const std::string get = "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n";
    const std::string post = "POST /p HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody";
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, get.size() * 2 + post.size()}) {
        Http1 http;
        std::string all = get + post + get;
        for (; !all.empty(); all.erase(0, step)) REQUIRE(http.send(all.substr(0, step)));
        REQUIRE(http.host.asked.size() == 3);
        CHECK(http.host.asked[0].target == "/a?b=c");
        CHECK(http.host.asked[1].method == "POST");
        CHECK(http.host.asked[1].body == "body");
        CHECK(http.output() == std::string{answer_of_yes} + answer_of_yes + answer_of_yes);
        CHECK_FALSE(http.session->has_unfinished());
        CHECK(http.session->responses_sent() == 3);
    }
}

TEST_CASE("HTTP/1.1: one request at a time; the next waits for the answer") {
    Http1 http{""};
    REQUIRE(http.send("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"));
    CHECK(http.host.asked.size() == 1);
    CHECK_FALSE(http.session->wants_more());
    CHECK(
        http.session->respond(1, {.status = 404, .content_type = {}, .max_age_s = {}, .body = {}}));
    CHECK(http.output() == "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    CHECK(http.host.asked.size() == 1);
    REQUIRE(http.session->receive({}));
    CHECK(http.host.asked.size() == 2);
}

TEST_CASE("HTTP/1.1: each request has its own headers of a trace, or none") {
    Http1 server;
    server.send("GET /a HTTP/1.1\r\nX-B3-TraceId: 1f\r\nX-B3-SpanId:  2a \r\n\r\n"
                "GET /b HTTP/1.1\r\n\r\n"
                "GET /c HTTP/1.1\r\nb3: 0\r\nX-B3-SpanId: x\r\n\r\n");
    REQUIRE(server.host.asked.size() == 3);
    CHECK(server.host.asked[0].trace == nameplane::TraceContext{.trace = 0x1f, .span = 0x2a});
    CHECK(server.host.asked[1].trace == std::nullopt);
    CHECK(server.host.asked[2].trace == nameplane::TraceContext{.sampled = false});
}

TEST_CASE("HTTP/1.1: the connection ends where either side says so") {
    for (const char* const end :
         {"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n"}) {
        Http1 http;
        CHECK_FALSE(http.send(end));
        CHECK(http.output().find("connection: close\r\n") != std::string::npos);
        CHECK_FALSE(http.send("GET / HTTP/1.1\r\n\r\n"));
        CHECK(http.host.asked.size() == 1);
    }
    Http1 http;
    http.session->shut_down();
    CHECK_FALSE(http.send("GET / HTTP/1.1\r\n\r\n"));
    CHECK(http.output().find("connection: close\r\n") != std::string::npos);
}

TEST_CASE("HTTP/1.1: what is no request gets its status, and the end") {
    const std::string endless(HttpLimits::header_octets_max, 'a');
    const std::string chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n";
    std::string fields;
    while (fields.size() < ChunkedBody::extra_octets_max * 2) fields += "a: b\r\n";
    for (const auto& [sent, status] : std::vector<std::pair<std::string, unsigned>>{
             {"nonsense\r\n\r\n", 400},
             {"GET  HTTP/1.1\r\n\r\n", 400},
             {"G,T / HTTP/1.1\r\n\r\n", 400},
             {"GET /\x01 HTTP/1.1\r\n\r\n", 400},
             {"GET / HTTP/2.0\r\n\r\n", 505},
             {"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400},
             {"GET / HTTP/1.1\r\n folded: x\r\n\r\n", 400},
             {"GET / HTTP/1.1\r\nname : x\r\n\r\n", 400},
             {"GET / HTTP/1.1\r\na: b\nc: d\r\n\r\n", 400},
             {"POST / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n", 400},
             {"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
             {"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", 400},
             {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
             {"POST / HTTP/1.1\r\nContent-Length: 65536\r\n\r\n", 413},
             {"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413},
             {"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
             {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n", 501},
             {"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
             {"POST / HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n", 501},
             {chunked + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
             {chunked + "Content-Length: 5\r\n\r\n0\r\n\r\n", 400},
             {"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: Chunked\r\n\r\n", 400},
             {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
             {chunked + "\r\n\r\n", 400},
             {chunked + "\r\nx\r\n", 400},
             {chunked + "\r\n0x1\r\n", 400},
             {chunked + "\r\n+1\r\n", 400},
             {chunked + "\r\n-1\r\n", 400},
             {chunked + "\r\n 1\r\n", 400},
             {chunked + "\r\n1 \r\n", 400},
             {chunked + "\r\n1\n", 400},
             {chunked + "\r\n1\ra\r\n", 400},
             {chunked + "\r\n1;a\nb\r\n", 400},
             {chunked + "\r\n1\r\nab\r\n", 400},
             {chunked + "\r\n1\r\na\n0", 400},
             {chunked + "\r\n0\r\nno colon\r\n", 400},
             {chunked + "\r\n0\r\n folded: x\r\n", 400},
             {chunked + "\r\n0\r\na: b\n", 400},
             {chunked + "\r\n1;" + std::string(ChunkedBody::line_octets_max, 'x'), 400},
             {chunked + "\r\n10000\r\n", 413},
             {chunked + "\r\n1\r\na\r\nFFFF\r\n", 413},
             {chunked + "\r\n10000000000000001\r\n", 413},
             {chunked + "\r\n0\r\n" + fields, 413},
             {"GET /" + endless + " HTTP/1.1\r\n\r\n", 431},
             {"GET / HTTP/1.1\r\nx: " + endless, 431}}) {
        INFO(sent.substr(0, 60));
        Http1 http;
        CHECK_FALSE(http.send(sent));
        CHECK(http.host.asked.empty());
        CHECK(http.host.refusals == std::vector{status});
        CHECK(http.output().starts_with("HTTP/1.1 " + std::to_string(status) + ' '));
        CHECK_FALSE(http.session->has_unfinished());
    }
}

TEST_CASE("HTTP/1.1: who waits for leave to send a body gets it") {
    Http1 http;
    REQUIRE(http.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    CHECK(http.output() == "HTTP/1.1 100 Continue\r\n\r\n");
    REQUIRE(http.send("ab"));
    CHECK(http.host.asked.at(0).body == "ab");
    http.output();
    REQUIRE(
        http.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"));
    CHECK(http.output() == "HTTP/1.1 100 Continue\r\n\r\n");
    REQUIRE(http.send("1\r\nc\r\n0\r\n\r\n"));
    CHECK(http.host.asked.at(1).body == "c");
}

TEST_CASE("HTTP/1.1: a body may come in chunks, and the chunks in pieces") {
    const std::string get = "GET /next HTTP/1.1\r\n\r\n";
    const std::string post = "POST /p HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n"
                             "4\r\nbody\r\n00a;name=\"va lue\"\r\n\r\n0\r\n\r\nabc\r\n"
                             "1\r\n!\r\n000\r\nTrailer: is: passed over\r\nx:\r\n\r\n";
    for (std::size_t step = 1; step <= post.size() + get.size(); ++step) {
        INFO(step);
        Http1 http;
        std::string all = post + get;
        for (; !all.empty(); all.erase(0, step)) REQUIRE(http.send(all.substr(0, step)));
        REQUIRE(http.host.asked.size() == 2);
        CHECK(http.host.asked[0].body == "body\r\n0\r\n\r\nabc!");
        CHECK(http.host.asked[1].target == "/next");
        CHECK(http.host.asked[1].body.empty());
        CHECK_FALSE(http.session->has_unfinished());
    }
}

TEST_CASE("HTTP/1.1: chunks make a body as large as any other, and no larger") {
    const std::string head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    std::string chunks;
    for (std::size_t i = 0; i < HttpLimits::body_octets_max; ++i) chunks += "1\r\nx\r\n";
    Http1 http;
    REQUIRE(http.send(head + chunks));
    CHECK(http.host.asked.empty());
    REQUIRE(http.send("0\r\n\r\n"));
    CHECK(http.host.asked.at(0).body == std::string(HttpLimits::body_octets_max, 'x'));
    CHECK_FALSE(http.send(head + chunks + "1\r\n"));
    CHECK(http.host.refusals == std::vector{413U});
}

TEST_CASE("HTTP/1.1: empty lines cost nothing, and many requests stop at much output") {
    Http1 http{std::string(1000, 'x')};
    std::string many;
    for (int i = 0; i < 20'000; ++i) many += "\r\n";
    REQUIRE(http.send(many));
    CHECK_FALSE(http.session->has_unfinished());
    many.clear();
    for (int i = 0; i < 1000; ++i) many += "GET / HTTP/1.1\r\n\r\n";
    REQUIRE(http.send(many));
    CHECK(http.session->is_paused());
    CHECK(http.output().size() < HttpLimits::output_octets_max + 2000);
    while (http.session->is_paused()) {
        REQUIRE(http.session->receive({}));
        http.output();
    }
    CHECK(http.host.asked.size() == 1000);
}

TEST_CASE("HTTP/2: requests and answers, in any order") {
    Http2 http{""};
    const std::int32_t first = http.client.ask("GET", "/1");
    const std::int32_t second = http.client.ask("POST", "/2", "body");
    REQUIRE(http.client.exchange());
    REQUIRE(http.host.asked.size() == 2);
    CHECK(http.host.asked[1].method == "POST");
    CHECK(http.host.asked[1].target == "/2");
    CHECK(http.host.asked[1].body == "body");
    CHECK(http.session->has_unfinished());
    const std::string large(60'000, 'l');
    for (const std::int32_t stream : {second, first}) {
        CHECK(http.session->respond(
            static_cast<std::uint64_t>(stream),
            {.status = 200, .content_type = "text/x", .max_age_s = 3, .body = octets(large)}));
    }
    REQUIRE(http.client.exchange());
    for (const std::int32_t stream : {first, second}) {
        CHECK(http.client.responses[stream].status == "200");
        CHECK(http.client.responses[stream].body == large);
        CHECK(http.client.responses[stream].error == NGHTTP2_NO_ERROR);
    }
    CHECK_FALSE(http.session->has_unfinished());
    CHECK(http.session->responses_sent() == 2);
    // Of a stream that is gone nothing happens.
    CHECK(
        http.session->respond(1, {.status = 200, .content_type = {}, .max_age_s = {}, .body = {}}));
}

TEST_CASE("HTTP/2: each request has its own headers of a trace, or none") {
    Http2 server;
    server.client.ask("GET", "/a", {}, "00000000000000ff-0000000000000007-1", "b3");
    server.client.ask("GET", "/b", {}, "z", "b3");
    server.client.exchange();
    REQUIRE(server.host.asked.size() == 2);
    CHECK(server.host.asked[0].trace ==
          nameplane::TraceContext{.trace = 0xff, .span = 7, .sampled = true});
    CHECK(server.host.asked[1].trace == std::nullopt);
}

TEST_CASE("HTTP/2: what is too large gets its status, and the connection goes on") {
    Http2 http;
    const std::int32_t body = http.client.ask("POST", "/", std::string(70'000, 'b'));
    REQUIRE(http.client.exchange());
    const std::int32_t head =
        http.client.ask("GET", "/", {}, std::string(HttpLimits::header_octets_max, 'h'));
    REQUIRE(http.client.exchange());
    const std::int32_t good = http.client.ask("GET", "/");
    REQUIRE(http.client.exchange());
    CHECK(http.client.responses[body].status == "413");
    CHECK(http.client.responses[head].status == "431");
    CHECK(http.client.responses[good].body == "yes");
    CHECK(http.host.refusals == std::vector<unsigned>{413, 431});
}

TEST_CASE("HTTP/2: so many streams at once and no more") {
    Http2 http{""};
    REQUIRE(http.client.exchange());
    for (std::size_t i = 0; i < HttpLimits::streams_max + 20; ++i) http.client.ask("GET", "/");
    REQUIRE(http.client.exchange());
    CHECK(http.host.asked.size() == HttpLimits::streams_max);
}

TEST_CASE("HTTP/2: a client that gives up again and again is sent away") {
    Http2 http{""};
    bool open = http.client.exchange();
    std::size_t rounds = 0;
    for (; open && rounds < 10'000; ++rounds) {
        const std::int32_t stream = http.client.ask("GET", "/");
        open = http.client.exchange();
        http.client.reset(stream);
        open = open && http.client.exchange();
    }
    CHECK_FALSE(open);
    CHECK(rounds <= static_cast<std::size_t>(HttpLimits::resets_max));
    CHECK(http.client.has_goaway);
    CHECK(http.client.goaway == NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_CASE("HTTP/2: giving up now and then is nobody's fault") {
    Http2 http;
    for (int round = 0; round < 1000; ++round) {
        http.host.says = round % 2 == 0 ? "yes" : "";
        const std::int32_t stream = http.client.ask("GET", "/");
        REQUIRE(http.client.exchange());
        if (round % 2 != 0) http.client.reset(stream);
        REQUIRE(http.client.exchange());
    }
    CHECK_FALSE(http.client.has_goaway);
}

TEST_CASE("HTTP/2: who asks and does not read is given so much to keep and no more") {
    Http2 http{std::string(60'000, 'x'), 0};
    REQUIRE(http.client.exchange());
    std::vector<std::int32_t> streams;
    for (std::size_t i = 0; i < HttpLimits::streams_max; ++i) {
        streams.push_back(http.client.ask("GET", "/"));
    }
    http.client.exchange();
    std::size_t kept = 0;
    std::size_t calmed = 0;
    for (const std::int32_t stream : streams) {
        const Http2Client::Response& response = http.client.responses[stream];
        if (!response.closed) ++kept;
        if (response.error == NGHTTP2_ENHANCE_YOUR_CALM) ++calmed;
    }
    CHECK(kept == HttpLimits::kept_octets_max / 60'000);
    CHECK(kept + calmed == streams.size());
    CHECK(http.session->has_unfinished());
}

TEST_CASE("HTTP/2: what requests that wait were asked with is bounded in all") {
    Http2 http{""};
    REQUIRE(http.client.exchange());
    std::vector<std::int32_t> streams;
    const std::string path = '/' + std::string(HttpLimits::header_octets_max - 1000, 'p');
    for (std::size_t i = 0; i < HttpLimits::streams_max; ++i) {
        streams.push_back(http.client.ask("GET", path));
        http.client.exchange();
    }
    std::size_t calmed = 0;
    for (const std::int32_t stream : streams) {
        if (http.client.responses[stream].error == NGHTTP2_ENHANCE_YOUR_CALM) ++calmed;
    }
    CHECK(calmed >= streams.size() - HttpLimits::kept_octets_max / path.size());
}

TEST_CASE("HTTP/2: shutting down takes nothing new and finishes the rest") {
    Http2 http{""};
    http.client.ask("GET", "/");
    REQUIRE(http.client.exchange());
    http.session->shut_down();
    http.client.exchange();
    CHECK(http.client.has_goaway);
    CHECK(http.client.goaway == NGHTTP2_NO_ERROR);
    CHECK(http.session->has_unfinished());
    static_cast<void>(http.session->respond(
        1, {.status = 200, .content_type = {}, .max_age_s = {}, .body = octets("late")}));
    http.client.exchange();
    CHECK(http.client.responses[1].body == "late");
    CHECK_FALSE(http.session->has_unfinished());
}

TEST_CASE("HTTP/2: what is no HTTP/2 ends the session") {
    Host host;
    const std::unique_ptr<HttpSession> session = HttpSession::http2(host);
    CHECK_FALSE(session->receive(octets("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
    CHECK_FALSE(session->receive(octets("anything")));
    CHECK(host.asked.empty());
}
