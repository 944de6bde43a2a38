#include "net/udp.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <source_location>
#include <string>
#include <vector>

using namespace nameplane;
using net::Share;
using net::UdpSocket;

namespace {

constexpr std::size_t answer_octets = 1232;

IpAddress ip(const char* text) {
    return *IpAddress::parse(text);
}

UniqueFd client_at(const char* address) {
    const SocketAddress local{ip(address), 0};
    UniqueFd fd{socket(local.address.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    sockaddr_storage storage;
    const unsigned size = local.to_sockaddr(storage);
    REQUIRE(bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), size) == 0);
    return fd;
}

void send_to(const UniqueFd& client, const SocketAddress& server, std::string_view text) {
    sockaddr_storage storage;
    const unsigned size = server.to_sockaddr(storage);
    REQUIRE(sendto(client.get(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&storage),
                   size) == static_cast<ssize_t>(text.size()));
}

struct Received {
    std::string text;
    SocketAddress from;
};

bool wait_readable(int fd) {
    pollfd waiting{fd, POLLIN, 0};
    return poll(&waiting, 1, 60'000) == 1;
}

Received receive_at(const UniqueFd& client) {
    REQUIRE(wait_readable(client.get()));
    std::string text(65536, '\0');
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const ssize_t octets = recvfrom(client.get(), text.data(), text.size(), 0,
                                    reinterpret_cast<sockaddr*>(&from), &size);
    REQUIRE(octets >= 0);
    text.resize(static_cast<std::size_t>(octets));
    return {text, SocketAddress::from_sockaddr(reinterpret_cast<sockaddr&>(from))};
}

std::string text_of(std::span<const std::uint8_t> octets) {
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

void answer(UdpSocket& socket, std::size_t i, std::string_view text) {
    std::memcpy(socket.answer_room(i).data(), text.data(), text.size());
    socket.answer(i, text.size());
}

UdpSocket bound(const char* address) {
    auto socket = UdpSocket::bind({ip(address), 0}, Share::first, answer_octets);
    if (!socket) FAIL(socket.error().text);
    return std::move(*socket);
}

struct Case {
    const char* bound;
    const char* client;
    const char* asked;  // the address the query goes to and the answer must come from
    std::source_location at = std::source_location::current();
};

}  // namespace

TEST_CASE("an answer comes from the address that was asked") {
    const Case cases[] = {
        {"127.0.0.1", "127.0.0.1", "127.0.0.1"},
        {"0.0.0.0", "127.0.0.1", "127.0.0.1"},
        {"0.0.0.0", "127.0.0.1", "127.0.0.53"},
        {"0.0.0.0", "127.9.9.9", "127.3.2.1"},
        {"::1", "::1", "::1"},
        {"::", "::1", "::1"},
    };
    for (const Case& row : cases) {
        INFO("row at line " << row.at.line());
        UdpSocket server = bound(row.bound);
        const UniqueFd client = client_at(row.client);
        const SocketAddress asked{ip(row.asked), server.local().port};
        send_to(client, asked, "question");
        REQUIRE(wait_readable(server.fd()));
        REQUIRE(server.receive() == 1);
        const UdpSocket::Datagram datagram = server.datagram(0);
        CHECK(text_of(datagram.message) == "question");
        CHECK_FALSE(datagram.cut_off);
        CHECK(datagram.server == asked);
        CHECK(datagram.client.address == ip(row.client));
        answer(server, 0, "answer");
        CHECK(server.send());
        const Received got = receive_at(client);
        CHECK(got.text == "answer");
        CHECK(got.from == asked);
        CHECK(server.send_errors() == 0);
    }
}

TEST_CASE("an IPv6 socket leaves IPv4 to the IPv4 socket on the same port") {
    UdpSocket v6 = bound("::");
    const auto v4 = UdpSocket::bind({ip("0.0.0.0"), v6.local().port}, Share::first, answer_octets);
    CHECK(v4);
}

TEST_CASE("a batch takes 64 datagrams, in order, and the rest stays for the next") {
    UdpSocket server = bound("127.0.0.1");
    const UniqueFd client = client_at("127.0.0.1");
    for (int i = 0; i < 100; ++i) send_to(client, server.local(), "q" + std::to_string(i));
    REQUIRE(server.receive() == UdpSocket::batch_max);
    for (std::size_t i = 0; i < UdpSocket::batch_max; ++i) {
        CHECK(text_of(server.datagram(i).message) == "q" + std::to_string(i));
        answer(server, i, "a" + std::to_string(i));
    }
    CHECK(server.send());
    REQUIRE(server.receive() == 36);
    CHECK(text_of(server.datagram(0).message) == "q64");
    answer(server, 35, "a99");
    CHECK(server.send());
    CHECK(server.receive() == 0);
    for (int i = 0; i < 64; ++i) CHECK(receive_at(client).text == "a" + std::to_string(i));
    CHECK(receive_at(client).text == "a99");
}

TEST_CASE("each of several clients gets its own answer; who is not answered gets nothing") {
    UdpSocket server = bound("0.0.0.0");
    const UniqueFd first = client_at("127.0.0.1");
    const UniqueFd second = client_at("127.0.0.2");
    const UniqueFd third = client_at("127.0.0.3");
    send_to(first, {ip("127.0.0.1"), server.local().port}, "one");
    send_to(second, {ip("127.0.0.1"), server.local().port}, "two");
    send_to(third, {ip("127.0.0.9"), server.local().port}, "three");
    REQUIRE(server.receive() == 3);
    answer(server, 0, "for one");
    answer(server, 2, "for three");
    CHECK(server.send());
    CHECK(receive_at(first).text == "for one");
    const Received got = receive_at(third);
    CHECK(got.text == "for three");
    CHECK(got.from.address == ip("127.0.0.9"));
    char octet = 0;
    CHECK(recv(second.get(), &octet, 1, MSG_DONTWAIT) == -1);
}

TEST_CASE("sizes at the edges: empty, largest, too large") {
    UdpSocket server = bound("127.0.0.1");
    const UniqueFd client = client_at("127.0.0.1");
    send_to(client, server.local(), "");
    send_to(client, server.local(), std::string(UdpSocket::message_octets_max, 'x'));
    send_to(client, server.local(), std::string(UdpSocket::message_octets_max + 1, 'y'));
    send_to(client, server.local(), "z");
    REQUIRE(server.receive() == 4);
    CHECK(server.datagram(0).message.empty());
    CHECK(server.datagram(1).message.size() == UdpSocket::message_octets_max);
    CHECK_FALSE(server.datagram(1).cut_off);
    CHECK(server.datagram(2).message.size() == UdpSocket::message_octets_max);
    CHECK(server.datagram(2).cut_off);
    CHECK(text_of(server.datagram(3).message) == "z");
    CHECK_FALSE(server.datagram(3).cut_off);
    CHECK(server.answer_room(0).size() == answer_octets);
}

TEST_CASE("an answer that the kernel refuses is counted and the others go out") {
    UdpSocket server = bound("0.0.0.0");
    const UniqueFd client = client_at("127.0.0.1");
    // A client that says it sits on port 0 cannot be answered (EINVAL).
    UniqueFd raw{socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP)};
    if (!raw) {
        WARN("skipped: raw sockets need CAP_NET_RAW: " << std::strerror(errno));
        return;
    }
    struct {
        std::uint16_t source = 0;
        std::uint16_t destination = 0;
        std::uint16_t octets = htons(9);
        std::uint16_t checksum = 0;
        char payload = 'q';
    } forged;
    forged.destination = htons(server.local().port);
    sockaddr_storage to;
    const unsigned size = SocketAddress{ip("127.0.0.1"), 0}.to_sockaddr(to);
    REQUIRE(sendto(raw.get(), &forged, 9, 0, reinterpret_cast<sockaddr*>(&to), size) == 9);
    send_to(client, {ip("127.0.0.1"), server.local().port}, "good");
    REQUIRE(wait_readable(server.fd()));
    REQUIRE(server.receive() == 2);
    CHECK(server.datagram(0).client.port == 0);
    answer(server, 0, "never");
    answer(server, 1, "answer");
    CHECK(server.send());
    CHECK(server.send_errors() == 1);
    CHECK(receive_at(client).text == "answer");
}

TEST_CASE("when the kernel takes no more, the rest goes out later, whole and in order") {
    // A UNIX socket pair refuses with EAGAIN as soon as the peer's queue is full.
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == 0);
    UdpSocket server = UdpSocket::adopt(UniqueFd{ends[0]}, answer_octets);
    const UniqueFd client{ends[1]};
    std::vector<std::string> got;
    std::size_t asked = 0;
    bool was_refused = false;
    const auto drain = [&] {
        std::array<char, 64> text{};
        ssize_t octets = 0;
        while ((octets = recv(client.get(), text.data(), text.size(), MSG_DONTWAIT)) > 0) {
            got.emplace_back(text.data(), static_cast<std::size_t>(octets));
        }
    };
    while (asked < 1000) {
        // The client's own sends are refused, too, when our queue is full.
        while (asked < 1000 && send(client.get(), "q", 1, MSG_DONTWAIT) == 1) ++asked;
        const std::size_t count = server.receive();
        for (std::size_t i = 0; i < count; ++i) {
            answer(server, i, std::to_string(asked) + "/" + std::to_string(i));
        }
        if (!server.send()) {
            was_refused = true;
            CHECK(server.has_unsent());
            drain();
            while (!server.send()) drain();
        }
    }
    std::size_t count = 0;
    while ((count = server.receive()) > 0) {
        for (std::size_t i = 0; i < count; ++i) answer(server, i, "last");
        while (!server.send()) drain();
    }
    drain();
    CHECK(was_refused);
    CHECK(got.size() == 1000);
    CHECK(server.send_errors() == 0);
}

TEST_CASE("workers share a port, strangers do not") {
    auto first = UdpSocket::bind({ip("127.0.0.1"), 0}, Share::first, answer_octets);
    REQUIRE(first);
    const SocketAddress local = first->local();
    auto second = UdpSocket::bind(local, Share::also, answer_octets);
    CHECK(second);
    auto third = UdpSocket::bind(local, Share::also, answer_octets);
    CHECK(third);
    const auto stranger = UdpSocket::bind(local, Share::first, answer_octets);
    REQUIRE_FALSE(stranger);
    CHECK(stranger.error().code == Errc::conflict);
    CHECK(stranger.error().text == "bind " + local.to_string() + ": Address already in use");

    // All of a group receive: 200 clients' ports are spread over three sockets.
    std::vector<UniqueFd> clients;
    for (int i = 0; i < 200; ++i) {
        clients.push_back(client_at("127.0.0.1"));
        send_to(clients.back(), local, "q");
    }
    const auto count_all = [](UdpSocket& socket) {
        std::size_t sum = 0;
        while (const std::size_t count = socket.receive()) sum += count;
        return sum;
    };
    const std::size_t a = count_all(*first);
    const std::size_t b = count_all(*second);
    const std::size_t c = count_all(*third);
    CHECK(a + b + c == 200);
    CHECK(a > 0);
    CHECK(b > 0);
    CHECK(c > 0);
}

TEST_CASE("bind says what was wrong") {
    const auto foreign = UdpSocket::bind({ip("192.0.2.1"), 0}, Share::first, answer_octets);
    REQUIRE_FALSE(foreign);
    CHECK(foreign.error().text == "bind 192.0.2.1:0: Cannot assign requested address");
}

TEST_CASE("what the kernel had no room for is told") {
    UdpSocket socket = bound("127.0.0.1");
    CHECK(socket.overflowed() == 0);
    const int small = 4096;
    REQUIRE(setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    const UniqueFd client = client_at("127.0.0.1");
    constexpr std::uint32_t count = 100;
    for (std::uint32_t i = 0; i < count; ++i) send_to(client, socket.local(), "datagram");
    std::size_t received = 0;
    while (const std::size_t some = socket.receive()) received += some;
    CHECK(received < count);
    CHECK(socket.overflowed() == count - received);
}
