#pragma once
// raw_client: HTTP by hand over a socket to 127.0.0.1, for tests of what is sent octet by octet.

#include "base/fd.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nameplane::agent {

/// A connection that says and hears; not connected if nobody listens.
class Client {
public:
    explicit Client(std::uint16_t port) : Client{} { connect(port); }
    /// Has its descriptor, and no connection yet.
    static Client begun() { return Client{}; }
    void connect(std::uint16_t port) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    }
    void say(std::string_view text) const {
        if (connected_) (void)::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    }
    void finish_sending() const { ::shutdown(fd_.get(), SHUT_WR); }
    /// Until the peer closes, or `end` came.
    std::string hear(std::string_view end = "\r\n\r\n\r\n") const {
        std::string answer;
        std::array<char, 4096> room{};
        while (connected_ && !answer.ends_with(end)) {
            pollfd one{.fd = fd_.get(), .events = POLLIN, .revents = 0};
            if (::poll(&one, 1, 60'000) != 1) return answer;
            const ssize_t got = ::recv(fd_.get(), room.data(), room.size(), 0);
            if (got <= 0) return answer;
            answer.append(room.data(), static_cast<std::size_t>(got));
        }
        return answer;
    }

private:
    Client() : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {}

    UniqueFd fd_;
    bool connected_ = false;
};

/// While it lives, this process may open nothing more than what others close.
class NoDescriptorsLeft {
public:
    NoDescriptorsLeft() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit few = before_;
        few.rlim_cur = few_descriptors;
        ::setrlimit(RLIMIT_NOFILE, &few);
        for (;;) {
            UniqueFd one{::dup(STDERR_FILENO)};
            if (!one) break;
            held_.push_back(std::move(one));
        }
    }
    ~NoDescriptorsLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    NoDescriptorsLeft(const NoDescriptorsLeft&) = delete;
    NoDescriptorsLeft& operator=(const NoDescriptorsLeft&) = delete;

private:
    static constexpr rlim_t few_descriptors = 512;
    rlimit before_{};
    std::vector<UniqueFd> held_;
};

inline std::string ask(std::uint16_t port, std::string_view request) {
    const Client client{port};
    client.say(request);
    return client.hear();
}

}  // namespace nameplane::agent
