#include "client.hpp"

#include <catch2/catch.hpp>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <thread>
#include <utility>

namespace nameplane::test {

namespace {

using std::chrono::milliseconds;

// Clients run in threads of their own, where Catch2's macros may not be used: a failed set-up
// throws and ends the test program.
void must(bool condition, const char* what) {
    if (!condition) throw std::runtime_error{what};
}

UniqueFd opened(int type, const SocketAddress& server) {
    return UniqueFd{::socket(server.address.is_v4() ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0)};
}

void connect_to(int fd, const SocketAddress& server) {
    sockaddr_storage storage;
    const unsigned size = server.to_sockaddr(storage);
    must(::connect(fd, reinterpret_cast<sockaddr*>(&storage), size) == 0, "connect");
}

bool wait_for(int fd, short events, milliseconds wait) {
    pollfd waiting{fd, events, 0};
    return ::poll(&waiting, 1, static_cast<int>(wait.count())) == 1;
}

}  // namespace

void await_delivery(int fd) {
    const auto end = std::chrono::steady_clock::now() + wait_max;
    for (int left = 1; left != 0;) {
        must(::ioctl(fd, SIOCOUTQ, &left) == 0, "SIOCOUTQ");
        must(std::chrono::steady_clock::now() < end, "the kernel delivers nothing");
        if (left != 0) std::this_thread::sleep_for(milliseconds{1});  // there is no event for it
    }
}

UdpClient::UdpClient(const SocketAddress& server) : fd_{opened(SOCK_DGRAM, server)} {
    connect_to(fd_.get(), server);
}

void UdpClient::send(const Octets& message) const {
    must(::send(fd_.get(), message.data(), message.size(), 0) ==
             static_cast<ssize_t>(message.size()),
         "send");
}

std::optional<Octets> UdpClient::receive(milliseconds wait) const {
    if (!wait_for(fd_.get(), POLLIN, wait)) return std::nullopt;
    Octets message(65536);
    const ssize_t size = ::recv(fd_.get(), message.data(), message.size(), 0);
    if (size < 0) return std::nullopt;
    message.resize(static_cast<std::size_t>(size));
    return message;
}

Octets UdpClient::ask(const Octets& message) const {
    send(message);
    auto answer = receive();
    must(answer.has_value(), "no answer");
    return *answer;
}

TcpClient::TcpClient(const SocketAddress& server, Options options)
    : fd_{opened(SOCK_STREAM, server)} {
    if (options.receive_buffer != 0) {
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &options.receive_buffer,
                     sizeof options.receive_buffer);
    }
    if (options.source) {
        sockaddr_storage storage;
        const unsigned size = SocketAddress{*options.source, 0}.to_sockaddr(storage);
        must(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&storage), size) == 0, "bind");
    }
    connect_to(fd_.get(), server);
}

bool TcpClient::send(const Octets& octets) const {
    std::size_t sent = 0;
    while (sent < octets.size()) {
        const ssize_t count =
            ::send(fd_.get(), octets.data() + sent, octets.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) return false;
        sent += static_cast<std::size_t>(count);
    }
    return true;
}

std::size_t TcpClient::send_until_stuck(const Octets& frame,
                                        const std::function<void()>& come_round) const {
    Octets octets;
    for (int i = 0; i < 1000; ++i) octets.insert(octets.end(), frame.begin(), frame.end());
    std::size_t sent = 0;
    for (bool stuck = false;;) {
        const ssize_t count =
            ::send(fd_.get(), octets.data() + sent % octets.size(),
                   octets.size() - sent % octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count > 0) {
            sent += static_cast<std::size_t>(count);
            stuck = false;
        } else if (errno != EAGAIN || std::exchange(stuck, true)) {
            return sent;
        } else {
            come_round();
        }
    }
}

std::optional<Octets> TcpClient::read_exactly(std::size_t octets) const {
    Octets out(octets);
    std::size_t got = 0;
    while (got < octets) {
        must(wait_for(fd_.get(), POLLIN, wait_max), "nothing comes");
        const ssize_t count = ::recv(fd_.get(), out.data() + got, octets - got, 0);
        if (count <= 0) return std::nullopt;
        got += static_cast<std::size_t>(count);
    }
    return out;
}

std::optional<Octets> TcpClient::receive() const {
    const auto length = read_exactly(2);
    if (!length) return std::nullopt;
    return read_exactly(static_cast<std::size_t>((*length)[0]) << 8U | (*length)[1]);
}

Octets TcpClient::ask(const Octets& message) const {
    must(send(framed(message)), "the connection is closed");
    auto answer = receive();
    must(answer.has_value(), "no answer");
    return *answer;
}

bool TcpClient::is_closed_within(milliseconds wait) const {
    std::array<char, 65536> room;
    while (wait_for(fd_.get(), POLLIN, wait)) {
        if (::recv(fd_.get(), room.data(), room.size(), 0) <= 0) return true;
    }
    return false;
}

bool TcpClient::is_reset() const {
    return wait_for(fd_.get(), 0, wait_max);  // errors are always reported
}

void TcpClient::finish_sending() const {
    ::shutdown(fd_.get(), SHUT_WR);
}

}  // namespace nameplane::test
