// The floor of a DNS server on sockets: takes datagrams and gives each back with the QR bit set, in
// batches through the server's own socket class, and does nothing else. What a query costs here is
// the kernel's; bench/dns.py asks it beside the real servers. Listens on 127.0.0.1 until it is
// killed. Usage: bench_udp_floor PORT

#include "net/udp.hpp"

#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
    using namespace nameplane;
    if (argc != 2) {
        std::fprintf(stderr, "usage: bench_udp_floor PORT\n");
        return 2;
    }
    const SocketAddress local{*IpAddress::parse("127.0.0.1"),
                              static_cast<std::uint16_t>(std::atoi(argv[1]))};
    Result<net::UdpSocket> socket = net::UdpSocket::bind(local, net::Share::first, 4096);
    if (!socket) {
        std::fprintf(stderr, "%s\n", socket.error().text.c_str());
        return 1;
    }
    for (;;) {
        pollfd ready{.fd = socket->fd(), .events = POLLIN, .revents = 0};
        if (::poll(&ready, 1, -1) < 0) return 1;
        while (const std::size_t count = socket->receive()) {
            for (std::size_t i = 0; i < count; ++i) {
                const std::span<const std::uint8_t> message = socket->message(i);
                const std::span<std::uint8_t> room = socket->answer_room(i);
                if (message.size() < 12 || message.size() > room.size()) continue;
                std::ranges::copy(message, room.begin());
                room[2] |= 0x80;
                socket->answer(i, message.size());
            }
            while (!socket->send()) {
                pollfd writable{.fd = socket->fd(), .events = POLLOUT, .revents = 0};
                ::poll(&writable, 1, -1);
            }
            if (count < net::UdpSocket::batch_max) break;
        }
    }
}
