#include "plugins/forward/host_lookup.hpp"

#include "dns/parse_answer.hpp"
#include "net/connect.hpp"
#include "net/tcp.hpp"
#include "plugins/forward/question.hpp"
#include <nameplane/base/arena.hpp>
#include <nameplane/base/random.hpp>

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <variant>

namespace nameplane::plugins::forwarding {

namespace {

using Time = std::chrono::steady_clock::time_point;
using Octets = std::vector<std::uint8_t>;

constexpr std::chrono::milliseconds try_time_max{1000};
constexpr int tries = 2;
constexpr std::size_t message_octets_max = 65535;
constexpr std::size_t arena_octets = 1 << 20;

Time now() noexcept {
    return std::chrono::steady_clock::now();
}

// Whether `fd` is ready for `events` before `until`.
bool await(int fd, short events, Time until) noexcept {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now());
        if (left.count() <= 0) return false;
        pollfd one{fd, events, 0};
        const int ready = ::poll(&one, 1, static_cast<int>(left.count()));
        if (ready > 0) return true;
        if (ready == 0 || errno != EINTR) return false;
    }
}

// One question to one resolver.
class Asking {
public:
    Asking(const Question& question, const SocketAddress& server, Random& random)
        : question_{question}, server_{server}, id_{static_cast<std::uint16_t>(random.next())} {
        std::array<std::uint8_t, question_octets_max> room;
        const std::size_t octets = write_question(question, {.id = id_, .edns = false}, room);
        message_.assign(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(octets));
    }

    /// Nothing: no answer before `until`.
    std::optional<Octets> answer(Time until) {
        std::optional<Octets> got;
        for (int i = 0; i < tries && !got && now() < until; ++i) {
            got = by_udp(std::min(until, now() + try_time_max));
        }
        if (got && dns::read_answer_head(*got)->truncated) {
            got = by_tcp(std::min(until, now() + tries * try_time_max));
        }
        return got;
    }

private:
    bool is_answer(std::span<const std::uint8_t> message) const noexcept {
        const auto head = dns::read_answer_head(message);
        return head && head->id == id_ && head->type == question_.type &&
               head->name.equals(question_.name);
    }

    std::optional<Octets> by_udp(Time until) {
        const Result<UniqueFd> fd = net::connected_udp(server_, std::nullopt);
        if (!fd || ::send(fd->get(), message_.data(), message_.size(), MSG_NOSIGNAL) < 0) return {};
        Octets room(message_octets_max);
        while (await(fd->get(), POLLIN, until)) {
            const ssize_t got = ::recv(fd->get(), room.data(), room.size(), 0);
            if (got < 0) return {};
            const auto message = std::span{room}.first(static_cast<std::size_t>(got));
            // Another one is stray, or forged: the true one may still come.
            if (is_answer(message)) return Octets(message.begin(), message.end());
        }
        return {};
    }

    std::optional<Octets> by_tcp(Time until) {
        Result<UniqueFd> fd = net::begin_tcp(server_, std::nullopt);
        if (!fd || !await(fd->get(), POLLOUT, until) || !net::is_connected(fd->get())) return {};
        net::TcpStream stream{std::move(*fd), server_};
        Octets frame{static_cast<std::uint8_t>(message_.size() >> 8U),
                     static_cast<std::uint8_t>(message_.size())};
        frame.insert(frame.end(), message_.begin(), message_.end());
        // A new connection takes so little at once.
        if (stream.write(frame).octets != frame.size()) return {};
        Octets got;
        const auto size = [&got] { return std::size_t{2} + (got[0] << 8U) + got[1]; };
        while (got.size() < 2 || got.size() < size()) {
            Octets room(message_octets_max);
            if (!await(stream.fd(), POLLIN, until)) return {};
            const net::IoResult read = stream.read(room);
            if (read.io == net::Io::later) continue;
            if (read.io != net::Io::some) return {};
            got.insert(got.end(), room.begin(),
                       room.begin() + static_cast<std::ptrdiff_t>(read.octets));
        }
        const Octets message(got.begin() + 2, got.begin() + static_cast<std::ptrdiff_t>(size()));
        if (!is_answer(message)) return {};
        return message;
    }

    const Question& question_;
    SocketAddress server_;
    std::uint16_t id_;
    Octets message_;
};

// What an answer says, aliases followed or not: as CoreDNS takes them.
std::vector<IpAddress> addresses_in(const Octets& message, dns::NameView name) {
    Arena arena{arena_octets};
    Reply reply{arena};
    std::vector<IpAddress> all;
    if (!dns::read_answer(message, name, arena, reply)) return all;
    for (const dns::Record& record : reply.answers().records()) {
        const auto* const address = std::get_if<IpAddress>(&record.data);
        if (address != nullptr) all.push_back(*address);
    }
    return all;
}

Result<std::vector<IpAddress>> ask_resolvers(const std::string& host,
                                             std::span<const SocketAddress> resolvers, Time until) {
    const auto name = dns::Name::parse(host);
    if (!name) return Error{Errc::invalid, "no domain name"};
    Random random;
    std::string silent;
    for (const SocketAddress& resolver : resolvers) {
        std::vector<IpAddress> all;
        for (const dns::Type type : {dns::Type::a, dns::Type::aaaa}) {
            const Question question{.name = name->lower(), .type = type};
            const auto answer = Asking{question, resolver, random}.answer(until);
            if (!answer) {
                silent += (silent.empty() ? "" : ", ") + resolver.to_string();
                break;
            }
            const std::vector<IpAddress> more = addresses_in(*answer, question.name);
            all.insert(all.end(), more.begin(), more.end());
        }
        if (!all.empty()) return all;
    }
    if (silent.empty()) return Error{Errc::not_found, "its resolvers know no address of it"};
    return Error{Errc::io, "no answer from " + silent};
}

Result<std::vector<IpAddress>> ask_machine_now(const std::string& host) {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(host.c_str(), nullptr, &wanted, &found);
    if (code != 0) return Error{Errc::not_found, ::gai_strerror(code)};
    std::vector<IpAddress> all;
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        if (one->ai_family != AF_INET && one->ai_family != AF_INET6) continue;
        all.push_back(SocketAddress::from_sockaddr(*one->ai_addr).address);
    }
    ::freeaddrinfo(found);
    if (all.empty()) return Error{Errc::not_found, "no address of IPv4 or IPv6"};
    return all;
}

// The library's function cannot be told how long it may take: a thread of its own waits for it, to
// the end if it must.
Result<std::vector<IpAddress>> ask_machine(const std::string& host, Time until) {
    using Answer = Result<std::vector<IpAddress>>;
    const auto promise = std::make_shared<std::promise<Answer>>();
    std::future<Answer> answer = promise->get_future();
    std::thread{[promise, host] { promise->set_value(ask_machine_now(host)); }}.detach();
    if (answer.wait_until(until) != std::future_status::ready) {
        return Error{Errc::io, "no answer from this machine's resolvers"};
    }
    return answer.get();
}

}  // namespace

Result<std::vector<IpAddress>> look_up_host(const std::string& host,
                                            std::span<const SocketAddress> resolvers, Time until) {
    return resolvers.empty() ? ask_machine(host, until) : ask_resolvers(host, resolvers, until);
}

}  // namespace nameplane::plugins::forwarding
