#include "agent/page_server.hpp"

#include <nameplane/base/ip.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace nameplane::agent {

namespace {

using Clock = std::chrono::steady_clock;

// A client holds a thread until its time is over: enough of the one and little of the other.
constexpr std::size_t threads_a_port = 8;
constexpr std::chrono::seconds idle_wait{1};     // for a request, the first one or another
constexpr std::chrono::seconds request_wait{2};  // from its first octet to the answer's last one

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

}  // namespace

PageServer::PageServer() {
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
        good = process_request(stream, left == 1, closed, nullptr) && !closed;
    }
    ::shutdown(socket, SHUT_RDWR);
    ::close(socket);
    return good;
}

}  // namespace nameplane::agent
