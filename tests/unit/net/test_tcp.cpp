#include "net/tcp.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <source_location>
#include <string>
#include <thread>
#include <vector>

using namespace nameplane;
using net::AcceptStatus;
using net::Io;
using net::Share;
using net::TcpListener;

namespace {

IpAddress ip(const char* text) {
    return *IpAddress::parse(text);
}

TcpListener bound(const char* address) {
    auto listener = TcpListener::bind({ip(address), 0}, Share::first);
    if (!listener) FAIL(listener.error().text);
    return std::move(*listener);
}

UniqueFd connected_to(const SocketAddress& server) {
    UniqueFd fd{socket(server.address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_storage storage;
    const unsigned size = server.to_sockaddr(storage);
    REQUIRE(connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), size) == 0);
    return fd;
}

bool wait_for(int fd, short events) {
    pollfd waiting{fd, events, 0};
    return poll(&waiting, 1, 60'000) == 1;
}

std::span<const std::uint8_t> octets_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

net::TcpStream accepted(TcpListener& listener) {
    REQUIRE(wait_for(listener.fd(), POLLIN));
    net::Accepted next = listener.accept();
    REQUIRE(next.status == AcceptStatus::accepted);
    return std::move(*next.stream);
}

struct Case {
    const char* bound;
    const char* asked;
    std::source_location at = std::source_location::current();
};

}  // namespace

TEST_CASE("a connection knows both its ends") {
    const Case cases[] = {
        {"127.0.0.1", "127.0.0.1"}, {"0.0.0.0", "127.0.0.9"}, {"::1", "::1"}, {"::", "::1"}};
    for (const Case& row : cases) {
        INFO("row at line " << row.at.line());
        TcpListener listener = bound(row.bound);
        CHECK(listener.accept().status == AcceptStatus::none);
        const SocketAddress asked{ip(row.asked), listener.local().port};
        const UniqueFd client = connected_to(asked);
        const net::TcpStream stream = accepted(listener);
        CHECK(stream.local() == asked);
        CHECK(stream.peer().address.family() == asked.address.family());
        CHECK(stream.peer().port != 0);
        CHECK(listener.accept().status == AcceptStatus::none);
    }
}

TEST_CASE("reading says some, later, closed; a reset is a failure") {
    TcpListener listener = bound("127.0.0.1");
    UniqueFd client = connected_to(listener.local());
    net::TcpStream stream = accepted(listener);
    std::array<std::uint8_t, 16> room{};
    CHECK(stream.read(room).io == Io::later);
    REQUIRE(send(client.get(), "hello", 5, 0) == 5);
    REQUIRE(wait_for(stream.fd(), POLLIN));
    const net::IoResult some = stream.read(room);
    CHECK(some.io == Io::some);
    CHECK(some.octets == 5);
    REQUIRE(shutdown(client.get(), SHUT_WR) == 0);
    REQUIRE(wait_for(stream.fd(), POLLIN));
    CHECK(stream.read(room).io == Io::closed);
    CHECK(stream.write(octets_of("still")).io == Io::some);

    UniqueFd rude = connected_to(listener.local());
    net::TcpStream reset = accepted(listener);
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    REQUIRE(setsockopt(rude.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    rude.reset();
    REQUIRE(wait_for(reset.fd(), POLLIN));
    CHECK(reset.read(room).io == Io::failed);
    CHECK(reset.write(octets_of("nobody")).io == Io::failed);  // and no SIGPIPE
}

TEST_CASE("writing stops when the peer does not read and goes on when it does") {
    TcpListener listener = bound("127.0.0.1");
    const UniqueFd client = connected_to(listener.local());
    net::TcpStream stream = accepted(listener);
    const std::string much(1 << 20, 'x');
    std::size_t written = 0;
    for (net::IoResult result; (result = stream.write(octets_of(much))).io != Io::later;) {
        REQUIRE(result.io == Io::some);
        written += result.octets;
    }
    std::size_t read_back = 0;
    std::vector<char> room(1 << 16);
    while (read_back < written) {
        const ssize_t count = recv(client.get(), room.data(), room.size(), 0);
        REQUIRE(count > 0);
        read_back += static_cast<std::size_t>(count);
    }
    REQUIRE(wait_for(stream.fd(), POLLOUT));
    CHECK(stream.write(octets_of("more")).io == Io::some);
}

// Not with UBSan, which opens a pipe to see whether memory is there.
#ifndef __SANITIZE_ADDRESS__
TEST_CASE("out of descriptors is told apart from nobody waiting") {
    TcpListener listener = bound("127.0.0.1");
    TcpListener lonely = bound("127.0.0.1");
    const UniqueFd client = connected_to(listener.local());
    REQUIRE(wait_for(listener.fd(), POLLIN));
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit none = before;
    none.rlim_cur = 4;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    const AcceptStatus starved = listener.accept().status;
    const AcceptStatus alone = lonely.accept().status;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(starved == AcceptStatus::starved);
    CHECK(alone == AcceptStatus::none);
    CHECK(listener.accept().status == AcceptStatus::accepted);
}
#endif

TEST_CASE("what may not be accepted is tried again later, and not at once for ever") {
    TcpListener listener = bound("127.0.0.1");
    const UniqueFd client = connected_to(listener.local());
    REQUIRE(wait_for(listener.fd(), POLLIN));
    AcceptStatus status = AcceptStatus::none;
    // On a thread of its own, since it cannot be taken back.
    std::thread{[&] {
        std::array<sock_filter, 4> program{
            {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_accept4, 0, 1),
             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};
        const sock_fprog filter{program.size(), program.data()};
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return;
        if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) return;
        status = listener.accept().status;
    }}.join();
    CHECK(status == AcceptStatus::starved);
    CHECK(listener.accept().status == AcceptStatus::accepted);
}

TEST_CASE("a socket that was bound elsewhere is listened on without blocking") {
    UniqueFd fd{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_storage storage;
    const unsigned size = SocketAddress{ip("127.0.0.1"), 0}.to_sockaddr(storage);
    REQUIRE(bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), size) == 0);
    auto listener = TcpListener::adopt(std::move(fd));
    REQUIRE(listener);
    CHECK(listener->accept().status == AcceptStatus::none);
    const UniqueFd client = connected_to(listener->local());
    const net::TcpStream stream = accepted(*listener);
    CHECK(stream.local() == listener->local());
    int pipe[2];
    REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
    const UniqueFd writing{pipe[1]};
    CHECK_FALSE(TcpListener::adopt(UniqueFd{pipe[0]}));
}

TEST_CASE("TCP ports are shared like UDP ports") {
    const TcpListener first = bound("::1");
    CHECK(TcpListener::bind(first.local(), Share::also));
    CHECK(TcpListener::bind(first.local(), Share::also));
    const auto stranger = TcpListener::bind(first.local(), Share::first);
    REQUIRE_FALSE(stranger);
    CHECK(stranger.error().text ==
          "bind " + first.local().to_string() + ": Address already in use");
}
