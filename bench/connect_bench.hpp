#pragma once
// What a new connection costs in a network namespace with rules: a server, and a client that
// counts.

#include "support/netns.hpp"
#include <nameplane/base/ip.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace nameplane::bench {

/// Accepts and closes, on every address of the namespace.
class Listener {
public:
    explicit Listener(const test::Netns& netns)
        : fd_{netns.in([] { return ::socket(AF_INET, SOCK_STREAM, 0); })} {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = htons(8080);
        const int on = 1;
        ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (::bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
            ::listen(fd_, 512) != 0)
            std::exit(1);
        thread_ = std::thread{[this] {
            for (int one = 0; (one = ::accept(fd_, nullptr, nullptr)) >= 0;) ::close(one);
        }};
    }
    ~Listener() {
        ::shutdown(fd_, SHUT_RDWR);
        thread_.join();
        ::close(fd_);
    }
    Listener(const Listener&) = delete;

private:
    int fd_;
    std::thread thread_;
};

/// Median microseconds of connect() to a Service.
inline double connect_us(const test::Netns& netns, const SocketAddress& to) {
    constexpr int connections = 2'000;
    std::vector<double> times;
    netns.run([&] {
        for (int i = 0; i < connections; ++i) {
            const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
            const linger at_once{1, 0};  // no port is kept busy
            ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            sockaddr_storage address{};
            const unsigned size = to.to_sockaddr(address);
            const auto begin = std::chrono::steady_clock::now();
            if (::connect(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) {
                std::perror("connect");
                std::exit(1);
            }
            const std::chrono::duration<double, std::micro> took =
                std::chrono::steady_clock::now() - begin;
            times.push_back(took.count());
            ::close(fd);
        }
    });
    std::ranges::sort(times);
    return times[times.size() / 2];
}

}  // namespace nameplane::bench
