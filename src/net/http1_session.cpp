// HTTP/1.1 (RFC 9112), and 1.0: one request after the other, with Content-Length or in chunks.

#include "net/b3_headers.hpp"
#include "net/http_chunks.hpp"
#include "net/http_session.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace nameplane::net {

namespace {

constexpr std::uint64_t the_only_stream = 1;

std::string_view reason_of(unsigned status) noexcept {
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 413: return "Content Too Large";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 505: return "HTTP Version Not Supported";
    default: return "Status";
    }
}

bool equals_without_case(std::string_view a, std::string_view b) noexcept {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// Whether one of the words between commas is `word`.
bool has_word(std::string_view list, std::string_view word) noexcept {
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(','), list.size());
        if (equals_without_case(trimmed(list.substr(0, end)), word)) return true;
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return false;
}

/// The first line of a request and what its headers say that concerns us.
struct Head {
    std::string method;
    std::string target;
    std::size_t body_octets = 0;
    bool is_chunked = false;
    bool keeps_alive = true;
    bool waits_for_continue = false;
    B3Headers trace;
};

/// Reads a head without its empty line; the status of the refusal, or 0.
unsigned read_head(std::string_view text, Head& head) {
    const auto next_line = [&text] {
        const std::size_t end = std::min(text.find("\r\n"), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 2, text.size()));
        return line;
    };
    const std::string_view first = next_line();
    const std::size_t method_end = first.find(' ');
    const std::size_t target_end = first.rfind(' ');
    if (method_end == first.npos || target_end <= method_end) return 400;
    head.method = first.substr(0, method_end);
    head.target = first.substr(method_end + 1, target_end - method_end - 1);
    if (!is_http_token(head.method) || head.target.empty()) return 400;
    const auto is_visible = [](char c) { return c > 0x20 && c < 0x7f; };
    if (!std::ranges::all_of(head.target, is_visible)) return 400;
    const std::string_view version = first.substr(target_end + 1);
    if (!version.starts_with("HTTP/1.")) return 505;
    head.keeps_alive = version != "HTTP/1.0";
    std::optional<std::size_t> length;
    while (!text.empty()) {
        const std::string_view line = next_line();
        const std::size_t colon = std::min(line.find(':'), line.size());
        const std::string_view name = line.substr(0, colon);
        // No folded lines and no blank before the colon: both have been used to smuggle requests.
        if (colon == line.size() || !is_http_token(name)) return 400;
        const std::string_view value = trimmed(line.substr(colon + 1));
        if (value.find_first_of(std::string_view{"\r\n\0", 3}) != value.npos) return 400;
        if (equals_without_case(name, "content-length")) {
            std::size_t octets = 0;
            const auto [stop, error] =
                std::from_chars(value.data(), value.data() + value.size(), octets);
            if (error == std::errc::result_out_of_range) return 413;
            if (value.empty() || error != std::errc{} || stop != value.data() + value.size()) {
                return 400;
            }
            if (length && *length != octets) return 400;
            length = octets;
        } else if (equals_without_case(name, "transfer-encoding")) {
            // RFC 9112 6.1: not twice, and nothing of which we do not know how to undo it.
            if (head.is_chunked) return 400;
            if (!equals_without_case(value, "chunked")) return 501;
            head.is_chunked = true;
        } else if (equals_without_case(name, "connection")) {
            if (has_word(value, "close")) head.keeps_alive = false;
        } else if (equals_without_case(name, "expect")) {
            head.waits_for_continue = has_word(value, "100-continue");
        } else {
            head.trace.take(name, value);
        }
    }
    // Of the two lengths of a body one reader may believe the one, and another the other.
    if (head.is_chunked && (length || version == "HTTP/1.0")) return 400;
    head.body_octets = length.value_or(0);
    return head.body_octets > HttpLimits::body_octets_max ? 413 : 0;
}

class Http1Session final : public HttpSession {
public:
    explicit Http1Session(HttpHost& host) : host_{&host} {}

    bool receive(std::span<const std::uint8_t> octets) override {
        if (over_) return false;
        input_.append(reinterpret_cast<const char*>(octets.data()), octets.size());
        return go_on();
    }

    bool respond(std::uint64_t, const HttpResponse& response) override {
        if (state_ != State::answering) return !over_;
        write(response);
        state_ = State::head;
        ++sent_;
        if (!head_.keeps_alive || shutting_down_) over_ = true;
        return !over_;
    }

    bool wants_more() const noexcept override { return !over_ && state_ != State::answering; }
    bool is_paused() const noexcept override { return paused_; }
    bool has_unfinished() const noexcept override {
        return !over_ && (state_ != State::head || !input_.empty());
    }
    std::uint64_t responses_sent() const noexcept override { return sent_; }
    void shut_down() override { shutting_down_ = true; }

private:
    enum class State : std::uint8_t { head, body, answering };

    bool go_on() {
        paused_ = false;
        while (!over_) {
            paused_ = output_.size() >= HttpLimits::output_octets_max;
            if (paused_) break;
            if (state_ == State::head && !take_head()) break;
            if (state_ == State::body && !take_body()) break;
            if (state_ == State::answering) break;
        }
        return !over_;
    }

    /// False: not whole yet, or over.
    bool take_head() {
        // RFC 9112 2.2: empty lines before a request are passed over.
        std::size_t begin = 0;
        while (input_.compare(begin, 2, "\r\n") == 0) begin += 2;
        input_.erase(0, begin);
        const std::size_t end = input_.find("\r\n\r\n");
        if (std::min(end, input_.size()) > HttpLimits::header_octets_max) return refuse(431);
        if (end == input_.npos) return false;
        head_ = {};
        const unsigned status = read_head(std::string_view{input_}.substr(0, end), head_);
        if (status != 0) return refuse(status);
        input_.erase(0, end + 4);
        state_ = State::body;
        chunks_ = {};
        const bool is_here =
            head_.is_chunked ? !input_.empty() : input_.size() >= head_.body_octets;
        if (head_.waits_for_continue && !is_here) {
            append("HTTP/1.1 100 Continue\r\n\r\n");
        }
        return true;
    }

    /// False: not whole yet, or over.
    bool take_body() {
        if (head_.is_chunked) return take_chunks();
        if (input_.size() < head_.body_octets) return false;
        const std::string body = input_.substr(0, head_.body_octets);
        input_.erase(0, head_.body_octets);
        requested(body);
        return true;
    }

    bool take_chunks() {
        std::string_view left = input_;
        const ChunkedBody::Went went = chunks_.take(left);
        input_.erase(0, input_.size() - left.size());
        switch (went) {
        case ChunkedBody::Went::more: return false;
        case ChunkedBody::Went::whole: break;
        case ChunkedBody::Went::wrong: return refuse(400);
        case ChunkedBody::Went::too_large: return refuse(413);
        }
        requested(chunks_.body());
        return true;
    }

    void requested(std::string_view body) {
        state_ = State::answering;
        host_->requested({.stream = the_only_stream,
                          .method = head_.method,
                          .target = head_.target,
                          .body = {reinterpret_cast<const std::uint8_t*>(body.data()), body.size()},
                          .trace = head_.trace.context()});
    }

    bool refuse(unsigned status) {
        head_.keeps_alive = false;
        write({.status = status, .content_type = {}, .max_age_s = {}, .body = {}});
        host_->refused(status);
        over_ = true;
        return false;
    }

    void write(const HttpResponse& response) {
        std::string head = "HTTP/1.1 " + std::to_string(response.status) + ' ';
        head.append(reason_of(response.status)).append("\r\n");
        if (!response.content_type.empty()) {
            head.append("content-type: ").append(response.content_type).append("\r\n");
        }
        if (response.max_age_s) {
            head += "cache-control: max-age=" + std::to_string(*response.max_age_s) + "\r\n";
        }
        head += "content-length: " + std::to_string(response.body.size()) + "\r\n";
        if (!head_.keeps_alive || shutting_down_) head += "connection: close\r\n";
        append(head += "\r\n");
        if (head_.method == "HEAD") return;
        output_.insert(output_.end(), response.body.begin(), response.body.end());
    }

    void append(std::string_view text) { output_.insert(output_.end(), text.begin(), text.end()); }

    HttpHost* host_;
    State state_ = State::head;
    Head head_;
    ChunkedBody chunks_;
    std::string input_;  // at most a head or a body, and one reading
    std::uint64_t sent_ = 0;
    bool paused_ = false;
    bool shutting_down_ = false;
    bool over_ = false;
};

}  // namespace

std::unique_ptr<HttpSession> HttpSession::http1(HttpHost& host) {
    return std::make_unique<Http1Session>(host);
}

}  // namespace nameplane::net
