#include "kernel/lab.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace nameplane::test {
namespace {

constexpr std::uint16_t pod_port = 8080;

int open_socket(const Netns& netns, int domain, int type) {
    const int fd = netns.in([&] { return ::socket(domain, type | SOCK_CLOEXEC, 0); });
    if (fd < 0) throw std::runtime_error{std::string{"socket: "} + std::strerror(errno)};
    return fd;
}

void limit_waits(int fd, int wait_ms) {
    const timeval limit{.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

/// A call that was interrupted, as those with limits are where the process was stopped, is made
/// again.
template <class Call> ssize_t whole(Call call) {
    ssize_t result = 0;
    do {
        result = call();
    } while (result < 0 && errno == EINTR);
    return result;
}

int domain_of(const SocketAddress& address) {
    return address.address.is_v4() ? AF_INET : AF_INET6;
}

int connect_to(int fd, const SocketAddress& to) {
    sockaddr_storage address{};
    const unsigned size = to.to_sockaddr(address);
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0 ? 0 : errno;
}

/// Without blocking: over veth all hops run inside the call, and a refusal that comes while the
/// socket is locked by it counts as a hint only, until the first packet is sent again.
int connect_within(int fd, const SocketAddress& to, int wait_ms) {
    const int flags = ::fcntl(fd, F_GETFL);
    ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    int failed = connect_to(fd, to);
    if (failed == EINPROGRESS) {
        pollfd wait{fd, POLLOUT, 0};
        if (whole([&] { return ::poll(&wait, 1, wait_ms); }) != 1) return ETIMEDOUT;
        socklen_t size = sizeof failed;
        ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size);
    }
    ::fcntl(fd, F_SETFL, flags);
    return failed;
}

/// "pod-1 10.0.0.1" as Answer.
Answer parse(const std::string& text) {
    Answer answer;
    const std::size_t space = text.find(' ');
    answer.pod = text.substr(0, space);
    if (space != std::string::npos) answer.seen = ip(text.substr(space + 1));
    return answer;
}

std::string greeting(const std::string& name, const sockaddr_storage& peer) {
    return name + " " +
           SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr&>(peer))
               .address.to_string();
}

}  // namespace

UdpFlow::UdpFlow(const Netns& from, const SocketAddress& to)
    : fd_{open_socket(from, domain_of(to), SOCK_DGRAM)} {
    connect_to(fd_, to);
}

UdpFlow::~UdpFlow() {
    ::close(fd_);
}

Answer UdpFlow::ask(int wait_ms) {
    limit_waits(fd_, wait_ms);
    if (whole([&] { return ::send(fd_, "?", 1, 0); }) < 0)
        return {.pod = {}, .seen = {}, .from = {}, .error = errno};
    char text[256];
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const ssize_t got = whole([&] {
        return ::recvfrom(fd_, text, sizeof text, 0, reinterpret_cast<sockaddr*>(&from), &size);
    });
    if (got < 0) return {.pod = {}, .seen = {}, .from = {}, .error = errno};
    Answer answer = parse(std::string{text, static_cast<std::size_t>(got)});
    answer.from = SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr&>(from));
    return answer;
}

Lab::Lab(std::size_t pods) : node_{Netns::make("node")}, client_{Netns::make("client")} {
    // Addresses are usable at once (nodad), the bridge forwards at once (no spanning tree).
    node_.sh("ip link add cni0 type bridge; ip link set cni0 up;"
             "ip addr add 10.244.0.1/24 dev cni0; ip -6 addr add fd00:244::1/64 dev cni0 nodad;"
             "echo 1 > /proc/sys/net/ipv4/ip_forward;"
             "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
    connect_veth(node_, "ext0", client_, "eth0");
    // What the client sends to a cluster IP would be routed back to it, with a redirect. Refusals
    // are ICMP errors, of which the kernel sends one a second to the same host; tests ask more
    // often.
    node_.sh("echo 0 > /proc/sys/net/ipv4/conf/all/send_redirects;"
             "echo 0 > /proc/sys/net/ipv4/conf/ext0/send_redirects;"
             "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit;"
             "echo 0 > /proc/sys/net/ipv6/icmp/ratelimit");
    node_.sh("ip addr add 192.168.50.1/24 dev ext0; ip -6 addr add fd00:50::1/64 dev ext0 nodad;"
             "ip route add default via 192.168.50.2; ip -6 route add default via fd00:50::2");
    client_.sh("ip addr add 192.168.50.2/24 dev eth0; ip -6 addr add fd00:50::2/64 dev eth0 nodad;"
               "ip route add default via 192.168.50.1; ip -6 route add default via fd00:50::1");
    for (std::size_t i = 0; i < pods; ++i) build_pod(i);
    if (::pipe(stop_) != 0) throw std::runtime_error{"pipe"};
    server_ = std::thread{[this] { serve(); }};
}

Lab::~Lab() {
    ::close(stop_[1]);
    server_.join();
    ::close(stop_[0]);
    for (const Listener& listener : listeners_) ::close(listener.fd);
}

void Lab::build_pod(std::size_t index) {
    pods_.push_back(Netns::make("pod"));
    const std::string end = "pod" + std::to_string(index);
    connect_veth(node_, end, pods_[index], "eth0");
    // As the kubelet does: a pod may reach itself through the bridge it sends to.
    node_.sh("ip link set " + end + " master cni0; ip link set " + end +
             " type bridge_slave hairpin on");
    pods_[index].sh("ip addr add " + pod_address(Family::ipv4, index) + "/24 dev eth0;" +
                    "ip -6 addr add " + pod_address(Family::ipv6, index) + "/64 dev eth0 nodad;" +
                    "ip route add default via 10.244.0.1; ip -6 route add default via fd00:244::1");
    listen(index, SOCK_STREAM);
    listen(index, SOCK_DGRAM);
}

void Lab::listen(std::size_t index, int type) {
    const int fd = open_socket(pods_[index], AF_INET6, type);  // takes IPv4, too
    sockaddr_storage any{};
    const SocketAddress address{ip("::"), pod_port};
    const unsigned size = address.to_sockaddr(any);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&any), size) != 0 ||
        (type == SOCK_STREAM && ::listen(fd, 128) != 0))
        throw std::runtime_error{std::string{"listen: "} + std::strerror(errno)};
    listeners_.push_back({fd, type, "pod-" + std::to_string(index)});
}

void Lab::serve() {
    std::vector<pollfd> wanted{{stop_[0], POLLIN, 0}};
    for (const Listener& listener : listeners_) wanted.push_back({listener.fd, POLLIN, 0});
    while (whole([&] { return ::poll(wanted.data(), wanted.size(), -1); }) >= 0) {
        if (wanted[0].revents != 0) return;
        for (std::size_t i = 0; i < listeners_.size(); ++i) {
            if (wanted[i + 1].revents == 0) continue;
            sockaddr_storage peer{};
            socklen_t size = sizeof peer;
            auto* from = reinterpret_cast<sockaddr*>(&peer);
            char ignored[64];
            const Listener& listener = listeners_[i];
            if (listener.type == SOCK_DGRAM) {
                if (::recvfrom(listener.fd, ignored, sizeof ignored, 0, from, &size) < 0) continue;
                const std::string text = greeting(listener.name, peer);
                ::sendto(listener.fd, text.data(), text.size(), 0, from, size);
                continue;
            }
            const int fd = ::accept(listener.fd, from, &size);
            if (fd < 0) continue;
            const std::string text = greeting(listener.name, peer);
            (void)!::write(fd, text.data(), text.size());
            ::close(fd);
        }
    }
}

Answer Lab::connect(const Netns& from, const SocketAddress& to, int wait_ms) {
    const int fd = open_socket(from, domain_of(to), SOCK_STREAM);
    limit_waits(fd, wait_ms);
    Answer answer;
    answer.error = connect_within(fd, to, wait_ms);
    if (answer.error == 0) {
        std::string text;
        char buffer[256];
        ssize_t got = 0;
        while ((got = whole([&] { return ::read(fd, buffer, sizeof buffer); })) > 0)
            text.append(buffer, static_cast<std::size_t>(got));
        const int failed = got < 0 ? errno : 0;
        if (!text.empty()) answer = parse(text);
        answer.error = failed;
    }
    ::close(fd);
    return answer;
}

std::string Lab::pod_address(Family family, std::size_t index) {
    return family == Family::ipv4 ? "10.244.0." + std::to_string(10 + index)
                                  : "fd00:244::" + std::to_string(10 + index);
}
std::string Lab::node_address(Family family) {
    return family == Family::ipv4 ? "192.168.50.1" : "fd00:50::1";
}
std::string Lab::bridge_address(Family family) {
    return family == Family::ipv4 ? "10.244.0.1" : "fd00:244::1";
}
std::string Lab::client_address(Family family) {
    return family == Family::ipv4 ? "192.168.50.2" : "fd00:50::2";
}
std::string Lab::cluster_ip(Family family, unsigned n) {
    return (family == Family::ipv4 ? "10.96.0." : "fd00:96::") + std::to_string(n);
}
std::string Lab::outside_ip(Family family, unsigned n) {
    return (family == Family::ipv4 ? "203.0.113." : "2001:db8::") + std::to_string(n);
}

}  // namespace nameplane::test
