#include "agent/page_server.hpp"

#include "agent/http_date.hpp"
#include <nameplane/base/ip.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>

namespace nameplane::agent {

namespace {

using Clock = std::chrono::steady_clock;

// A client holds a thread until its time is over: enough of the one and little of the other.
constexpr std::size_t threads_a_port = 8;
constexpr std::chrono::seconds idle_wait{1};     // for a request, the first one or another
constexpr std::chrono::seconds request_wait{2};  // from its first octet to the answer's last one
/// What a client may send for nothing before it is left.
constexpr std::size_t body_octets_max = std::size_t{64} * 1024;

// Two programs on one port are a mistake: the library's own default, SO_REUSEPORT, would hide it.
void set_socket_options(int socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

/// A connection that can be used until a deadline.
class BoundedStream final : public httplib::Stream {
public:
    explicit BoundedStream(int socket) : socket_{socket} {}

    void use_for(std::chrono::milliseconds time) { deadline_ = Clock::now() + time; }

    bool is_readable() const override { return begin_ != end_ || wait(POLLIN); }
    bool is_writable() const override { return wait(POLLOUT); }
    ssize_t read(char* to, std::size_t size) override {
        // The library asks for one octet after the other.
        if (begin_ == end_) {
            if (!wait(POLLIN)) return -1;
            const ssize_t got = ::recv(socket_, room_.data(), room_.size(), MSG_DONTWAIT);
            if (got <= 0) return got;
            begin_ = 0;
            end_ = static_cast<std::size_t>(got);
        }
        const std::size_t given = std::min(size, end_ - begin_);
        std::memcpy(to, room_.data() + begin_, given);
        begin_ += given;
        return static_cast<ssize_t>(given);
    }
    ssize_t write(const char* from, std::size_t size) override {
        if (!wait(POLLOUT)) return -1;
        return ::send(socket_, from, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    void get_remote_ip_and_port(std::string& ip, int& port) const override {
        name(::getpeername, ip, port);
    }
    void get_local_ip_and_port(std::string& ip, int& port) const override {
        name(::getsockname, ip, port);
    }
    socket_t socket() const override { return socket_; }
    /// Whether so many octets came, and are gone now.
    bool skip(std::size_t octets) {
        std::array<char, 1024> nowhere;
        while (octets != 0) {
            const ssize_t got = read(nowhere.data(), std::min(octets, nowhere.size()));
            if (got <= 0) return false;
            octets -= static_cast<std::size_t>(got);
        }
        return true;
    }

private:
    bool wait(short events) const {
        for (;;) {
            const auto left =
                std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
            if (left.count() <= 0) return false;
            pollfd one{.fd = socket_, .events = events, .revents = 0};
            const int ready = ::poll(&one, 1, static_cast<int>(left.count()));
            if (ready >= 0) return ready > 0;
            if (errno != EINTR) return false;
        }
    }
    template <class Get> void name(Get get, std::string& ip, int& port) const {
        sockaddr_storage storage{};
        socklen_t size = sizeof storage;
        if (get(socket_, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return;
        const auto address =
            SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr&>(storage));
        ip = address.address.to_string();
        port = address.port;
    }

    int socket_;
    Clock::time_point deadline_;
    std::array<char, 1024> room_;
    std::size_t begin_ = 0;  // of what was read and not taken
    std::size_t end_ = 0;
};

/// Octets of a request's body, which nobody reads; nothing: where it ends is not said in octets, or
/// it is too long to be waited for.
std::optional<std::size_t> body_of(const httplib::Request& request) {
    if (request.has_header("Transfer-Encoding")) return std::nullopt;
    const std::string text = request.get_header_value("Content-Length");
    if (text.empty()) return 0;
    std::size_t octets = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, octets);
    if (error != std::errc{} || stop != end || octets > body_octets_max) return std::nullopt;
    return octets;
}

/// What only has status and headers yet, in the words of Go's server.
void name_error(const httplib::Request&, httplib::Response& response) {
    if (!response.body.empty()) return;
    if (response.status == 404) {
        response.set_header("X-Content-Type-Options", "nosniff");
        response.set_content("404 page not found\n", "text/plain; charset=utf-8");
    } else if (response.status == 400) {
        response.set_content("400 Bad Request", "text/plain; charset=utf-8");
    }
}

void finish_headers(const httplib::Request& request, httplib::Response& response) {
    response.headers.erase("Accept-Ranges");  // pages are of the moment
    response.set_header("Date", http_date());
    if (body_of(request)) return;
    response.headers.erase("Keep-Alive");
    response.headers.erase("Connection");
    response.set_header("Connection", "close");
}

}  // namespace

PageServer::PageServer() {
    set_error_handler(httplib::Server::Handler{name_error});
    set_post_routing_handler(finish_headers);
    set_socket_options(agent::set_socket_options);
    set_keep_alive_timeout(idle_wait.count());
    new_task_queue = [] { return new httplib::ThreadPool(threads_a_port); };
}

bool PageServer::process_and_close_socket(socket_t socket) {
    BoundedStream stream{socket};
    bool good = true;
    for (std::size_t left = keep_alive_max_count_; good && left != 0; --left) {
        if (svr_sock_ == INVALID_SOCKET) break;  // stop() was called
        stream.use_for(idle_wait);
        if (!stream.is_readable()) break;
        stream.use_for(request_wait);
        bool closed = false;
        std::optional<std::size_t> body = 0;
        // Pages are pages, whatever is to be done with them; the library would wait for a body of a
        // POST that has none.
        const auto as_question = [&](httplib::Request& request) {
            body = body_of(request);
            if (request.method != "HEAD") request.method = "GET";
        };
        good = process_request(stream, left == 1, closed, as_question) && !closed;
        // What is not read when the connection is closed would take the answer away, too.
        if (!body) ::shutdown(socket, SHUT_WR);
        if (!stream.skip(body.value_or(body_octets_max)) || !body) good = false;
    }
    ::shutdown(socket, SHUT_RDWR);
    ::close(socket);
    return good;
}

}  // namespace nameplane::agent
